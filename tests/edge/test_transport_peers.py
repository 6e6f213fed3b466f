"""TCP, TLS and IPv6 with others' stacks: Kamailio on the path, baresip and Linphone as phones, SIPp as caller."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from acd_core.config import Config
from acd_core.domain import commands, events
from acd_core.telephony import Trunk
from gateways.edge.phones import phones_path, set_phone_password
from tests.edge.foreign import answering, baresip, ring, sipp_running, started
from tests.edge.test_calls import EDGE, answered
from tests.edge.test_transports import config
from tests.edge.test_trunks import dial_out, trunked
from tests.edge.world import World, world_in
from tests.peers.kamailio import Kamailio, proxy_to
from tests.peers.linphone import Linphone
from tests.peers.sippy_peer import Sippy
from tests.support.certificates import Authority
from tests.support.ports import free_ports

pytestmark = pytest.mark.peers


# Kamailio on the path: it comes to us by the transport under test and speaks UDP to the caller behind it


def target_of(config: Config, way: str) -> str:
    port = {"udp": config.sip.listen_port, "tcp": config.sip.tcp_port, "tls": config.sip.tls_port}
    transport, _, family = way.partition("/")
    host = "[::1]" if family == "6" else "127.0.0.1"
    return f"sip:{host}:{port[transport]};transport={transport}"


@pytest.mark.parametrize("way", ["tcp", "tls", "udp/6", "tcp/6", "tls/6"])
async def test_calls_through_kamailio_end_from_both_sides(tmp_path: Path, way: str) -> None:
    """What follows the INVITE takes the two routes that Kamailio recorded, one for each of its sides."""
    settings = config(tmp_path)
    files = Authority(tmp_path, "carrier").issue("kamailio")
    async with world_in(tmp_path, config=settings) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        script = proxy_to(target_of(settings, way))
        async with (
            started(lambda: Kamailio(tmp_path / "kamailio", script, certificate=files, ipv6=True)) as proxy,
            started(lambda: Sippy(tmp_path / "sippy", proxy.port)) as caller,
        ):
            caller.call("185")
            await asyncio.to_thread(caller.wait_for, "connect")
            arrived = await world.core.expect(events.CallArrived)
            caller.hang_up()
            assert (await world.core.expect(events.CallerHungUp)).call == arrived.call
            caller.call("185")
            await asyncio.to_thread(caller.wait_for, "connect")
            arrived = await world.core.expect(events.CallArrived)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
            await asyncio.to_thread(caller.wait_for, "disconnect")
            statistics = world.edge.point.statistics()
            assert (statistics.acks_missing, statistics.client_timeouts) == (0, 0)
            assert world.edge.point.connections == (0 if way.startswith("udp") else 1), "one for all"


@pytest.mark.parametrize("transport", ["TCP", "TLS"])
async def test_we_call_through_kamailio(tmp_path: Path, transport: Any) -> None:
    """Kamailio is a trunk of ours; behind it sippy answers, holds us on and hangs up."""
    files = Authority(tmp_path, "carrier").issue("kamailio")
    called_port = free_ports(2)
    script = proxy_to(f"sip:127.0.0.1:{called_port}")
    async with started(lambda: Kamailio(tmp_path / "kamailio", script, certificate=files)) as proxy:
        port = proxy.port if transport == "TCP" else proxy.tls_port
        carrier = Trunk(host="127.0.0.1", port=port, transport=transport, health_s=0)
        settings = trunked(config(tmp_path), carrier=carrier)
        async with (
            world_in(tmp_path, config=settings) as world,
            started(lambda: Sippy(tmp_path / "sippy", proxy.port, port=called_port)) as callee,
        ):
            callee.answer_with("accept")
            world.core.send(dial_out())
            answered = await world.core.expect(events.DialAnswered)
            assert answered.trunk == "carrier"
            callee.hang_up()
            assert (await world.core.expect(events.CallerHungUp)).call == answered.call
            world.core.send(dial_out(call="c-2-d8", offer=8))
            answered = await world.core.expect(events.DialAnswered)
            world.core.send(commands.EndCall(edge=EDGE, call=answered.call, cause="x"))
            await asyncio.to_thread(callee.wait_for, "disconnect")


# Phones


@pytest.mark.parametrize("transport", ["tcp", "tls"])
async def test_baresip_is_rung_by_the_connection_it_registered_on(tmp_path: Path, transport: str) -> None:
    settings = config(tmp_path, digest=("MD5",))
    set_phone_password(phones_path(settings.data_path), "santral", "101", "secret")
    port = settings.sip.tcp_port if transport == "tcp" else settings.sip.tls_port
    async with world_in(tmp_path, config=settings) as world:
        registrar, more = f"127.0.0.1:{port};transport={transport}", ";answermode=auto"
        async with started(lambda: baresip(tmp_path / "phone", registrar, more=more)) as phone:
            await rung_and_hung_up(world, transport)
            await asyncio.to_thread(phone.wait_for, "CALL_CLOSED")


async def rung_and_hung_up(world: World, transport: str) -> None:
    """A phone that answers by itself."""
    assert (await world.core.expect(events.PhoneRegistered)).user == "101"
    call, _ = await answered(world, world.phone())
    world.core.send(ring(call, "101"))
    assert (await world.core.expect(events.PhoneAnswered)).offer == 3
    assert world.edge.point.connections == 1
    world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=3))


@pytest.mark.parametrize(("transport", "host"), [("tls", "127.0.0.1"), ("tcp", "::1"), ("udp", "::1")])
async def test_linphone_registers_is_rung_and_is_hung_up(tmp_path: Path, transport: str, host: str) -> None:
    settings = config(tmp_path)
    set_phone_password(phones_path(settings.data_path), "santral", "101", "secret")
    async with (
        world_in(tmp_path, config=settings) as world,
        started(lambda: Linphone(tmp_path / "phone", "101", transport=transport, host=host)) as phone,
    ):
        port = world.edge.point.port_of(transport.upper(), ipv6=":" in host)
        await asyncio.to_thread(phone.register, host, port, "secret")
        assert (await world.core.expect(events.PhoneRegistered)).user == "101"
        call, _ = await answered(world, world.phone())
        world.core.send(ring(call, "101"))
        await asyncio.to_thread(phone.ringing)
        phone.answer()
        assert (await world.core.expect(events.PhoneAnswered)).offer == 3
        world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=3))
        await asyncio.to_thread(phone.became, "CallEnd")


# SIPp


@pytest.mark.parametrize(
    ("options", "host"),
    [
        (("-t", "t1"), "127.0.0.1"),
        (("-t", "tn", "-max_socket", "20"), "127.0.0.1"),
        (("-t", "u1"), "::1"),
        (("-t", "t1"), "::1"),
    ],
)
async def test_sipp_calls_by_one_connection_by_one_for_each_call_and_over_ipv6(
    tmp_path: Path, options: tuple[str, ...], host: str
) -> None:
    settings = config(tmp_path)
    async with world_in(tmp_path, config=settings) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        rate = ("-s", "185", "-r", "20", *options)
        port = settings.sip.tcp_port
        async with sipp_running("plain", tmp_path, *rate, remote=port, calls=5, host=host) as caller:
            await caller.finish()
        for _ in range(5):
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
