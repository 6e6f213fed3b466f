"""A UDP socket on either event loop, for audio: what is not sent at once is not sent."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol, TypeAlias, cast

UdpAddress: TypeAlias = tuple[Any, ...]  # as the socket gives it; of IPv6 it has four parts

_UNSENT_MAX_BYTES = 64 * 1024  # when so much waits for the kernel, the next packet is dropped


class _Transport(Protocol):
    """What a UDP socket does under asyncio and uvloop alike; their classes have no common base that says so."""

    def sendto(self, data: bytes, addr: UdpAddress) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def get_extra_info(self, name: str) -> Any: ...
    def close(self) -> None: ...


class UdpSocket(asyncio.DatagramProtocol):
    """A bound socket; a subclass says what to do with what comes."""

    def __init__(self) -> None:
        """To be made by `create_datagram_endpoint`."""
        self.unsent = 0  # packets dropped because the kernel had no room
        self._transport: _Transport | None = None
        self._freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def bound_to(self) -> tuple[str, int]:
        """Host and port, while it is open."""
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")[:2]
        return host, port

    def send(self, data: bytes, address: UdpAddress) -> None:
        """Send now or not at all."""
        transport = self._transport
        if transport is None:
            return
        if transport.get_write_buffer_size() > _UNSENT_MAX_BYTES:
            self.unsent += 1
            return
        transport.sendto(data, address)

    async def close(self) -> None:
        """Give the socket back; returns when it is."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()
        await self._freed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is bound."""
        self._transport = cast(_Transport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._transport = None
        if not self._freed.done():
            self._freed.set_result(None)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there: whoever should will be missed by their silence."""
