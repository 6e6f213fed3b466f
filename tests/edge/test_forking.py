"""One INVITE of ours that several answer: who is first has the call, everybody else is thanked and hung up."""

from __future__ import annotations

import asyncio
from pathlib import Path

from acd_core.domain import commands, events
from gateways.media import messages as engine
from gateways.sip.limits import FORKS_MAX
from gateways.sip.message import Request
from gateways.sip.timers import TIMEOUT_MS
from tests.edge.test_calls import EDGE
from tests.edge.test_phones import register, ringing, with_phone
from tests.edge.test_trunk_care import Registrar, secret_at
from tests.edge.test_trunks import CALL, carriers, dial_out
from tests.edge.world import Phone, World, sdp, world_in


def test_a_device_that_answers_after_the_call_is_over_is_hung_up(tmp_path: Path) -> None:
    """RFC 3261 13.2.2.4: for 64 T1 after the first 2xx, whatever became of the leg."""

    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            _, phone, call, invite = await ringing(world)
            phone.reply(invite, 200, body=sdp(45_000), tag="first")
            await phone.asked("ACK")
            await world.core.expect(events.PhoneAnswered)
            world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=1))
            phone.reply(await phone.asked("BYE"), 200)
            phone.reply(invite, 200, body=sdp(45_002), tag="late")
            assert (await phone.asked("ACK")).to.tag == "late"
            assert (await phone.asked("BYE")).to.tag == "late"
            assert world.core.all(events.PhoneHungUp) == []

    asyncio.run(story())


def test_two_devices_that_answer_across_the_cancel_are_both_hung_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(with_phone(tmp_path)) as world:
            _, phone, call, invite = await ringing(world)
            phone.reply(invite, 180)
            world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=1))
            await phone.asked("CANCEL")
            for tag in ("one", "two"):
                phone.reply(invite, 200, body=sdp(45_000), tag=tag)
                assert (await phone.asked("ACK")).to.tag == tag
                assert (await phone.asked("BYE")).to.tag == tag
            assert world.core.all(events.PhoneAnswered) == []

    asyncio.run(story())


def test_a_call_that_nobody_can_be_had_for_ends(tmp_path: Path) -> None:
    """So many rang that whoever answers is one too many: they are hung up, and no other final answer comes any more."""

    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            world.core.send(dial_out())
            invite = await carrier.asked("INVITE")
            for number in range(FORKS_MAX):
                carrier.reply(invite, 180, tag=f"t{number}")
            carrier.reply(invite, 200, body=sdp(), tag="late")
            carrier.reply(await carrier.asked("BYE"), 200)
            world.jump(TIMEOUT_MS)
            assert (await world.core.expect(events.DialFailed)).status == 502
            assert world.edge.statistics().dialogs == 0
            world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="x"))

    asyncio.run(story())


def reliable(rseq: int) -> tuple[str, ...]:
    return ("Require: 100rel", f"RSeq: {rseq}")


async def dialled_by_phone(world: World, carrier: Phone) -> tuple[Phone, Request]:
    """An operator's phone that has picked up, and what the carrier is asked then."""
    phone = world.phone()
    assert (await register(world, phone)).status == 200
    world.core.send(dial_out(leg="", user="101"))
    phone.reply(await phone.asked("INVITE"), 200, body=sdp(44_000))
    await phone.asked("ACK")
    return phone, await carrier.asked("INVITE")


async def connected_to(world: World, port: int) -> engine.ConnectLeg:
    return await world.engine.expect(engine.ConnectLeg, lambda leg: leg.remote_port == port)


def test_what_is_heard_before_the_answer_is_the_operators_to_hear(tmp_path: Path) -> None:
    """RFC 3960: a 183 with a session description; who rings later and has one is heard instead."""
    with_phone(tmp_path)

    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            _, invite = await dialled_by_phone(world, carrier)
            carrier.reply(invite, 180, tag="a")
            assert (await world.core.expect(events.DialProgress)).status == 180
            carrier.reply(invite, 183, tag="a", body=sdp(45_000))
            heard = await connected_to(world, 45_000)
            joined = await world.engine.expect(engine.SetGains)
            assert {(gain.source, gain.target, gain.gain) for gain in joined.gains} == {
                (heard.leg, f"{CALL}-p7", 1.0),
                (f"{CALL}-p7", heard.leg, 1.0),
            }
            assert (await world.core.expect(events.DialProgress)).status == 183
            carrier.reply(invite, 183, tag="b", body=sdp(46_000))
            await connected_to(world, 46_000)
            carrier.reply(invite, 200, tag="a", body=sdp(45_000))
            assert (await carrier.asked("ACK")).to.tag == "a"
            await connected_to(world, 45_000)
            await world.core.expect(events.DialAnswered)
            assert world.engine.all(engine.StartRecording) == [], "nothing is recorded before the core joins"
            # The other that rang answers all the same.
            carrier.reply(invite, 200, tag="b", body=sdp(46_000))
            assert (await carrier.asked("ACK")).to.tag == "b"
            bye = await carrier.asked("BYE")
            assert bye.to.tag == "b"
            assert bye.get("Reason") == 'SIP;cause=200;text="Call completed elsewhere"'
            assert world.edge.statistics().dialogs == 2

    asyncio.run(story())


def test_a_reliable_ringing_is_acknowledged_once_and_its_answer_is_the_answer(tmp_path: Path) -> None:
    """RFC 3262: PRACK for each in order, none for copies; the 200 need not say it again."""
    with_phone(tmp_path)

    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            _, invite = await dialled_by_phone(world, carrier)
            assert "100rel" in invite.get_list("Supported")
            carrier.reply(invite, 183, tag="a", body=sdp(45_000), headers=reliable(7))
            prack = await carrier.asked("PRACK")
            assert (prack.get("RAck"), prack.to.tag) == ("7 1 INVITE", "a")
            assert prack.cseq.number == 2
            carrier.reply(prack, 200)
            await connected_to(world, 45_000)
            carrier.reply(invite, 183, tag="a", body=sdp(45_000), headers=reliable(7))  # a copy
            carrier.reply(invite, 180, tag="a", headers=reliable(9))  # one that overtook another
            carrier.reply(invite, 180, tag="a", headers=reliable(8))
            later = await carrier.asked("PRACK")
            assert later.get("RAck") == "8 1 INVITE"
            carrier.reply(later, 200)
            carrier.reply(invite, 180, tag="b", headers=reliable(1))
            other = await carrier.asked("PRACK")
            assert (other.get("RAck"), other.to.tag, other.cseq.number) == ("1 1 INVITE", "b", 2)
            carrier.reply(other, 200)
            carrier.reply(invite, 200, tag="a")
            ack = await carrier.asked("ACK")
            assert (ack.to.tag, ack.cseq.number) == ("a", 1)
            await world.core.expect(events.DialAnswered)
            world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="x"))
            assert (await carrier.asked("BYE")).to.tag == "a"

    asyncio.run(story())


def test_who_rings_may_change_the_terms_before_the_answer(tmp_path: Path) -> None:
    """RFC 3311: an UPDATE within the early dialog, once the first offer is answered."""
    with_phone(tmp_path)

    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            _, invite = await dialled_by_phone(world, carrier)
            carrier.reply(invite, 183, tag="a", body=sdp(45_000), headers=reliable(1))
            carrier.reply(await carrier.asked("PRACK"), 200)
            body = sdp(47_000)
            carrier.put(
                f"UPDATE sip:santral@127.0.0.1 SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP 127.0.0.1:{carrier.port};branch=z9hG4bKup;rport\r\nMax-Forwards: 70\r\n"
                f"From: {invite.get('To')};tag=a\r\nTo: {invite.get('From')}\r\nCall-ID: {invite.call_id}\r\n"
                f"CSeq: 1 UPDATE\r\nContact: <sip:phone@127.0.0.1:{carrier.port}>\r\n"
                f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
            )
            assert b"m=audio" in (await carrier.response(200, "UPDATE")).body
            await connected_to(world, 47_000)

    asyncio.run(story())


def test_a_branch_that_rings_with_what_cannot_be_heard_still_rings(tmp_path: Path) -> None:
    with_phone(tmp_path)

    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            _, invite = await dialled_by_phone(world, carrier)
            carrier.reply(invite, 183, tag="a", body="not SDP")
            assert (await world.core.expect(events.DialProgress)).status == 180
            carrier.reply(invite, 200, tag="a", body=sdp(45_000))
            await world.core.expect(events.DialAnswered)

    asyncio.run(story())


def test_a_session_that_is_too_short_is_asked_for_again(tmp_path: Path) -> None:
    """RFC 4028 7.3; a trunk that stumbles over session timers is spared them."""
    with_phone(tmp_path)

    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            _, invite = await dialled_by_phone(world, carrier)
            assert invite.get("Session-Expires") == "1800"
            carrier.reply(invite, 422, headers=("Min-SE: 3600",))
            await carrier.asked("ACK")
            again = await carrier.asked("INVITE")
            assert (again.get("Session-Expires"), again.get("Min-SE")) == ("3600", "3600")
            assert (again.call_id, again.cseq.number) == (invite.call_id, 2)
            timer = ("Session-Expires: 3600;refresher=uac", "Require: timer", "Allow: INVITE, UPDATE")
            carrier.reply(again, 200, body=sdp(45_000), headers=timer)
            await carrier.asked("ACK")
            await world.core.expect(events.DialAnswered)
            world.jump(1_800_001)
            refresh = await carrier.asked("UPDATE")
            assert refresh.get("Session-Expires") == "3600;refresher=uac"

    asyncio.run(story())


def test_a_trunk_without_session_timers_is_not_asked_for_them(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {"session_timers": False}) as (world, [carrier]):
            world.core.send(dial_out())
            assert (await carrier.asked("INVITE")).get("Session-Expires") is None

    asyncio.run(story())


def test_a_trunk_that_challenges_the_bye_gets_its_proof(tmp_path: Path) -> None:
    secret_at(tmp_path)

    async def story() -> None:
        async with carriers(tmp_path, {"user": "santral"}) as (world, [side]):
            registrar = Registrar(side)
            world.core.send(dial_out())
            invite = await side.asked("INVITE")
            side.reply(invite, 200, body=sdp(45_000), tag="a")
            await side.asked("ACK")
            await world.core.expect(events.DialAnswered)
            # Of one that is not wanted, too.
            side.reply(invite, 200, body=sdp(45_000), tag="b")
            late = await side.asked("BYE")
            world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="x"))
            for bye in (late, await side.asked("BYE")):
                registrar.challenge(bye)
                proven = await side.asked("BYE")
                assert proven.to.tag == bye.to.tag
                assert registrar.is_proven(proven)
                side.reply(proven, 200)

    asyncio.run(story())
