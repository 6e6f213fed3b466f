"""A caller's call through the whole edge: INVITE to BYE, and every way it can end earlier."""

from __future__ import annotations

import asyncio
from pathlib import Path

from acd_core.domain import commands, events
from gateways.edge.limits import Timing
from gateways.media import messages as engine
from tests.edge.world import EDGE, Phone, World, config_for, sdp, world_in


def test_a_call_rings_is_answered_hears_a_prompt_presses_a_key_and_hangs_up(tmp_path: Path) -> None:
    wav = tmp_path / "greeting.wav"
    wav.write_bytes(b"RIFF")

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone)
            assert (arrived.caller, arrived.caller_name, arrived.dialled) == ("05321112233", "Ayşe", "185")
            assert arrived.call.startswith("c-")
            assert arrived.via == "sip"
            assert arrived.number == "+905321112233"
            world.core.send(commands.RingCaller(edge=EDGE, call=arrived.call))
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            prompt = commands.Prompt(id="greeting", wav=str(wav))
            world.core.send(commands.Play(edge=EDGE, call=arrived.call, play=1, prompts=(prompt,)))
            await phone.response(100)
            ringing = await phone.response(180)
            ok = await phone.response(200)
            assert ringing.to.tag == ok.to.tag
            assert b"m=audio 30000 RTP/AVP 8 101" in ok.body
            phone.ack(ok)
            connected = await world.engine.expect(engine.ConnectLeg)
            assert (connected.remote_host, connected.remote_port) == ("127.0.0.1", 40_000)
            assert (connected.payload_type, connected.dtmf_payload_type) == (8, 101)
            playing = await world.engine.expect(engine.PlayFiles)
            assert playing.paths == (str(wav),)
            world.engine.send(engine.Key(leg=playing.leg, key="1"))
            world.engine.send(engine.PlaybackDone(leg=playing.leg, play=1))
            assert (await world.core.expect(events.KeyPressed)).key == "1"
            done = await world.core.expect(events.PlaybackDone)
            assert (done.play, done.failed) == (1, False)
            phone.request("BYE", to_tag=ok.to.tag or "")
            await phone.response(200, "BYE")
            gone = await world.core.expect(events.CallerHungUp)
            assert (gone.call, gone.cause) == (arrived.call, "caller_hung_up")
            assert (await world.engine.expect(engine.FreeLeg)).leg == playing.leg
            statistics = world.edge.statistics()
            assert statistics.calls.live == 0
            assert statistics.dialogs == 0
            assert statistics.audio.legs == 0

    asyncio.run(story())


async def answered(world: World, phone: Phone) -> tuple[str, str]:
    """A call in conversation with us: its id, and our To tag."""
    arrived = await world.arrive(phone)
    world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
    ok = await phone.response(200)
    phone.ack(ok)
    phone.to_tag = ok.to.tag or ""
    return arrived.call, phone.to_tag


def test_cancel_while_ringing_is_answered_487_and_told(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            number = await phone.call()
            arrived = await world.core.expect(events.CallArrived)
            world.core.send(commands.RingCaller(edge=EDGE, call=arrived.call))
            await phone.response(180)
            phone.request("CANCEL", cseq=number, branch=f"z9hG4bK{phone.name}x{number}INVITE")
            await phone.response(200, "CANCEL")
            await phone.response(487, "INVITE")
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_cancelled"
            # The core's word crosses the caller's: it is counted and nothing else.
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            second = world.phone()
            await world.arrive(second)
            assert world.edge.statistics().calls.commands_late == 1

    asyncio.run(story())


def test_a_caller_who_gives_up_before_there_is_audio_never_arrives(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            world.engine.auto = None
            phone = world.phone()
            number = await phone.call()
            allocate = await world.engine.expect(engine.AllocateLeg)
            phone.request("CANCEL", cseq=number, branch=f"z9hG4bK{phone.name}x{number}INVITE")
            await phone.response(487)
            assert (await world.engine.expect(engine.FreeLeg)).leg == allocate.leg
            world.engine.send(engine.LegAllocated(leg=allocate.leg, port=30_000))
            world.engine.auto = world.engine._answer
            await world.arrive(world.phone())
            assert len(world.core.all(events.CallArrived)) == 1
            assert world.edge.calls._coming == set()
            assert world.edge.calls._callers_coming == {}

    asyncio.run(story())


def test_a_caller_at_the_door_is_refused_when_the_edge_stops(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            world.engine.auto = None
            phone = world.phone()
            await phone.call()
            allocate = await world.engine.expect(engine.AllocateLeg)
            world.edge.end_calls()
            assert (await phone.response(503)).get("Retry-After") == "10"
            assert (await world.engine.expect(engine.FreeLeg)).leg == allocate.leg
            assert world.edge.calls._coming == set()
            assert world.edge.calls._callers_coming == {}

    asyncio.run(story())


def test_the_core_refuses_a_number_it_does_not_know(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone)
            world.core.send(
                commands.RefuseCall(edge=EDGE, call=arrived.call, status=404, reason="Unknown number")
            )
            refused = await phone.response(404)
            assert refused.reason == "Unknown number"
            assert world.edge.statistics().calls.live == 0
            assert world.core.all(events.CallerHungUp) == []

    asyncio.run(story())


def test_the_core_ends_a_call_before_and_after_its_answer(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            early = world.phone()
            arrived = await world.arrive(early)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="no_flow"))
            await early.response(480)
            phone = world.phone()
            call, _ = await answered(world, phone)
            world.core.send(commands.EndCall(edge=EDGE, call=call, cause="flow_ended"))
            bye = await phone.asked("BYE")
            phone.reply(bye, 200)
            assert world.core.all(events.CallerHungUp) == []
            assert world.edge.statistics().calls.live == 0

    asyncio.run(story())


def test_a_bye_of_ours_waits_for_the_ack(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone)
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
            ok = await phone.response(200)
            repeated = await phone.receive()
            assert getattr(repeated, "status", 0) == 200, "the 200 again, not yet a BYE"
            phone.ack(ok)
            await phone.asked("BYE")

    asyncio.run(story())


def test_a_host_that_calls_faster_than_configured_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, config=config_for(tmp_path, invites_per_second=1)) as world:
            phones = [world.phone() for _ in range(10)]
            for phone in phones:
                await phone.call()
            assert (await phones[-1].response(503)).get("Retry-After") == "10"
            assert (await phones[0].response(100)).status == 100

    asyncio.run(story())


def test_no_audio_ports_and_no_engine_are_503(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, timing=Timing(allocate_timeout_s=0.05)) as world:
            world.engine.refuse_legs = True
            phone = world.phone()
            await phone.call()
            assert (await phone.response(503)).get("Retry-After") == "10"
            world.engine.auto = None
            silent = world.phone()
            await silent.call()
            await silent.response(503)
            assert world.core.all(events.CallArrived) == []
            assert world.edge.statistics().audio.legs == 0

    asyncio.run(story())


def test_an_offer_without_a_common_codec_is_488_and_a_broken_one_400(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            for body, status in (
                (sdp().replace("RTP/AVP 8 0 101", "RTP/AVP 9"), 488),
                ("not a session description", 400),
            ):
                phone = world.phone()
                await phone.call(body=body)
                await phone.response(status)
            other = world.phone()
            await other.call(content_type="text/plain")
            assert (await other.response(415)).get("Accept") == "application/sdp, multipart/mixed"
            assert world.core.all(events.CallArrived) == []
            assert world.engine.all(engine.AllocateLeg) == []

    asyncio.run(story())


def test_an_invite_without_offer_gets_ours_and_its_answer_comes_in_the_ack(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone, body="")
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            ok = await phone.response(200)
            assert b"m=audio 30000" in ok.body
            phone.ack(ok, body=sdp(41_000))
            assert (await world.engine.expect(engine.ConnectLeg)).remote_port == 41_000

    asyncio.run(story())
