"""Callers of others who hear us before the answer: SIPp with and without 100rel, and baresip, which keeps what it hears."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from tests.e2e.calls import phone_heard, seconds_heard
from tests.e2e.phone import Baresip
from tests.edge.engine_process import EngineProcess
from tests.edge.foreign import run_sipp, started
from tests.edge.test_dialling_phone import beside_a_carrier, let_dial
from tests.edge.world import EDGE, World, sdp, world_in
from tests.peers.linphone import Linphone
from tests.support.ports import free_port, free_ports
from tests.support.tones import tone_wav

GREETING_HZ = 800

pytestmark = pytest.mark.peers


def hears_then(world: World, *then: Callable[[str], commands.EdgeCommand]) -> None:
    """The core lets every caller hear us, and says the rest when the edge has said that much."""

    def react(message: object) -> None:
        if isinstance(message, events.CallArrived):
            world.core.send(commands.ProgressCaller(edge=EDGE, call=message.call, max_ms=50_000))
            for make in then:
                world.core.send(make(message.call))

    world.core.auto = react


@pytest.mark.parametrize("scenario", ["early", "early_reliable"])
async def test_sipp_hears_us_and_is_answered(tmp_path: Path, scenario: str) -> None:
    async with world_in(tmp_path) as world:
        hears_then(world, lambda call: commands.AnswerCaller(edge=EDGE, call=call))
        await run_sipp(world, scenario, tmp_path)
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
        statistics = world.edge.statistics()
        assert statistics.audio.legs == statistics.dialogs == statistics.calls.live == 0


async def test_sipp_hears_why_and_is_refused(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        hears_then(world, lambda call: commands.EndCall(edge=EDGE, call=call, cause="flow_ended"))
        await run_sipp(world, "early_refused", tmp_path)
        assert world.edge.statistics().calls.live == 0


async def test_baresip_hears_the_announcement_and_is_never_answered(
    tmp_path: Path, engine: EngineProcess
) -> None:
    said = tone_wav(tmp_path / "closed.wav", GREETING_HZ, 1.5)
    prompt = commands.Prompt(id="closed", wav=str(said))

    def caller() -> Baresip:
        ports = (free_ports(2), free_port(), 46_100)
        return Baresip(tmp_path / "caller", name="0532", tone_hz=500, ports=ports)

    async with world_in(tmp_path, config=engine.config, real_engine=True) as world, started(caller) as phone:
        hears_then(world, lambda call: commands.Play(edge=EDGE, call=call, play=1, prompts=(prompt,)))
        await asyncio.to_thread(phone.dial, "185", "127.0.0.1", world.edge.point.port)
        done = await world.core.expect(events.PlaybackDone)
        world.core.send(commands.EndCall(edge=EDGE, call=done.call, cause="flow_ended"))
        closed = await asyncio.to_thread(phone.wait_for, "CALL_CLOSED", "CALL_ESTABLISHED")
        assert closed["type"] == "CALL_CLOSED", "it is not answered"
        assert "480" in str(closed)
        await asyncio.to_thread(phone.close)
        assert seconds_heard(phone_heard(phone), GREETING_HZ) > 1.0


async def test_linphone_hears_us_and_then_talks(tmp_path: Path) -> None:
    async with (
        world_in(tmp_path) as world,
        started(lambda: Linphone(tmp_path / "caller", "0532")) as phone,
    ):
        hears_then(world)
        await asyncio.to_thread(phone.call, f"sip:185@127.0.0.1:{world.edge.point.port}")
        await asyncio.to_thread(phone.became, "CallOutgoingEarlyMedia")
        (arrived,) = world.core.all(events.CallArrived)
        world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
        await asyncio.to_thread(phone.became, "CallStreamsRunning")
        phone.hang_up()
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"


async def test_a_baresip_that_dials_is_answered_when_somebody_picks_up(tmp_path: Path) -> None:
    """It hears the network before, and counts the conversation."""
    async with beside_a_carrier(tmp_path) as (world, [carrier]):

        def dialling() -> Baresip:
            registrar = f"127.0.0.1:{world.edge.point.port}"
            account = f"<sip:101@{registrar}>;auth_user=101;auth_pass=secret;regint=60"
            ports = (free_ports(2), free_port(), 46_300)
            return Baresip(tmp_path / "phone", name="101", tone_hz=500, ports=ports, account=account)

        async with started(dialling) as phone:
            await world.core.expect(events.PhoneRegistered)
            await asyncio.to_thread(phone.dial, "02121112233", "127.0.0.1", world.edge.point.port)
            let_dial(world, (await world.core.expect(events.PhoneDialled)).call)
            invite = await carrier.asked("INVITE")
            carrier.reply(invite, 180)
            await asyncio.to_thread(phone.wait_for, "CALL_RINGING")
            carrier.reply(invite, 183, body=sdp(45_000))
            early = await asyncio.to_thread(phone.wait_for, "CALL_PROGRESS", "CALL_ESTABLISHED")
            assert early["type"] == "CALL_PROGRESS"
            carrier.reply(invite, 200, body=sdp(45_000))
            await asyncio.to_thread(phone.wait_for, "CALL_ESTABLISHED")
            await asyncio.to_thread(phone.hang_up)
            assert (await world.core.expect(events.PhoneHungUp)).agent == "ayse"
