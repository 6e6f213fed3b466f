"""The core's clock: wall time at start plus monotonic time since, in milliseconds, never backwards, not even over a restart."""

from __future__ import annotations

import time


class Clock:
    """`now_ms()` since the epoch; a changed system clock does not move it."""

    def __init__(self, not_before_ms: int = 0) -> None:
        """`not_before_ms`: the last time in the journal; a wall clock set back meanwhile is ignored."""
        self._offset_ms = max(time.time_ns() // 1_000_000, not_before_ms) - time.monotonic_ns() // 1_000_000

    def now_ms(self) -> int:
        """Milliseconds since the epoch."""
        return self._offset_ms + time.monotonic_ns() // 1_000_000
