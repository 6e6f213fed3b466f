"""Simulated time: what will happen, in order, and the deadlines that the domain set.

Of two things at one instant the one that was arranged first happens first, so the same run is the same twice. A deadline
that was cleared or replaced is not searched for: it stays in the heap, is known by its generation when its time comes, and is
swept out when most of the heap is such.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any, TypeAlias

from acd_core.domain.commands import ClearDeadline, EntityGone, SetDeadline
from acd_core.domain.deadline import EntityKind
from acd_core.domain.events import DeadlinePassed

Action: TypeAlias = Callable[[Any], None]

_SMALL = 10_000


class Clockwork:
    """A heap of what is to come, and the table of deadlines in force."""

    __slots__ = ("_deadlines", "_live", "_number", "_tell", "heap", "now_ms")

    def __init__(self, now_ms: int, tell: Callable[[DeadlinePassed], None]) -> None:
        """`tell` is given each deadline that passes."""
        self.now_ms = now_ms
        self.heap: list[tuple[int, int, Action, Any]] = []
        self._tell = tell
        self._number = 0
        self._deadlines: dict[tuple[EntityKind, str], dict[str, int]] = {}
        self._live = 0  # deadlines in force

    def at(self, at_ms: int, action: Action, argument: Any) -> None:
        """Have `action(argument)` called then, or at once when that time has passed."""
        self._number += 1
        heappush(self.heap, (at_ms, self._number, action, argument))

    def step(self) -> None:
        """Let the next thing happen."""
        at_ms, _, action, argument = heappop(self.heap)
        if at_ms > self.now_ms:
            self.now_ms = at_ms
        action(argument)

    def set(self, command: SetDeadline) -> None:
        """A deadline is in force, instead of the one under the same key."""
        entity = (command.entity, command.id)
        keys = self._deadlines.get(entity)
        if keys is None:
            keys = self._deadlines[entity] = {}
        if command.key not in keys:
            self._live += 1
        keys[command.key] = command.generation
        self._number += 1
        heappush(self.heap, (command.at_ms, self._number, self._pass, command))
        if len(self.heap) > _SMALL and self._number % _SMALL == 0:
            self._sweep()

    def clear(self, command: ClearDeadline) -> None:
        """A deadline is no longer in force."""
        keys = self._deadlines.get((command.entity, command.id))
        if keys is not None and keys.pop(command.key, None) is not None:
            self._live -= 1

    def gone(self, command: EntityGone) -> None:
        """An entity is gone, and its deadlines with it."""
        self._live -= len(self._deadlines.pop((command.entity, command.id), ()))

    def _pass(self, command: SetDeadline) -> None:
        if self._in_force(command):
            del self._deadlines[command.entity, command.id][command.key]
            self._live -= 1
            self._tell(
                DeadlinePassed(
                    entity=command.entity, id=command.id, key=command.key, generation=command.generation
                )
            )

    def _in_force(self, command: SetDeadline) -> bool:
        keys = self._deadlines.get((command.entity, command.id))
        return keys is not None and keys.get(command.key) == command.generation

    def _sweep(self) -> None:
        """Forget deadlines that are no longer in force, when there are many."""
        wait = self._pass
        dead = sum(entry[2] == wait for entry in self.heap) - self._live
        if 2 * dead > len(self.heap):
            self.heap = [entry for entry in self.heap if entry[2] != wait or self._in_force(entry[3])]
            heapify(self.heap)
