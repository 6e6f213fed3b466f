"""Slows down guessing: failures are counted for each account and for each source, and cost waiting time.

Whoever guesses must not keep people out: an account that logged in well from a source is there judged by its
own failures alone, whatever others do to the account from elsewhere or to other accounts from there. (An
office behind one address would be shut out by one bad neighbour, an operator by any stranger who knows their
user name.)

An attempt is counted as a failure when it begins and forgiven when it succeeds, so attempts made at the same
time count too. The tables are bounded; when one is full the entry longest unused is forgotten (whoever fills
it runs into the limit of their source). Each web process counts for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from agent_web.limits import (
    ACCOUNT_FAILURES_FREE,
    SOURCE_FAILURES_FREE,
    THROTTLE_FORGET_S,
    THROTTLE_KEYS_MAX,
    THROTTLE_MAX_S,
)


@dataclass(slots=True)
class _Count:
    failures: int = 0
    last_s: float = 0.0


class _Table:
    def __init__(self, free: int) -> None:
        self._free = free
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def wait_s(self, key: str, now_s: float) -> float:
        count = self._counts.get(key)
        if count is None or now_s - count.last_s > THROTTLE_FORGET_S:
            return 0.0
        over = count.failures - self._free
        if over < 0:
            return 0.0
        # The exponent is bounded so that a patient guesser can't make it a huge number.
        return max(0.0, count.last_s + min(float(1 << min(over, 16)), THROTTLE_MAX_S) - now_s)

    def add(self, key: str, now_s: float) -> None:
        count = self._counts.pop(key, None)
        if count is None or now_s - count.last_s > THROTTLE_FORGET_S:
            count = _Count()
        count.failures += 1
        count.last_s = now_s
        self._counts[key] = count
        if len(self._counts) > THROTTLE_KEYS_MAX:
            self._counts.popitem(last=False)

    def take_back(self, key: str) -> None:
        count = self._counts.get(key)
        if count is not None:
            count.failures -= 1
            if count.failures <= 0:
                del self._counts[key]

    def clear(self, key: str) -> None:
        self._counts.pop(key, None)


class Throttle:
    """Asked before each password check."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._accounts = _Table(ACCOUNT_FAILURES_FREE)
        self._sources = _Table(SOURCE_FAILURES_FREE)
        self._at_home = _Table(ACCOUNT_FAILURES_FREE)
        self._homes: OrderedDict[str, None] = OrderedDict()

    def begin(self, account: str, source: str) -> float:
        """Seconds to wait first (the attempt does not take place), or 0 and the attempt is counted."""
        now_s = self._clock_s()
        home = _home(account, source)
        if home in self._homes:
            wait_s = self._at_home.wait_s(home, now_s)
            if wait_s <= 0:
                self._at_home.add(home, now_s)
            return wait_s
        wait_s = max(self._accounts.wait_s(account, now_s), self._sources.wait_s(source, now_s))
        if wait_s <= 0:
            self._accounts.add(account, now_s)
            self._sources.add(source, now_s)
        return wait_s

    def succeeded(self, account: str, source: str) -> None:
        """The attempt was good: the account starts afresh, the source loses this one count."""
        home = _home(account, source)
        if home in self._homes:
            self._homes.move_to_end(home)
            self._at_home.clear(home)
            return
        self.is_home(account, source)
        self._accounts.clear(account)
        self._sources.take_back(source)

    def is_home(self, account: str, source: str) -> None:
        """The account logged in well from there before."""
        self._homes[_home(account, source)] = None
        if len(self._homes) > THROTTLE_KEYS_MAX:
            self._homes.popitem(last=False)

    def not_checked(self, account: str, source: str) -> None:
        """The attempt could not be judged (database away): it counts for nothing."""
        home = _home(account, source)
        if home in self._homes:
            self._at_home.take_back(home)
            return
        self._accounts.take_back(account)
        self._sources.take_back(source)


def _home(account: str, source: str) -> str:
    return f"{account}@{source}"
