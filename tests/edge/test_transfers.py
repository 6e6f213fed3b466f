"""Calls that the caller's exchange hands on, by Replaces (RFC 3891) and by REFER (RFC 3515): the same call, another telephone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from acd_core.config import Config
from acd_core.domain import commands, events
from acd_core.telephony import Trunk
from gateways.edge.limits import Timing
from gateways.media import messages as engine
from gateways.sip.message import Request
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import Phone, World, config_for, replace, sdp, world_in


def replaces(phone: Phone, tag: str, more: str = "") -> str:
    return f"Replaces: {phone.name}-1;to-tag={tag};from-tag=f{phone.name}{more}"


async def connected(world: World, port: int) -> None:
    await world.engine.expect(engine.ConnectLeg, lambda connect: connect.remote_port == port)


# --- Replaces -----------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [False, True])
def test_another_telephone_takes_the_place_of_the_callers(tmp_path: Path, late: bool) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone, other = world.phone(), world.phone()
            call, tag = await answered(world, phone)
            await connected(world, 40_000)
            await other.call(
                body="" if late else sdp(45_000), headers=("Require: replaces", replaces(phone, tag))
            )
            ok = await other.response(200, "INVITE")
            other.ack(ok, body=sdp(45_000) if late else "")
            await connected(world, 45_000)
            phone.reply(await phone.asked("BYE"), 200)
            # It is the same call, on the same ports, and the dialog before is gone.
            assert b"m=audio 30000" in ok.body
            assert len(world.core.all(events.CallArrived)) == 1
            assert world.edge.statistics().dialogs == 1
            phone.request("BYE", to_tag=tag)
            await phone.response(481, "BYE")
            relay = {"content_type": "application/dtmf-relay", "to_tag": ok.to.tag or ""}
            other.request("INFO", body="Signal=5\r\n", **relay)
            assert (await world.core.expect(events.KeyPressed)).call == call
            world.core.send(commands.EndCall(edge=EDGE, call=call, cause="x"))
            await other.asked("BYE")
            assert world.core.all(events.CallerHungUp) == []

    asyncio.run(story())


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Replaces: nobody;to-tag=a;from-tag=b", 481),
        ("Replaces: what", 400),
        ("early", 486),
    ],
)
def test_what_cannot_be_replaced(tmp_path: Path, header: str, status: int) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone, other = world.phone(), world.phone()
            _, tag = await answered(world, phone)
            asked = replaces(phone, tag, ";early-only") if header == "early" else header
            await other.call(headers=(asked,))
            await other.response(status, "INVITE")
            phone.request("OPTIONS", to_tag=tag)
            await phone.response(200, "OPTIONS")
            assert len(world.core.all(events.CallArrived)) == 1

    asyncio.run(story())


def test_a_call_that_is_not_answered_is_not_replaced(tmp_path: Path) -> None:
    """RFC 3891 3: an early dialog that was not begun here"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone, other = world.phone(), world.phone()
            arrived = await world.arrive(phone)
            world.core.send(commands.RingCaller(edge=EDGE, call=arrived.call))
            tag = (await phone.response(180)).to.tag or ""
            await other.call(headers=(replaces(phone, tag),))
            await other.response(481, "INVITE")

    asyncio.run(story())


def test_nobody_takes_a_call_from_elsewhere(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            _, tag = await answered(world, phone)
            thief = Phone(world.edge.point.port, "127.0.0.2")
            thief.edge = phone.edge
            world.phones.append(thief)
            await thief.call(headers=(replaces(phone, tag),))
            await thief.response(481, "INVITE")
            assert world.edge.guard.counters(0)["spoofed"] == 1

    asyncio.run(story())


# --- REFER --------------------------------------------------------------------------------------


def trunked(folder: Path) -> Config:
    return replace(config_for(folder), trunks={"pbx": Trunk(host="127.0.0.1", health_s=0)})


async def handed_on(world: World, phone: Phone, other: Phone, tag: str, *more: str) -> Request:
    """The INVITE that comes of a REFER to the other telephone."""
    target = f"<sip:203@127.0.0.1:{other.port}?Replaces=theirs%3Bto-tag%3Dx%3Bfrom-tag%3Dy>"
    phone.request("REFER", to_tag=tag, headers=(f"Refer-To: {target}", *more))
    await phone.response(202, "REFER")
    return await other.asked("INVITE")


async def noted(phone: Phone) -> tuple[int, str]:
    """The status line and the state of the subscription in the next NOTIFY."""
    notify = await phone.asked("NOTIFY")
    assert (notify.get("Event") or "").startswith("refer;id=")
    phone.reply(notify, 200)
    assert notify.content_type == "message/sipfrag"
    return int(notify.body.split()[1]), (notify.get("Subscription-State") or "").partition(";")[0]


def test_a_caller_is_handed_on_within_their_exchange(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, config=trunked(tmp_path)) as world:
            phone, other = world.phone(), world.phone()
            call, tag = await answered(world, phone)
            by = "Referred-By: <sip:201@127.0.0.1>"
            invite = await handed_on(world, phone, other, tag, by)
            assert invite.get("Replaces") == "theirs;to-tag=x;from-tag=y"
            assert invite.get("Require") == "replaces"
            assert invite.get("Referred-By") == "<sip:201@127.0.0.1>"
            assert b"m=audio 30000" in invite.body
            assert await noted(phone) == (100, "active")
            other.reply(invite, 200, body=sdp(46_000))
            await other.asked("ACK")
            await connected(world, 46_000)
            assert await noted(phone) == (200, "terminated")
            phone.reply(await phone.asked("BYE"), 200)
            leg = world.engine.all(engine.AllocateLeg)[0].leg
            world.engine.send(engine.Key(leg=leg, key="7"))
            assert (await world.core.expect(events.KeyPressed)).call == call
            world.core.send(commands.EndCall(edge=EDGE, call=call, cause="x"))
            assert (await other.asked("BYE")).call_id == invite.call_id
            assert world.core.all(events.CallerHungUp) == []

    asyncio.run(story())


def test_a_telephone_that_does_not_take_the_call_leaves_it_where_it_was(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, config=trunked(tmp_path)) as world:
            phone, other = world.phone(), world.phone()
            call, tag = await answered(world, phone)
            await connected(world, 40_000)
            invite = await handed_on(world, phone, other, tag)
            other.reply(invite, 183, body=sdp(46_000))
            await connected(world, 46_000)
            other.reply(invite, 486)
            await connected(world, 40_000)
            assert await noted(phone) == (100, "active")
            assert await noted(phone) == (183, "active")
            assert await noted(phone) == (486, "terminated")
            # Once more, and then who asked hangs up before anything came of it.
            invite = await handed_on(world, phone, other, tag, "Refer-Sub: false")
            phone.request("BYE", to_tag=tag)
            await phone.response(200, "BYE")
            assert world.core.all(events.CallerHungUp) == []
            other.reply(invite, 603)
            gone = await world.core.expect(events.CallerHungUp)
            assert (gone.call, gone.cause) == (call, "caller_hung_up")

    asyncio.run(story())


def test_a_telephone_that_rings_for_ever_does_not_hold_a_call_that_the_caller_left(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, config=trunked(tmp_path)) as world:
            phone, other = world.phone(), world.phone()
            call, tag = await answered(world, phone)
            other.reply(await handed_on(world, phone, other, tag), 180)
            await noted(phone)
            assert await noted(phone) == (180, "active")
            phone.request("BYE", to_tag=tag)
            await phone.response(200, "BYE")
            world.jump(int(Timing().ring_max_s * 1000))
            await other.asked("CANCEL")
            assert (await world.core.expect(events.CallerHungUp)).call == call

    asyncio.run(story())


def test_a_call_that_ends_meanwhile_takes_its_transfer_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, config=trunked(tmp_path)) as world:
            phone, other = world.phone(), world.phone()
            call, tag = await answered(world, phone)
            invite = await handed_on(world, phone, other, tag)
            other.reply(invite, 180)
            await noted(phone)
            assert await noted(phone) == (180, "active")
            world.core.send(commands.EndCall(edge=EDGE, call=call, cause="x"))
            await phone.asked("BYE")
            await other.asked("CANCEL")

    asyncio.run(story())


@pytest.mark.parametrize(
    ("refer_to", "status"),
    [
        ("<sip:203@127.0.0.1>", 403),  # a call that is not there yet: ours to pay
        ("<sip:203@192.0.2.9?Replaces=a%3Bto-tag%3Dx%3Bfrom-tag%3Dy>", 403),  # elsewhere
        ("<tel:+9005>", 403),
        *(
            (f"<sip:{user}@127.0.0.1?Replaces=a%3Bto-tag%3Dx%3Bfrom-tag%3Dy>", 403)
            # What an exchange that does not look at Replaces would dial.
            for user in (
                "+909001234567",
                "00449098790001",
                "112",
                "112345",
                "90900123456789012",
                "203;rn=112",
                "*21*112#",
            )
        ),
        ("<sip:203@127.0.0.1;maddr=192.0.2.9?Replaces=a%3Bto-tag%3Dx%3Bfrom-tag%3Dy>", 403),
        ("<sip:203@127.0.0.1;method=BYE>", 501),
        ("<mailto:a@b>", 416),
        ("<sip:a@b>, <sip:c@d>", 400),
    ],
)
def test_whom_nobody_is_called_for(tmp_path: Path, refer_to: str, status: int) -> None:
    async def story() -> None:
        async with world_in(tmp_path, config=trunked(tmp_path)) as world:
            phone = world.phone()
            _, tag = await answered(world, phone)
            phone.request("REFER", to_tag=tag, headers=(f"Refer-To: {refer_to}",))
            await phone.response(status, "REFER")
            assert world.edge.point.statistics().requests_sent == 0

    asyncio.run(story())


@pytest.mark.parametrize("within", [True, False])
def test_nobody_is_called_for_who_is_no_trunk(tmp_path: Path, within: bool) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            tag = (await answered(world, phone))[1] if within else ""
            more: dict[str, Any] = {"to_tag": tag} if within else {"call": "refer"}
            target = "<sip:203@127.0.0.1?Replaces=a%3Bto-tag%3Dx%3Bfrom-tag%3Dy>"
            phone.request("REFER", headers=(f"Refer-To: {target}",), **more)
            await phone.response(403, "REFER")

    asyncio.run(story())
