"""The live picture for supervisors: changes to every web process a few times a second, the whole to one that connects.

What is touched is noted at once and worked off by one task, some rows at a time, so that a storm costs the core's loop no pause
(views.py). A web process whose connection had no room for a change is told the whole again, as soon as it has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import trio

from acd_core.domain.router import Router
from acd_core.link.signals import Wallboard, WallboardDelta
from acd_core.views import Picture

PUBLISH_INTERVAL_S = 0.3
STORE_SILENT_MS = 2_000  # a store that works reports within a fraction of this

Tell: TypeAlias = Callable[[str, Wallboard | WallboardDelta], bool]


class Board:
    """Collects what changed; one task publishes."""

    def __init__(
        self,
        router: Router,
        now_ms: Callable[[], int],
        tell: Tell,
        webs: Callable[[], list[str]],
        journalled: Callable[[], int],
    ) -> None:
        """`tell` sends to one web process and says whether there was room, `webs` names those connected; `journalled` is the
        last event's number.
        """
        self._now_ms, self._tell, self._webs, self._journalled = now_ms, tell, webs, journalled
        self._picture = Picture(router)
        self._changed = trio.Event()
        self._changed.set()
        self._to_tell_all: dict[str, None] = {}  # webs that need the whole
        self._shipped = journalled()  # until the store says how far it is
        self._reported_behind = self._shown_behind = 0
        # The store's last word, or the first look after something came.
        self._behind_since_ms: int | None = None

    def shipped(self, seq: int) -> None:
        """Everything up to this event is in the database; a board that shows a distance is brought up to date."""
        self._shipped = seq
        self._reported_behind = max(0, self._journalled() - seq)
        self._behind_since_ms = self._now_ms() if self._reported_behind else None
        if self._shown_behind:
            self.touch()

    def touch(self) -> None:
        """Something happened: take a look before long. Calls and agents are named beforehand, since one event has many."""
        self._changed.set()

    def touch_call(self, id_: str) -> None:
        """This call began, changed or ended."""
        self._picture.touch_call(id_)

    def touch_agent(self, id_: str) -> None:
        """This agent changed."""
        self._picture.touch_agent(id_)

    def touch_queue(self, id_: str) -> None:
        """This queue's counts changed."""
        self._picture.touch_queue(id_)
        self._changed.set()

    def welcome(self, web: str) -> None:
        """This web process connected: it is told the whole."""
        self._to_tell_all[web] = None
        self._changed.set()

    async def run(self) -> None:
        """Publish after changes until cancelled."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            await self._publish()
            await trio.sleep(PUBLISH_INTERVAL_S)

    async def _publish(self) -> None:
        self._shown_behind = self._store_behind()
        while True:
            change = self._picture.changes(self._now_ms(), self._shown_behind)
            if change is not None:
                self._tell_change(change)
            if not self._picture.pending:
                break
            await trio.lowlevel.checkpoint()
        for web in list(self._to_tell_all):
            await self._tell_all(web)

    def _tell_change(self, change: WallboardDelta) -> None:
        for web in self._webs():
            if web not in self._to_tell_all and not self._tell(web, change):
                self._to_tell_all[web] = None
                self._changed.set()

    async def _tell_all(self, web: str) -> None:
        del self._to_tell_all[web]
        if web not in self._webs():
            return  # it will be welcomed again
        for part in self._picture.whole(self._now_ms(), self._shown_behind):
            if not self._tell(web, part):
                self.welcome(web)
                return
            await trio.lowlevel.checkpoint()

    def _store_behind(self) -> int:
        """What the store said last, or, when it has been silent for too long, all that has come since."""
        behind = max(0, self._journalled() - self._shipped)
        if not behind:
            return 0
        now_ms = self._now_ms()
        if self._behind_since_ms is None:
            self._behind_since_ms = now_ms
        return behind if now_ms - self._behind_since_ms >= STORE_SILENT_MS else self._reported_behind
