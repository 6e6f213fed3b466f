"""Real phones that keep their way to us open (RFC 5626): baresip by STUN, Linphone by empty lines, over UDP and over TCP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import events
from tests.edge.foreign import at_edge, baresip, know, started, until
from tests.edge.test_transports import config
from tests.edge.world import world_in
from tests.peers.linphone import Linphone

pytestmark = pytest.mark.peers


async def test_a_phone_that_asks_for_outbound_is_bound_to_its_flow_and_hears_where_it_is(
    tmp_path: Path,
) -> None:
    """Over UDP its pings are STUN requests."""
    async with world_in(tmp_path) as world:
        know(world, "101")
        registrar = at_edge(world)
        more = f';sipnat=outbound;outbound="sip:{registrar}"'
        async with started(lambda: baresip(tmp_path / "phone", registrar, more=more, modules=("uuid",))):
            assert (await world.core.expect(events.PhoneRegistered)).user == "101"
            binding = world.edge.registrar.binding("101")
            assert binding is not None
            assert binding.reg_id == "1"
            assert binding.instance.startswith("<urn:uuid:")
            await until(lambda: world.edge.point.statistics().keepalives > 0)
            assert world.edge.point.statistics().malformed_dropped == 0


async def test_empty_lines_over_udp_are_heard_and_disturb_nobody(tmp_path: Path) -> None:
    async with (
        world_in(tmp_path) as world,
        started(lambda: Linphone(tmp_path / "phone", "101", keepalive_ms=200)) as phone,
    ):
        know(world, "101")
        await asyncio.to_thread(phone.register, "127.0.0.1", world.edge.point.port, "secret")
        await until(lambda: world.edge.point.statistics().keepalives >= 2)
        assert world.edge.guard.counters(0)["bans"] == 0
        assert world.edge.point.statistics().malformed_dropped == 0


class Wire:
    """A TCP connection's way from a phone to us, which notes what passes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.to_us: list[bytes] = []
        self.to_phone: list[bytes] = []
        self._passing: set[asyncio.Task[None]] = set()

    async def open(self) -> asyncio.Server:
        return await asyncio.start_server(self._connected, "127.0.0.1", 0)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ours, to_us = await asyncio.open_connection("127.0.0.1", self._port)
        for source, sink, notes in ((reader, to_us, self.to_us), (ours, writer, self.to_phone)):
            self._passing.add(asyncio.create_task(self._pass(source, sink, notes)))

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, notes: list[bytes]
    ) -> None:
        while data := await source.read(65_536):
            notes.append(data)
            sink.write(data)
        sink.close()


async def test_a_ping_over_tcp_is_answered_by_a_pong(tmp_path: Path) -> None:
    async with (
        world_in(tmp_path, config=config(tmp_path)) as world,
        started(lambda: Linphone(tmp_path / "phone", "101", transport="tcp", keepalive_ms=200)) as phone,
    ):
        know(world, "101")
        wire = Wire(world.edge.point.port_of("TCP"))
        async with await wire.open() as server:
            port = server.sockets[0].getsockname()[1]
            await asyncio.to_thread(phone.register, "127.0.0.1", port, "secret")
            await until(lambda: wire.to_us.count(b"\r\n\r\n") >= 2 and wire.to_phone.count(b"\r\n") >= 2)
            await asyncio.to_thread(phone.close)
