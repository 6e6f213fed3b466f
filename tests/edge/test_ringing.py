"""What a caller is told before the answer: reliably if they want it so (RFC 3262), each minute, no longer than they wait."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from gateways.edge.ringing import AGAIN_MAX
from gateways.media import messages as engine
from gateways.sip.message import Response
from tests.edge.test_calls import EDGE
from tests.edge.world import Phone, World, config_for, sdp, world_in

REQUIRED, SUPPORTED = ("Require: 100rel",), ("Supported: 100rel",)


async def rung(world: World, phone: Phone, **more: object) -> tuple[str, Response]:
    """A call that rings, and what its caller was told."""
    arrived = await world.arrive(phone, **more)
    world.core.send(commands.RingCaller(edge=EDGE, call=arrived.call))
    return arrived.call, await phone.response(180)


def prack(phone: Phone, ringing: Response, **more: object) -> None:
    acknowledges = f"RAck: {ringing.get('RSeq')} {ringing.cseq}"
    phone.request("PRACK", to_tag=ringing.to.tag or "", headers=(acknowledges,), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("headers", [REQUIRED, SUPPORTED])
def test_ringing_is_repeated_until_it_is_acknowledged(tmp_path: Path, headers: tuple[str, ...]) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, ringing = await rung(world, phone, headers=headers)
            assert ringing.get("Require") == "100rel"
            for wait_ms in (600, 1_100):
                world.jump(wait_ms)
                again = await phone.response(180)
                assert again.get("RSeq") == ringing.get("RSeq")
            prack(phone, ringing)
            assert (await phone.response(200, "PRACK")).body == b""
            prack(phone, ringing)
            await phone.response(481, "PRACK")
            world.jump(20_000)
            world.core.send(commands.AnswerCaller(edge=EDGE, call=call))
            ok = await phone.receive()
            assert isinstance(ok, Response)
            assert ok.status == 200
            assert b"m=audio" in ok.body
            phone.ack(ok)
            await world.engine.expect(engine.ConnectLeg)

    asyncio.run(story())


def test_ringing_that_nobody_acknowledges_ends_the_call(tmp_path: Path) -> None:
    """RFC 3262 3"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, _ = await rung(world, phone, headers=REQUIRED)
            world.jump(33_000)
            await phone.response(504, "INVITE")
            gone = await world.core.expect(events.CallerHungUp)
            assert (gone.call, gone.cause) == (call, "no_prack")
            assert world.edge.statistics().dialogs == 0

    asyncio.run(story())


def test_an_answer_need_not_wait_for_a_prack(tmp_path: Path) -> None:
    """RFC 3262 3: only for one of a session description. The PRACK is answered afterwards too."""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, ringing = await rung(world, phone, headers=SUPPORTED)
            world.core.send(commands.AnswerCaller(edge=EDGE, call=call))
            ok = await phone.response(200, "INVITE")
            prack(phone, ringing)
            await phone.response(200, "PRACK")
            phone.ack(ok)
            for _ in range(2):
                phone.request("OPTIONS", to_tag=ok.to.tag or "")
                assert (await phone.receive()).cseq.method == "OPTIONS", "no 180 again"
                world.jump(5_000)

    asyncio.run(story())


def test_an_offer_in_a_reliable_180_is_answered_in_its_prack(tmp_path: Path) -> None:
    """RFC 3262 5, RFC 3311 5.1: all is agreed before the answer, which says nothing more; terms may change meanwhile."""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, ringing = await rung(world, phone, body="", headers=REQUIRED)
            assert b"m=audio" in ringing.body
            world.core.send(commands.AnswerCaller(edge=EDGE, call=call))
            prack(phone, ringing)
            assert "answer" in (await phone.response(400, "PRACK")).reason
            prack(phone, ringing, body=sdp(41_000))
            await phone.response(200, "PRACK")
            ok = await phone.response(200, "INVITE")
            assert ok.body == b""
            assert (await world.engine.expect(engine.ConnectLeg)).remote_port == 41_000
            phone.ack(ok)
            phone.request("UPDATE", to_tag=ok.to.tag or "", body=sdp(42_000))
            await phone.response(200, "UPDATE")
            assert (await world.engine.expect(engine.ConnectLeg)).remote_port == 42_000

    asyncio.run(story())


def test_terms_change_before_the_answer_by_update_and_prack(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, ringing = await rung(world, phone, body="", headers=REQUIRED)
            tag = ringing.to.tag or ""
            phone.request("UPDATE", to_tag=tag, body=sdp(44_000))
            await phone.response(491, "UPDATE")
            prack(phone, ringing, body=sdp(41_000))
            await phone.response(200, "PRACK")
            phone.request("UPDATE", to_tag=tag, body=sdp(44_000))
            assert b"m=audio" in (await phone.response(200, "UPDATE")).body
            world.jump(60_000)
            second = await phone.response(180)
            assert int(second.get("RSeq") or 0) == int(ringing.get("RSeq") or 0) + 1
            prack(phone, second, body=sdp(45_000))
            assert b"m=audio" in (await phone.response(200, "PRACK")).body
            world.core.send(commands.AnswerCaller(edge=EDGE, call=call))
            phone.ack(await phone.response(200, "INVITE"))
            await world.engine.expect(engine.ConnectLeg, lambda connect: connect.remote_port == 45_000)
            assert [each.remote_port for each in world.engine.all(engine.ConnectLeg)] == [
                41_000,
                44_000,
                45_000,
            ]

    asyncio.run(story())


def test_one_without_an_offer_who_can_but_need_not_is_answered_as_always(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, ringing = await rung(world, phone, body="", headers=SUPPORTED)
            assert (ringing.body, ringing.get("RSeq")) == (b"", None)
            world.core.send(commands.AnswerCaller(edge=EDGE, call=call))
            assert b"m=audio" in (await phone.response(200, "INVITE")).body

    asyncio.run(story())


@pytest.mark.parametrize(
    ("policy", "headers", "status"),
    [("never", REQUIRED, 420), ("required", (), 421), ("never", SUPPORTED, 180), ("supported", (), 180)],
)
def test_by_configuration(tmp_path: Path, policy: str, headers: tuple[str, ...], status: int) -> None:
    async def story() -> None:
        async with world_in(tmp_path, config=config_for(tmp_path, reliable_ringing=policy)) as world:
            phone = world.phone()
            if status == 180:
                _, ringing = await rung(world, phone, headers=headers)
                assert ringing.get("RSeq") is None
            else:
                await phone.call(headers=headers)
                refused = await phone.response(status)
                assert (refused.get("Unsupported") or refused.get("Require")) == "100rel"
                assert world.core.all(events.CallArrived) == []

    asyncio.run(story())


def test_a_caller_who_waits_long_is_told_each_minute_but_not_for_ever(tmp_path: Path) -> None:
    """RFC 3261 13.3.1.1: proxies give up what is silent for three minutes."""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            await rung(world, phone)
            for _ in range(AGAIN_MAX):
                world.jump(60_000)
                await phone.response(180)
            for _ in range(11):
                world.jump(60_000)
            await phone.response(504, "INVITE")
            assert (await world.core.expect(events.CallerHungUp)).cause == "never_answered"

    asyncio.run(story())


def test_an_invite_that_expires_is_terminated(tmp_path: Path) -> None:
    """RFC 3261 13.3.1 (1)"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, _ = await rung(world, phone, headers=("Expires: 30",))
            world.jump(29_000)
            assert world.core.all(events.CallerHungUp) == []
            world.jump(1_100)
            await phone.response(487, "INVITE")
            gone = await world.core.expect(events.CallerHungUp)
            assert (gone.call, gone.cause) == (call, "invite_expired")
            # One that was answered in time goes on.
            second = world.phone()
            arrived = await world.arrive(second, headers=("Expires: 30",))
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            second.ack(await second.response(200, "INVITE"))
            world.jump(31_000)
            second.request("OPTIONS", to_tag="no")
            await second.response(481)
            assert world.edge.statistics().calls.live == 1

    asyncio.run(story())
