"""The actor of one entity (call, agent, edge, callback): it waits on the entity's deadlines and tells the domain when one is due.

It holds nothing of its own: its deadlines are the domain's, so an actor whose task begins, or begins again after a failure, asks
the domain's state for them. Notes are taken at once, in the order of the decisions, and take the room of one deadline a key:
there is no mailbox that could be full.

Waiting costs a task, and most deadlines never come: they are cleared or replaced within seconds. So the task begins with the
first deadline, is woken only by one that is due before all others, and sleeps on when the one it slept for was cleared or put
off; it then wakes at the old time, finds nothing due, and sleeps again. It ends when nothing is left to wait for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TypeAlias

import trio

from acd_core.domain.commands import ClearDeadline, EntityGone, SetDeadline
from acd_core.domain.events import DeadlinePassed

Note: TypeAlias = SetDeadline | ClearDeadline | EntityGone


class EntityActor:
    """One entity's deadlines, and the task that waits on them."""

    __slots__ = ("_deadlines", "_due", "_now_ms", "_pending", "_scope", "_start", "_wakes_ms")

    def __init__(
        self,
        pending: Callable[[], Iterable[SetDeadline]],
        now_ms: Callable[[], int],
        due: Callable[[DeadlinePassed], None],
        start: Callable[[EntityActor], None],
    ) -> None:
        """`pending` reads the entity's deadlines from the domain's state; `due` takes a passed one; `start` has `run` run."""
        self._pending, self._now_ms, self._due, self._start = pending, now_ms, due, start
        self._deadlines: dict[str, SetDeadline] = {}
        self._wakes_ms = math.inf  # when the task looks next; never, while there is none
        self._scope: trio.CancelScope | None = None  # that the task sleeps in

    def set(self, deadline: SetDeadline) -> None:
        """Wait on this one too, or instead of the one with its key."""
        self._deadlines[deadline.key] = deadline
        if deadline.at_ms < self._wakes_ms:
            asleep = self._wakes_ms < math.inf
            self._wakes_ms = deadline.at_ms
            if self._scope is not None:
                self._scope.deadline = self._trio_time(deadline.at_ms)
            elif not asleep:
                self._start(self)

    def clear(self, key: str) -> None:
        """It is no longer wanted; a task that sleeps for it sleeps on."""
        self._deadlines.pop(key, None)

    def gone(self) -> None:
        """The entity ended: nothing is left to wait for."""
        self._deadlines.clear()
        if self._scope is not None:
            self._scope.cancel()

    async def run(self) -> None:
        """Wait until nothing is left to wait for."""
        self._deadlines = {deadline.key: deadline for deadline in self._pending()}
        while self._deadlines:
            self._wakes_ms = min(deadline.at_ms for deadline in self._deadlines.values())
            with trio.CancelScope(deadline=self._trio_time(self._wakes_ms)) as self._scope:
                await trio.sleep_forever()
            # A task that fails from here on is begun again by the supervisor: until then it counts as awake.
            self._scope, self._wakes_ms = None, -math.inf
            self._fire_due()
        self._wakes_ms = math.inf

    def _fire_due(self) -> None:
        now_ms = self._now_ms()
        for deadline in sorted(self._deadlines.values(), key=_order):
            # What an earlier one of them brought about may have cleared or replaced this one.
            if deadline.at_ms <= now_ms and self._deadlines.get(deadline.key) is deadline:
                del self._deadlines[deadline.key]
                self._due(
                    DeadlinePassed(
                        entity=deadline.entity,
                        id=deadline.id,
                        key=deadline.key,
                        generation=deadline.generation,
                    )
                )

    def _trio_time(self, at_ms: float) -> float:
        return trio.current_time() + max(0, at_ms - self._now_ms()) / 1000


def _order(deadline: SetDeadline) -> tuple[int, str]:
    return deadline.at_ms, deadline.key
