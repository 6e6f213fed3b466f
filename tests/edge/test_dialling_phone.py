"""Phones of ours that call out: who may, what they hear, and that nobody else leads a call anywhere."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest

from acd_core.domain import commands, events
from acd_core.link.signals import FromCore, ToCore
from gateways.edge.limits import Timing
from gateways.media import messages as engine
from gateways.sip.auth import DigestClient
from gateways.sip.message import Request, Response
from tests.edge.test_calls import EDGE
from tests.edge.test_phones import register, with_phone
from tests.edge.test_trunks import bye, carriers
from tests.edge.world import Phone, Scripted, World, sdp


def beside_a_carrier(
    folder: Path, **more: Any
) -> contextlib.AbstractAsyncContextManager[tuple[World, list[Phone]]]:
    """An edge with a phone of ours, 101, and one carrier whose own calls come from elsewhere."""
    return carriers(with_phone(folder), {"hosts": ("192.0.2.9",)}, **more)


async def dials(
    world: World,
    phone: Phone,
    uri: str = "",
    *,
    password: str = "secret",
    call: str = "out",
    body: str | None = None,
) -> None:
    """Dial as 101, and prove who one is when asked."""
    uri = uri or f"sip:02121112233@127.0.0.1:{world.edge.point.port}"
    body = sdp(44_000) if body is None else body
    number = await phone.call(uri=uri, call=call, caller="101", body=body)
    challenge = await phone.response(401)
    # RFC 3261 17.1.1.3: the ACK to a refusal has the branch of its INVITE.
    branch = f"z9hG4bK{phone.name}x{number}INVITE"
    tag = challenge.to.tag or ""
    phone.request("ACK", uri, branch=branch, cseq=number, to_tag=tag, call=call, caller="101")
    asked = Request("INVITE", uri, [("CSeq", f"{number} INVITE")])
    proof = DigestClient("101", password, lambda n: "x" * n).answer(asked, challenge)
    assert proof is not None
    headers = (f"Authorization: {proof.get('Authorization')}",)
    await phone.call(uri=uri, call=call, caller="101", body=body, headers=headers)


async def dialled(world: World, phone: Phone, body: str | None = None) -> str:
    assert (await register(world, phone)).status == 200
    await dials(world, phone, body=body)
    event = await world.core.expect(events.PhoneDialled)
    assert (event.user, event.dialled, event.number) == ("101", "02121112233", "+902121112233")
    return event.call


def let_dial(world: World, call: str) -> None:
    world.core.send(
        commands.DialOut(
            edge=EDGE, call=call, number="+902121112233", agent="ayse", offer=5, caller="+902125550000"
        )
    )


async def test_a_phone_dials_hears_it_ring_talks_and_hangs_up(tmp_path: Path) -> None:
    async with beside_a_carrier(tmp_path) as (world, [carrier]):
        phone = world.phone()
        call = await dialled(world, phone)
        let_dial(world, call)
        invite = await carrier.asked("INVITE")
        assert invite.from_.uri.user == "+902125550000"
        carrier.reply(invite, 180)
        await phone.response(180)
        assert (await world.core.expect(events.DialProgress)).status == 180
        carrier.reply(invite, 183, body=sdp(45_000))
        progress = await phone.response(183)
        assert b"m=audio" in progress.body
        gains = await world.engine.expect(engine.SetGains)
        assert {(gain.source, gain.target) for gain in gains.gains} == {
            (call, f"{call}-d"),
            (f"{call}-d", call),
        }
        carrier.reply(invite, 183, body=sdp(45_000))
        carrier.reply(invite, 200, body=sdp(45_000))
        ok = await phone.receive()
        assert isinstance(ok, Response)
        assert ok.status == 200, "what is heard is not said twice: phones begin their audio anew"
        assert ok.body == progress.body
        phone.ack(ok, call="out")
        assert (await world.core.expect(events.DialAnswered)).call == call
        world.core.send(commands.Join(edge=EDGE, call=call, agent="ayse", offer=5, part=1))
        recording = await world.engine.expect(engine.StartRecording)
        assert (recording.left, recording.right) == (f"{call}-d", call)
        phone.request("BYE", to_tag=ok.to.tag or "", call="out", caller="101")
        hung_up = await world.core.expect(events.PhoneHungUp)
        assert (hung_up.agent, hung_up.call) == ("ayse", call)
        world.core.send(commands.EndCall(edge=EDGE, call=call, cause="agent_hung_up"))
        await carrier.asked("BYE")
        await world.heard_all()
        assert world.edge.statistics().calls.live == world.edge.statistics().audio.legs == 0


async def test_a_phone_without_an_offer_is_answered_to_hear_what_comes_before(tmp_path: Path) -> None:
    async with beside_a_carrier(tmp_path) as (world, [carrier]):
        phone = world.phone()
        call = await dialled(world, phone, body="")
        let_dial(world, call)
        invite = await carrier.asked("INVITE")
        carrier.reply(invite, 183, body=sdp(45_000))
        ok = await phone.response(200)
        assert b"m=audio" in ok.body
        phone.ack(ok, body=sdp(44_000), call="out")
        await world.engine.expect(engine.SetGains)
        carrier.reply(invite, 200, body=sdp(45_000))
        assert (await world.core.expect(events.DialAnswered)).call == call
        world.core.send(commands.Join(edge=EDGE, call=call, agent="ayse", offer=5, part=1))
        await world.engine.expect(engine.StartRecording)


async def test_the_called_party_hangs_up(tmp_path: Path) -> None:
    async with beside_a_carrier(tmp_path) as (world, [carrier]):
        phone = world.phone()
        call = await dialled(world, phone)
        let_dial(world, call)
        invite = await carrier.asked("INVITE")
        carrier.reply(invite, 200, body=sdp(45_000))
        phone.ack(await phone.response(200), call="out")
        await world.core.expect(events.DialAnswered)
        bye(carrier, invite)
        await phone.asked("BYE")
        assert (await world.core.expect(events.CallerHungUp)).call == call


@pytest.mark.parametrize(("status", "shown"), [(486, 486), (404, 480), (603, 603), (503, 480)])
async def test_what_became_of_it_is_shown_on_the_phone(tmp_path: Path, status: int, shown: int) -> None:
    async with beside_a_carrier(tmp_path) as (world, [carrier]):
        phone = world.phone()
        let_dial(world, await dialled(world, phone))
        carrier.reply(await carrier.asked("INVITE"), status)
        assert (await phone.response(shown, "INVITE")).status == shown
        assert (await world.core.expect(events.DialFailed)).status == status
        assert world.core.all(events.PhoneHungUp) == []
        assert world.edge.statistics().audio.legs == 0


async def test_a_phone_that_gives_up_takes_the_call_back(tmp_path: Path) -> None:
    async with beside_a_carrier(tmp_path) as (world, [carrier]):
        phone = world.phone()
        call = await dialled(world, phone)
        let_dial(world, call)
        invite = await carrier.asked("INVITE")
        carrier.reply(invite, 180)
        await phone.response(180)
        cancel(phone)
        await phone.response(487, "INVITE")
        assert (await world.core.expect(events.PhoneHungUp)).call == call
        await carrier.asked("CANCEL")  # whatever the core says
        assert world.edge.statistics().calls.live == world.edge.statistics().audio.legs == 0


def cancel(phone: Phone) -> None:
    """Of the last INVITE."""
    number = next(phone.number) - 1
    uri = f"sip:02121112233@127.0.0.1:{phone.edge[1]}"
    branch = f"z9hG4bK{phone.name}x{number}INVITE"
    phone.request("CANCEL", uri, branch=branch, cseq=number, call="out", caller="101")


async def test_a_phone_that_gave_up_before_the_core_decided_dials_nothing(tmp_path: Path) -> None:
    async with beside_a_carrier(tmp_path) as (world, [_]):
        phone = world.phone()
        call = await dialled(world, phone)
        cancel(phone)
        await phone.response(487, "INVITE")
        sent = world.edge.point.statistics().requests_sent
        let_dial(world, call)
        assert (await world.core.expect(events.PhoneHungUp)).call == call
        assert world.edge.point.statistics().requests_sent == sent


async def test_the_core_may_say_no(tmp_path: Path) -> None:
    async with beside_a_carrier(tmp_path) as (world, [_]):
        phone = world.phone()
        call = await dialled(world, phone)
        world.core.send(commands.RefuseCall(edge=EDGE, call=call, status=403, reason="no_dialling"))
        assert (await phone.response(403, "INVITE")).reason == "no_dialling"
        assert world.edge.statistics().audio.legs == 0


async def test_the_core_may_say_nothing(tmp_path: Path) -> None:
    timing = Timing(decision_core_up_s=0.05)
    async with beside_a_carrier(tmp_path, timing=timing) as (world, [_]):
        phone = world.phone()
        await dialled(world, phone)
        assert (await phone.response(503, "INVITE")).get("Retry-After")
        assert world.edge.statistics().audio.legs == 0


async def test_a_new_core_is_asked_again(tmp_path: Path) -> None:
    async with beside_a_carrier(tmp_path) as (world, [carrier]):
        phone = world.phone()
        call = await dialled(world, phone)
        await world.core.stop()
        await world.went_away(world.edge.core)
        world.core = Scripted(world.config, "core", FromCore, ToCore)
        await world.core.start()
        assert (await world.core.expect(events.PhoneDialled)).call == call
        let_dial(world, call)
        await carrier.asked("INVITE")


async def test_who_does_not_prove_to_be_a_phone_is_asked_again_and_then_left(tmp_path: Path) -> None:
    async with beside_a_carrier(tmp_path) as (world, [_]):
        phone = world.phone()
        assert (await register(world, phone)).status == 200
        await dials(world, phone, password="guess")
        await phone.response(401)
        stranger = world.phone()
        forged = 'Authorization: Digest username="101", realm="santral", nonce="made up", uri="sip:x@y", '
        forged += 'response="00", algorithm=MD5, qop=auth, nc=00000001, cnonce="x"'
        await stranger.call(uri=f"sip:02121112233@127.0.0.1:{stranger.edge[1]}", headers=(forged,))
        await stranger.response(401)
        assert world.core.all(events.PhoneDialled) == world.core.all(events.CallArrived) == []


async def test_a_stranger_with_credentials_for_somebody_else_calls_us(tmp_path: Path) -> None:
    async with beside_a_carrier(tmp_path) as (world, [_]):
        stranger = world.phone()
        other = 'Proxy-Authorization: Digest username="x", realm="theirs", nonce="n", uri="sip:x@y", response="00"'
        await stranger.call(headers=(other,))
        assert (await world.core.expect(events.CallArrived)).dialled == "185"


async def test_a_phone_that_dials_no_telephone_number_calls_a_service(tmp_path: Path) -> None:
    async with beside_a_carrier(tmp_path) as (world, [_]):
        phone = world.phone()
        assert (await register(world, phone)).status == 200
        await dials(world, phone, f"sip:185@127.0.0.1:{phone.edge[1]}")
        arrived = await world.core.expect(events.CallArrived)
        assert (arrived.dialled, arrived.caller) == ("185", "101")


async def test_a_barred_number_is_told_to_the_core_and_not_dialled_even_if_it_says_so(tmp_path: Path) -> None:
    async with beside_a_carrier(tmp_path) as (world, [_]):
        phone = world.phone()
        assert (await register(world, phone)).status == 200
        await dials(world, phone, f"sip:09001234567@127.0.0.1:{phone.edge[1]}")
        event = await world.core.expect(events.PhoneDialled)
        assert event.number == "+909001234567"
        sent = world.edge.point.statistics().requests_sent
        world.core.send(
            commands.DialOut(edge=EDGE, call=event.call, number=event.number, agent="ayse", offer=5)
        )
        assert (await world.core.expect(events.DialFailed)).cause == "barred_premium"
        assert (await phone.response(603, "INVITE")).status == 603
        assert world.edge.point.statistics().requests_sent == sent
