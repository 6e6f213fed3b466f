"""Who is heard: asked for each message before it is read, told of everything that was not in order.

Three classes of hosts. *Allowed* ones, by configuration: trunks and networks of one's own, never shut out and never slowed down.
*Proved* ones: they were seen to receive what we sent to them (an ACK with our tag, an answer to our request, a digest with
our nonce), so nobody forges them from elsewhere; a ban needs what can't be forged, and the rate is a carrier's. *Strangers*:
anybody, with a rate for each and one for all of them.

IPv6 hosts are taken by their /64, which is what one customer has.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, OrderedDict
from collections.abc import Iterable
from functools import lru_cache

from acd_core.link.signals import SourceRow
from gateways.edge.guard.bans import Bans
from gateways.edge.guard.limits import (
    POINTS_MAX,
    PROVED_POINTS_TIMES,
    UNFORGEABLE,
    GuardLimits,
    Kind,
)
from gateways.edge.guard.scanners import scanner_of
from gateways.edge.sources import OnceLog, RateLimiter

ROWS_MAX = 100
_CACHED_MAX = 10_000
_EVERYBODY = ""
# What the layer answers a message with that it can't understand; 0: nothing.
_MALFORMED = frozenset((0, 400, 414, 505, 513))
_NO_SUCH_DIALOG = 481


class Guard:
    """One for each edge. Times are `Clock.monotonic_ms`."""

    def __init__(
        self,
        log: OnceLog,
        *,
        allow: Iterable[str] = (),
        ban_s: float = 600,
        limits: GuardLimits | None = None,
    ) -> None:
        """`allow`: networks and hosts that are always heard."""
        limits = limits or GuardLimits()
        self._log = log
        self._networks = [ipaddress.ip_network(network, strict=False) for network in allow]
        self._named: frozenset[str] = frozenset()
        self._siblings: frozenset[str] = frozenset()
        self._is_allowed = lru_cache(_CACHED_MAX)(self._look_up)
        self._bans = Bans(int(ban_s * 1000), limits.sources_max)
        self._proved: OrderedDict[str, int] = OrderedDict()  # source → until when
        self._proved_for_ms, self._sources_max = int(limits.proved_for_s * 1000), limits.sources_max
        self._strangers = RateLimiter(limits.stranger_per_second, limits.stranger_burst, limits.sources_max)
        self._all_strangers = RateLimiter(limits.strangers_per_second, limits.strangers_burst, 1)
        self._known = RateLimiter(limits.proved_per_second, limits.proved_burst, limits.sources_max)
        self._proving = RateLimiter(limits.proving_per_second, limits.proving_burst, limits.sources_max)
        self._counters: Counter[str] = Counter()
        self._bans_made = self._unheard = 0
        self._came = self._thrown_away = 0

    def always_hear(self, hosts: Iterable[str]) -> None:
        """These too, in place of those of the last time: what the names of trunks stand for now."""
        self._named = frozenset(hosts)
        self._is_allowed.cache_clear()

    def hear_siblings(self, hosts: frozenset[str]) -> None:
        """And the other edges of this system."""
        self._siblings = hosts
        self._is_allowed.cache_clear()

    def admits(self, host: str, data: bytes, now_ms: int) -> bool:
        """Whether this message is to be read. One that is not gets no answer."""
        admitted = self._judge(host, data, now_ms)
        self._came += 1
        self._thrown_away += not admitted
        return admitted

    def share_thrown_away(self) -> float:
        """Of what came since this was last asked: how much was not to be read."""
        share = self._thrown_away / max(1, self._came)
        self._came = self._thrown_away = 0
        return share

    def _judge(self, host: str, data: bytes, now_ms: int) -> bool:
        if self._is_allowed(host):
            return True
        source = source_of(host)
        if self._bans.is_banned(source, now_ms) and not self._may_prove_itself(source, data, now_ms):
            self._unheard += 1
            return False
        if now_ms < self._proved.get(source, 0):
            admitted = self._known.allow(source, now_ms)
        else:
            admitted = self._strangers.allow(source, now_ms) and self._all_strangers.allow(_EVERYBODY, now_ms)
            if admitted and (tool := scanner_of(data)):
                self.saw(host, "scanner", now_ms, tool)
                return False
        if not admitted:
            self.saw(host, "flood", now_ms, "more messages a second than anybody needs")
        return admitted

    def saw(self, host: str, kind: Kind, now_ms: int, detail: str = "") -> None:
        """The host did this; it is counted, written to the log once a minute and may ban the host."""
        self._counters[kind] += 1
        self._log.note(kind, host, detail)
        if self._is_allowed(host):
            points_max = None
        elif now_ms < self._proved.get(source_of(host), 0):
            points_max = POINTS_MAX * PROVED_POINTS_TIMES if kind in UNFORGEABLE else None
        else:
            points_max = POINTS_MAX
        source = source_of(host)
        if self._bans.note(source, kind, now_ms, points_max=points_max):
            self._bans_made += 1
            self._log.note("banned", source, f"not heard for a while: {kind} {detail}".rstrip())
        if kind == "scanner":
            self._bans.name_scanner(source, detail)

    def refused(self, host: str, status: int, reason: str, now_ms: int) -> None:
        """The layer answered this message with `status` by itself, or dropped it (0)."""
        if reason.startswith("forged"):
            kind: Kind = "spoofed"
        elif status in _MALFORMED:
            kind = "huge" if "too long" in reason or "too many" in reason else "malformed"
        elif status == _NO_SUCH_DIALOG:
            kind = "stray"
        else:
            self._log.note(f"refused with {status}", host, reason)  # not understood or no room: no offence
            return
        self.saw(host, kind, now_ms, reason)

    def unsent(self, host: str, reason: str) -> None:
        """A message to this host could not be sent."""
        self._log.note("a message could not be sent", host, reason)

    def proved(self, host: str, now_ms: int) -> None:
        """The host was seen to receive what we send to it."""
        source = source_of(host)
        self._bans.proved(source)
        self._proved.pop(source, None)
        self._proved[source] = now_ms + self._proved_for_ms
        if len(self._proved) > self._sources_max:
            self._proved.popitem(last=False)

    def lift(self, source: str) -> bool:
        """Hear a banned source again."""
        return self._bans.lift(source)

    def counters(self, now_ms: int) -> dict[str, int]:
        """Everything that was seen since the start, by kind; `banned_now` is of now."""
        return {
            **dict(sorted(self._counters.items())),
            "bans": self._bans_made,
            "banned_now": self._bans.banned(now_ms),
            "unheard": self._unheard,
        }

    def rows(self, now_ms: int, wall_ms: int) -> tuple[SourceRow, ...]:
        """For the page: the sources that matter most, with times of the wall clock, which shows `wall_ms` now."""
        ahead_ms = wall_ms - now_ms
        return tuple(
            SourceRow(
                source=source,
                kinds=dict(record.kinds),
                banned_until_ms=record.banned_until_ms + ahead_ms if now_ms < record.banned_until_ms else 0,
                last_ms=record.at_ms + ahead_ms,
                scanner=record.scanner,
            )
            for source, record in self._bans.worst(ROWS_MAX, now_ms)
        )

    def _may_prove_itself(self, source: str, data: bytes, now_ms: int) -> bool:
        """By a registration, or one forged datagram would keep an office off that was closed over night."""
        is_attempt = not data or data.startswith(b"REGISTER ")
        return is_attempt and self._bans.is_forgeable(source) and self._proving.allow(source, now_ms)

    def _look_up(self, host: str) -> bool:
        if host in self._named or host in self._siblings:
            return True
        if not self._networks:
            return False
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


@lru_cache(_CACHED_MAX)
def source_of(host: str) -> str:
    """What a host is counted as: itself, or its /64."""
    if ":" not in host:
        return host
    try:
        return str(ipaddress.ip_network((host.partition("%")[0], 64), strict=False))
    except ValueError:
        return host
