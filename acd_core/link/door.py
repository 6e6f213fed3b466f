"""Who may try to prove themselves on the core's port for other machines, and how often: no sockets, on a clock that is given.

A TLS handshake costs the core about a millisecond, and whoever reaches the port can ask for one. So strangers are few at a time,
in all and from one host, have little time, and a host that comes again and again waits; so do all together that have never
proven themselves, since whoever has enough hosts would keep the core from its calls. When there are too many in all, the one
that has been here longest goes: who holds the secret needs a few round trips to prove it, so those who stay are not they. Those
who have proven themselves leave the door and count no more. Of IPv6 the /64 counts as one host.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Callable

STRANGERS_MAX = 128
# All processes of a machine come at once when the core was away.
STRANGERS_OF_HOST_MAX = 64
TRIES_BURST = 100.0
TRIES_PER_S = 10.0
STRANGE_TRIES_BURST = 300.0  # of all hosts that have never proven themselves
STRANGE_TRIES_PER_S = 100.0
PROVEN_MAX = 1_024
HOSTS_MAX = 4_096
PROVE_WITHIN_S = 5.0
NEWS_PER_MINUTE = 20


class Door:
    """The counts of one port."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        """Nobody has come yet."""
        self._monotonic_s = monotonic_s
        self._inside: OrderedDict[int, tuple[str, Callable[[], None]]] = OrderedDict()  # by number
        self._of_host: Counter[str] = Counter()
        self._numbers = 0
        self._tries: OrderedDict[str, tuple[float, float]] = OrderedDict()  # host: tries left, as of when
        self._strange_tries = (STRANGE_TRIES_BURST, monotonic_s())
        self._proven: OrderedDict[str, None] = OrderedDict()  # hosts, the latest last
        self._named: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._news_minute, self._news = 0, 0
        self.turned_away = 0
        self.failed = 0

    def enter(self, host: str, cut: Callable[[], None]) -> int:
        """A connection from this host: a number to `leave` with, or 0, and it is closed at once. `cut` ends it early."""
        host = _counted_as(host)
        if self._of_host[host] >= STRANGERS_OF_HOST_MAX or not self._may_try(host):
            self.turned_away += 1
            return 0
        if len(self._inside) >= STRANGERS_MAX:
            oldest, (_, cut_oldest) = next(iter(self._inside.items()))
            self.leave(oldest)
            self.turned_away += 1
            cut_oldest()
        self._numbers += 1
        self._inside[self._numbers] = (host, cut)
        self._of_host[host] += 1
        return self._numbers

    def leave(self, number: int) -> None:
        """It has proven itself, or is gone."""
        if (inside := self._inside.pop(number, None)) is not None:
            host, _ = inside
            self._of_host[host] -= 1
            if not self._of_host[host]:
                del self._of_host[host]

    def is_news(self, host: str, reason: str) -> bool:
        """Whether to say that this host failed for this reason: once, as far as is kept, and not too often a minute."""
        key = (_counted_as(host), reason)
        is_new = key not in self._named
        self._named[key] = None
        self._named.move_to_end(key)
        if len(self._named) > HOSTS_MAX:
            self._named.popitem(last=False)
        minute = int(self._monotonic_s() // 60)
        if minute != self._news_minute:
            self._news_minute, self._news = minute, 0
        self._news += is_new
        return is_new and self._news <= NEWS_PER_MINUTE

    def proven(self, host: str) -> None:
        """The next failure of this host is news again, and no crowd of strangers keeps it out."""
        host = _counted_as(host)
        self._proven[host] = None
        self._proven.move_to_end(host)
        if len(self._proven) > PROVEN_MAX:
            self._proven.popitem(last=False)
        for key in [key for key in self._named if key[0] == host]:
            del self._named[key]

    def _may_try(self, host: str) -> bool:
        now_s = self._monotonic_s()
        left, as_of_s = self._tries.pop(host, (TRIES_BURST, now_s))
        left = min(TRIES_BURST, left + (now_s - as_of_s) * TRIES_PER_S)
        may = left >= 1 and (host in self._proven or self._may_a_stranger(now_s))
        self._tries[host] = (left - 1 if may else left, now_s)
        if len(self._tries) > HOSTS_MAX:
            self._tries.popitem(last=False)
        return may

    def _may_a_stranger(self, now_s: float) -> bool:
        left, as_of_s = self._strange_tries
        left = min(STRANGE_TRIES_BURST, left + (now_s - as_of_s) * STRANGE_TRIES_PER_S)
        may = left >= 1
        self._strange_tries = (left - 1 if may else left, now_s)
        return may


def _counted_as(host: str) -> str:
    if ":" not in host:
        return host
    address = ipaddress.ip_address(host.partition("%")[0])
    return str(ipaddress.ip_network((address, 64), strict=False))
