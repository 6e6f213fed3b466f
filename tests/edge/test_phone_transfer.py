"""Callers whom an operator hands on from the phone: REFER, what the phone is told of it, and who may not (RFC 3515, 4488)."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from gateways.edge.limits import Timing
from gateways.edge.phones import set_phone_password
from gateways.media import messages as engine
from gateways.sip.message import Request
from tests.edge.foreign import ring
from tests.edge.test_dialling_phone import dials
from tests.edge.test_phones import phone_file, register, ringing, with_phone
from tests.edge.test_trunks import carriers
from tests.edge.world import EDGE, Phone, World, sdp, world_in

NUMBER = itertools.count(2)


class Talk:
    """A phone in conversation with a caller."""

    def __init__(self, world: World, caller: Phone, phone: Phone, call: str, invite: Request) -> None:
        self.world, self.caller, self.phone, self.call, self.invite = world, caller, phone, call, invite

    def say(self, method: str, *headers: str, by: Phone | None = None) -> int:
        """A request of the phone within the dialog; its number."""
        phone, number = by or self.phone, next(NUMBER)
        lines = (
            f"{method} sip:santral@127.0.0.1 SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{phone.port};branch=z9hG4bK{method}{number};rport",
            "Max-Forwards: 70",
            f"From: {self.invite.get('To')};tag=phone",
            f"To: {self.invite.get('From')}",
            f"Call-ID: {self.invite.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <{phone.contact('101')}>",
            *headers,
            "Content-Length: 0",
        )
        phone.put("\r\n".join(lines) + "\r\n\r\n")
        return number

    async def asks(self, target: str = "<sip:186@santral>", *headers: str) -> events.TransferAsked:
        """Until the core hears of it; the phone has heard 100."""
        number = self.say("REFER", f"Refer-To: {target}", *headers)
        ok = await self.phone.response(202, "REFER")
        assert ok.contacts
        assert await self.noted(number) == (100, "active;expires=180")
        asked = await self.world.core.expect(events.TransferAsked)
        assert (asked.agent, asked.call, asked.offer, asked.transfer) == ("ayse", self.call, 1, number)
        return asked

    async def noted(self, number: int) -> tuple[int, str]:
        """The status line and the state of the subscription in the next NOTIFY."""
        notify = await self.phone.asked("NOTIFY")
        assert notify.get("Event") == f"refer;id={number}"
        assert notify.content_type == "message/sipfrag"
        self.phone.reply(notify, 200)
        return int(notify.body.split()[1]), notify.get("Subscription-State") or ""

    def answers(self, asked: events.TransferAsked, status: int) -> None:
        self.world.core.send(
            commands.TransferAnswered(
                edge=EDGE, call=self.call, agent="ayse", offer=1, transfer=asked.transfer, status=status
            )
        )

    def ends_phone(self) -> None:
        self.world.core.send(commands.EndPhone(edge=EDGE, call=self.call, agent="ayse", offer=1))

    async def goes_on(self) -> None:
        """The dialog is there, and so is the conversation."""
        self.say("OPTIONS")
        await self.phone.response(200, "OPTIONS")
        assert [held.agent for held in self.world.edge.calls.inventory()] == ["ayse"]


async def talking(world: World, *, joined: bool = True) -> Talk:
    caller, phone, call, invite = await ringing(world)
    phone.reply(invite, 200, body=sdp(45_000))
    await phone.asked("ACK")
    await world.core.expect(events.PhoneAnswered)
    if joined:
        world.core.send(commands.Join(edge=EDGE, call=call, agent="ayse", offer=1, part=1))
        await world.engine.expect(engine.StartRecording)
    return Talk(world, caller, phone, call, invite)


async def test_a_caller_is_handed_on_and_the_phone_hangs_up(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        asked = await talk.asks("<sip:186@santral>", "Referred-By: <sip:101@santral>")
        assert (asked.target, asked.to, asked.trunks) == ("186", "", ())
        talk.answers(asked, 180)
        assert await talk.noted(asked.transfer) == (180, "active;expires=180")
        talk.answers(asked, 200)
        talk.ends_phone()
        assert await talk.noted(asked.transfer) == (200, "terminated;reason=noresource")
        await world.engine.expect(engine.StopRecording)
        await world.heard_all()
        assert not [freed for freed in world.engine.all(engine.FreeLeg) if freed.leg == f"{talk.call}-p1"]
        talk.say("BYE")
        await talk.phone.response(200, "BYE")
        await world.engine.expect(engine.FreeLeg, lambda freed: freed.leg == f"{talk.call}-p1")
        assert not world.core.all(events.PhoneHungUp)
        assert [held.call for held in world.edge.calls.inventory()] == [talk.call]


async def test_a_phone_that_does_not_hang_up_is_hung_up(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        asked = await talk.asks()
        talk.answers(asked, 200)
        talk.ends_phone()
        assert (await talk.noted(asked.transfer))[0] == 200
        world.jump(4_000)
        talk.phone.reply(await talk.phone.asked("BYE"), 200)
        await world.engine.expect(engine.FreeLeg, lambda freed: freed.leg == f"{talk.call}-p1")


async def test_a_phone_that_hangs_up_at_once_is_given_no_time_to(tmp_path: Path) -> None:
    """Nor is what is said to the caller from now on recorded as its part of the call."""
    async with world_in(with_phone(tmp_path), timing=Timing(transfer_bye_s=600.0)) as world:
        talk = await talking(world)
        asked = await talk.asks()
        talk.answers(asked, 200)
        await talk.noted(asked.transfer)
        talk.say("BYE")  # ahead of `EndPhone`
        await talk.phone.response(200, "BYE")
        assert (await world.core.expect(events.PhoneHungUp)).handing is False
        await world.engine.expect(engine.FreeLeg, lambda freed: freed.leg == f"{talk.call}-p1")


async def test_who_cannot_be_handed_on_is_talked_to_again(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        asked = await talk.asks()
        talk.say("REFER", "Refer-To: <sip:187@santral>")  # one at a time
        await talk.phone.response(491, "REFER")
        talk.answers(asked, 486)
        assert await talk.noted(asked.transfer) == (486, "terminated;reason=noresource")
        await talk.goes_on()
        again = await talk.asks("<tel:+90-312-444.1111>")
        assert (again.target, len(world.core.all(events.TransferAsked))) == ("+90-312-444.1111", 2)
        talk.say("BYE")
        await talk.phone.response(200, "BYE")
        assert (await world.core.expect(events.PhoneHungUp)).handing


async def test_a_phone_asks_so_often_and_no_more(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        for _ in range(32):
            asked = await talk.asks()
            talk.answers(asked, 404)
            assert (await talk.noted(asked.transfer))[0] == 404
        talk.say("REFER", "Refer-To: <sip:186@santral>")
        await talk.phone.response(403, "REFER")
        await talk.goes_on()


async def test_who_hangs_up_later_was_not_handing_on(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        talk.answers(await talk.asks(), 404)
        await talk.phone.asked("NOTIFY")
        talk.say("BYE")
        await talk.phone.response(200, "BYE")
        assert not (await world.core.expect(events.PhoneHungUp)).handing


async def test_who_wants_no_news_is_told_none(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        talk.say("REFER", "Refer-To: <sip:186@santral>", "Refer-Sub: false")
        assert (await talk.phone.response(202, "REFER")).get("Refer-Sub") == "false"
        talk.answers(await world.core.expect(events.TransferAsked), 200)
        talk.ends_phone()
        await world.heard_all()
        world.jump(4_000)
        heard = await talk.phone.receive()
        assert isinstance(heard, Request)
        assert heard.method == "BYE"


async def test_a_core_that_says_nothing_has_refused(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path), timing=Timing(transfer_wait_s=0.2)) as world:
        talk = await talking(world)
        asked = await talk.asks()
        assert await talk.noted(asked.transfer) == (503, "terminated;reason=noresource")
        await talk.goes_on()
        talk.answers(asked, 180)  # too late to be told
        await world.heard_all()
        await talk.asks()


async def test_a_number_outside_may_take_its_time_to_ring(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path), timing=Timing(transfer_wait_s=0.2)) as world:
        talk = await talking(world)
        asked = await talk.asks()
        talk.answers(asked, 100)
        await world.heard_all()
        world.jump(30_000)
        talk.answers(asked, 200)
        assert await talk.noted(asked.transfer) == (200, "terminated;reason=noresource")


async def test_a_core_that_is_away_is_not_asked(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        await world.core.stop()
        await world.went_away(world.edge.core)
        talk.say("REFER", "Refer-To: <sip:186@santral>")
        assert (await talk.phone.response(503, "REFER")).get("Retry-After") == "10"
        await talk.goes_on()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("<sip:186@203.0.113.9>", 403),
        ("<sip:186@elsewhere.example>", 403),
        ("<sip:186@santral;maddr=203.0.113.9>", 403),
        ("<sip:186:secret@santral>", 403),
        ("<sip:186;rn=%2B882@santral>", 403),
        ("<sip:186%0d%0aX@santral>", 403),
        (f"<sip:{'1' * 65}@santral>", 403),
        ("<sip:santral>", 403),
        ("<sip:186@santral?Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc>", 403),
        ("<sip:186@santral?Replaces=a>", 400),
        ("<sip:186@santral;method=BYE>", 501),
        ("<mailto:186@santral>", 416),
        ("<sip:186@santral>, <sip:187@santral>", 400),
    ],
)
async def test_where_nobody_is_handed_on_to(tmp_path: Path, target: str, status: int) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        talk.say("REFER", f"Refer-To: {target}")
        await talk.phone.response(status, "REFER")
        await talk.goes_on()
        assert not world.core.all(events.TransferAsked)


async def test_nothing_that_a_target_carries_along_is_carried_over(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        asked = await talk.asks("<sip:186@127.0.0.1;user=phone?Route=%3Csip%3A203.0.113.9%3E&Subject=x>")
        assert (asked.target, asked.to, asked.trunks, asked.barred) == ("186", "", (), "")


async def test_we_are_whoever_the_phone_takes_us_for(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        talk.say("REFER", "Refer-To: <sip:186@pbx.example>")
        await talk.phone.response(403, "REFER")
        assert (await register(world, talk.phone, to="sip:101@pbx.example")).status == 200
        assert (await talk.asks("<sip:186@pbx.example>")).target == "186"


async def test_only_the_phone_of_a_conversation_hands_on(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world, joined=False)
        talk.say("REFER", "Refer-To: <sip:186@santral>")
        await talk.phone.response(403, "REFER")
        forger = Phone(world.edge.point.port, "127.0.0.2")
        forger.edge = talk.phone.edge
        world.phones.append(forger)
        talk.say("REFER", "Refer-To: <sip:186@santral>", by=forger)
        await forger.response(481, "REFER")
        stranger = world.phone()
        stranger.request("REFER", headers=("Refer-To: <sip:186@santral>",))  # in no dialog
        assert (await stranger.receive()).status in (403, 405)  # type: ignore[union-attr]
        assert not world.core.all(events.TransferAsked)


# --- to a number outside ---


def dials_outside(world: World, call: str, attempt: int = 7) -> None:
    world.core.send(
        commands.DialOutside(
            edge=EDGE,
            call=call,
            attempt=attempt,
            number="+902121112233",
            trunks=("t1",),
            caller="+902125550000",
        )
    )


async def test_a_number_outside_takes_the_place_of_the_operator(tmp_path: Path) -> None:
    async with carriers(with_phone(tmp_path), {"hosts": ("192.0.2.9",)}) as (world, [carrier]):
        talk = await talking(world)
        asked = await talk.asks("<sip:02121112233@santral>")
        dials_outside(world, talk.call)
        dials_outside(world, talk.call)  # said twice, done once
        invite = await carrier.asked("INVITE")
        assert invite.request_uri.user == "02121112233"
        assert (invite.max_forwards or 70) < 70, "the hops of the caller's call"
        carrier.reply(invite, 180)
        assert await world.core.expect(events.DialProgress) == events.DialProgress(
            call=talk.call, status=180, attempt=7
        )
        assert world.edge.calls.inventory()[0].ringing == (7,)
        await talk.goes_on()
        carrier.reply(invite, 200, body=sdp(47_000))
        await carrier.asked("ACK")
        answered = await world.core.expect(events.DialAnswered)
        assert (answered.trunk, answered.attempt) == ("t1", 7)
        talk.answers(asked, 200)
        talk.ends_phone()
        world.core.send(commands.Join(edge=EDGE, call=talk.call, agent="", offer=7, part=1, unrecorded=True))
        await talk.phone.asked("NOTIFY")
        gains = await world.engine.expect(
            engine.SetGains, lambda said: said.gains[0].gain > 0 and f"{talk.call}-o7" in str(said)
        )
        pairs = {(gain.source, gain.target) for gain in gains.gains}
        assert pairs == {(talk.call, f"{talk.call}-o7"), (f"{talk.call}-o7", talk.call)}
        assert len(world.engine.all(engine.StartRecording)) == 1
        assert [(held.agent, held.ringing) for held in world.edge.calls.inventory()] == [("", ())]
        carrier.put(bye_of(carrier, invite))
        await carrier.response(200, "BYE")
        assert (await world.core.expect(events.OutsideHungUp)).cause == "outside_hung_up"
        world.core.send(commands.EndCall(edge=EDGE, call=talk.call, cause="outside_hung_up"))
        await talk.caller.asked("BYE")


def bye_of(carrier: Phone, invite: Request) -> str:
    return (
        f"BYE sip:santral@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{carrier.port};branch=z9hG4bKout;rport\r\n"
        f"From: {invite.get('To')};tag=phone\r\nTo: {invite.get('From')}\r\nCall-ID: {invite.call_id}\r\n"
        f"CSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n"
    )


@pytest.mark.parametrize("how", ["busy", "taken_back", "caller_gone", "barred"])
async def test_a_number_outside_that_nobody_is_handed_on_to(tmp_path: Path, how: str) -> None:
    async with carriers(with_phone(tmp_path), {"hosts": ("192.0.2.9",)}) as (world, [carrier]):
        talk = await talking(world)
        if how == "barred":  # by the rules as they are here, whatever the core has decided
            world.core.send(
                commands.DialOutside(
                    edge=EDGE, call=talk.call, attempt=7, number="+441632960000", trunks=("t1",)
                )
            )
            assert (await world.core.expect(events.DialFailed)).status == 403
            await talk.goes_on()
            return
        dials_outside(world, talk.call)
        invite = await carrier.asked("INVITE")
        if how == "busy":
            carrier.reply(invite, 486)
            failed = await world.core.expect(events.DialFailed)
            assert (failed.status, failed.attempt) == (486, 7)
            await talk.goes_on()
            assert world.edge.calls.inventory()[0].ringing == ()
            return
        carrier.reply(invite, 180)
        await world.core.expect(events.DialProgress)
        if how == "taken_back":
            world.core.send(commands.EndPhone(edge=EDGE, call=talk.call, agent="", offer=7))
        else:
            talk.caller.request("BYE", to_tag=talk.caller.to_tag)
        cancel = await carrier.asked("CANCEL")
        carrier.reply(cancel, 200)
        carrier.reply(invite, 487)
        if how == "taken_back":
            await talk.goes_on()
        assert not world.core.all(events.DialFailed)


async def test_who_is_joined_to_somebody_that_is_gone_is_told_of(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        world.core.send(commands.Join(edge=EDGE, call=talk.call, agent="", offer=9, part=1, unrecorded=True))
        gone = await world.core.expect(events.OutsideHungUp)
        assert (gone.attempt, gone.cause) == (9, "lost_at_edge")


# --- to whom the operator has asked first ---


async def asks_first(world: World, talk: Talk) -> tuple[str, str]:
    """The same phone calls the centre; the call, and how a Refer-To names its dialog."""
    phone = talk.phone
    await dials(world, phone, f"sip:185@127.0.0.1:{world.edge.point.port}", call="ask")
    arrived = await world.core.expect(events.CallArrived, lambda event: event.call != talk.call)
    world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
    ok = await phone.response(200, "INVITE")
    phone.ack(ok, call="ask")
    named = f"{phone.name}-ask%3Bto-tag%3D{ok.to.tag}%3Bfrom-tag%3Df{phone.name}"
    return arrived.call, named


async def test_whoever_was_asked_takes_the_caller_over(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        set_phone_password(phone_file(tmp_path), "santral", "102", "secret")
        talk = await talking(world)
        asking, named = await asks_first(world, talk)
        colleague = world.phone()
        assert (await register(world, colleague, user="102")).status == 200
        world.core.send(ring(asking, "102", offer=2))
        invite = await colleague.asked("INVITE")
        colleague.reply(invite, 200, body=sdp(47_000))
        await colleague.asked("ACK")
        await world.core.expect(events.PhoneAnswered)
        world.core.send(commands.Join(edge=EDGE, call=asking, agent="ayse", offer=2, part=1))
        await world.engine.expect(engine.StartRecording)
        asked = await talk.asks(f"<sip:185@santral?Replaces={named}>")
        assert (asked.call, asked.other, asked.target) == (talk.call, asking, "185")
        talk.answers(asked, 200)
        talk.ends_phone()
        world.core.send(commands.TakeOver(edge=EDGE, call=talk.call, of=asking, offer=2))
        world.core.send(commands.Join(edge=EDGE, call=talk.call, agent="bora", offer=2, part=2))
        world.core.send(commands.EndCall(edge=EDGE, call=asking, cause="handed_on"))
        recording = await world.engine.expect(
            engine.StartRecording, lambda begins: begins.recording == f"{talk.call}-2"
        )
        assert (recording.left, recording.right) == (talk.call, f"{asking}-p2")
        assert (await talk.noted(asked.transfer))[0] == 200
        bye = await talk.phone.asked("BYE")
        assert bye.call_id == f"{talk.phone.name}-ask"
        talk.phone.reply(bye, 200)
        await world.heard_all()
        assert [(held.call, held.agent) for held in world.edge.calls.inventory()] == [(talk.call, "bora")]
        # From now on the colleague's phone is one of the caller's call.
        colleague.put(bye_of(colleague, invite))
        await colleague.response(200, "BYE")
        assert await world.core.expect(events.PhoneHungUp) == events.PhoneHungUp(agent="ayse", call=talk.call)


async def test_whom_nobody_has_answered_yet_can_be_named(tmp_path: Path) -> None:
    """A number of the plan may be answered only when somebody is there, and until then the phone hears it early."""
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        phone = talk.phone
        await dials(world, phone, f"sip:185@127.0.0.1:{world.edge.point.port}", call="ask")
        arrived = await world.core.expect(events.CallArrived, lambda event: event.call != talk.call)
        world.core.send(commands.ProgressCaller(edge=EDGE, call=arrived.call, max_ms=50_000))
        progress = await phone.response(183)
        named = f"{phone.name}-ask%3Bto-tag%3D{progress.to.tag}%3Bfrom-tag%3Df{phone.name}"
        asked = await talk.asks(f"<sip:185@santral?Replaces={named}>")
        assert asked.other == arrived.call
        talk.answers(asked, 200)
        talk.ends_phone()
        world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="handed_on"))
        await phone.response(480, "INVITE")
        assert (await talk.noted(asked.transfer))[0] == 200


async def test_only_what_the_phone_might_hang_up_itself_can_be_named(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        stranger = Phone(world.edge.point.port, "127.0.0.2")
        stranger.edge = talk.phone.edge
        world.phones.append(stranger)
        arrived = await world.arrive(stranger)
        world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
        ok = await stranger.response(200, "INVITE")
        stranger.ack(ok)
        theirs = f"{stranger.name}-1%3Bto-tag%3D{ok.to.tag}%3Bfrom-tag%3Df{stranger.name}"
        own_id = talk.invite.call_id.replace("@", "%40")
        own = f"{own_id}%3Bto-tag%3D{talk.invite.from_.tag}%3Bfrom-tag%3Dphone"
        for named in (theirs, own):
            talk.say("REFER", f"Refer-To: <sip:185@santral?Replaces={named}>")
            await talk.phone.response(403, "REFER")
        assert not world.core.all(events.TransferAsked)
        assert [held.agent for held in world.edge.calls.inventory()] == ["ayse", ""]


async def test_a_call_that_is_gone_gives_nobody(tmp_path: Path) -> None:
    async with world_in(with_phone(tmp_path)) as world:
        talk = await talking(world)
        world.core.send(commands.TakeOver(edge=EDGE, call=talk.call, of="nobody", offer=2))
        await world.heard_all()
        await talk.goes_on()
        assert world.edge.calls.statistics().commands_late == 1
