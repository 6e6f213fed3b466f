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


class Board:
    """Collects what changed; one task publishes."""

    def __init__(
        self, state: Callable[[], State], now_ms: Callable[[], int], publish: Callable[[Wallboard], None]
    ) -> None:
        """`publish` sends a picture to all web processes."""
        self._state, self._now_ms, self._publish = state, now_ms, publish
        self._changed = trio.Event()
        self.store_behind = 0

    def touch(self) -> None:
        """Something on the board changed."""
        self._changed.set()

    def picture(self) -> Wallboard:
        """The whole picture now."""
        return wallboard(self._state(), self._now_ms(), self.store_behind)

    async def run(self) -> None:
        """Publish after changes until cancelled."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            self._publish(self.picture())
            await trio.sleep(PUBLISH_INTERVAL_S)
