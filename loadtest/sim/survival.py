"""How long people would have waited, from those who were not kept waiting: the Kaplan-Meier estimate of patience.

Who was answered after 20 s had more than 20 s of patience; how much more is not known (the observation is censored). The estimate
uses them for what they say: at each wait at which somebody gave up, it takes the share of those still waiting who did
(Kaplan and Meier 1958, Nonparametric estimation from incomplete observations, Journal of the American Statistical Association 53;
for callers: Brown et al. 2005, Statistical analysis of a telephone call center, the same journal 100).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from operator import neg


class Patience:
    """The share of callers with more patience than some wait, falling in steps."""

    def __init__(self, waits: Iterable[tuple[int, bool]]) -> None:
        """Waits in milliseconds, each with whether it ended because the caller gave up."""
        ordered = sorted(waits, key=lambda wait: (wait[0], not wait[1]))
        at_risk = len(ordered)
        self._times: list[int] = []
        self._left: list[float] = []  # the share with more patience than the time at the same place
        left = 1.0
        place = 0
        while place < len(ordered):
            time = ordered[place][0]
            gone = given_up = 0
            while place < len(ordered) and ordered[place][0] == time:
                gone += 1
                given_up += ordered[place][1]
                place += 1
            if given_up:
                left *= 1 - given_up / at_risk
                self._times.append(time)
                self._left.append(left)
            at_risk -= gone
        self.given_up = sum(1 for _, gave_up in ordered if gave_up)

    def beyond(self, wait_ms: int) -> float:
        """The share of callers with more patience than this."""
        place = bisect_right(self._times, wait_ms)
        return self._left[place - 1] if place else 1.0

    def draw(self, chance: float, after_ms: int) -> int | None:
        """The patience of somebody who has waited `after_ms` already; None when it outlasts all that was observed."""
        wanted = (1 - chance) * self.beyond(after_ms)
        # The first time at which no more than the wanted share is left.
        place = bisect_left(self._left, -wanted, lo=bisect_right(self._times, after_ms), key=neg)
        return self._times[place] if place < len(self._times) else None
