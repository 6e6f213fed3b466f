"""A leg's socket towards the audio engine: plain RTP on loopback, both ways.

It hears nobody but the engine: packets from another address or port, and packets that are no PCMU, are
counted and dropped.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable

from gateways.media import rtp
from gateways.webrtc.interface import Address
from gateways.webrtc.udp import UdpAddress, UdpSocket

log = logging.getLogger(__name__)

PCMU = 0  # RFC 3551 section 6


class EngineRelay(UdpSocket):
    """One leg's plain RTP."""

    def __init__(self, engine: Address, on_audio: Callable[[rtp.Packet], None]) -> None:
        """`on_audio` is called with each packet of PCMU that the engine sent."""
        super().__init__()
        self.foreign = 0  # datagrams of somebody else
        self.senseless = 0  # datagrams of the engine that hold no PCMU
        self._engine = engine
        self._on_audio = on_audio

    @classmethod
    async def open(cls, engine: Address, on_audio: Callable[[rtp.Packet], None]) -> EngineRelay:
        """Bind to a free port of the loopback address, or of the engine's own when that is another."""
        host = ipaddress.ip_address(engine.host)
        local = ("127.0.0.1" if host.version == 4 else "::1") if host.is_loopback else engine.host
        _, relay = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls(engine, on_audio), local_addr=(local, 0)
        )
        return relay

    def move(self, engine: Address) -> None:
        """From now on the engine is elsewhere."""
        self._engine = engine

    def send_audio(self, packet: bytes) -> None:
        """Send the engine a packet of the page's."""
        self.send(packet, self._engine)

    def datagram_received(self, data: bytes, addr: UdpAddress) -> None:
        """A packet for the page."""
        if addr[:2] != self._engine:
            self.foreign += 1
            if self.foreign == 1:
                log.warning(
                    "audio for %s from %s, who is not the engine, is dropped", self.bound_to, addr[:2]
                )
            return
        packet = rtp.parse(data)
        if packet is None or packet[0] != PCMU or not packet[5]:
            self.senseless += 1
            if self.senseless == 1:
                log.warning("a packet of the engine for %s is no PCMU and is dropped", self.bound_to)
            return
        self._on_audio(packet)
