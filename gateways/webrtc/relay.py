"""A leg's socket towards the audio engine: plain RTP on loopback, both ways.

It hears nobody but the engine: packets from another address or port, and packets that are no PCMU, are
counted and dropped. It never waits: a packet that the kernel has no room for is lost, as audio that is late
is worth nothing.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import Callable
from typing import Any, cast

from gateways.webrtc import rtp
from gateways.webrtc.interface import Address

log = logging.getLogger(__name__)


class EngineRelay(asyncio.DatagramProtocol):
    """One leg's plain RTP."""

    def __init__(self, engine: Address, on_audio: Callable[[rtp.Packet], None]) -> None:
        """`on_audio` is called with each packet of PCMU that the engine sent."""
        self.foreign = 0  # datagrams of somebody else
        self.senseless = 0  # datagrams of the engine that hold no PCMU
        self._engine = engine
        self._on_audio = on_audio
        self._transport: asyncio.DatagramTransport | None = None
        self._freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, engine: Address, on_audio: Callable[[rtp.Packet], None]) -> EngineRelay:
        """Bind to a free port of the loopback address, or of the engine's own when that is another."""
        host = ipaddress.ip_address(engine.host)
        local = ("127.0.0.1" if host.version == 4 else "::1") if host.is_loopback else engine.host
        _, relay = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: cls(engine, on_audio), local_addr=(local, 0)
        )
        return relay

    @property
    def address(self) -> Address:
        """Where the engine sends to."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        return Address(host, port)

    def move(self, engine: Address) -> None:
        """From now on the engine is elsewhere."""
        self._engine = engine

    def send(self, packet: rtp.Packet) -> None:
        """Send the engine a packet of the page's audio."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(rtp.build(packet), self._engine)

    async def close(self) -> None:
        """Give the socket back; returns when it is."""
        if self._transport is not None:
            self._transport.close()
            await self._freed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is bound."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        if not self._freed.done():
            self._freed.set_result(None)

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """A packet for the page."""
        if addr[:2] != self._engine:
            self.foreign += 1
            if self.foreign == 1:
                log.warning("audio for %s from %s, who is not the engine: dropped", self.address, addr[:2])
            return
        packet = rtp.parse(data)
        if packet is None or packet.payload_type != rtp.PCMU:
            self.senseless += 1
            if self.senseless == 1:
                log.warning("a packet of the engine for %s is no PCMU: dropped", self.address)
            return
        self._on_audio(packet)

    def error_received(self, exc: Exception) -> None:
        """The engine's port is closed (it is restarting): its next address comes with a message."""
        log.debug("relay: %s", exc)
