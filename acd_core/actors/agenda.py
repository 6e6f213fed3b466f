"""The deadlines of all entities, and the one task that waits for the next of them and tells the domain when it is due.

It holds nothing of its own: the deadlines are the domain's, so an agenda whose task begins, or begins again after a failure,
asks the domain's state for them. Notes are taken at once, in the order of the decisions; they take the room of one deadline a
key of an entity, so there is no mailbox that could be full.

Deadlines stand by entity, and in one heap by time and generation. Most never come: they are cleared or replaced within seconds,
which leaves a dead entry in the heap until its time, or until more than half of the heap is dead and it is made anew. The task
is woken only by a deadline before all others; when the one it slept for was cleared, it wakes at that time, finds nothing due
and sleeps again.

A task of its own for every entity would tell the domain the same, at a price (docs/decisions/0062-one-agenda.md).
"""

from __future__ import annotations

import math
import typing
from collections.abc import Callable, Iterable
from heapq import heapify, heappop, heappush

import trio

from acd_core.domain.commands import ClearDeadline, EntityGone, SetDeadline
from acd_core.domain.deadline import EntityKind
from acd_core.domain.events import DeadlinePassed

DUE_AT_A_TIME = 50  # then the links and the board have a turn
_SMALL = 1_000


class Agenda:
    """What is to be waited for, and the waiting."""

    def __init__(
        self,
        pending: Callable[[], Iterable[SetDeadline]],
        now_ms: Callable[[], int],
        due: Callable[[DeadlinePassed], None],
    ) -> None:
        """`pending` reads the deadlines in force from the domain's state; `due` takes a passed one."""
        self._pending, self._now_ms, self._due = pending, now_ms, due
        self._standing: dict[EntityKind, dict[str, dict[str, SetDeadline]]] = {}
        self._heap: list[tuple[int, int, SetDeadline]] = []
        self._live = 0
        self._wakes_ms = -math.inf  # when the task looks next; it looks as soon as it begins
        self._scope: trio.CancelScope | None = None  # that it sleeps in
        self._forget()

    def __len__(self) -> int:
        return self._live

    def set(self, deadline: SetDeadline) -> None:
        """Wait for this one too, or instead of the one with its key."""
        entities = self._standing[deadline.entity]
        keys = entities.get(deadline.id)
        if keys is None:
            entities[deadline.id] = {deadline.key: deadline}
            self._live += 1
        else:
            if deadline.key not in keys:
                self._live += 1
            keys[deadline.key] = deadline
        at_ms = deadline.at_ms
        heappush(self._heap, (at_ms, deadline.generation, deadline))
        if len(self._heap) > 2 * self._live + _SMALL:
            self._heap = [entry for entry in self._heap if self._stands(entry[2])]
            heapify(self._heap)
        if at_ms < self._wakes_ms:
            self._wakes_ms = at_ms
            if self._scope is not None:
                self._scope.deadline = self._trio_time(at_ms)

    def clear(self, note: ClearDeadline) -> None:
        """It is no longer wanted."""
        keys = self._standing[note.entity].get(note.id)
        if keys is not None and keys.pop(note.key, None) is not None:
            self._live -= 1

    def gone(self, note: EntityGone) -> None:
        """The entity ended, its deadlines with it."""
        self._live -= len(self._standing[note.entity].pop(note.id, ()))

    async def run(self) -> None:
        """Tell the domain of every deadline that passes, until cancelled."""
        self._forget()
        for deadline in self._pending():
            self.set(deadline)
        while True:
            # Until it sleeps, the task counts as about to look: it need not be woken.
            self._scope, self._wakes_ms = None, -math.inf
            self._tell_due()
            self._wakes_ms = self._heap[0][0] if self._heap else math.inf
            with trio.CancelScope(deadline=self._trio_time(self._wakes_ms)) as self._scope:
                await trio.sleep_forever()

    def _forget(self) -> None:
        self._standing = {kind: {} for kind in typing.get_args(EntityKind)}
        self._heap, self._live = [], 0

    def _tell_due(self) -> None:
        now_ms, told = self._now_ms(), 0
        heap = self._heap
        while heap and heap[0][0] <= now_ms and told < DUE_AT_A_TIME:
            deadline = heappop(heap)[2]
            # What an earlier one of them brought about may have cleared or replaced this one.
            if self._stands(deadline):
                del self._standing[deadline.entity][deadline.id][deadline.key]
                self._live -= 1
                told += 1
                self._due(
                    DeadlinePassed(
                        entity=deadline.entity,
                        id=deadline.id,
                        key=deadline.key,
                        generation=deadline.generation,
                    )
                )
                heap = self._heap

    def _stands(self, deadline: SetDeadline) -> bool:
        keys = self._standing[deadline.entity].get(deadline.id)
        return keys is not None and keys.get(deadline.key) is deadline

    def _trio_time(self, at_ms: float) -> float:
        return trio.current_time() + max(0, at_ms - self._now_ms()) / 1000
