"""The actor of one entity (call, agent, edge, web): it waits on the entity's deadlines and tells the domain when one is due.

It holds nothing of its own: its deadlines are the domain's, so an actor that is new, failed or overrun is rebuilt by asking the
domain's state for them. A deadline that was replaced meanwhile fires with an old generation and is dropped by the domain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import trio

from acd_core.actors.mailbox import Mailbox
from acd_core.domain.commands import ClearDeadline, EntityGone, SetDeadline
from acd_core.domain.events import DeadlinePassed
from acd_core.domain.limits import MAILBOX_ACTOR_MAX

Note: TypeAlias = SetDeadline | ClearDeadline | EntityGone


class EntityActor:
    """One entity's task and mailbox."""

    def __init__(
        self,
        pending: Callable[[], Iterable[SetDeadline]],
        now_ms: Callable[[], int],
        due: Callable[[DeadlinePassed], None],
    ) -> None:
        """`pending` reads the entity's deadlines from the domain's state; `due` takes a passed one."""
        self._pending, self._now_ms, self._due = pending, now_ms, due
        self._mailbox: Mailbox[Note] = Mailbox(MAILBOX_ACTOR_MAX)
        self._deadlines: dict[str, SetDeadline] = {}
        self._gone = False
        self._overrun = False

    def tell(self, note: Note) -> None:
        """Hand over a note of the domain's; an overrun actor rebuilds itself from the state instead."""
        try:
            self._mailbox.put_nowait(note)
        except trio.WouldBlock:
            self._overrun = True
            if isinstance(note, EntityGone):
                self._gone = True

    async def run(self) -> None:
        """Live until the entity is gone."""
        self._rebuild()
        while not self._gone:
            with trio.move_on_after(self._seconds_to_next()):
                await self._mailbox.wait_nonempty()
            self._take_notes()
            self._fire_due()

    def _rebuild(self) -> None:
        self._mailbox.drain_nowait()
        self._deadlines = {deadline.key: deadline for deadline in self._pending()}
        self._overrun = False

    def _take_notes(self) -> None:
        if self._overrun:
            self._rebuild()
        for note in self._mailbox.drain_nowait():
            if isinstance(note, SetDeadline):
                self._deadlines[note.key] = note
            elif isinstance(note, ClearDeadline):
                self._deadlines.pop(note.key, None)
            else:
                self._gone = True

    def _fire_due(self) -> None:
        now_ms = self._now_ms()
        for deadline in sorted(self._deadlines.values(), key=_order):
            if deadline.at_ms <= now_ms:
                del self._deadlines[deadline.key]
                self._due(
                    DeadlinePassed(
                        entity=deadline.entity,
                        id=deadline.id,
                        key=deadline.key,
                        generation=deadline.generation,
                    )
                )

    def _seconds_to_next(self) -> float:
        if not self._deadlines:
            return float("inf")
        next_ms = min(deadline.at_ms for deadline in self._deadlines.values())
        return max(0, next_ms - self._now_ms()) / 1000


def _order(deadline: SetDeadline) -> tuple[int, str]:
    return deadline.at_ms, deadline.key
