"""Within a call: holds, new addresses, keys by INFO, questions, silence, and hang-ups that nobody sees."""

from __future__ import annotations

import asyncio
from pathlib import Path

from acd_core.domain import commands, events
from gateways.edge.limits import EdgeLimits, Timing
from gateways.media import messages as engine
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import sdp, world_in


def test_hold_resume_and_a_new_address(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            _, tag = await answered(world, phone)
            first = await world.engine.expect(engine.ConnectLeg)
            assert (first.send, first.receive) == (True, True)
            versions = []
            for body, sends, receives, port, says in (
                (sdp(40_000, "sendonly"), False, True, 40_000, b"a=recvonly"),
                (sdp(40_000, "inactive"), False, False, 40_000, b"a=inactive"),
                (sdp(42_000, "sendrecv"), True, True, 42_000, b"a=sendrecv"),
            ):
                await phone.call(body=body, to_tag=tag)
                ok = await phone.response(200, "INVITE")
                assert says in ok.body
                versions.append(ok.body.split(b" ")[2])
                phone.ack(ok)
                connected = await world.engine.expect(engine.ConnectLeg)
                assert (connected.send, connected.receive) == (sends, receives)
                assert connected.remote_port == port
            assert versions == [b"2", b"3", b"4"]

    asyncio.run(story())


def test_terms_that_cannot_be_agreed_change_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            _, tag = await answered(world, phone)
            await phone.call(body=sdp().replace("RTP/AVP 8 0 101", "RTP/AVP 9"), to_tag=tag)
            await phone.response(488)
            await phone.call(body="v=1", to_tag=tag)
            await phone.response(400)
            await phone.call(body="", to_tag=tag)
            offer = await phone.response(200, "INVITE")
            phone.ack(offer, body=sdp(43_000))
            await world.engine.expect(engine.ConnectLeg, lambda connect: connect.remote_port == 43_000)
            assert len(world.engine.all(engine.ConnectLeg)) == 2

    asyncio.run(story())


def test_keys_by_info_and_other_requests_of_the_dialog(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            _, tag = await answered(world, phone)
            relay = {"content_type": "application/dtmf-relay", "to_tag": tag}
            phone.request("INFO", body="Signal=5\r\nDuration=160\r\n", **relay)
            await phone.response(200, "INFO")
            assert (await world.core.expect(events.KeyPressed)).key == "5"
            phone.request("INFO", body="#", content_type="application/dtmf", to_tag=tag)
            await phone.response(200, "INFO")
            assert (await world.core.expect(events.KeyPressed)).key == "#"
            phone.request("INFO", body="Signal=x\r\n", **relay)
            assert (await phone.response(415)).get("Accept") == "application/dtmf-relay"
            phone.request("OPTIONS", to_tag=tag)
            await phone.response(200, "OPTIONS")
            phone.request("PRACK", to_tag=tag, headers=("RAck: 1 1 INVITE",))
            await phone.response(481, "PRACK")
            phone.request("PUBLISH", to_tag=tag)
            await phone.response(405, "PUBLISH")
            phone.request("BYE", to_tag="somebody-else")
            await phone.response(481)
            phone.request("BYE", to_tag=tag)
            await phone.response(200, "BYE")
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"

    asyncio.run(story())


def test_keys_beyond_what_anybody_dials_are_dropped(tmp_path: Path) -> None:
    async def story() -> None:
        limits = EdgeLimits(keys_per_second=0.001, keys_burst=10)
        async with world_in(tmp_path, limits=limits) as world:
            for _ in range(2):  # each call has its own share
                phone = world.phone()
                call, tag = await answered(world, phone)
                for _ in range(50):
                    world.engine.send(engine.Key(leg=call, key="1"))
                for _ in range(10):
                    await world.core.expect(events.KeyPressed)
                phone.request("BYE", to_tag=tag)
                await world.core.expect(events.CallerHungUp)
            assert len(world.core.all(events.KeyPressed)) == 20

    asyncio.run(story())


def test_where_audio_can_not_go_it_goes_to_where_the_call_comes_from(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            _, tag = await answered(world, phone)
            await world.engine.expect(engine.ConnectLeg)
            await phone.call(body=sdp(42_000).replace("IN IP4 127.0.0.1", "IN IP6 2001:db8::1"), to_tag=tag)
            phone.ack(await phone.response(200, "INVITE"))
            connected = await world.engine.expect(engine.ConnectLeg)
            assert (connected.remote_host, connected.remote_port) == ("127.0.0.1", 42_000)

    asyncio.run(story())


def test_a_bye_that_crosses_ours_is_the_only_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone)
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            ok = await phone.response(200)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="closed"))
            await world.engine.expect(engine.FreeLeg)  # our BYE waits for the ACK
            phone.request("BYE", to_tag=ok.to.tag or "")
            await phone.response(200, "BYE")
            phone.ack(ok)
            phone.request("OPTIONS")
            await phone.response(200, "OPTIONS")
            assert world.edge.point.statistics().requests_sent == 0
            assert world.edge.statistics().dialogs == 0

    asyncio.run(story())


def test_a_bye_before_the_answer_ends_the_invite_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone)
            world.core.send(commands.RingCaller(edge=EDGE, call=arrived.call))
            ringing = await phone.response(180)
            phone.request("BYE", to_tag=ringing.to.tag or "")
            statuses = set()
            while len(statuses) < 2:
                message = await phone.receive()
                statuses.add(getattr(message, "status", 0))
            assert statuses == {200, 487}
            await world.core.expect(events.CallerHungUp)

    asyncio.run(story())


def test_a_silent_caller_is_asked_and_a_dead_one_hung_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, timing=Timing(caller_silence_s=0.05)) as world:
            phone = world.phone()
            call, _ = await answered(world, phone)
            for _ in range(2):
                question = await phone.asked("OPTIONS")
                phone.reply(question, 200)
            leg = world.engine.all(engine.AllocateLeg)[0].leg
            world.engine.send(engine.LegHeard(leg=leg))
            # Speaks now; asks again only after the next silence.
            world.engine.send(engine.LegSilent(leg=leg, silent_ms=1_000))
            question = await phone.asked("OPTIONS")
            phone.reply(question, 481)
            bye = await phone.asked("BYE")
            phone.reply(bye, 481)
            gone = await world.core.expect(events.CallerHungUp)
            assert (gone.call, gone.cause) == (call, "media_timeout")

    asyncio.run(story())


def test_an_answer_that_nobody_acknowledges_is_hung_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone)
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            await phone.response(200)
            world.jump(31_000)
            assert world.core.all(events.CallerHungUp) == []
            world.jump(2_000)
            await phone.asked("BYE")
            gone = await world.core.expect(events.CallerHungUp)
            assert (gone.call, gone.cause) == (arrived.call, "no_ack")
            assert world.edge.statistics().audio.legs == 0

    asyncio.run(story())


def test_a_caller_whose_question_nobody_answers_is_gone(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, timing=Timing(caller_silence_s=0.05)) as world:
            phone = world.phone()
            await answered(world, phone)
            await phone.asked("OPTIONS")
            world.jump(33_000)
            assert (await world.core.expect(events.CallerHungUp)).cause == "media_timeout"

    asyncio.run(story())


def test_requests_of_ours_take_the_route_that_the_call_came_by(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone, proxy = world.phone(), world.phone()
            route = f"<sip:127.0.0.1:{proxy.port};lr>"
            arrived = await world.arrive(phone, headers=(f"Record-Route: {route}",))
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            ok = await phone.response(200)
            assert ok.get("Record-Route") == route
            phone.ack(ok)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
            bye = await proxy.asked("BYE")
            assert bye.get("Route") == route
            assert bye.request_uri.port == phone.port

    asyncio.run(story())


def test_a_contact_that_names_a_host_is_reached_where_its_messages_come_from(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone, contact="sip:me@pbx.invalid")
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            phone.ack(await phone.response(200))
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
            assert (await phone.asked("BYE")).request_uri.host == "pbx.invalid"

    asyncio.run(story())


def test_one_source_may_call_only_so_often(tmp_path: Path) -> None:
    async def story() -> None:
        limits = EdgeLimits(invites_per_second=0.001, invites_burst=1)
        async with world_in(tmp_path, limits=limits) as world:
            await world.arrive(world.phone())
            second = world.phone()
            await second.call()
            await second.response(503)

    asyncio.run(story())


def test_a_flood_of_calls_is_refused_with_503(tmp_path: Path) -> None:
    async def story() -> None:
        from tests.edge.world import config_for

        async with world_in(tmp_path, config=config_for(tmp_path, calls_max=2)) as world:
            for _ in range(2):
                await world.arrive(world.phone())
            third = world.phone()
            await third.call()
            assert (await third.response(503)).get("Retry-After") == "10"
            third.request("OPTIONS", call="o")
            await third.response(503, "OPTIONS")
            assert world.edge.statistics().calls.refused_at_door == 1

    asyncio.run(story())


def test_what_is_no_sip_disturbs_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            for rubbish in (
                b"\0\1\2",
                b"INVITE sip:185@x SIP/2.0\r\n\r\n",
                b"SIP/2.0 200 OK\r\n\r\n",
                b"x" * 9_000,
            ):
                phone.put(rubbish)
            phone.request("INVITE", body=sdp(), headers=("Content-Length: 99999",), call="bad")
            phone.request("PUBLISH", call="p")
            await phone.response(405)
            phone.request("OPTIONS", call="o")
            ok = await phone.response(200, "OPTIONS")
            assert "INVITE" in (ok.get("Allow") or "")
            await answered(world, phone)
            assert world.edge.statistics().refusals >= 4

    asyncio.run(story())
