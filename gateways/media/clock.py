"""The clock: a tick every 20 ms by an absolute schedule, so that no error adds up.

A tick that comes late is run at once and the next ones catch up. More than 5 ticks late (the machine was
suspended, or something held the process) catching up would only send a burst that no phone can use: those
ticks are left out and counted.
"""

from __future__ import annotations

from typing import Final

from gateways.media.limits import TICKS_LATE_MAX

TICK_NS: Final = 20_000_000
_NS_A_MS: Final = 1_000_000
_LATENESS_MAX_MS: Final = 200


class Schedule:
    """When ticks are due and how late they were. Knows no clock: every method is told the time."""

    def __init__(self, now_ns: int) -> None:
        """The first tick is due one period from now."""
        self.due_ns = now_ns + TICK_NS
        self.ticks = 0
        self.skipped = 0
        # How often a tick began, and how often it was done with sending, so many ms after it was due.
        self.begun_late = [0] * (_LATENESS_MAX_MS + 1)
        self.done_late = [0] * (_LATENESS_MAX_MS + 1)
        self._tick_due_ns = now_ns

    def wait_ns(self, now_ns: int) -> int:
        """Until the next tick; 0 or less: it is due."""
        return self.due_ns - now_ns

    def begin(self, now_ns: int) -> int:
        """A tick begins; returns how many before it are left out."""
        late_ns = now_ns - self.due_ns
        skipped = 0
        if late_ns > TICKS_LATE_MAX * TICK_NS:
            skipped = late_ns // TICK_NS
            self.skipped += skipped
            self.due_ns += skipped * TICK_NS
        self.begun_late[_bucket(late_ns)] += 1
        self._tick_due_ns = self.due_ns
        self.due_ns += TICK_NS
        self.ticks += 1
        return skipped

    def done(self, now_ns: int) -> None:
        """The tick's packets are sent."""
        self.done_late[_bucket(now_ns - self._tick_due_ns)] += 1


def _bucket(late_ns: int) -> int:
    return min(max(late_ns // _NS_A_MS, 0), _LATENESS_MAX_MS)


def percentile_ms(histogram: list[int], share: float) -> int:
    """The whole milliseconds below or at which `share` of the ticks were."""
    wanted = share * sum(histogram)
    seen = 0
    for milliseconds, count in enumerate(histogram):
        seen += count
        if seen >= wanted:
            return milliseconds
    return len(histogram) - 1
