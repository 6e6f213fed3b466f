"""The edge's clock: the core's time, as far as the edge knows it.

Who came first decides who is served first, so the arrivals of all edges are stamped on one clock, the core's, whatever
each machine's own clock says. Every answer to a ping of the link tells the core's time; the edge runs on its own
monotonic clock plus the difference. Until a core was met, the machine's wall clock serves.

Of the latest exchanges the one that took least counts: the answer was half of it under way, give or take the other half
(the clock filter of NTP, RFC 5905, section 10). One that can't be true beside it means that a clock jumped, as when a virtual
machine was stopped for a while: then what was learnt before is forgotten. Small corrections never set the clock back, it waits
until it is right; a large one, as at the first meeting, is taken at once.
"""

from __future__ import annotations

import logging
import time
from collections import deque

_log = logging.getLogger(__name__)

EXCHANGES = 8
DRIFT_MS = 20  # by how much two good clocks come apart while that many exchanges are made, with room
STEP_MS = 1_000  # a larger correction is no drift: one of the clocks was wrong


class Clock:
    """One a process; `now_ms` stamps events, `monotonic_ms` drives timers."""

    def __init__(self) -> None:
        """Reads the wall clock once."""
        self._offset_ms = time.time_ns() // 1_000_000
        self._began_ns = time.monotonic_ns()
        self._last_ms = 0
        self.step_ms = 0  # by how much stamps from before this core was met are too early
        self._exchanges: deque[tuple[int, int]] = deque(
            maxlen=EXCHANGES
        )  # how long it took, the offset it gave

    def now_ms(self) -> int:
        """Milliseconds since 1970."""
        now_ms = self._offset_ms + self.monotonic_ms()
        if now_ms > self._last_ms or self._last_ms - now_ms > STEP_MS:
            self._last_ms = now_ms
        return self._last_ms

    def monotonic_ms(self) -> int:
        """Milliseconds since the clock was made."""
        return (time.monotonic_ns() - self._began_ns) // 1_000_000

    def core_said(self, asked_ms: int, answered_ms: int, core_ms: int) -> None:
        """The core's time, asked for and answered at these moments of `monotonic_ms`."""
        took_ms, offset_ms = answered_ms - asked_ms, core_ms - (asked_ms + answered_ms) // 2
        if self._exchanges:
            best_took_ms, best_ms = min(self._exchanges)
            if abs(offset_ms - best_ms) > (took_ms + best_took_ms) // 2 + DRIFT_MS:
                self._exchanges.clear()
        self._exchanges.append((took_ms, offset_ms))
        _, offset_ms = min(self._exchanges)
        correction_ms = offset_ms - self._offset_ms
        is_step = abs(correction_ms) > STEP_MS
        if len(self._exchanges) == 1:
            self.step_ms = correction_ms if is_step else 0
        if is_step:
            _log.warning(
                "the clock here is %d ms off the core's; the core's counts", self._offset_ms - offset_ms
            )
        self._offset_ms = offset_ms

    def core_gone(self) -> None:
        """The next core may be on another machine: what it says counts from its first word."""
        self._exchanges.clear()
