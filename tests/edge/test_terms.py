"""Offers and answers within a call (RFC 3264, 3311, 6337): from either side, late, crossing, refused, and in parts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from gateways.media import messages as engine
from gateways.sip.message import Response
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import Phone, World, sdp, world_in


async def late_call(world: World, phone: Phone) -> tuple[str, Response]:
    """A call whose INVITE had no offer, answered with ours; not acknowledged yet."""
    arrived = await world.arrive(phone, body="")
    world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
    ok = await phone.response(200, "INVITE")
    assert b"m=audio" in ok.body
    return arrived.call, ok


async def connected(world: World, port: int) -> engine.ConnectLeg:
    return await world.engine.expect(engine.ConnectLeg, lambda connect: connect.remote_port == port)


def test_a_late_offer_and_another_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            _, ok = await late_call(world, phone)
            phone.ack(ok, body=sdp(41_000))
            await connected(world, 41_000)
            await phone.call(body="", to_tag=ok.to.tag)
            again = await phone.response(200, "INVITE")
            # RFC 3264 8: the same session, so the same origin and version
            assert again.body.split(b"\r\n")[1] == ok.body.split(b"\r\n")[1]
            phone.ack(again, body=sdp(42_000, "sendonly"))
            assert not (await connected(world, 42_000)).send

    asyncio.run(story())


def test_an_offer_that_crosses_ours_is_pending_and_our_offer_still_answered(tmp_path: Path) -> None:
    """RFC 3261 14.2, RFC 6337 4: between our 200 with an offer and its ACK"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            _, ok = await late_call(world, phone)
            tag = ok.to.tag or ""
            for body in (sdp(45_000), ""):
                number = await phone.call(body=body, to_tag=tag)
                assert (await phone.response(491, "INVITE")).cseq.number == number
                branch = f"z9hG4bK{phone.name}x{number}INVITE"
                phone.request("ACK", cseq=number, branch=branch, to_tag=tag)
            phone.request("UPDATE", to_tag=tag, body=sdp(45_000))
            await phone.response(491, "UPDATE")
            phone.ack(ok, body=sdp(41_000))
            await connected(world, 41_000)
            assert [each.remote_port for each in world.engine.all(engine.ConnectLeg)] == [41_000]
            await phone.call(body=sdp(46_000), to_tag=tag)
            phone.ack(await phone.response(200, "INVITE"))
            await connected(world, 46_000)

    asyncio.run(story())


def test_the_answer_is_the_one_in_the_ack_of_the_invite_that_asked(tmp_path: Path) -> None:
    """A re-INVITE of the caller's own offer does not make its ACK an answer."""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            _, tag = await answered(world, phone)
            await phone.call(body=sdp(42_000), to_tag=tag)
            phone.ack(await phone.response(200, "INVITE"), body=sdp(49_000))
            await connected(world, 42_000)
            phone.request("OPTIONS", to_tag=tag)
            await phone.response(200, "OPTIONS")
            assert 49_000 not in [each.remote_port for each in world.engine.all(engine.ConnectLeg)]

    asyncio.run(story())


@pytest.mark.parametrize("answer", ["", sdp().replace("RTP/AVP 8 0 101", "RTP/AVP 9"), "v=1"])
def test_a_late_answer_that_is_none_ends_the_call(tmp_path: Path, answer: str) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, ok = await late_call(world, phone)
            phone.ack(ok, body=answer)
            bye = await phone.asked("BYE")
            assert bye.get("Reason") == "Q.850;cause=65"
            gone = await world.core.expect(events.CallerHungUp)
            assert (gone.call, gone.cause) == (call, "bad_answer")

    asyncio.run(story())


def test_an_update_changes_the_terms_and_the_target(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone, moved = world.phone(), world.phone()
            call, tag = await answered(world, phone)
            phone.request("UPDATE", to_tag=tag, body=sdp(44_000, "sendonly"))
            ok = await phone.response(200, "UPDATE")
            assert b"a=recvonly" in ok.body
            assert ok.contacts[0].uri.user == "santral"
            assert not (await connected(world, 44_000)).send
            phone.request("UPDATE", to_tag=tag, body=sdp().replace("RTP/AVP 8 0 101", "RTP/AVP 9"))
            assert "305" in ((await phone.response(488, "UPDATE")).get("Warning") or "")
            phone.request("UPDATE", to_tag=tag, contact=f"sip:me@127.0.0.1:{moved.port}")
            assert (await phone.response(200, "UPDATE")).body == b""
            world.core.send(commands.EndCall(edge=EDGE, call=call, cause="x"))
            await moved.asked("BYE")

    asyncio.run(story())


def test_an_update_before_the_answer_waits_for_it(tmp_path: Path) -> None:
    """RFC 3311 5.2: the offer of the INVITE is not answered yet"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone)
            world.core.send(commands.RingCaller(edge=EDGE, call=arrived.call))
            tag = (await phone.response(180)).to.tag or ""
            phone.request("UPDATE", to_tag=tag, body=sdp(44_000))
            assert (await phone.response(500, "UPDATE")).get("Retry-After")
            phone.request("UPDATE", to_tag=tag)  # of the target alone
            assert (await phone.response(200, "UPDATE")).body == b""
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            ok = await phone.response(200, "INVITE")
            assert b"m=audio" in ok.body
            phone.ack(ok)
            await connected(world, 40_000)

    asyncio.run(story())


def test_a_bye_of_ours_waits_for_the_first_ack_alone(tmp_path: Path) -> None:
    """RFC 3261 15: not for that of a re-INVITE"""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, tag = await answered(world, phone)
            await phone.call(body=sdp(42_000), to_tag=tag)
            await phone.response(200, "INVITE")
            world.core.send(commands.EndCall(edge=EDGE, call=call, cause="x"))
            bye = await phone.asked("BYE")
            assert bye.get("Reason") == "Q.850;cause=16"

    asyncio.run(story())


def test_a_description_in_parts_is_found_and_what_must_be_understood_refused(tmp_path: Path) -> None:
    """RFC 3261 8.2.3, RFC 5621: SIP-I wraps what belongs to another network around it."""
    parts = "\r\n".join(
        (
            "--x",
            "Content-Type: application/sdp",
            "",
            sdp(43_000),
            "--x",
            "Content-Type: application/isup;version=itu-t92+",
            "Content-Disposition: signal;handling={handling}",
            "",
            "isup",
            "--x--",
            "",
        )
    )

    async def story() -> None:
        async with world_in(tmp_path) as world:
            strict, phone = world.phone(), world.phone()
            await strict.call(
                body=parts.format(handling="required"), content_type="multipart/mixed;boundary=x"
            )
            await strict.response(415)
            arrived = await world.arrive(
                phone, body=parts.format(handling="optional"), content_type="multipart/mixed;boundary=x"
            )
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            phone.ack(await phone.response(200, "INVITE"))
            await connected(world, 43_000)
            packed = world.phone()
            await packed.call(headers=("Content-Encoding: gzip",))
            assert (await packed.response(415)).get("Accept-Encoding") == "identity"

    asyncio.run(story())
