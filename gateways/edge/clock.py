"""The edge's wall clock: wall time at start plus monotonic time since, so it never runs backwards."""

from __future__ import annotations

import time


class Clock:
    """One a process; `now_ms` stamps events, `monotonic_ms` drives timers."""

    def __init__(self) -> None:
        """Reads the wall clock once."""
        self._base_ns = time.time_ns() - time.monotonic_ns()

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        return (self._base_ns + time.monotonic_ns()) // 1_000_000

    def monotonic_ms(self) -> int:
        """Milliseconds since some moment in the past."""
        return time.monotonic_ns() // 1_000_000
