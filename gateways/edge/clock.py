"""The edge's wall clock: wall time at start plus monotonic time since, so it never runs backwards."""

from __future__ import annotations

import time


class Clock:
    """One a process; `now_ms` stamps events, `monotonic_ms` drives timers."""

    def __init__(self) -> None:
        """Reads the wall clock once."""
        self._wall_ms = time.time_ns() // 1_000_000
        self._began_ns = time.monotonic_ns()

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return self._wall_ms + self.monotonic_ms()

    def monotonic_ms(self) -> int:
        """Milliseconds since the clock was made."""
        return (time.monotonic_ns() - self._began_ns) // 1_000_000
