"""The whole edge over TCP, TLS and IPv6: calls, phones, and what happens when a connection ends."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from acd_core.config import Config
from acd_core.domain import commands, events
from gateways.edge.phones import phones_path, set_phone_password
from gateways.media import messages as engine
from gateways.sip.message import Request, Response
from gateways.sip.parser import parse_message
from gateways.sip.stream import Ping, StreamReader
from tests.edge.test_calls import EDGE, answered
from tests.edge.test_phones import register
from tests.edge.world import Phone, World, config_for, sdp, world_in
from tests.support.certificates import Authority
from tests.support.ports import free_ports

TCP, TLS = "TCP", "TLS"


def config(folder: Path, **sip: Any) -> Config:
    """All transports and both families, on ports that are free."""
    files = Authority(folder).issue("edge")
    port = free_ports(4)
    settings: dict[str, Any] = {
        "listen_host": "127.0.0.1",
        "listen_host6": "::1",
        "listen_port": port,
        "tcp_port": port,
        "tls_port": port + 2,
        "tls_certificate_file": str(files.certificate),
        "tls_key_file": str(files.key),
    }
    return config_for(folder, **{**settings, **sip})


class StreamPhone(Phone):
    """The text phone on a connection of its own."""

    def __init__(self, world: World, transport: Any, host: str = "127.0.0.1") -> None:
        super().__init__(world.edge.point.port_of(transport, ipv6=":" in host), host)
        self.transport = transport
        self._reader = StreamReader()
        self._messages: asyncio.Queue[bytes | Ping | None] = asyncio.Queue()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self.server: asyncio.Server | None = None

    async def connect(self) -> StreamPhone:
        context = None
        if self.transport == TLS:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection(*self.edge, ssl=context)
        self.takes(reader, writer)
        return self

    async def listen(self) -> None:
        """Take connections at the port of its Contact."""
        self.server = await asyncio.start_server(self.takes, self.edge[0], self.port)

    def takes(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The connection that it speaks by."""
        self._writer = writer
        self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(65_536):
            for item in self._reader.feed(data):
                self._messages.put_nowait(item)
        self._messages.put_nowait(None)

    def put(self, data: str | bytes) -> None:
        assert self._writer is not None
        self._writer.write(data.encode() if isinstance(data, str) else data)

    async def receive_ever(self) -> Request | Response:
        item = await self._messages.get()
        assert isinstance(item, bytes), "the connection was closed"
        return parse_message(item)

    async def closed(self) -> None:
        async with asyncio.timeout(5):
            while await self._messages.get() is not None:
                pass

    def leave(self) -> None:
        """Close the connection, the phone goes on."""
        assert self._writer is not None
        assert self._reading is not None
        self._reading.cancel()
        self._writer.transport.abort()

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        if self.server is not None:
            self.server.close()
        super().close()


async def stream_phone(world: World, transport: str, host: str = "127.0.0.1") -> StreamPhone:
    phone = StreamPhone(world, transport, host)
    world.phones.append(phone)
    return await phone.connect()


def play(folder: Path, story: Callable[[World], Coroutine[Any, Any, None]], **sip: Any) -> None:
    settings = config(folder, **sip)

    async def whole() -> None:
        async with world_in(folder, config=settings) as world:
            await story(world)

    asyncio.run(whole())


WAYS = [(TCP, "127.0.0.1"), (TLS, "127.0.0.1"), (TCP, "::1"), (TLS, "::1")]


# Calls


@pytest.mark.parametrize(("transport", "host"), WAYS)
def test_a_call_from_invite_to_bye(tmp_path: Path, transport: str, host: str) -> None:
    async def story(world: World) -> None:
        phone = await stream_phone(world, transport, host)
        arrived = await world.arrive(phone)
        world.core.send(commands.RingCaller(edge=EDGE, call=arrived.call))
        world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
        await phone.response(100)
        await phone.response(180)
        ok = await phone.response(200)
        contact = ok.contacts[0].uri
        assert (contact.host, contact.port) == (host, phone.edge[1])
        assert contact.params["transport"] == transport.lower()
        assert (await world.engine.expect(engine.AllocateLeg)).local_host == host
        assert f"c=IN IP{6 if ':' in host else 4} {host}".encode() in ok.body
        phone.ack(ok)
        phone.request("BYE", to_tag=ok.to.tag or "")
        await phone.response(200, "BYE")
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
        assert world.edge.statistics().dialogs == 0

    play(tmp_path, story)


def test_a_call_over_udp_and_ipv6(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        phone = Phone(world.edge.point.port_of("UDP", ipv6=True), "::1")
        world.phones.append(phone)
        body = sdp().replace("IN IP4 127.0.0.1", "IN IP6 ::1")
        arrived = await world.arrive(phone, body=body)
        world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
        ok = await phone.response(200)
        phone.ack(ok)
        connected = await world.engine.expect(engine.ConnectLeg)
        assert connected.remote_host == "::1"
        assert ok.contacts[0].uri.host == "::1"
        world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
        bye = await phone.asked("BYE")
        assert bye.via.host == "::1"
        phone.reply(bye, 200)

    play(tmp_path, story)


@pytest.mark.parametrize("transport", [TCP, TLS])
def test_our_bye_takes_the_connection_the_call_came_by(tmp_path: Path, transport: str) -> None:
    """The phone's Contact is a port at which nobody listens: it may be behind a NAT."""

    async def story(world: World) -> None:
        phone = await stream_phone(world, transport)
        call, _ = await answered(world, phone)
        world.core.send(commands.EndCall(edge=EDGE, call=call, cause="x"))
        bye = await phone.asked("BYE")
        assert bye.via.transport == transport
        phone.reply(bye, 200)
        assert world.edge.point.connections == 1

    play(tmp_path, story)


def test_a_call_outlives_its_connection(tmp_path: Path) -> None:
    """The caller's next request comes by a new one, and ours goes to where the caller listens."""

    async def story(world: World) -> None:
        phone = await stream_phone(world, TCP)
        call, tag = await answered(world, phone)
        phone.leave()
        await phone.connect()
        phone.request("OPTIONS", to_tag=tag)
        await phone.response(200, "OPTIONS")
        phone.leave()
        await phone.listen()
        async with asyncio.timeout(5):
            while world.edge.point.connections:  # noqa: ASYNC110 - the edge tells nobody
                await asyncio.sleep(0.001)
        world.core.send(commands.EndCall(edge=EDGE, call=call, cause="x"))
        bye = await phone.asked("BYE")
        phone.reply(bye, 200)
        assert bye.via.transport == TCP

    play(tmp_path, story)


def test_a_final_answer_after_the_connection_is_gone_goes_where_the_caller_listens(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        phone = await stream_phone(world, TCP)
        arrived = await world.arrive(phone)
        await phone.response(100)
        await phone.listen()
        phone.leave()
        async with asyncio.timeout(5):
            while world.edge.point.connections:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.001)
        world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
        ok = await phone.response(200)
        phone.ack(ok)
        phone.request("BYE", to_tag=ok.to.tag or "")
        await phone.response(200, "BYE")
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"

    play(tmp_path, story)


def test_an_ack_may_come_by_another_transport_than_its_invite(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        phone = world.phone()
        arrived = await world.arrive(phone)
        world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
        ok = await phone.response(200)
        other = await stream_phone(world, TCP)
        other.name, other.port = phone.name, phone.port
        other.ack(ok)
        assert (await world.engine.expect(engine.ConnectLeg)).remote_port == 40_000
        other.request("OPTIONS", to_tag=ok.to.tag or "", cseq=9)
        await other.response(200, "OPTIONS")
        world.jump(32_000)
        assert world.edge.point.statistics().acks_missing == 0

    play(tmp_path, story)


def test_what_was_not_read_before_the_connection_broke_is_sent_by_a_new_one(tmp_path: Path) -> None:
    """The caller takes our BYE from the wire without a look at it, and ends the connection."""

    async def story(world: World) -> None:
        phone = await stream_phone(world, TCP)
        call, _ = await answered(world, phone)
        await phone.listen()
        phone.leave()
        async with asyncio.timeout(5):
            while world.edge.point.connections:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.001)
        world.core.send(commands.EndCall(edge=EDGE, call=call, cause="x"))
        unread = await phone.asked("BYE")
        phone.leave()
        bye = await phone.asked("BYE")
        assert bye.to_bytes() == unread.to_bytes()
        phone.reply(bye, 200)

    play(tmp_path, story)


# Phones


@pytest.mark.parametrize("transport", [TCP, TLS])
def test_a_registered_phone_is_rung_by_its_connection(tmp_path: Path, transport: str) -> None:
    set_phone_password(phones_path(tmp_path / "data"), "santral", "101", "secret")

    async def story(world: World) -> None:
        phone = await stream_phone(world, transport)
        assert (await register(world, phone)).status == 200
        assert (await world.core.expect(events.PhoneRegistered)).user == "101"
        call, _ = await answered(world, world.phone())
        ring = commands.RingPhone(
            edge=EDGE, call=call, agent="ayse", offer=3, user="101", caller="0532", service="Su"
        )
        world.core.send(ring)
        invite = await phone.asked("INVITE")
        assert invite.via.transport == transport
        assert invite.contacts[0].uri.params["transport"] == transport.lower()
        phone.reply(invite, 200, body=sdp())
        await phone.asked("ACK")
        assert (await world.core.expect(events.PhoneAnswered)).offer == 3
        phone.put(b"\r\n\r\n")
        world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=3))
        phone.reply(await phone.asked("BYE"), 200)

    play(tmp_path, story)


# Large requests


def test_a_large_request_goes_by_tcp_and_by_udp_when_nobody_is_there(tmp_path: Path) -> None:
    """RFC 3261 18.1.1. The caller's Route makes our BYE large."""

    async def story(world: World) -> None:
        point = world.edge.point
        for listens in (True, False):
            caller = world.phone()
            routes = [f"Record-Route: <sip:{'p' * 250}@127.0.0.1:{caller.port};lr>"] * 5
            arrived = await world.arrive(caller, headers=tuple(routes))
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            caller.ack(await caller.response(200))
            other = StreamPhone(world, TCP)
            world.phones.append(other)
            if listens:
                other.port = caller.port
                await other.listen()
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
            receiver = other if listens else caller
            bye = await receiver.asked("BYE")
            assert bye.via.transport == ("TCP" if listens else "UDP")
            assert len(bye.to_bytes()) > 1_300
            receiver.reply(bye, 200)
        assert point.sends_failed == 1
        async with asyncio.timeout(5):
            while point._users.large or point._users.clients:  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.001)
        assert not point._users.large.may_go_by_tcp("127.0.0.1")

    play(tmp_path, story)


def test_without_a_tcp_port_a_large_request_goes_by_udp(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        caller = world.phone()
        routes = [f"Record-Route: <sip:{'p' * 250}@127.0.0.1:{caller.port};lr>"] * 5
        arrived = await world.arrive(caller, headers=tuple(routes))
        world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
        caller.ack(await caller.response(200))
        world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
        caller.reply(await caller.asked("BYE"), 200)

    play(tmp_path, story, tcp_port=0)


# What is not served


def test_a_connection_that_speaks_something_else_is_closed_and_counted(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        stranger = await stream_phone(world, TCP)
        stranger.put("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await stranger.closed()
        now_ms = world.edge.clock.monotonic_ms()
        assert world.edge.guard.counters(now_ms)["malformed"] == 1
        await world.arrive(await stream_phone(world, TCP))

    play(tmp_path, story)


def test_the_ports_are_free_after_the_end(tmp_path: Path) -> None:
    settings = config(tmp_path)

    async def whole() -> None:
        for _ in range(2):
            async with world_in(tmp_path, config=settings) as world:
                await world.arrive(await stream_phone(world, TCP))
                assert [place.name for place in world.edge.point.places] == [
                    *("udp4", "udp6", "tcp4", "tcp6", "tls4", "tls6")
                ]

    asyncio.run(whole())
