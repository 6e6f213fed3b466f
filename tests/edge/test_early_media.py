"""Callers who hear us before they are answered: 183 with our session description, and how that ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from gateways.edge.limits import Timing
from gateways.media import messages as engine
from gateways.sip.message import Response
from tests.edge.test_calls import EDGE
from tests.edge.test_ringing import REQUIRED, SUPPORTED, prack
from tests.edge.world import Phone, World, sdp, world_in

MAX_MS = 50_000


async def heard(world: World, phone: Phone, **more: object) -> tuple[str, Response]:
    """A call that is heard, and what its caller was told."""
    arrived = await world.arrive(phone, **more)
    world.core.send(commands.ProgressCaller(edge=EDGE, call=arrived.call, max_ms=MAX_MS))
    return arrived.call, await phone.response(183)


def answer(world: World, call: str) -> None:
    world.core.send(commands.AnswerCaller(edge=EDGE, call=call))


def test_what_is_played_is_heard_before_the_answer_which_says_the_same(tmp_path: Path) -> None:
    """RFC 3261 13.2.1, for a caller who knows nothing of reliable responses."""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, progress = await heard(world, phone, body=sdp(41_000))
            assert (progress.get("RSeq"), progress.get("Require")) == (None, None)
            assert (await world.engine.expect(engine.ConnectLeg)).remote_port == 41_000
            music = commands.Prompt(id="music", wav=str(tmp_path / "music.wav"))
            (tmp_path / "music.wav").touch()
            world.core.send(commands.PlayMusic(edge=EDGE, call=call, music=music))
            assert (await world.engine.expect(engine.PlayLoop)).leg == call
            phone.request("UPDATE", to_tag=progress.to.tag or "", body=sdp(42_000))
            assert (await phone.response(500, "UPDATE")).get("Retry-After") is not None
            world.core.send(commands.ProgressCaller(edge=EDGE, call=call, max_ms=MAX_MS))
            answer(world, call)
            ok = await phone.response(200, "INVITE")
            assert ok.body == progress.body != b""
            assert ok.to.tag == progress.to.tag
            phone.ack(ok)
            assert [each.remote_port for each in world.engine.all(engine.ConnectLeg)] == [41_000]
            phone.request("OPTIONS", to_tag=ok.to.tag or "")
            await phone.response(200, "OPTIONS")
            world.jump(MAX_MS)
            await world.heard_all()
            assert world.core.all(events.CallerAnswered) == [], "it was the core that had it answered"

    asyncio.run(story())


@pytest.mark.parametrize("headers", [REQUIRED, SUPPORTED])
def test_a_reliable_183_is_the_answer_and_the_200_waits_for_its_prack(
    tmp_path: Path, headers: tuple[str, ...]
) -> None:
    """RFC 3262 3, 5"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, progress = await heard(world, phone, headers=headers)
            assert progress.get("Require") == "100rel"
            assert b"m=audio" in progress.body
            answer(world, call)
            world.jump(600)
            assert (await phone.response(183)).get("RSeq") == progress.get("RSeq"), "once more, and no 200"
            prack(phone, progress)
            await phone.response(200, "PRACK")
            ok = await phone.response(200, "INVITE")
            assert ok.body == b"", "all is said"
            phone.ack(ok)
            phone.request("UPDATE", to_tag=ok.to.tag or "", body=sdp(42_000))
            await phone.response(200, "UPDATE")
            await world.engine.expect(engine.ConnectLeg, lambda connect: connect.remote_port == 42_000)

    asyncio.run(story())


def test_terms_may_change_while_it_is_heard(tmp_path: Path) -> None:
    """RFC 3311 5.1: hold and resume of the music, or another address."""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            _, progress = await heard(world, phone, headers=REQUIRED)
            prack(phone, progress)
            await phone.response(200, "PRACK")
            for direction, sends in (("inactive", False), ("sendrecv", True)):
                phone.request("UPDATE", to_tag=progress.to.tag or "", body=sdp(43_000, direction))
                assert b"m=audio" in (await phone.response(200, "UPDATE")).body
                connect = await world.engine.expect(
                    engine.ConnectLeg, lambda connect: connect.remote_port == 43_000
                )
                assert connect.send == sends

    asyncio.run(story())


def test_who_brings_no_offer_and_requires_100rel_answers_ours_in_the_prack(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, progress = await heard(world, phone, body="", headers=REQUIRED)
            assert b"m=audio" in progress.body
            prack(phone, progress, body=sdp(41_000))
            await phone.response(200, "PRACK")
            assert (await world.engine.expect(engine.ConnectLeg)).remote_port == 41_000
            answer(world, call)
            assert (await phone.response(200, "INVITE")).body == b""

    asyncio.run(story())


@pytest.mark.parametrize("headers", [(), SUPPORTED])
def test_who_brings_no_offer_otherwise_is_answered_to_hear_anything(
    tmp_path: Path, headers: tuple[str, ...]
) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone, body="", headers=headers)
            world.core.send(commands.ProgressCaller(edge=EDGE, call=arrived.call, max_ms=MAX_MS))
            ok = await phone.response(200, "INVITE")
            assert b"m=audio" in ok.body
            assert (await world.core.expect(events.CallerAnswered)).call == arrived.call
            phone.ack(ok, body=sdp(41_000))
            assert (await world.engine.expect(engine.ConnectLeg)).remote_port == 41_000

    asyncio.run(story())


def test_it_is_answered_before_the_carrier_gives_it_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, progress = await heard(world, phone)
            world.jump(MAX_MS // 2)
            said = world.edge.point.statistics().responses_sent
            world.core.send(commands.ProgressCaller(edge=EDGE, call=call, max_ms=MAX_MS))
            await world.heard_all()
            assert world.edge.point.statistics().responses_sent == said, "phones begin their audio anew"
            world.jump(MAX_MS // 2 - 10_000)
            await world.heard_all()
            assert world.core.all(events.CallerAnswered) == []
            world.jump(10_000)
            ok = await phone.response(200, "INVITE")
            assert ok.body == progress.body
            assert (await world.core.expect(events.CallerAnswered)).call == call
            phone.ack(ok)
            world.core.send(commands.EndCall(edge=EDGE, call=call, cause="flow_ended"))
            await phone.asked("BYE")

    asyncio.run(story())


def test_it_is_answered_before_the_caller_waits_no_longer(tmp_path: Path) -> None:
    """RFC 3261 13.3.1"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, _ = await heard(world, phone, headers=("Expires: 20",))
            world.jump(19_000)
            await phone.response(200, "INVITE")
            assert (await world.core.expect(events.CallerAnswered)).call == call
            world.jump(5_000)
            await world.heard_all()
            assert world.core.all(events.CallerHungUp) == []

    asyncio.run(story())


def test_proxies_hear_of_it_each_minute(tmp_path: Path) -> None:
    """RFC 3261 13.3.1.1"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone)
            world.core.send(commands.ProgressCaller(edge=EDGE, call=arrived.call, max_ms=150_000))
            progress = await phone.response(183)
            for _ in range(2):
                said = world.edge.point.statistics().responses_sent
                world.jump(30_000)
                await world.heard_all()
                assert world.edge.point.statistics().responses_sent == said
                world.jump(30_000)
                assert (await phone.response(183)).body == progress.body

    asyncio.run(story())


@pytest.mark.parametrize(
    ("cause", "status", "q850"),
    [
        ("flow_ended", 480, 31),
        ("callback", 480, 31),
        ("queue_full", 486, 17),
        ("waited_too_long", 480, 19),
        ("no_operators", 480, 20),
        ("audio_lost", 503, 41),
    ],
)
def test_who_is_never_connected_is_refused_with_the_cause(
    tmp_path: Path, cause: str, status: int, q850: int
) -> None:
    """RFC 3398 7.2.4.1, RFC 3326"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, _ = await heard(world, phone)
            world.core.send(commands.EndCall(edge=EDGE, call=call, cause=cause))
            refused = await phone.response(status, "INVITE")
            assert (refused.get("Reason") or "").startswith(f"Q.850;cause={q850};text=")
            await world.heard_all()
            statistics = world.edge.statistics()
            assert statistics.audio.legs == statistics.dialogs == statistics.calls.live == 0

    asyncio.run(story())


@pytest.mark.parametrize("method", ["CANCEL", "BYE"])
def test_a_caller_may_give_up_while_listening(tmp_path: Path, method: str) -> None:
    """RFC 3261 9.2, 15: a BYE may end an early dialog."""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, progress = await heard(world, phone)
            if method == "CANCEL":
                number = next(phone.number) - 1
                branch = f"z9hG4bK{phone.name}x{number}INVITE"
                phone.request("CANCEL", branch=branch, cseq=number)
            else:
                phone.request("BYE", to_tag=progress.to.tag or "")
            await phone.response(487, "INVITE")
            assert (await world.core.expect(events.CallerHungUp)).call == call
            assert world.edge.statistics().audio.legs == 0

    asyncio.run(story())


def test_keys_are_heard_and_a_new_core_is_told_that_it_is_not_answered(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, _ = await heard(world, phone)
            world.engine.send(engine.Key(leg=call, key="5"))
            assert (await world.core.expect(events.KeyPressed)).key == "5"
            (held,) = world.edge.calls.inventory()
            assert (held.call, held.answered) == (call, False)

    asyncio.run(story())


def test_a_caller_who_only_listens_is_asked_for_nothing_before_the_answer(tmp_path: Path) -> None:
    """Carriers that send no audio before the answer may know no OPTIONS in an early dialog, and their 481 would end the call."""

    async def story() -> None:
        async with world_in(tmp_path, timing=Timing(caller_silence_s=0.02)) as world:
            phone = world.phone()
            call, progress = await heard(world, phone)
            world.engine.send(engine.LegHeard(leg=call))
            world.engine.send(engine.LegSilent(leg=call, silent_ms=60_000))
            await world.heard_all()
            phone.request("UPDATE", to_tag=progress.to.tag or "")
            assert isinstance(await phone.receive(), Response), "the answer to this, and no question before"
            answer(world, call)
            ok = await phone.response(200, "INVITE")
            phone.ack(ok)
            await phone.asked("OPTIONS")

    asyncio.run(story())
