"""What keeps the trunks usable: their names are looked up, they are asked whether they are there, registrations are kept up."""

from __future__ import annotations

import asyncio
import logging
import socket

from gateways.edge.addresses import LocalAddresses, is_address
from gateways.edge.guard.guard import Guard
from gateways.edge.limits import Timing
from gateways.edge.point import SipPoint
from gateways.edge.trunk_health import TrunkHealth
from gateways.edge.trunk_registration import TrunkRegistration
from gateways.edge.trunks import Trunks, TrunkState

_log = logging.getLogger(__name__)

_LOOKED_UP_EVERY_S = 60.0  # the system's resolver keeps to the real lifetime, and does not tell it


class TrunkCare:
    """Of all trunks of an edge."""

    def __init__(
        self, trunks: Trunks, point: SipPoint, addresses: LocalAddresses, timing: Timing, guard: Guard
    ) -> None:
        """Nothing is asked yet. `guard` always hears who a trunk's name stands for."""
        self._trunks, self._point, self._guard = trunks, point, guard
        self.health = {
            trunk.name: TrunkHealth(point, addresses, timing, trunk, trunks.look)
            for trunk in trunks
            if trunk.config.health_s
        }
        self.registrations = {
            trunk.name: TrunkRegistration(point, timing, trunk, trunks.look)
            for trunk in trunks
            if trunk.config.register and trunks.registers
        }

    async def run(self) -> None:
        """Until cancelled."""
        for registration in self.registrations.values():
            registration.register()
        for health in self.health.values():
            health.ask()
        names = [trunk for trunk in self._trunks if not is_address(trunk.host)]
        while names:
            await asyncio.gather(*(self._look_up(trunk) for trunk in names))
            await asyncio.sleep(_LOOKED_UP_EVERY_S)

    def close(self) -> None:
        """The edge stops."""
        for registration in self.registrations.values():
            registration.close()
        for health in self.health.values():
            health.close()
        self._trunks.close()

    async def _look_up(self, trunk: TrunkState) -> None:
        """A name that can't be looked up just now keeps its address."""
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                trunk.host, trunk.port, type=socket.SOCK_DGRAM
            )
        except OSError as error:
            _log.warning("trunk %s: %s can't be looked up: %s", trunk.name, trunk.host, error)
            return
        addresses = [str(entry[4][0]) for entry in found]
        transport = trunk.config.transport
        reached = [host for host in addresses if self._point.port_of(transport, ipv6=":" in host)]
        if reached and trunk.address not in reached:
            trunk.address = reached[0]
            self._guard.always_hear(one.address for one in self._trunks if one.address)
            self._trunks.look()
