"""Session timers at work (RFC 4028): who refreshes does so in time, by UPDATE or INVITE, and whoever does not is hung up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from gateways.media import messages as engine
from gateways.sip.message import Request, Response
from tests.edge.test_calls import EDGE
from tests.edge.world import Phone, World, config_for, sdp, world_in

TIMER = "Supported: timer"
ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE"


async def timed(world: World, phone: Phone, expires: str, *more: str) -> Response:
    """An answered call with a session timer."""
    arrived = await world.arrive(phone, headers=(TIMER, f"Session-Expires: {expires}", *more))
    world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
    ok = await phone.response(200, "INVITE")
    phone.ack(ok)
    await world.heard_all()
    return ok


def agree(phone: Phone, refresh: Request, seconds: int, body: str = "") -> None:
    headers = (f"Session-Expires: {seconds};refresher=uac", "Require: timer", ALLOW)
    phone.reply(refresh, 200, body=body, headers=headers)


def test_we_refresh_by_update_when_it_is_ours(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            ok = await timed(world, phone, "600;refresher=uas", ALLOW)
            assert ok.get("Session-Expires") == "600;refresher=uas"
            for _ in range(3):
                world.jump(300_000)
                refresh = await phone.asked("UPDATE")
                assert (refresh.body, refresh.get("Session-Expires")) == (b"", "1800;refresher=uac")
                agree(phone, refresh, 600)
                await world.heard_all()
                phone.request("OPTIONS", to_tag=ok.to.tag or "")
                await phone.response(200, "OPTIONS")
            assert world.core.all(events.CallerHungUp) == []

    asyncio.run(story())


def test_we_refresh_by_an_invite_with_the_same_offer_where_there_is_no_update(tmp_path: Path) -> None:
    """RFC 4028 7.4: the version in `o=` stays, so the other end need not look at it"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            ok = await timed(world, phone, "600;refresher=uas")
            world.jump(300_000)
            refresh = await phone.asked("INVITE")
            assert refresh.body.split(b"\r\n")[1] == ok.body.split(b"\r\n")[1]
            agree(phone, refresh, 600, body=sdp(42_000))
            ack = await phone.asked("ACK")
            assert ack.cseq.number == refresh.cseq.number
            await world.engine.expect(engine.ConnectLeg, lambda connect: connect.remote_port == 42_000)
            # It takes UPDATE after all, as its Allow has just said.
            world.jump(300_000)
            await phone.asked("UPDATE")

    asyncio.run(story())


def test_who_should_refresh_and_does_not_is_hung_up(tmp_path: Path) -> None:
    """RFC 4028 10: 32 s before the end"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            ok = await timed(world, phone, "300")
            assert ok.get("Session-Expires") == "300;refresher=uac"
            assert ok.get("Require") == "timer"
            tag = ok.to.tag or ""
            # In time, by either method; then no more.
            for method, body in (("UPDATE", ""), ("INVITE", sdp())):
                world.jump(200_000)
                number = next(phone.number)
                asked = (TIMER, "Session-Expires: 300;refresher=uac")
                phone.request(method, to_tag=tag, cseq=number, body=body, headers=asked)
                refreshed = await phone.response(200, method)
                assert refreshed.get("Session-Expires") == "300;refresher=uac"
            phone.ack(refreshed)
            await world.heard_all()
            world.jump(267_000)
            assert world.core.all(events.CallerHungUp) == []
            world.jump(2_000)
            bye = await phone.asked("BYE")
            assert bye.get("Reason") == "Q.850;cause=102"
            assert (await world.core.expect(events.CallerHungUp)).cause == "session_expired"

    asyncio.run(story())


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_too_short_a_session_is_refused(tmp_path: Path, method: str) -> None:
    """RFC 4028 5, 9"""

    async def story() -> None:
        async with world_in(tmp_path, config=config_for(tmp_path, min_se_s=120)) as world:
            phone = world.phone()
            asked = (TIMER, "Session-Expires: 100")
            if method == "INVITE":
                await phone.call(headers=asked)
                assert (await phone.response(422)).get("Min-SE") == "120"
                assert world.core.all(events.CallArrived) == []
            else:
                ok = await timed(world, phone, "600")
                phone.request("UPDATE", to_tag=ok.to.tag or "", headers=asked)
                assert (await phone.response(422)).get("Min-SE") == "120"

    asyncio.run(story())


def test_a_refresh_that_asks_for_too_little_is_sent_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            await timed(world, phone, "600;refresher=uas", ALLOW)
            world.jump(300_000)
            phone.reply(await phone.asked("UPDATE"), 422, headers=("Min-SE: 3600",))
            again = await phone.asked("UPDATE")
            assert (again.get("Session-Expires"), again.get("Min-SE")) == ("3600;refresher=uac", "3600")
            agree(phone, again, 3_600)
            await world.heard_all()
            world.jump(1_700_000)
            assert world.core.all(events.CallerHungUp) == []

    asyncio.run(story())


def test_a_refresh_that_crosses_another_request_is_tried_again(tmp_path: Path) -> None:
    """RFC 3261 14.1, and an UPDATE that is refused after all goes as an INVITE"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            await timed(world, phone, "600;refresher=uas", ALLOW)
            world.jump(300_000)
            phone.reply(await phone.asked("UPDATE"), 491)
            await world.heard_all()
            world.jump(2_100)
            phone.reply(await phone.asked("UPDATE"), 405)
            await world.heard_all()
            world.jump(2_100)
            agree(phone, await phone.asked("INVITE"), 600, body=sdp())
            await phone.asked("ACK")

    asyncio.run(story())


@pytest.mark.parametrize("status", [481, 408, 0])
def test_whoever_knows_nothing_of_the_call_any_more_is_hung_up(tmp_path: Path, status: int) -> None:
    """RFC 3261 12.2.1.2; 0: silence"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            await timed(world, phone, "600;refresher=uas", ALLOW)
            world.jump(300_000)
            refresh = await phone.asked("UPDATE")
            if status:
                phone.reply(refresh, status)
            else:
                world.jump(33_000)
            await phone.asked("BYE")
            assert (await world.core.expect(events.CallerHungUp)).cause == "session_expired"

    asyncio.run(story())


def test_a_refresh_refused_otherwise_leaves_the_session_to_its_time(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            await timed(world, phone, "600;refresher=uas")
            world.jump(300_000)
            phone.reply(await phone.asked("INVITE"), 488)
            await world.heard_all()
            world.jump(267_000)
            assert world.core.all(events.CallerHungUp) == []
            world.jump(2_000)
            await phone.asked("BYE")
            assert (await world.core.expect(events.CallerHungUp)).cause == "session_expired"

    asyncio.run(story())


def test_who_asks_for_no_timer_gets_none(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone, headers=(TIMER,))
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            ok = await phone.response(200, "INVITE")
            phone.ack(ok)
            assert ok.get("Session-Expires") is None
            await world.heard_all()
            world.jump(4_000_000)
            assert world.core.all(events.CallerHungUp) == []
            assert len(world.edge._parts.alarms) == 0

    asyncio.run(story())
