"""What keeps the trunks usable: their names are looked up, they are asked whether they are there, registrations are kept up."""

from __future__ import annotations

import asyncio
import logging

from gateways.edge.addresses import LocalAddresses, is_address
from gateways.edge.clock import Clock
from gateways.edge.guard.guard import Guard
from gateways.edge.limits import Timing
from gateways.edge.names import Names, NamesError
from gateways.edge.point import SipPoint
from gateways.edge.trunk_health import TrunkHealth
from gateways.edge.trunk_registration import TrunkRegistration
from gateways.edge.trunks import Trunks, TrunkState
from gateways.sip.locate import Server

_log = logging.getLogger(__name__)

_ASKED_AT_ONCE = 8


class TrunkCare:
    """Of all trunks of an edge."""

    def __init__(
        self,
        trunks: Trunks,
        point: SipPoint,
        addresses: LocalAddresses,
        timing: Timing,
        guard: Guard,
        names: Names,
        clock: Clock,
    ) -> None:
        """Nothing is asked yet. `guard` always hears who a trunk's name stands for."""
        self._trunks, self._point, self._guard, self._names, self._clock = trunks, point, guard, names, clock
        self._again_s = timing.name_again_s
        self._asking = asyncio.Semaphore(_ASKED_AT_ONCE)
        self.health = {
            trunk.name: TrunkHealth(point, addresses, timing, trunk, trunks.look, clock)
            for trunk in trunks
            if trunk.config.health_s
        }
        self.registrations = {
            trunk.name: TrunkRegistration(point, timing, trunk, trunks.look, clock)
            for trunk in trunks
            if trunk.config.register and trunks.registers
        }

    async def run(self) -> None:
        """Until cancelled."""
        for registration in self.registrations.values():
            registration.register()
        for health in self.health.values():
            health.ask()
        named = [trunk for trunk in self._trunks if not is_address(trunk.host)]
        await asyncio.gather(*(self._follow(trunk) for trunk in named))

    def close(self) -> None:
        """The edge stops."""
        for registration in self.registrations.values():
            registration.close()
        for health in self.health.values():
            health.close()
        self._trunks.close()

    async def _follow(self, trunk: TrunkState) -> None:
        """Look its name up as long as the edge runs."""
        while True:
            async with self._asking:
                again_s = await self._look_up(trunk)
            await asyncio.sleep(again_s)

    async def _look_up(self, trunk: TrunkState) -> float:
        """When to do it again. A name that can't be looked up just now keeps its servers."""
        transport = trunk.config.transport
        try:
            found = await self._names.find(trunk.host, trunk.port, transport)
        except NamesError as error:
            _log.warning("trunk %s: %s can't be looked up: %s", trunk.name, trunk.host, error)
            return self._again_s
        families = [ipv6 for ipv6 in (False, True) if self._point.port_of(transport, ipv6=ipv6)]
        servers = [_within(server, families) for server in found.servers]
        servers = [server for server in servers if server.addresses]
        if not servers:
            _log.warning("trunk %s: %s has no address of a family that we speak", trunk.name, trunk.host)
            return self._again_s
        before = trunk.places.all
        trunk.places.found(servers, self._clock.monotonic_ms())
        if trunk.places.all != before:
            places = ", ".join(f"{host}:{port}" for host, port in trunk.places.all)
            _log.info("trunk %s: %s is at %s", trunk.name, trunk.host, places)
            self._guard.always_hear(host for one in self._trunks for host in one.places.hosts)
            self._trunks.look()
        return max(found.ttl_s, self._again_s)


def _within(server: Server, families: list[bool]) -> Server:
    """Its addresses of these families."""
    return server._replace(addresses=tuple(host for host in server.addresses if (":" in host) in families))
