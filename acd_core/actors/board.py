"""The live picture for supervisors, published whole to every web process a few times a second,
when it changed.
"""

from __future__ import annotations

from collections.abc import Callable

import trio

from acd_core.domain.state import State
from acd_core.link.signals import Wallboard
from acd_core.views import wallboard

PUBLISH_INTERVAL_S = 0.3
STORE_SILENT_MS = 2_000  # a store that works reports within a fraction of this


class Board:
    """Collects what changed; one task publishes."""

    def __init__(
        self,
        state: Callable[[], State],
        now_ms: Callable[[], int],
        publish: Callable[[Wallboard], None],
        journalled: Callable[[], int],
    ) -> None:
        """`publish` sends a picture to all web processes; `journalled` is the last event's number."""
        self._state, self._now_ms, self._publish, self._journalled = state, now_ms, publish, journalled
        self._changed = trio.Event()
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
        """Something on the board changed."""
        self._changed.set()

    def picture(self) -> Wallboard:
        """The whole picture now."""
        self._shown_behind = self._store_behind()
        return wallboard(self._state(), self._now_ms(), self._shown_behind)

    async def run(self) -> None:
        """Publish after changes until cancelled."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            self._publish(self.picture())
            await trio.sleep(PUBLISH_INTERVAL_S)

    def _store_behind(self) -> int:
        """What the store said last, or, when it has been silent for too long, all that has come since."""
        behind = max(0, self._journalled() - self._shipped)
        if not behind:
            return 0
        now_ms = self._now_ms()
        if self._behind_since_ms is None:
            self._behind_since_ms = now_ms
        return behind if now_ms - self._behind_since_ms >= STORE_SILENT_MS else self._reported_behind
