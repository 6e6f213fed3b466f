"""The trunks of this edge: which of them can take a call, and which one does.

A trunk is usable as long as nothing speaks against it: it has an address, its registration stands if it is to have one,
it answers OPTIONS if it is asked, and it is not resting. It rests after calls that it failed, longer each time, or for
as long as its `Retry-After` says; the first call that it takes afterwards decides whether it rests again. Every change
is told to the core.

Among the usable ones with room, lower `order` goes first, and those of one order share the calls by `weight`. Times
are the monotonic clock's.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path

from acd_core.domain.events import TrunkChanged
from acd_core.link.signals import TrunkRow
from acd_core.telephony import Trunk, proxy_address
from gateways.edge.addresses import is_address
from gateways.edge.clock import Clock
from gateways.edge.trunk_places import TrunkPlaces
from gateways.edge.trunk_secrets import TrunkSecret
from gateways.sip.auth import DigestClient
from gateways.sip.events import Flow
from gateways.sip.headers import NameAddr, default_port
from gateways.sip.identity import number_of
from gateways.sip.message import Request
from gateways.sip.uri import Uri, host_key, same_host

_log = logging.getLogger(__name__)

FAILURES_MAX = 3  # in a row; then the trunk rests
WAYS_MAX = 4  # servers of one trunk that one call tries; the caller waits meanwhile
_REST_MS, _REST_MS_MAX = 10_000, 300_000
# What says that the trunk, not the called party, can't: the next trunk is tried (RFC 3261 21.4.9, 21.5, 8.1.3.1), also
# where it does not believe us (21.4.2, 21.4.8).
TRUNK_FAILED = frozenset({401, 407, 408, 500, 502, 503, 504})


class TrunkState:
    """One trunk."""

    def __init__(
        self,
        name: str,
        config: Trunk,
        secret: TrunkSecret,
        chance: random.Random,
        moved: Callable[[], None],
    ) -> None:
        """Nothing speaks against it yet, but what it has to show first: an address, a registration."""
        self.name, self.config, self.secret = name, config, secret
        self.host, self.port = proxy_address(config.proxy) or (config.host, config.port)
        usual = default_port(config.transport)
        self.places = TrunkPlaces(self.host, self.port or usual, chance, moved)
        self.live = self.refused = 0
        self.lines = config.capacity  # as many calls may be live here: less where other edges have some too
        self.turn = 0  # what is owed to it among those of its order
        self.unanswered = 0  # OPTIONS in a row
        self.registration = "not registered yet" if config.register else ""  # why there is none
        self.rests_until_ms = 0
        self.failures = 0  # calls in a row
        self.last = ""  # what the last call that failed said
        self.was_up = False
        self.since_ms = 0

    def credentials(self) -> DigestClient | None:
        """What answers its challenges, if it asks any."""
        return self.secret.client()

    @property
    def address(self) -> str:
        """One that it has, or empty."""
        return self.places.current[0] if self.places.current is not None else ""

    @property
    def flow(self) -> Flow:
        """Where what is not a call goes; it has an address."""
        assert self.places.current is not None
        return Flow(self.config.transport, *self.places.current)

    def ways(self, now_ms: int) -> list[Flow]:
        """Where a call is tried, one after the other."""
        return [Flow(self.config.transport, *place) for place in self.places.draw(now_ms)][:WAYS_MAX]

    @property
    def route(self) -> tuple[NameAddr, ...]:
        """The preloaded route to its proxy, if it has one (RFC 3261 8.1.2)."""
        if not self.config.proxy:
            return ()
        port = self.port or (default_port(self.config.transport) if is_address(self.host) else None)
        return (NameAddr(Uri(host=self.host, port=port, params={**self._transport, "lr": None})),)

    def uri(self, user: str | None) -> Uri:
        """A number there (RFC 3261 19.1.6), another user, or the trunk itself."""
        params = {"user": "phone"} if user is not None and user.removeprefix("+").isdigit() else {}
        usual = default_port(self.config.transport)
        port: int | None = self.config.port or usual
        if port == usual and not is_address(self.config.host):
            port = None  # as the name's owner writes it
        return Uri.sip(user, self.config.host, port, {**self._transport, **params})

    @property
    def _transport(self) -> dict[str, str | None]:
        transport = self.config.transport
        return {} if transport == "UDP" else {"transport": transport.lower()}

    def is_at(self, host: str) -> bool:
        """Whether messages from there are this trunk's."""
        return any(same_host(host, one) for one in self.hosts)

    @property
    def hosts(self) -> Collection[str]:
        """Where its messages come from."""
        return self.config.hosts or self.places.hosts

    def dialled(self, invite: Request) -> str:
        """Which number of ours is called. Who registers us calls our contact, and the number stands in To."""
        called, asked = number_of(invite.request_uri), number_of(invite.to.uri)
        return asked if self.config.register and called == self.config.user and asked else called

    def way_to(self, uri: Uri) -> Flow | None:
        """Where a URI that this trunk named is; None when that is not the trunk's to say."""
        if self.config.proxy:
            return self.flow
        if same_host(uri.host, self.config.host):
            flow = self.flow
            return Flow(flow.transport, flow.host, uri.port or flow.port)
        if not is_address(uri.host) or not self.is_at(uri.host):
            return None
        return Flow(self.config.transport, uri.host, uri.port or self.port or self.flow.port)

    def down_because(self, now_ms: int) -> str:
        """What speaks against it; empty: nothing."""
        if not self.address:
            return f"{self.host} has no address"
        if self.registration:
            return self.registration
        if self.unanswered >= 2:
            return "no answer to OPTIONS"
        if now_ms < self.rests_until_ms:
            return self.last
        return ""


class Trunks:
    """All of them."""

    def __init__(
        self,
        edge: str,
        trunks: Mapping[str, Trunk],
        secret_file: Callable[[str], Path],
        clock: Clock,
        tell: Callable[[TrunkChanged], object],
        *,
        registers: bool = True,
        alone: bool = True,
        chance: random.Random | None = None,
    ) -> None:
        """`secret_file` says where the credentials of a trunk are; `tell` hears what changed; `chance` weighs servers.

        Not `alone`: other edges have lines of the same trunks, and there are none before the core says how many.
        Of several edges one `registers`: carriers would ring at all of them for each call, or take the latest for the only one.
        """
        self._edge, self._clock, self._tell = edge, clock, tell
        self._at: dict[str, list[TrunkState]] | None = None  # by `host_key`; None: to be made anew
        chance = chance or random.Random()
        self._trunks = {
            name: TrunkState(name, trunk, TrunkSecret(name, trunk, secret_file(name)), chance, self._moved)
            for name, trunk in trunks.items()
        }
        for state in self._trunks.values():
            if not registers:
                state.registration = ""
            if not alone:
                state.lines = 0
        self.registers = registers
        self._timer: asyncio.TimerHandle | None = None

    def __iter__(self) -> Iterator[TrunkState]:
        """In the order of the configuration."""
        return iter(self._trunks.values())

    def get(self, name: str) -> TrunkState | None:
        """By name."""
        return self._trunks.get(name)

    @property
    def up(self) -> tuple[str, ...]:
        """Those that can be used."""
        return tuple(trunk.name for trunk in self._trunks.values() if trunk.was_up)

    def rows(self) -> tuple[TrunkRow, ...]:
        """For the page."""
        now_ms = self._clock.monotonic_ms()
        return tuple(
            TrunkRow(
                trunk=trunk.name,
                up=trunk.was_up,
                live=trunk.live,
                capacity=trunk.lines,
                refused=trunk.refused,
                reason=trunk.down_because(now_ms) or trunk.last,
                since_ms=trunk.since_ms,
            )
            for trunk in self._trunks.values()
        )

    def of_source(self, source: Flow) -> TrunkState | None:
        """Whose messages come from there."""
        at_host = self._by_host().get(host_key(source.host), [])
        exactly = (trunk for trunk in at_host if (source.host, source.port) in trunk.places.all)
        return next(exactly, at_host[0] if at_host else None)

    def _by_host(self) -> dict[str, list[TrunkState]]:
        # Asked for every request, and there may be hundreds of trunks.
        if self._at is None:
            self._at = {}
            for trunk in self._trunks.values():
                for key in {host_key(host) for host in trunk.hosts}:
                    self._at.setdefault(key, []).append(trunk)
        return self._at

    def _moved(self) -> None:
        self._at = None

    def take(self, names: Iterable[str], tried: Collection[TrunkState] = ()) -> TrunkState | None:
        """A line of the first of these that can be used and was not tried; a trunk that is full is counted as such."""
        now_ms = self._clock.monotonic_ms()
        usable: list[TrunkState] = []
        for name in names:
            trunk = self._trunks.get(name)
            if trunk is None or trunk in tried or trunk.down_because(now_ms):
                continue
            if trunk.live >= trunk.lines:
                trunk.refused += 1
            else:
                usable.append(trunk)
        if not usable:
            return None
        first = min(trunk.config.order for trunk in usable)
        group = [trunk for trunk in usable if trunk.config.order == first]
        # Each is owed its weight with every call, and whoever is owed most pays for it with the call: shares come out
        # even within few calls, and a trunk that was away claims nothing for that time.
        for trunk in group:
            trunk.turn += trunk.config.weight
        chosen = max(group, key=lambda trunk: trunk.turn)
        chosen.turn -= sum(trunk.config.weight for trunk in group)
        chosen.live += 1
        return chosen

    def take_line(self, trunk: TrunkState) -> bool:
        """For a call of the other side, if there is one."""
        if trunk.live >= trunk.lines:
            trunk.refused += 1
            return False
        trunk.live += 1
        return True

    def released(self, trunk: TrunkState) -> None:
        """The call is over."""
        trunk.live -= 1

    def worked(self, trunk: TrunkState) -> None:
        """It carried a call as far as the called party."""
        if trunk.failures or trunk.unanswered or trunk.last:
            trunk.failures = trunk.unanswered = 0
            trunk.last = ""
            self.look()

    def failed(self, trunk: TrunkState, status: int, retry_after_s: int = 0) -> None:
        """It did not."""
        now_ms = self._clock.monotonic_ms()
        trunk.failures += 1
        trunk.last = f"calls failed with {status}"
        if status == 503 and retry_after_s:
            # RFC 3261 21.5.4: nothing is sent there before. But nobody may silence us for long.
            rest_ms = min(retry_after_s * 1000, _REST_MS_MAX)
        elif trunk.failures >= FAILURES_MAX:
            rest_ms = min(_REST_MS << min(trunk.failures - FAILURES_MAX, 10), _REST_MS_MAX)
        else:
            return
        trunk.rests_until_ms = now_ms + rest_ms
        self.look()

    def look(self) -> None:
        """Tell what changed, and wake up when the next rest is over."""
        now_ms = self._clock.monotonic_ms()
        for trunk in self._trunks.values():
            reason = trunk.down_because(now_ms)
            if trunk.was_up == bool(reason):
                trunk.was_up, trunk.since_ms = not reason, self._clock.now_ms()
                level = logging.WARNING if reason else logging.INFO
                _log.log(level, "trunk %s is %s", trunk.name, f"down: {reason}" if reason else "up")
                self._tell(TrunkChanged(edge=self._edge, trunk=trunk.name, up=trunk.was_up, reason=reason))
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        rests = [trunk.rests_until_ms for trunk in self._trunks.values() if trunk.rests_until_ms > now_ms]
        if rests:
            wait_s = (min(rests) - now_ms) / 1000
            self._timer = asyncio.get_running_loop().call_later(wait_s, self.look)

    def close(self) -> None:
        """The edge stops."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
