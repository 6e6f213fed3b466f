"""SIPp, which knows nothing of our stack, as caller and phone."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from acd_core.config import Config
from acd_core.domain import commands, events
from acd_core.telephony import Trunk
from gateways.edge.phones import phones_path, set_phone_password
from gateways.media import messages as engine
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import World, config_for, replace, sdp, world_in

SCENARIOS = Path(__file__).parent / "sipp"
pytestmark = pytest.mark.skipif(
    shutil.which("sipp") is None and "CI" not in os.environ, reason="SIPp (sip-tester) is not installed"
)


async def sipp(world: World, scenario: str, folder: Path, calls: int = 1, rate: int = 10) -> None:
    await run_sipp(world, scenario, folder, "-m", str(calls), "-r", str(rate), "-l", "200")


async def run_sipp(world: World, scenario: str, folder: Path, *options: str) -> None:
    """One call, unless the options say otherwise; fails when anything went differently than written."""
    process = await asyncio.create_subprocess_exec(
        "sipp",
        f"127.0.0.1:{world.edge.point.port}",
        *("-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", "127.0.0.1", "-m", "1", *options),
        *("-nostdin", "-timeout", "60s", "-timeout_error", "-recv_timeout", "30000"),
        *("-trace_err", "-error_file", str(folder / f"{scenario}.log")),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    log = folder / f"{scenario}.log"
    said = log.read_text() if log.exists() else output.decode(errors="replace")
    assert process.returncode == 0, said


def answering(world: World, *kinds: type[commands.EdgeCommand]) -> None:
    """The core says these to every call that arrives."""

    def react(message: Any) -> None:
        if isinstance(message, events.CallArrived):
            for kind in kinds:
                more = {"cause": "x"} if kind is commands.EndCall else {}
                world.core.send(kind(edge=EDGE, call=message.call, **more))

    world.core.auto = react


def test_a_call_with_a_repeated_200(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller, commands.AnswerCaller)
            await sipp(world, "call", tmp_path)
            assert (await world.core.expect(events.CallArrived)).caller == "05321"
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
            assert world.edge.point.statistics().retransmissions_sent >= 1
            assert world.edge.statistics().calls.live == 0

    asyncio.run(story())


def test_a_cancel_with_a_repeated_487(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller)
            await sipp(world, "cancel", tmp_path)
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_cancelled"
            assert world.edge.point.statistics().retransmissions_sent >= 1
            assert world.edge.statistics().calls.live == 0

    asyncio.run(story())


def test_an_invite_that_arrives_twice_is_one_call(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller)
            phone = asyncio.create_task(sipp(world, "twice", tmp_path))
            arrived = await world.core.expect(events.CallArrived)
            async with asyncio.timeout(30):
                while world.edge.point.statistics().requests_repeated_by_peer == 0:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
            await phone
            assert len(world.core.all(events.CallArrived)) == 1

    asyncio.run(story())


def test_a_phone_registers_with_the_right_password_only(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            set_phone_password(phones_path(world.config.data_path), "santral", "101", "secret")
            await sipp(world, "register_wrong", tmp_path)
            assert world.edge.statistics().registrar.failed == 1
            await run_sipp(world, "register", tmp_path, "-s", "101", "-ap", "secret")
            assert (await world.core.expect(events.PhoneRegistered)).user == "101"

    asyncio.run(story())


def test_odd_requests_are_refused_by_number(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            await sipp(world, "odd", tmp_path)
            assert world.core.all(events.CallArrived) == []

    asyncio.run(story())


def test_twenty_callers_at_once(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller, commands.AnswerCaller)
            await sipp(world, "call", tmp_path, calls=20, rate=200)
            for _ in range(20):
                await world.core.expect(events.CallerHungUp)
            statistics = world.edge.statistics()
            assert (statistics.calls.arrived, statistics.calls.live, statistics.dialogs) == (20, 0, 0)
            assert statistics.audio.legs == 0

    asyncio.run(story())


def test_reliable_ringing_that_brings_the_offer(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller, commands.AnswerCaller)
            await sipp(world, "reliable", tmp_path)
            assert world.engine.all(engine.ConnectLeg)
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"

    asyncio.run(story())


def test_terms_change_by_update_and_invite_with_and_without_an_offer(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller)
            caller = asyncio.create_task(sipp(world, "terms", tmp_path))
            arrived = await world.core.expect(events.CallArrived)
            async with asyncio.timeout(30):
                while world.edge.point.statistics().requests_received < 2:  # noqa: ASYNC110 - the UPDATE
                    await asyncio.sleep(0.01)
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            await caller
            heard = [(each.send, each.receive) for each in world.engine.all(engine.ConnectLeg)]
            assert heard == [(True, True), (False, True), (True, True)]
            gone = await world.core.expect(events.CallerHungUp)
            assert gone.reason == 'Q.850;cause=16;text="Terminated"'

    asyncio.run(story())


def test_a_session_that_is_too_short_then_refreshed_then_over(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller, commands.AnswerCaller)
            caller = asyncio.create_task(sipp(world, "timer", tmp_path))
            await world.engine.expect(engine.ConnectLeg)
            for _ in range(2):
                sent = world.edge.point.statistics().requests_sent
                async with asyncio.timeout(30):
                    while (
                        world.edge.point.statistics().acks_missing
                        or world.edge.point.statistics().requests_sent == sent
                    ):
                        world.jump(10_000)
                        await asyncio.sleep(0.05)
            async with asyncio.timeout(30):
                while not caller.done():
                    world.jump(10_000)
                    await asyncio.sleep(0.05)
            await caller
            assert (await world.core.expect(events.CallerHungUp)).cause == "session_expired"

    asyncio.run(story())


def over_a_trunk(folder: Path) -> Config:
    trunk = Trunk(host="127.0.0.1", health_s=0, trusted=True)
    return replace(config_for(folder), trunks={"pbx": trunk})


def test_who_calls_and_through_whom_and_why_it_ends(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, config=over_a_trunk(tmp_path)) as world:
            answering(world, commands.AnswerCaller)
            passed = "Diversion: <sip:02121230000@127.0.0.1>;reason=no-answer"
            caller = asyncio.create_task(run_sipp(world, "told", tmp_path, "-key", "passed", passed))
            arrived = await world.core.expect(events.CallArrived)
            assert (arrived.number, arrived.asserted, arrived.trunk) == ("+905329998877", True, "pbx")
            assert arrived.diverted == ("02121230000",)
            await world.engine.expect(engine.ConnectLeg)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="flow_ended"))
            await caller

    asyncio.run(story())


def test_a_caller_is_handed_on_by_refer(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, config=over_a_trunk(tmp_path)) as world:
            answering(world, commands.AnswerCaller)
            other = world.phone()
            target = f"sip:203@127.0.0.1:{other.port}?Replaces=a%3Bto-tag%3Dx%3Bfrom-tag%3Dy"
            caller = asyncio.create_task(run_sipp(world, "handed_on", tmp_path, "-key", "target", target))
            invite = await other.asked("INVITE")
            assert invite.get("Replaces") == "a;to-tag=x;from-tag=y"
            other.reply(invite, 200, body=sdp(46_000))
            await caller
            await world.engine.expect(engine.ConnectLeg, lambda connect: connect.remote_port == 46_000)
            assert world.core.all(events.CallerHungUp) == []

    asyncio.run(story())


def test_a_telephone_takes_the_place_of_another(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, tag = await answered(world, phone)
            replaces = f"{phone.name}-1;to-tag={tag};from-tag=f{phone.name}"
            await run_sipp(world, "replaces", tmp_path, "-key", "replaces", replaces)
            await phone.asked("BYE")
            assert (await world.core.expect(events.CallerHungUp)).call == call
            assert len(world.core.all(events.CallArrived)) == 1

    asyncio.run(story())
