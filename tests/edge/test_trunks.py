"""Calls of ours over trunks: which trunk takes them, what is sent there, and what becomes of them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from acd_core.config import Config
from acd_core.domain import commands, events
from acd_core.telephony import DialRule, Trunk
from gateways.edge.limits import Timing
from gateways.edge.phones import phones_path, set_phone_password
from gateways.media import messages as media
from gateways.sip.message import Request
from tests.edge.engine_process import EngineProcess
from tests.edge.foreign import sipp_running
from tests.edge.test_calls import EDGE
from tests.edge.test_phones import register
from tests.edge.test_real_engine import OPERATOR_HZ, Speaker
from tests.edge.world import Phone, World, config_for, replace, sdp, world_in
from tests.support.ports import free_ports

NUMBER = "+902121112233"
CALL = "c-1-d7"


def dial_out(number: str = NUMBER, *, call: str = CALL, leg: str = "b1", **more: Any) -> commands.DialOut:
    settings: dict[str, Any] = {"agent": "ayse", "offer": 7, "leg": leg, "caller": "+902125550000", **more}
    return commands.DialOut(edge=EDGE, call=call, number=number, **settings)


def trunked(config: Config, *rules: DialRule, **trunks: Trunk) -> Config:
    rule = DialRule(trunks=tuple(trunks), prefix="90", strip=2, add="0", allow=("national",))
    return replace(config, trunks=trunks, dial=rules or (rule,))


@contextlib.asynccontextmanager
async def carriers(
    folder: Path, *settings: dict[str, Any], timing: Timing | None = None, rules: tuple[DialRule, ...] = ()
) -> AsyncIterator[tuple[World, list[Phone]]]:
    """An edge with trunks t1, t2 …, each to a text phone that plays the carrier."""
    sides = []
    with contextlib.ExitStack() as stack:
        trunks: dict[str, Trunk] = {}
        for number, more in enumerate(settings, 1):
            side = Phone(0)
            stack.callback(side.close)
            sides.append(side)
            trunks[f"t{number}"] = Trunk(**{"host": "127.0.0.1", "port": side.port, "health_s": 0, **more})
        config = trunked(config_for(folder), *rules, **trunks)
        async with world_in(folder, config=config, timing=timing) as world:
            for side in sides:
                side.edge = ("127.0.0.1", world.edge.point.port)
            yield world, sides


@pytest.mark.peers
async def test_a_call_over_a_static_trunk_is_heard_both_ways(tmp_path: Path, engine: EngineProcess) -> None:
    """SIPp is the carrier and sends back what it hears: the operator hears themselves over both ways at once."""
    port, media_port = free_ports(2), free_ports(4)
    config = trunked(engine.config, carrier=Trunk(host="127.0.0.1", port=port, health_s=0))
    set_phone_password(phones_path(config.data_path), "santral", "101", "secret")
    audio = ("-mi", "127.0.0.1", "-mp", str(media_port), "-rtp_echo")
    operator = Speaker(OPERATOR_HZ, 2)
    try:
        async with (
            sipp_running("trunk_answers", tmp_path, *audio, port=port) as carrier,
            world_in(tmp_path, config=config, real_engine=True) as world,
        ):
            phone = world.phone()
            assert (await register(world, phone)).status == 200
            world.core.send(dial_out(leg="", user="101"))
            invite = await phone.asked("INVITE")
            assert invite.from_.uri.user == NUMBER
            phone.reply(invite, 200, body=sdp(operator.rtp.port))
            await phone.asked("ACK")
            operator.talk_to(invite.body)
            assert (await world.core.expect(events.DialProgress)).status == 180
            answered = await world.core.expect(events.DialAnswered)
            assert (answered.call, answered.trunk) == (CALL, "carrier")
            world.core.send(commands.Join(edge=EDGE, call=CALL, agent="ayse", offer=7, part=1))
            await operator.hears(OPERATOR_HZ)
            world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))
            await phone.asked("BYE")
            await carrier.finish()
            finished = await world.core.expect(events.RecordingFinished)
            assert (finished.call, finished.agent) == (CALL, "ayse")
            assert world.core.all(events.PhoneAnswered) == []
    finally:
        await operator.stop()


def test_what_goes_out_is_the_number_by_the_rules_and_the_caller_as_the_trunk_wants_it(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {"trusted": True}) as (world, [carrier]):
            assert world.core.all(events.EdgeInventory)[0].trunks == ("t1",)
            world.core.send(dial_out())
            invite = await carrier.asked("INVITE")
            assert invite.uri == f"sip:02121112233@127.0.0.1:{carrier.port};user=phone"
            assert invite.from_.uri.user == "+902125550000"
            assert (invite.get("P-Asserted-Identity") or "").startswith("<sip:+902125550000@")
            carrier.reply(invite, 200, body=sdp())
            await carrier.asked("ACK")
            assert (await world.core.expect(events.DialAnswered)).trunk == "t1"
            [row] = world.edge.trunks.rows()
            assert (row.trunk, row.up, row.live, row.capacity) == ("t1", True, 1, 30)
            bye(carrier, invite)
            await carrier.response(200, "BYE")
            gone = await world.core.expect(events.CallerHungUp)
            assert (gone.call, gone.cause) == (CALL, "caller_hung_up")
            assert world.edge.trunks.rows()[0].live == 0

    asyncio.run(story())


def bye(callee: Phone, invite: Request) -> None:
    """The called party, who answered with the tag `phone`, hangs up."""
    callee.put(
        f"BYE sip:santral@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{callee.port};branch=z9hG4bKbye;rport\r\n"
        f"From: {invite.get('To')};tag=phone\r\nTo: {invite.get('From')}\r\nCall-ID: {invite.call_id}\r\n"
        "CSeq: 1 BYE\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize(
    "number", ["+909001234567", "112", "155", "+4915112345678", "1234567890123456", "sip:a@b"]
)
def test_what_the_rules_do_not_let_through_is_refused_at_the_edge_too(tmp_path: Path, number: str) -> None:
    """Premium, emergency, abroad, no number: whatever the core says, nothing goes out."""

    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            world.core.send(dial_out(number))
            failed = await world.core.expect(events.DialFailed)
            assert (failed.call, failed.status, failed.trunk) == (CALL, 403, "")
            assert failed.cause
            world.core.send(dial_out(call="c-1-d8", offer=8))
            invite = await carrier.asked("INVITE")
            assert "02121112233" in invite.uri, "the first that came is the one that may"
            assert world.edge.statistics().calls.live == 1

    asyncio.run(story())


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504, 407])
def test_a_trunk_that_cannot_hands_the_call_to_the_next(tmp_path: Path, status: int) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {"order": 5}, {"order": 9}) as (world, [first, second]):
            world.core.send(dial_out())
            invite = await first.asked("INVITE")
            first.reply(invite, status)
            await first.asked("ACK")
            again = await second.asked("INVITE")
            assert again.call_id != invite.call_id
            second.reply(again, 200, body=sdp())
            assert (await world.core.expect(events.DialAnswered)).trunk == "t2"
            assert [row.live for row in world.edge.trunks.rows()] == [0, 1]

    asyncio.run(story())


@pytest.mark.parametrize("status", [486, 404, 480, 603, 600])
def test_what_the_called_party_says_ends_the_call(tmp_path: Path, status: int) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}, {}) as (world, [first, _]):
            world.core.send(dial_out())
            invite = await first.asked("INVITE")
            first.reply(invite, 180)
            assert (await world.core.expect(events.DialProgress)).status == 180
            first.reply(invite, status)
            failed = await world.core.expect(events.DialFailed)
            assert (failed.status, failed.trunk) == (status, "t1")
            assert world.edge.trunks.up == ("t1", "t2")
            assert [row.live for row in world.edge.trunks.rows()] == [0, 0]
            assert world.edge.statistics().audio.legs == 0

    asyncio.run(story())


def test_who_rang_has_been_reached_and_is_not_called_over_another_trunk(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}, {}) as (world, [first, _]):
            world.core.send(dial_out())
            invite = await first.asked("INVITE")
            first.reply(invite, 180)
            first.reply(invite, 408)
            failed = await world.core.expect(events.DialFailed)
            assert (failed.status, failed.trunk) == (408, "t1")
            assert [row.up for row in world.edge.trunks.rows()] == [True, True]

    asyncio.run(story())


def test_a_trunk_that_says_nothing_is_left_for_the_next_and_hung_up_should_it_answer(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}, {}, timing=Timing(trunk_silence_s=0.3)) as (
            world,
            [first, second],
        ):
            world.core.send(dial_out())
            invite = await first.asked("INVITE")
            second.reply(await second.asked("INVITE"), 200, body=sdp())
            assert (await world.core.expect(events.DialAnswered)).trunk == "t2"
            first.reply(invite, 200, body=sdp(), tag="late")
            await first.asked("ACK")
            assert (await first.asked("BYE")).to.tag == "late"

    asyncio.run(story())


def test_without_any_trunk_that_can_the_call_fails_with_what_the_last_one_said(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}, {}) as (world, both):
            world.core.send(dial_out())
            for carrier, status in zip(both, (500, 504), strict=True):
                carrier.reply(await carrier.asked("INVITE"), status)
            failed = await world.core.expect(events.DialFailed)
            assert (failed.status, failed.cause, failed.trunk) == (504, "no_trunk", "t2")

    asyncio.run(story())


def test_a_full_trunk_is_passed_over_and_counted(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {"capacity": 1}, {"order": 11}) as (world, [first, second]):
            world.core.send(dial_out())
            await first.asked("INVITE")
            world.core.send(dial_out(call="c-1-d8", offer=8))
            await second.asked("INVITE")
            rows = world.edge.trunks.rows()
            assert [(row.live, row.refused) for row in rows] == [(1, 1), (1, 0)]
            world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="x"))
            await world.heard_all()
            world.core.send(dial_out(call="c-1-d9", offer=9))
            assert (await first.asked("INVITE")).call_id

    asyncio.run(story())


def test_trunks_of_one_order_share_calls_by_weight(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {"weight": 3}, {"weight": 1}, {"order": 99}) as (world, sides):
            for number in range(8):
                world.core.send(dial_out(call=f"c-1-d{number}", offer=number))
            for carrier, share in zip(sides, (6, 2), strict=False):
                asked = {(await carrier.asked("INVITE")).call_id for _ in range(share)}
                assert len(asked) == share
            assert [row.live for row in world.edge.trunks.rows()] == [6, 2, 0]

    asyncio.run(story())


def test_a_trunk_that_asks_for_a_pause_gets_it(tmp_path: Path) -> None:
    """RFC 3261 21.5.4."""

    async def story() -> None:
        async with carriers(tmp_path, {}, {"order": 20}) as (world, [first, second]):
            world.core.send(dial_out())
            first.reply(await first.asked("INVITE"), 503, headers=("Retry-After: 30 (busy)",))
            await second.asked("INVITE")
            changed = await world.core.expect(events.TrunkChanged, lambda event: event.trunk == "t1")
            assert (changed.up, changed.reason) == (False, "calls failed with 503")
            world.core.send(dial_out(call="c-1-d8", offer=8))
            await second.asked("INVITE")
            world.jump(30_001)
            world.edge.trunks.look()
            assert (await world.core.expect(events.TrunkChanged)).up
            world.core.send(dial_out(call="c-1-d9", offer=9))
            await first.asked("INVITE")

    asyncio.run(story())


def test_a_trunk_that_fails_again_and_again_rests_longer_each_time(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            for number in range(4):
                if number == 3:
                    world.jump(10_001)
                world.core.send(dial_out(call=f"c-1-d{number}", offer=number))
                carrier.reply(await carrier.asked("INVITE"), 500)
                await world.core.expect(events.DialFailed)
                assert world.edge.trunks.up == (("t1",) if number < 2 else ())
            world.core.send(dial_out())
            failed = await world.core.expect(events.DialFailed)
            assert (failed.status, failed.cause) == (503, "no_trunk")
            world.jump(10_001)
            world.edge.trunks.look()
            assert world.edge.trunks.up == ()
            world.jump(10_000)
            world.edge.trunks.look()
            assert world.edge.trunks.up == ("t1",)
            world.core.send(dial_out(call="c-1-d8", offer=8))
            carrier.reply(await carrier.asked("INVITE"), 180)
            await world.core.expect(events.DialProgress)
            assert world.edge.trunks.rows()[0].reason == ""
            # That one counts, so what failed before is forgotten.
            for number in (20, 21):
                world.core.send(dial_out(call=f"c-1-d{number}", offer=number))
                carrier.reply(await carrier.asked("INVITE"), 500)
                await world.core.expect(events.DialFailed)
            assert world.edge.trunks.up == ("t1",)

    asyncio.run(story())


def test_the_operator_who_takes_it_back_cancels(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            world.core.send(dial_out())
            invite = await carrier.asked("INVITE")
            carrier.reply(invite, 180)
            await world.core.expect(events.DialProgress)
            world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))
            cancel = await carrier.asked("CANCEL")
            assert cancel.get("Reason") == 'Q.850;cause=16;text="Normal call clearing"'
            carrier.reply(cancel, 200)
            carrier.reply(invite, 487)
            await carrier.asked("ACK")
            assert world.core.all(events.DialFailed) == []
            assert world.edge.statistics().calls.live == world.edge.statistics().audio.legs == 0

    asyncio.run(story())


def test_a_new_core_hears_what_is_being_dialled(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            world.core.send(dial_out())
            world.core.send(dial_out())  # twice is once
            await carrier.asked("INVITE")
            await world.core.stop()
            await world.went_away(world.edge.core)
            await world.core.start()
            inventory = await world.core.expect(events.EdgeInventory)
            [held] = inventory.calls
            assert (held.call, held.answered, held.dialling) == (CALL, False, True)

    asyncio.run(story())


def test_the_operators_own_phone_comes_first_and_nothing_goes_out_without_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            set_phone_password(phones_path(world.config.data_path), "santral", "101", "secret")
            phone = world.phone()
            assert (await register(world, phone)).status == 200
            world.core.send(dial_out(leg="", user="101"))
            phone.reply(await phone.asked("INVITE"), 486)
            failed = await world.core.expect(events.PhoneFailed)
            assert (failed.call, failed.offer, failed.status) == (CALL, 7, 486)
            world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="phone_unreachable"))
            world.core.send(dial_out(call="c-1-d8", offer=8))
            assert "d8" not in (await carrier.asked("INVITE")).uri
            assert world.edge.statistics().calls.live == 1

    asyncio.run(story())


@pytest.mark.parametrize(
    ("contact", "then"),
    [
        ("sip:02121112244@127.0.0.1:{port}", "sip:02121112244@127.0.0.1:{port}"),
        ("sip:+902121112244@127.0.0.1:{port};user=phone", "sip:+902121112244@127.0.0.1:{port};user=phone"),
        ("tel:+902121112244", "sip:02121112244@127.0.0.1:{port};user=phone"),
        ("sip:02121112233@127.0.0.1:{port};line=2", "sip:02121112233@127.0.0.1:{port};line=2"),
    ],
)
def test_a_call_that_the_trunk_moves_follows_to_where_it_might_have_gone_before(
    tmp_path: Path, contact: str, then: str
) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            world.core.send(dial_out())
            invite = await carrier.asked("INVITE")
            moved = contact.format(port=carrier.port)
            carrier.reply(invite, 302, headers=(f"Contact: <{moved}>",))
            await carrier.asked("ACK")
            again = await carrier.asked("INVITE")
            assert again.uri == then.format(port=carrier.port)
            assert (again.call_id, again.from_.tag) == (invite.call_id, invite.from_.tag)
            assert again.cseq.number == invite.cseq.number + 1
            carrier.reply(again, 200, body=sdp())
            assert (await world.core.expect(events.DialAnswered)).trunk == "t1"

    asyncio.run(story())


@pytest.mark.parametrize(
    "contact",
    [
        "sip:09001234567@127.0.0.1:{port}",  # a premium number
        "tel:112",
        "sip:0212-1112244@127.0.0.1:{port}",  # a number, but who knows what is made of it
        "sip:+902121112244;rn=+909001234567@127.0.0.1:{port}",  # which is routed by another number
        "sip:02121112233;npdi@127.0.0.1:{port}",
        "sip:٠٢١٢١١١٢٢٤٤@127.0.0.1:{port}",
        "sip:02121112244@127.0.0.1:{port};maddr=192.0.2.77",
        "sip:02121112233:secret@127.0.0.1:{port}",
        "sip:02121112244@192.0.2.77",  # somebody the trunk does not answer for
        "sip:02121112244@elsewhere.example",
        "sips:02121112244@elsewhere.example",
        "mailto:a@b.example",
    ],
)
def test_a_call_is_not_moved_to_where_it_might_not_have_gone(tmp_path: Path, contact: str) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            world.core.send(dial_out())
            invite = await carrier.asked("INVITE")
            carrier.reply(invite, 302, headers=(f"Contact: <{contact.format(port=carrier.port)}>",))
            failed = await world.core.expect(events.DialFailed)
            assert (failed.status, failed.trunk) == (302, "t1")
            world.core.send(dial_out(call="c-1-d8", offer=8))
            assert "02121112233" in (await carrier.asked("INVITE")).uri

    asyncio.run(story())


def test_moved_calls_come_to_an_end(tmp_path: Path) -> None:
    """In a circle, and from one to the next without end."""

    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            world.core.send(dial_out())
            invite = await carrier.asked("INVITE")
            carrier.reply(invite, 302, headers=(f"Contact: <{invite.uri}>",))
            assert (await world.core.expect(events.DialFailed)).status == 302
            world.core.send(dial_out(call="c-1-d8", offer=8))
            asked = 0
            while True:
                next_ = asyncio.ensure_future(carrier.asked("INVITE"))
                over = asyncio.ensure_future(world.core.expect(events.DialFailed))
                await asyncio.wait({next_, over}, return_when=asyncio.FIRST_COMPLETED)
                if over.done():
                    next_.cancel()
                    break
                over.cancel()
                asked += 1
                moved = f"sip:0212111230{asked}@127.0.0.1:{carrier.port}"
                carrier.reply(next_.result(), 302, headers=(f"Contact: <{moved}>",))
            assert asked == 4, "three redirects are followed"

    asyncio.run(story())


def test_the_best_of_several_targets_is_called_first_and_who_is_busy_everywhere_ends_it(
    tmp_path: Path,
) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            at = f"127.0.0.1:{carrier.port}"
            world.core.send(dial_out())
            two = f"Contact: <sip:02121112241@{at}>;q=0.2, <sip:02121112242@{at}>;q=0.9"
            carrier.reply(await carrier.asked("INVITE"), 300, headers=(two,))
            best = await carrier.asked("INVITE")
            assert best.request_uri.user == "02121112242"
            carrier.reply(best, 480)
            other = await carrier.asked("INVITE")
            assert other.request_uri.user == "02121112241"
            carrier.reply(other, 486)
            assert (await world.core.expect(events.DialFailed)).status == 486
            world.core.send(dial_out(call="c-1-d8", offer=8))
            carrier.reply(await carrier.asked("INVITE"), 300, headers=(two,))
            carrier.reply(await carrier.asked("INVITE"), 600)
            assert (await world.core.expect(events.DialFailed)).status == 600

    asyncio.run(story())


def test_calls_that_come_in_take_lines_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {"capacity": 1}) as (world, [carrier]):
            await carrier.call()
            await world.core.expect(events.CallArrived)
            assert world.edge.trunks.rows()[0].live == 1
            await carrier.call(call="2")
            assert (await carrier.response(503)).get("Retry-After") == "10"
            world.core.send(dial_out())
            failed = await world.core.expect(events.DialFailed)
            assert (failed.status, failed.cause) == (503, "no_trunk")
            carrier.request("BYE", to_tag="nobody", call="1")
            await carrier.response(481, "BYE")
            world.core.send(
                commands.RefuseCall(
                    edge=EDGE, call=world.core.all(events.CallArrived)[0].call, status=404, reason=""
                )
            )
            await carrier.response(404, "INVITE")
            assert world.edge.trunks.rows()[0].live == 0

    asyncio.run(story())


@pytest.mark.parametrize(
    "uri",
    [
        "sip:02121112233@127.0.0.1:{edge}",
        "sip:+902121112233@127.0.0.1:{edge};user=phone",
        "sip:02121112233@127.0.0.1:{carrier}",
        "sip:02121112233@carrier.example",
        "sips:02121112233@127.0.0.1:{edge}",
        "tel:+902121112233",
        "sip:t1@127.0.0.1:{edge}",
        "sip:127.0.0.1:{edge}",
        "sip:santral@127.0.0.1:{edge};maddr=127.0.0.1;transport=udp",
        "sip:02121112233%40127.0.0.1%3A{carrier}@127.0.0.1:{edge}",
    ],
)
def test_nobody_is_sent_on_by_what_they_ask_for(tmp_path: Path, uri: str) -> None:
    """No open relay: an INVITE of a stranger is a call to us or nothing, whatever its Request-URI and its Route."""

    async def story() -> None:
        async with carriers(tmp_path, {"hosts": ("192.0.2.9",)}) as (world, [carrier]):
            stranger = world.phone()
            text = uri.format(edge=world.edge.point.port, carrier=carrier.port)
            route = f"Route: <sip:127.0.0.1:{carrier.port};lr>"
            await stranger.call(uri=text, call="x", headers=(route,))
            heard = await stranger.receive()
            while getattr(heard, "status", 0) == 100:
                arrived = await world.core.expect(events.CallArrived)
                assert arrived.trunk == ""
                world.core.send(commands.RefuseCall(edge=EDGE, call=arrived.call, status=404, reason=""))
                heard = await stranger.receive()
            assert getattr(heard, "status", 0) >= 400
            assert world.core.all(events.PhoneDialled) == []
            # What the carrier hears next is the first that it hears at all.
            world.core.send(dial_out())
            assert (await carrier.asked("INVITE")).from_.uri.user == "+902125550000"
            assert world.edge.point.statistics().requests_sent == 1

    asyncio.run(story())


def test_an_operator_whose_rung_phone_hangs_up_before_the_answer_takes_the_call_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            set_phone_password(phones_path(world.config.data_path), "santral", "101", "secret")
            phone = world.phone()
            assert (await register(world, phone)).status == 200
            world.core.send(dial_out(leg="", user="101"))
            rung = await phone.asked("INVITE")
            phone.reply(rung, 200, body=sdp(44_000))
            await phone.asked("ACK")
            carrier.reply(await carrier.asked("INVITE"), 180)
            await world.core.expect(events.DialProgress)
            bye(phone, rung)
            hung_up = await world.core.expect(events.PhoneHungUp)
            assert (hung_up.agent, hung_up.call) == ("ayse", CALL)
            await carrier.asked("CANCEL")
            assert world.core.all(events.CallerHungUp) == world.core.all(events.DialFailed) == []

    asyncio.run(story())


async def test_the_next_trunk_may_speak_the_other_family(tmp_path: Path) -> None:
    """Audio goes out from ports of the family that a trunk has, whichever was tried before."""
    with contextlib.ExitStack() as stack:
        hosts = ("127.0.0.1", "::1", "127.0.0.1")
        v4, v6, v4_again = sides = [Phone(0, host) for host in hosts]
        for side in sides:
            stack.callback(side.close)
        trunks = {
            f"t{order}": Trunk(host=host, port=sides[order].port, health_s=0, order=order)
            for order, host in enumerate(hosts)
        }
        config = trunked(config_for(tmp_path, listen_host6="::1"), **trunks)
        async with world_in(tmp_path, config=config) as world:
            for side, host in zip(sides, hosts, strict=True):
                side.edge = (host, world.edge.point.port_of("UDP", ipv6=host == "::1"))
            world.core.send(dial_out())
            for side, family in ((v4, b"IN IP4 127.0.0.1"), (v6, b"IN IP6 ::1")):
                invite = await side.asked("INVITE")
                assert b"c=" + family in invite.body
                side.reply(invite, 503)
            invite = await v4_again.asked("INVITE")
            assert b"c=IN IP4 127.0.0.1" in invite.body
            v4_again.reply(invite, 200, body=sdp(45_000))
            assert (await world.core.expect(events.DialAnswered)).trunk == "t2"
            allocated = [(each.leg, each.local_host) for each in world.engine.all(media.AllocateLeg)]
            assert allocated == [
                (f"{CALL}-d", "127.0.0.1"),
                (f"{CALL}-d1", "::1"),
                (f"{CALL}-d2", "127.0.0.1"),
            ]
            assert world.edge.statistics().audio.legs == 1
            assert (await world.engine.expect(media.ConnectLeg)).leg == f"{CALL}-d2"
