"""How often somebody may do something: so many times a minute, whoever they are told apart by."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

_MINUTE_S = 60


class Pace:
    """Counts for each key; when there are too many keys, the one longest quiet is forgotten."""

    def __init__(self, times_a_minute: int, keys_max: int, clock_s: Callable[[], float]) -> None:
        self._times_a_minute, self._keys_max, self._clock_s = times_a_minute, keys_max, clock_s
        self._times_s: OrderedDict[str, list[float]] = OrderedDict()

    def allows(self, key: str) -> bool:
        """Whether it may be done once more now; counts it if so."""
        now_s = self._clock_s()
        recent = [at_s for at_s in self._times_s.pop(key, []) if now_s - at_s < _MINUTE_S]
        allowed = len(recent) < self._times_a_minute
        if allowed:
            recent.append(now_s)
        self._times_s[key] = recent
        if len(self._times_s) > self._keys_max:
            self._times_s.popitem(last=False)
        return allowed
