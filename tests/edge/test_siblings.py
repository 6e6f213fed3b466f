"""Two edges: a call at one, its operator's phone or browser at the other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from acd_core.config import Trunk
from acd_core.domain import commands, events
from acd_core.link.signals import EdgeAddress, Siblings
from gateways.edge.limits import Timing
from gateways.edge.phones import phones_path, set_phone_password
from gateways.edge.siblings import FRESH_MS, HEADER
from gateways.media import messages as engine
from gateways.sip.message import Request
from tests.edge.test_browsers import speaking
from tests.edge.test_calls import answered
from tests.edge.test_phones import register
from tests.edge.world import PATIENCE_S, Phone, World, config_for, replace, sdp, world_in

NEAR, FAR = "edge1", "edge2"
CALLER = "05321112233"


@contextlib.asynccontextmanager
async def two_edges(
    folder: Path, *, timing: Timing | None = None, trunks: dict[str, Trunk] | None = None, **sip: Any
) -> AsyncIterator[tuple[World, World]]:
    """They know each other, as a core would tell them. `trunks` and `sip`: of the far one."""
    for name in (NEAR, FAR):
        (folder / name).mkdir()
        set_phone_password(phones_path(folder / name / "data"), "santral", "101", "secret")
    config = replace(config_for(folder / FAR, **sip), trunks=trunks or {})
    async with (
        world_in(folder / NEAR, timing=timing) as near,
        world_in(folder / FAR, name=FAR, config=config) as far,
    ):
        for world in (near, far):
            world.core.signal(addresses(near, far))
            await world.heard_all()
        yield near, far


def addresses(*worlds: World) -> Siblings:
    """What each of them told its core, ahead of its inventory."""
    told = []
    for world in worlds:
        first = next(one for one in world.core.heard if isinstance(one, EdgeAddress | events.EdgeInventory))
        assert isinstance(first, EdgeAddress)
        told.append(first)
    return Siblings(edges=tuple(told))


def ring(call: str, offer: int = 1, at: str = FAR) -> commands.RingPhone:
    return commands.RingPhone(
        edge=NEAR, call=call, agent="ada", offer=offer, user="101", caller=CALLER, service="Water", at=at
    )


def browser(call: str, leg: str, part: int = 1, at: str = FAR) -> commands.Join:
    return commands.Join(edge=NEAR, call=call, agent="ayse", offer=1, part=part, leg=leg, at=at)


def joined(world: World, one: str, other: str) -> bool:
    """What the engine was told last of these two legs."""
    gains = [gain for message in world.engine.all(engine.SetGains) for gain in message.gains]
    last = {(gain.source, gain.target): gain.gain for gain in gains}
    return last.get((one, other)) == last.get((other, one)) == 1.0


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not check():  # noqa: ASYNC110 - two edges, each with an engine of its own
            await asyncio.sleep(0.001)


def lent(far: World) -> int:
    return len(far.edge.calls.lent)


async def rung(near: World, far: World) -> tuple[Phone, Phone, str, Request]:
    """Caller at the one edge, phone at the other, the call, and the INVITE that rings there."""
    phone, caller = far.phone(), near.phone()
    assert (await register(far, phone)).status == 200
    call, _ = await answered(near, caller)
    near.core.send(ring(call))
    invite = await phone.asked("INVITE")
    phone.reply(invite, 180)
    return caller, phone, call, invite


async def talking(near: World, far: World) -> tuple[Phone, Phone, str, Request]:
    caller, phone, call, invite = await rung(near, far)
    phone.reply(invite, 200, body=sdp(41_000))
    await phone.asked("ACK")
    heard = await near.core.expect(events.PhoneAnswered)
    assert (heard.agent, heard.call, heard.offer) == ("ada", call, 1)
    near.core.send(commands.Join(edge=NEAR, call=call, agent="ada", offer=1, part=1, at=FAR))
    await near.engine.expect(engine.StartRecording)
    return caller, phone, call, invite


def within(phone: Phone, invite: Request, method: str, *headers: str, cseq: int = 1) -> None:
    """A request of the phone, which was called, in the dialog of this INVITE."""
    lines = [
        f"{method} {invite.contacts[0].uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {phone.host}:{phone.port};branch=z9hG4bK{method}{phone.port};rport",
        f"From: {invite.get('To')};tag=phone",
        f"To: {invite.get('From')}",
        f"Call-ID: {invite.call_id}",
        f"CSeq: {cseq} {method}",
        "Max-Forwards: 70",
        f"Contact: <{phone.contact('101')}>",
        *headers,
        "Content-Length: 0",
    ]
    phone.put("\r\n".join(lines) + "\r\n\r\n")


def test_a_phone_at_another_edge_rings_answers_talks_and_hangs_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            _, phone, call, invite = await talking(near, far)
            assert (invite.from_.uri.user_text, invite.from_.display_name) == (CALLER, "Water")
            assert invite.get(HEADER) is None, "edges alone are told"
            recording = near.engine.all(engine.StartRecording)[-1]
            assert (recording.left, recording.right) == (call, f"{call}-p1")
            await until(lambda: joined(far, f"{call}-l1", f"{call}-p1"))
            assert joined(near, call, f"{call}-p1")
            assert not far.engine.all(engine.StartRecording)
            assert far.edge.picture().counters["lent"] == 1
            # Their audio goes from one to the other.
            here = [one for one in near.engine.all(engine.ConnectLeg) if one.leg == f"{call}-p1"][-1]
            there = [one for one in far.engine.all(engine.ConnectLeg) if one.leg == f"{call}-l1"][-1]
            assert here.remote_port == far.edge.audio._legs[f"{call}-l1"].port
            assert there.remote_port == near.edge.audio._legs[f"{call}-p1"].port
            within(phone, invite, "BYE")
            await phone.response(200, "BYE")
            gone = await near.core.expect(events.PhoneHungUp)
            assert (gone.agent, gone.call, gone.handing) == ("ada", call, False)
            await until(lambda: lent(far) == 0)
            assert not far.core.all(events.PhoneHungUp)
            assert not far.core.all(events.CallArrived)

    asyncio.run(story())


def test_a_core_that_asks_once_more_doubles_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            _, phone, call, _ = await rung(near, far)
            assert near.edge.calls.inventory()[0].ringing == (1,)
            near.core.send(ring(call))
            await near.heard_all()
            assert lent(far) == 1
            near.core.send(commands.EndPhone(edge=NEAR, call=call, agent="ada", offer=1))
            await phone.asked("CANCEL")
            _, phone, call, _ = await talking(near, far)
            held = {one.call: one for one in near.edge.calls.inventory()}[call]
            assert (held.agent, held.ringing) == ("ada", ())
            near.core.send(ring(call))
            assert (await near.core.expect(events.PhoneAnswered)).call == call
            near.core.send(commands.Join(edge=NEAR, call=call, agent="ada", offer=1, part=1, at=FAR))
            await near.heard_all()
            assert len(near.engine.all(engine.StartRecording)) == 1
            await until(lambda: lent(far) == 1)

    asyncio.run(story())


@pytest.mark.parametrize("status", [486, 603, 480])
def test_what_the_phone_says_is_what_the_core_hears(tmp_path: Path, status: int) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            _, phone, call, invite = await rung(near, far)
            phone.reply(invite, status)
            failed = await near.core.expect(events.PhoneFailed)
            assert (failed.call, failed.status, failed.cause) == (call, status, "")
            await until(lambda: lent(far) == 0)

    asyncio.run(story())


def test_a_phone_that_is_not_registered_there_is_480(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            call, _ = await answered(near, near.phone())
            near.core.send(ring(call))
            failed = await near.core.expect(events.PhoneFailed)
            assert (failed.status, failed.cause) == (480, "")
            assert not far.core.all(events.PhoneFailed)

    asyncio.run(story())


def test_an_offer_that_another_took_is_cancelled_with_its_reason(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            _, phone, call, _ = await rung(near, far)
            leg = await speaking(near)
            near.core.send(browser(call, leg, at=NEAR))
            near.core.send(commands.EndPhone(edge=NEAR, call=call, agent="ada", offer=1))
            cancel = await phone.asked("CANCEL")
            assert "cause=200" in (cancel.get("Reason") or ""), "answered elsewhere: no missed call"
            await until(lambda: lent(far) == 0)

    asyncio.run(story())


def test_the_caller_hangs_up_while_it_rings_and_the_core_while_they_talk(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            caller, phone, _, invite = await rung(near, far)
            caller.request("BYE", to_tag=caller.to_tag)
            cancel = await phone.asked("CANCEL")
            phone.reply(cancel, 200)
            phone.reply(invite, 487)
            await until(lambda: lent(far) == 0)
            call, _ = await answered(near, near.phone())
            near.core.send(ring(call, 2))
            invite = await phone.asked("INVITE")
            phone.reply(invite, 200, body=sdp(41_000), tag="again")
            await phone.asked("ACK")
            await near.core.expect(events.PhoneAnswered)
            near.core.send(commands.EndCall(edge=NEAR, call=call, cause="talk_max"))
            await phone.asked("BYE")
            await until(lambda: lent(far) == 0)

    asyncio.run(story())


def test_a_browser_at_another_edge_is_joined_parted_and_joined_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            leg = await speaking(far)
            call, _ = await answered(near, near.phone())
            near.core.send(browser(call, leg))
            near.core.send(browser(call, leg))
            recording = await near.engine.expect(engine.StartRecording)
            assert (recording.left, recording.right) == (call, f"{call}-b1")
            await until(lambda: joined(far, f"{call}-l1", leg))
            held = near.edge.calls.inventory()[0]
            assert (held.agent, held.ringing) == ("ayse", ())
            near.core.send(commands.Part(edge=NEAR, call=call, agent="ayse", part=1))
            await until(lambda: not joined(far, f"{call}-l1", leg) and lent(far) == 0)
            near.core.send(browser(call, leg, 2))
            await near.engine.expect(engine.StartRecording)
            await until(lambda: joined(far, f"{call}-l2", leg))
            # Audio that is here now is joined here.
            own = await speaking(near)
            near.core.send(browser(call, own, 3, at=NEAR))
            recording = await near.engine.expect(engine.StartRecording)
            assert recording.right == own
            await until(lambda: lent(far) == 0)
            assert near.core.all(events.AudioCutOff) == []

    asyncio.run(story())


def test_a_part_takes_back_what_is_not_joined_yet(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            leg = await speaking(far)
            call, _ = await answered(near, near.phone())
            near.core.send(browser(call, leg))
            near.core.send(commands.Part(edge=NEAR, call=call, agent="ayse", part=1))
            await near.heard_all()
            await until(lambda: lent(far) == 0)
            assert near.engine.all(engine.StartRecording) == []
            assert near.core.all(events.AudioCutOff) == []

    asyncio.run(story())


def test_a_browser_that_has_gone_meanwhile_is_told_as_lost(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, _):
            call, _ = await answered(near, near.phone())
            near.core.send(browser(call, "b-gone"))
            lost = await near.core.expect(events.AudioLost)
            assert (lost.agent, lost.leg) == ("ayse", "b-gone")

    asyncio.run(story())


def test_an_edge_that_nobody_knows_or_that_says_nothing_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path, timing=Timing(sibling_silence_s=0.2)) as (near, far):
            call, _ = await answered(near, near.phone())
            near.core.send(ring(call, 1, at="edge9"))
            failed = await near.core.expect(events.PhoneFailed)
            assert (failed.status, failed.cause) == (503, "edge_unreachable")
            far.edge.point.close()
            near.core.send(ring(call, 2))
            failed = await near.core.expect(events.PhoneFailed)
            assert (failed.offer, failed.status, failed.cause) == (2, 408, "edge_unreachable")
            near.core.send(browser(call, "b-1", part=3))
            cut = await near.core.expect(events.AudioCutOff)
            assert (cut.agent, cut.call, cut.offer, cut.cause) == ("ayse", call, 1, "edge_unreachable")
            assert cut.part == 3

    asyncio.run(story())


def test_what_is_lent_is_no_call_of_a_trunk_that_has_the_same_host(tmp_path: Path) -> None:
    async def story() -> None:
        trunk = Trunk(host="127.0.0.1", capacity=1, health_s=0)
        async with two_edges(tmp_path, trunks={"carrier": trunk}) as (near, far):
            await talking(near, far)
            assert [(row.trunk, row.live) for row in far.edge.trunks.rows()] == [("carrier", 0)]

    asyncio.run(story())


def test_what_is_lent_takes_the_room_of_calls(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path, calls_max=1) as (near, far):
            await talking(near, far)
            caller = far.phone()
            await caller.call()
            await caller.response(503)
            call, _ = await answered(near, near.phone())
            near.core.send(ring(call, 2))
            failed = await near.core.expect(events.PhoneFailed)
            assert (failed.status, failed.cause) == (503, "edge_unreachable")

    asyncio.run(story())


def test_an_edge_that_stops_says_so_and_nobody_has_hung_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            _, phone, call, _ = await talking(near, far)
            far.edge.end_calls()
            await phone.asked("BYE")
            cut = await near.core.expect(events.AudioCutOff)
            assert (cut.agent, cut.call, cut.offer, cut.cause) == ("ada", call, 1, "edge_stopped")
            assert cut.part == 0, "a phone has the whole offer"
            assert near.core.all(events.PhoneHungUp) == []
            assert near.edge.calls.inventory()[0].agent == ""

    asyncio.run(story())


def test_an_edge_that_falls_silent_in_a_conversation_is_no_hang_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            _, _, call, _ = await talking(near, far)
            far.edge.point.close()
            near.engine.send(engine.LegSilent(leg=f"{call}-p1", silent_ms=60_000))
            async with asyncio.timeout(PATIENCE_S):
                while not near.core.all(events.AudioCutOff):
                    near.jump(10_000)
                    await asyncio.sleep(0.01)
            assert near.core.all(events.AudioCutOff)[0].cause == "media_timeout"
            assert near.core.all(events.PhoneHungUp) == []

    asyncio.run(story())


def test_what_was_lent_to_a_process_that_is_no_more_is_taken_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            _, phone, _, _ = await talking(near, far)
            there = addresses(near, far)
            far.core.signal(there)
            await far.heard_all()
            assert lent(far) == 1, "the same as before"
            one, other = there.edges
            newer = EdgeAddress(edge=NEAR, instance="another", key="k", host=one.host, port=one.port)
            far.core.signal(Siblings(edges=(newer, other)))
            await phone.asked("BYE")
            assert lent(far) == 0

    asyncio.run(story())


def test_what_rings_for_an_edge_that_was_away_too_long_is_taken_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            _, phone, _, _ = await rung(near, far)
            far.core.signal(Siblings(gone="edge9"))
            await far.heard_all()
            assert lent(far) == 1
            far.core.signal(Siblings(gone=NEAR))
            await phone.asked("CANCEL")
            assert lent(far) == 0

    asyncio.run(story())


def test_who_is_heard_goes_on_when_the_other_edge_was_away_too_long(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            _, phone, call, _ = await talking(near, far)
            (device,) = far.edge.calls.lent._lent.values()
            silent = engine.LegSilent(leg=f"{call}-l1", silent_ms=1_500)
            far.engine.send(silent)
            await until(lambda: not device.in_use)
            far.engine.send(engine.LegHeard(leg=f"{call}-l1"))
            await until(lambda: device.in_use)
            far.core.signal(Siblings(gone=NEAR))
            await far.heard_all()
            assert lent(far) == 1
            far.engine.send(silent)
            await until(lambda: not device.in_use)
            far.core.signal(Siblings(gone=NEAR))
            await phone.asked("BYE")

    asyncio.run(story())


def forget(far: World) -> None:
    """What the SIP layer itself remembers, which would take a copy for a loop; what time it is stays."""
    far.jump(33_000)
    far.edge.clock._offset_ms -= 33_000


def forge(phone: Phone, original: Request, *, header: str, body: str = "", uri: str = "") -> None:
    """A copy of an INVITE between edges, changed a little perhaps, and sent by somebody else."""
    left = ("Via", "Content-Length", HEADER)
    kept = [(name, value) for name, value in original.headers if name not in left]
    text = body or original.body.decode()
    lines = [
        f"INVITE {uri or original.uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {phone.host}:{phone.port};branch=z9hG4bK{phone.name}{next(phone.number)};rport",
        *(f"{name}: {value}" for name, value in kept),
        f"{HEADER}: {header}",
        f"Content-Length: {len(text.encode())}",
    ]
    phone.put("\r\n".join(lines) + "\r\n\r\n" + text)


async def one_of_an_edge(near: World, far: World) -> Request:
    """An INVITE between the two, which has served its purpose."""
    seen: list[Request] = []
    take = far.edge.calls.lent.invite_received

    def listen(key: Any, invite: Request, source: Any, *, full: bool) -> None:
        seen.append(invite)
        take(key, invite, source, full=full)

    far.edge.calls.lent.invite_received = listen  # type: ignore[method-assign]
    _, phone, _, invite = await rung(near, far)
    phone.reply(invite, 486)
    await near.core.expect(events.PhoneFailed)
    far.edge.calls.lent.invite_received = take  # type: ignore[method-assign]
    return seen[0]


def test_nobody_but_an_edge_gets_to_a_device_and_nothing_counts_twice(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            genuine = await one_of_an_edge(near, far)
            header = genuine.get(HEADER) or ""
            at, code, claim = header.split(" ", 2)
            stranger = far.phone()
            fakes = [
                header,  # once more
                f"{at} {'0' * 64} {claim}",
                f"{at} {code} {claim.replace('101', '102')}",
                f"{int(at) + 1} {code} {claim}",
                f"{at} {code} {{}}",
                f"{at} {code}",
                "x",
                "x" * 600,
                f"{at} \u00fc {claim}",
            ]
            for fake in fakes:
                forget(far)
                forge(stranger, genuine, header=fake)
                await stranger.response(403)
            far.edge.siblings._seen.clear()
            forget(far)
            forge(stranger, genuine, header=header, body=sdp(9_999))
            await stranger.response(403)
            forget(far)
            forge(stranger, genuine, header=header, uri="sip:101@elsewhere")
            await stranger.response(403)
            assert lent(far) == 0
            assert far.edge.guard.counters(0)["spoofed"] == len(fakes) + 2
            assert far.edge.guard.admits("127.0.0.1", b"", 0), (
                "an edge's host is heard whatever comes from it"
            )

    asyncio.run(story())


def test_invites_in_an_edges_name_fill_no_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            genuine = await one_of_an_edge(near, far)
            stranger = far.phone()
            for number in range(20):
                genuine.set("Call-ID", f"{number}@nobody")
                forge(stranger, genuine, header="x")
                await stranger.response(403)

    asyncio.run(story())
    said = [one.getMessage() for one in caplog.records if "from 127.0.0.1" in one.getMessage()]
    assert sum("an INVITE in an edge's name" in line for line in said) == 1
    assert len(said) <= 2


def test_a_code_grows_old_and_is_then_forgotten(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            genuine = await one_of_an_edge(near, far)
            siblings = far.edge.siblings
            assert siblings.proven(genuine) == "shown before"
            far.edge.clock._offset_ms += FRESH_MS + 1_000
            assert siblings.proven(genuine) == "too old"
            invite = genuine.copy()
            near.edge.clock._offset_ms += FRESH_MS + 1_000
            claim = near.edge.siblings.own_claim("c2", "phone", "101", "ada", 1)
            near.edge.siblings.seal(invite, FAR, claim)
            assert siblings.proven(invite) == claim
            assert len(siblings._seen) == len(siblings._seen_until) == 1
            near.edge.siblings.seal(invite, "edge9", claim)
            assert siblings.proven(invite) == "shown before", (
                "nothing is sealed for an edge that is not known"
            )

    asyncio.run(story())


def test_an_invite_without_an_offer_is_no_edges(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            invite = (await one_of_an_edge(near, far)).copy()
            invite.body = b""
            near.edge.siblings.seal(invite, FAR, near.edge.siblings.own_claim("c1", "phone", "101", "ada", 1))
            stranger = far.phone()
            forget(far)
            forge(stranger, invite, header=invite.get(HEADER) or "")
            await stranger.response(400)

    asyncio.run(story())


def test_edges_behind_a_translator_tell_each_other_where_they_are(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path, advertised_host="203.0.113.7") as (near, far):
            _, phone, call, invite = await talking(near, far)
            assert b"203.0.113.7" in invite.body, "everybody else is told what they can reach"
            own = [one for one in near.engine.all(engine.ConnectLeg) if one.leg == f"{call}-p1"][-1]
            assert own.remote_host == "127.0.0.1"
            near.core.send(commands.EndCall(edge=NEAR, call=call, cause="talk_max"))
            await phone.asked("BYE")

    asyncio.run(story())


def test_an_edge_whose_address_has_changed_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateways.edge.edge.STATISTICS_INTERVAL_S", 0.01)

    async def story() -> None:
        async with world_in(tmp_path) as world:
            monkeypatch.setattr(world.edge._parts.addresses, "_sip_listening", {False: "192.0.2.7"})
            await until(lambda: len(world.core.all(EdgeAddress)) > 1)
            world.edge.tell_where()
            await world.heard_all()
            assert [told.host for told in world.core.all(EdgeAddress)] == ["127.0.0.1", "192.0.2.7"]

    asyncio.run(story())


def test_a_phone_that_is_lent_may_hand_its_caller_on(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            _, phone, call, invite = await talking(near, far)
            within(phone, invite, "REFER", f"Refer-To: <sip:185@127.0.0.1:{far.edge.point.port}>")
            asked = await far.core.expect(events.TransferAsked)
            assert (asked.agent, asked.call, asked.offer, asked.target) == ("ada", call, 1, "185")
            far.core.send(
                commands.TransferAnswered(
                    edge=FAR, call=call, agent="ada", offer=1, transfer=asked.transfer, status=200
                )
            )
            while True:
                notify = await phone.asked("NOTIFY")
                phone.reply(notify, 200)
                if b"200" in notify.body:
                    break
            near.core.send(commands.EndPhone(edge=NEAR, call=call, agent="ada", offer=1))
            await until(lambda: lent(far) == 0)
            assert far.edge.calls.statistics().commands_late == 0

    asyncio.run(story())


def test_a_phone_that_hangs_up_while_it_hands_on_is_told_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with two_edges(tmp_path) as (near, far):
            _, phone, call, invite = await talking(near, far)
            within(phone, invite, "REFER", f"Refer-To: <sip:185@127.0.0.1:{far.edge.point.port}>")
            await far.core.expect(events.TransferAsked)
            notify = await phone.asked("NOTIFY")
            phone.reply(notify, 200)
            within(phone, invite, "BYE", cseq=2)
            gone = await near.core.expect(events.PhoneHungUp)
            assert (gone.call, gone.handing) == (call, True)

    asyncio.run(story())
