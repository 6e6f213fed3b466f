"""A core that is away, comes back, or is another one; and an audio engine that dies."""

from __future__ import annotations

import asyncio
from pathlib import Path

from acd_core.domain import commands, events
from acd_core.link.signals import FromCore, ToCore
from gateways.edge.limits import Timing
from gateways.media import messages as engine
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import Engine, Scripted, world_in


def test_without_a_core_a_call_is_503_after_a_moment(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, timing=Timing(decision_core_down_s=0.05)) as world:
            await world.core.stop()
            phone = world.phone()
            await phone.call()
            assert (await phone.response(503)).get("Retry-After") == "10"
            # Both ends of the story reach the core when it is back.
            world.core.task = None
            await world.core.start()
            arrived = await world.core.expect(events.CallArrived)
            gone = await world.core.expect(events.CallerHungUp)
            assert (gone.call, gone.cause) == (arrived.call, "core_unreachable")
            assert (await world.core.expect(events.EdgeInventory)).calls == ()

    asyncio.run(story())


def test_a_conversation_outlives_the_core_and_is_in_the_inventory(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, tag = await answered(world, phone)
            await world.core.stop()
            phone.request("INFO", body="Signal=7", content_type="application/dtmf-relay", to_tag=tag)
            await phone.response(200, "INFO")
            # Another core process that knows nothing of this edge.
            world.core = Scripted(world.config, "core", FromCore, ToCore)
            await world.core.start()
            inventory = await world.core.expect(events.EdgeInventory)
            assert inventory.edge == EDGE
            assert inventory.calls == (events.HeldCall(call=call, answered=True),)
            world.core.send(commands.EndCall(edge=EDGE, call=call, cause="unknown_call"))
            await phone.asked("BYE")

    asyncio.run(story())


def test_a_fresh_core_hears_of_an_undecided_call_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            arrived = await world.arrive(phone)
            await world.core.stop()
            world.core = Scripted(world.config, "core", FromCore, ToCore)
            await world.core.start()
            assert (await world.core.expect(events.EdgeInventory)).calls == ()
            assert await world.core.expect(events.CallArrived) == arrived
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            await phone.response(200)

    asyncio.run(story())


def test_a_new_engine_gets_the_same_ports_and_all_that_was_said(tmp_path: Path) -> None:
    music = tmp_path / "music.wav"
    music.write_bytes(b"RIFF")

    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, _ = await answered(world, phone)
            world.core.send(
                commands.PlayMusic(edge=EDGE, call=call, music=commands.Prompt(id="m", wav=str(music)))
            )
            await world.engine.expect(engine.PlayLoop)
            await world.engine.stop()
            world.engine = Engine(world.config)
            await world.engine.start()
            again = await world.engine.expect(engine.AllocateLeg)
            assert again.port == 30_000
            assert (await world.engine.expect(engine.ConnectLeg)).remote_port == 40_000
            assert (await world.engine.expect(engine.PlayLoop)).path == str(music)
            assert world.edge.statistics().audio.engine_restarts == 1

    asyncio.run(story())


def test_a_caller_who_went_while_there_was_no_engine_is_noticed(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, timing=Timing(caller_silence_s=0.2)) as world:
            phone = world.phone()
            call, _ = await answered(world, phone)
            world.engine.send(engine.LegHeard(leg=call))
            await world.engine.stop()
            world.engine = Engine(world.config)
            await world.engine.start()
            phone.reply(await phone.asked("OPTIONS"), 481)
            assert (await world.core.expect(events.CallerHungUp)).cause == "media_timeout"

    asyncio.run(story())


def test_an_engine_that_cannot_have_the_port_again_ends_the_call(tmp_path: Path) -> None:
    async def story() -> None:
        timing = Timing(remake_interval_s=0.01, remake_attempts_max=2)
        async with world_in(tmp_path, timing=timing) as world:
            phone = world.phone()
            await answered(world, phone)
            await world.engine.stop()
            world.engine = Engine(world.config)
            world.engine.refuse_legs = True
            await world.engine.start()
            await phone.asked("BYE")
            assert (await world.core.expect(events.CallerHungUp)).cause == "audio_lost"
            assert len(world.engine.all(engine.AllocateLeg)) == 3

    asyncio.run(story())
