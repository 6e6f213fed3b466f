"""When a process that ended is started again, and when that is no longer any use.

The pause doubles with each restart and is forgotten after a time of health, and so is the count. A process
that keeps dying would otherwise be restarted for ever, with calls that fail in a new way each time; after
`restarts_max` restarts without a healthy time in between the supervisor gives up on the whole line, which
people notice. One that has never served at all, as when its port is taken, gets fewer tries. Whether giving up on
it stops the line is the supervisor's to say.

Nothing here reads a clock: the caller tells how long the process served.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartLimits:
    """Pauses in seconds and the number of restarts in a row."""

    pause_first_s: float = 0.2
    pause_max_s: float = 10.0
    healthy_after_s: float = 30.0
    restarts_max: int = 10
    tries_before_serving_max: int = 3

    def __post_init__(self) -> None:
        assert 0 <= self.pause_first_s <= self.pause_max_s
        assert self.restarts_max >= 0
        assert self.tries_before_serving_max >= 1


class Restarts:
    """The restarts of one process."""

    def __init__(self, limits: RestartLimits) -> None:
        self._limits = limits
        self._pause_s = limits.pause_first_s
        self._in_a_row = 0
        self._ever_served = False

    @property
    def in_a_row(self) -> int:
        """Restarts since the process was last healthy."""
        return self._in_a_row

    def after_end(self, served_s: float | None) -> float | None:
        """The pause before the next start of a process that has just ended, or None to give up.

        `served_s` is how long it was ready, None when it never became ready this time.
        """
        if served_s is not None:
            self._ever_served = True
            if served_s >= self._limits.healthy_after_s:
                self._in_a_row = 0
                self._pause_s = self._limits.pause_first_s
        self._in_a_row += 1
        if not self._ever_served and self._in_a_row >= self._limits.tries_before_serving_max:
            return None
        if self._in_a_row > self._limits.restarts_max:
            return None
        pause_s = self._pause_s
        self._pause_s = min(self._pause_s * 2, self._limits.pause_max_s)
        return pause_s
