"""Who may speak in a call: what strangers who have learnt its tags send changes nothing (RFC 3261 26.1.4)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from acd_core.telephony import Trunk
from gateways.edge.clock import Clock
from gateways.edge.trunks import Trunks
from gateways.edge.trust import may_speak
from gateways.media import messages as engine
from gateways.sip.dialog import Dialog
from gateways.sip.events import Flow
from gateways.sip.message import Request
from gateways.sip.parser import parse_message
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import Phone, World, sdp, world_in

CSEQ_MAX = 2**31 - 2
PEER = Flow("UDP", "192.0.2.1", 5060)


def thief_of(world: World, victim: Phone) -> Phone:
    """Somebody on another host who knows everything about the victim's call."""
    thief = Phone(world.edge.point.port, "127.0.0.2")
    thief.edge = victim.edge
    thief.name = victim.name
    world.phones.append(thief)
    return thief


def test_an_answer_in_a_strangers_ack_takes_no_audio(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone, body="")
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            ok = await phone.response(200, "INVITE")
            thief = thief_of(world, phone)
            thief.ack(ok, body=sdp(47_000))
            thief.request("OPTIONS", call="done")
            await thief.response(200, "OPTIONS")
            assert world.edge.guard.counters(0)["spoofed"] == 1
            phone.ack(ok, body=sdp(42_000))
            assert (await world.engine.expect(engine.ConnectLeg)).remote_port == 42_000

    asyncio.run(story())


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("BYE", {}),
        ("INFO", {"body": "Signal=5\r\n", "content_type": "application/dtmf-relay"}),
        ("INVITE", {"body": sdp(47_000)}),
        ("UPDATE", {"body": sdp(47_000)}),
        ("OPTIONS", {}),
        ("PRACK", {"headers": ("RAck: 1 1 INVITE",)}),
    ],
)
def test_a_stranger_is_told_that_there_is_no_such_call(tmp_path: Path, method: str, more: object) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, tag = await answered(world, phone)
            await world.engine.expect(engine.ConnectLeg)
            thief = thief_of(world, phone)
            thief.request(method, to_tag=tag, cseq=CSEQ_MAX, **more)  # type: ignore[arg-type]
            assert (await thief.response(481, method)).to.tag == tag
            assert world.edge.guard.counters(0)["spoofed"] == 1
            # The number the stranger used has not been taken for the caller's: the call goes on and ends as always.
            await phone.call(body=sdp(42_000), to_tag=tag)
            phone.ack(await phone.response(200, "INVITE"))
            assert (await world.engine.expect(engine.ConnectLeg)).remote_port == 42_000
            phone.request("BYE", to_tag=tag)
            await phone.response(200, "BYE")
            assert (await world.core.expect(events.CallerHungUp)).call == call
            assert world.core.all(events.KeyPressed) == []

    asyncio.run(story())


def test_a_stranger_cannot_cancel(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            number = await phone.call()
            arrived = await world.core.expect(events.CallArrived)
            thief = thief_of(world, phone)
            thief.host, thief.port = phone.host, phone.port  # the Via of the INVITE, as the caller wrote it
            thief.request("CANCEL", cseq=number, branch=f"z9hG4bK{phone.name}x{number}INVITE")
            await thief.response(481, "CANCEL")
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            phone.ack(await phone.response(200, "INVITE"))
            assert world.core.all(events.CallerHungUp) == []

    asyncio.run(story())


def dialog(*record_routes: str, contact: str = "<sip:a@192.0.2.5>") -> Dialog:
    lines = [
        "INVITE sip:185@198.51.100.1 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        "From: <sip:a@192.0.2.5>;tag=f",
        "To: <sip:185@198.51.100.1>",
        "Call-ID: 1",
        "CSeq: 1 INVITE",
        f"Contact: {contact}",
        *(f"Record-Route: <sip:{route};lr>" for route in record_routes),
        "Content-Length: 0",
        "\r\n",
    ]
    invite = parse_message("\r\n".join(lines).encode())
    assert isinstance(invite, Request)
    return Dialog.as_callee(invite, "t")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("192.0.2.1", True),  # where the INVITE came from
        ("192.0.2.5", True),  # the caller itself
        ("192.0.2.7", True),  # a proxy on the way
        ("2001:db8::7", True),  # another, however it is written
        ("proxy.example", False),  # a name is not an address
        ("192.0.2.9", False),
        ("198.51.100.1", False),
    ],
)
def test_where_a_dialog_lives(host: str, expected: bool) -> None:
    lives = dialog("192.0.2.7", "[2001:DB8:0::7]:5070")
    trunks = Trunks("edge1", {}, Path, Clock(), lambda _: None)
    assert may_speak(lives, PEER, Flow("UDP", host, 40_000), trunks) is expected


def test_a_trunk_speaks_from_all_its_hosts() -> None:
    config = Trunk(host="192.0.2.1", hosts=("192.0.2.1", "192.0.2.2"))
    trunks = Trunks("edge1", {"carrier": config}, Path, Clock(), lambda _: None)
    assert may_speak(dialog(), PEER, Flow("UDP", "192.0.2.2", 5060), trunks)
    assert not may_speak(dialog(), PEER, Flow("UDP", "192.0.2.3", 5060), trunks)
