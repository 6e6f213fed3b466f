"""Who may try to prove themselves on the core's port for other machines, and how often: no sockets, on a clock that is given.

A TLS handshake costs the core about a millisecond, and whoever reaches the port can ask for one. So strangers are few at a time,
in all and from one host, have little time, and a host that comes again and again waits. Those who have proven themselves leave
the door and count no more.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable

STRANGERS_MAX = 64
STRANGERS_OF_HOST_MAX = 16
# All processes of a machine come at once when the core was away.
TRIES_BURST = 40.0
TRIES_PER_S = 4.0
HOSTS_MAX = 4_096
PROVE_WITHIN_S = 5.0


class Door:
    """The counts of one port."""

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        """Nobody has come yet."""
        self._monotonic_s = monotonic_s
        self._inside: Counter[str] = Counter()
        self._tries: OrderedDict[str, tuple[float, float]] = OrderedDict()  # host: tries left, as of when
        self._named: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.turned_away = 0
        self.failed = 0

    def enter(self, host: str) -> bool:
        """A connection from this host; False: it is closed at once. `leave` follows each True."""
        if (
            self._inside.total() >= STRANGERS_MAX
            or self._inside[host] >= STRANGERS_OF_HOST_MAX
            or not self._may_try(host)
        ):
            self.turned_away += 1
            return False
        self._inside[host] += 1
        return True

    def leave(self, host: str) -> None:
        """It has proven itself, or is gone."""
        self._inside[host] -= 1
        if not self._inside[host]:
            del self._inside[host]

    def is_news(self, host: str, reason: str) -> bool:
        """Whether this host has not failed for this reason before, as far as is kept."""
        is_new = (host, reason) not in self._named
        self._named[host, reason] = None
        self._named.move_to_end((host, reason))
        if len(self._named) > HOSTS_MAX:
            self._named.popitem(last=False)
        return is_new

    def proven(self, host: str) -> None:
        """The next failure of this host is news again."""
        for key in [key for key in self._named if key[0] == host]:
            del self._named[key]

    def _may_try(self, host: str) -> bool:
        now_s = self._monotonic_s()
        left, as_of_s = self._tries.pop(host, (TRIES_BURST, now_s))
        left = min(TRIES_BURST, left + (now_s - as_of_s) * TRIES_PER_S)
        may = left >= 1
        self._tries[host] = (left - 1 if may else left, now_s)
        if len(self._tries) > HOSTS_MAX:
            self._tries.popitem(last=False)
        return may
