"""A bad network between two programs: a UDP relay in user space that loses, delays, reorders and doubles by a seed.

Whoever speaks to the relay's port gets a socket of its own towards the server, as behind an address translator, so that the
server answers each of them apart and the answers suffer the same fate on their way back. What becomes of the n-th datagram of
a direction is the seed's; the two directions draw from generators of their own.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import msgspec


class Weather(msgspec.Struct, frozen=True, kw_only=True):
    """What the network does to datagrams."""

    loss: float = 0.05
    delay_ms: float = 80.0
    jitter_ms: float = 40.0  # uniformly more or less, which reorders already
    reorder: float = 0.02  # so many are held back for another `delay_ms`
    duplicate: float = 0.01


class Counters(msgspec.Struct):
    """What became of the datagrams."""

    passed: int = 0
    lost: int = 0
    held_back: int = 0
    doubled: int = 0


class Relay(asyncio.DatagramProtocol):
    """`port` is what a client calls; it is passed on to `server`. Open with `Relay.open`."""

    def __init__(self, server: tuple[str, int], seed: object, weather: Weather) -> None:
        self._server, self._weather = server, weather
        self._to_server = random.Random(f"{seed} to the server")
        self._to_client = random.Random(f"{seed} to the client")
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.DatagramTransport | None = None
        self._sessions: dict[tuple[str, int], asyncio.Future[_Session]] = {}
        self._late: set[asyncio.TimerHandle] = set()
        self.counters = Counters()
        self.port = 0

    @classmethod
    async def open(
        cls, server: tuple[str, int], seed: object, weather: Weather | None = None, port: int = 0
    ) -> Relay:
        """Serve on loopback."""
        loop = asyncio.get_running_loop()
        relay = cls(server, seed, weather or Weather())
        transport, _ = await loop.create_datagram_endpoint(lambda: relay, local_addr=("127.0.0.1", port))
        relay._transport = transport
        relay.port = int(transport.get_extra_info("sockname")[1])
        return relay

    def close(self) -> None:
        """What is under way is lost."""
        for handle in self._late:
            handle.cancel()
        for session in self._sessions.values():
            if session.done() and not session.cancelled():
                session.result().close()
            session.cancel()
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """A client's."""
        client = (str(addr[0]), int(addr[1]))
        session = self._sessions.get(client)
        if session is None:
            session = self._sessions[client] = asyncio.ensure_future(self._connect(client))
        self._suffer(
            self._to_server, lambda: session.add_done_callback(lambda open_: open_.result().send(data))
        )

    def answered(self, data: bytes, client: tuple[str, int]) -> None:
        """The server's."""
        assert self._transport is not None
        transport = self._transport
        self._suffer(self._to_client, lambda: transport.sendto(data, client))

    async def _connect(self, client: tuple[str, int]) -> _Session:
        _, session = await self._loop.create_datagram_endpoint(
            lambda: _Session(self, client), remote_addr=self._server
        )
        return session

    def _suffer(self, chance: random.Random, deliver: Any) -> None:
        weather = self._weather
        # Five draws a datagram whatever happens, so that one more loss does not change the fate of all that follow.
        lost, held, doubled = (
            chance.random() < share for share in (weather.loss, weather.reorder, weather.duplicate)
        )
        delays = [weather.delay_ms + chance.uniform(-1, 1) * weather.jitter_ms for _ in range(2)]
        if lost:
            self.counters.lost += 1
            return
        self.counters.passed += 1
        self.counters.held_back += held
        self.counters.doubled += doubled
        for delay_ms in delays[: 1 + doubled]:
            self._deliver_in((delay_ms + held * weather.delay_ms) / 1000, deliver)

    def _deliver_in(self, delay_s: float, deliver: Any) -> None:
        def due() -> None:
            self._late.discard(handle)
            deliver()

        handle = self._loop.call_later(max(0.0, delay_s), due)
        self._late.add(handle)


class _Session(asyncio.DatagramProtocol):
    """One client's socket towards the server."""

    def __init__(self, relay: Relay, client: tuple[str, int]) -> None:
        self._relay, self._client = relay, client
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self._relay.answered(data, self._client)

    def send(self, data: bytes) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.sendto(data)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
