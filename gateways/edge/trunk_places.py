"""Where a trunk is: its address, or all the servers that its name stands for.

Each call draws anew in which order they are tried (RFC 3263 4.2, RFC 2782). One that failed goes last for a while (4.3), so the
next call does not have to find out again. OPTIONS and REGISTER go to one of them for as long as it answers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from gateways.edge.addresses import is_address
from gateways.sip.locate import Server, in_order

PLACES_MAX = 64
PASSED_OVER_MS, PASSED_OVER_MS_MAX = 60_000, 300_000

Place = tuple[str, int]


class TrunkPlaces:
    """Of one trunk."""

    def __init__(self, host: str, port: int, chance: random.Random, moved: Callable[[], None]) -> None:
        """`port`: of an address. A name stands for nothing before `found`, which says `moved`."""
        self._chance, self._moved = chance, moved
        self._servers: tuple[Server, ...] = ()
        self._failed_until: dict[Place, int] = {}
        self.all: tuple[Place, ...] = ()
        self.current: Place | None = None
        if is_address(host):
            self.found((Server(0, 0, port, (host,)),), 0)

    @property
    def hosts(self) -> frozenset[str]:
        """All addresses."""
        return frozenset(host for host, _ in self.all)

    def found(self, servers: Sequence[Server], now_ms: int) -> None:
        """The name stands for these now; not empty. What is not a call stays where it is if it can."""
        self._servers = tuple(servers)
        places = (_places(server) for server in servers)
        self.all = tuple(dict.fromkeys(place for group in places for place in group))[:PLACES_MAX]
        self._failed_until = {
            place: until for place, until in self._failed_until.items() if place in self.all
        }
        if self.current not in self.all:
            self.current = self.draw(now_ms)[0]
        self._moved()

    def draw(self, now_ms: int) -> list[Place]:
        """All of them, in the order for one call."""
        servers = in_order(self._servers, lambda upto: self._chance.randint(0, upto))
        drawn = dict.fromkeys(place for server in servers for place in _places(server))
        allowed = [place for place in drawn if place in self.all]
        return sorted(allowed, key=lambda place: self._is_passed_over(place, now_ms))

    def failed(self, place: Place, now_ms: int, asked_ms: int = 0) -> bool:
        """It does not answer, or says 503 (for as long as it asks): whether there is another that did not fail."""
        if len(self.all) < 2 or place not in self.all:
            return False
        self._failed_until[place] = now_ms + min(max(asked_ms, PASSED_OVER_MS), PASSED_OVER_MS_MAX)
        best = self.draw(now_ms)[0]
        if self._is_passed_over(best, now_ms):
            return False
        if place == self.current:
            self.current = best
        return True

    def worked(self, place: Place) -> None:
        """It answered."""
        self._failed_until.pop(place, None)

    def _is_passed_over(self, place: Place, now_ms: int) -> bool:
        return now_ms < self._failed_until.get(place, 0)


def _places(server: Server) -> list[Place]:
    return [(address, server.port) for address in server.addresses]
