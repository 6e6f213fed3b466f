"""SIPp, which knows nothing of our stack, calls us: what RFCs promise to callers and to exchanges."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from gateways.edge.admission import LOOKS, Signs
from gateways.media import messages as engine
from tests.edge.foreign import answering, over_a_trunk, run_sipp, until
from tests.edge.test_calls import answered
from tests.edge.world import EDGE, sdp, world_in

pytestmark = pytest.mark.peers


async def test_a_call_with_a_repeated_200(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        await run_sipp(world, "call", tmp_path)
        assert (await world.core.expect(events.CallArrived)).caller == "05321"
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
        assert world.edge.point.statistics().retransmissions_sent >= 1
        assert world.edge.statistics().calls.live == 0


async def test_twenty_callers_at_once(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        await run_sipp(world, "call", tmp_path, "-r", "200", calls=20)
        for _ in range(20):
            await world.core.expect(events.CallerHungUp)
        statistics = world.edge.statistics()
        assert (statistics.calls.arrived, statistics.calls.live, statistics.dialogs) == (20, 0, 0)
        assert statistics.audio.legs == 0


async def test_a_cancel_with_a_repeated_487(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller)
        await run_sipp(world, "cancel", tmp_path)
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_cancelled"
        assert world.edge.point.statistics().retransmissions_sent >= 1
        assert world.edge.statistics().calls.live == 0


async def test_an_invite_that_arrives_twice_is_one_call(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller)
        phone = asyncio.create_task(run_sipp(world, "twice", tmp_path))
        arrived = await world.core.expect(events.CallArrived)
        await until(lambda: world.edge.point.statistics().requests_repeated_by_peer > 0)
        world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
        await phone
        assert len(world.core.all(events.CallArrived)) == 1


async def test_an_invite_that_comes_by_two_ways_is_one_call(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller)
        caller = asyncio.create_task(run_sipp(world, "merged", tmp_path))
        arrived = await world.core.expect(events.CallArrived)
        await until(lambda: world.edge.point.statistics().requests_received >= 2)  # the second way
        world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
        await caller
        assert len(world.core.all(events.CallArrived)) == 1


async def test_odd_requests_are_refused_by_number(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        await run_sipp(world, "odd", tmp_path)
        assert world.core.all(events.CallArrived) == []


async def test_a_caller_behind_a_nat_who_brings_no_offer(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        await run_sipp(world, "nat", tmp_path)
        assert (await world.engine.expect(engine.ConnectLeg)).remote_host == "127.0.0.1"
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"


async def test_an_invite_comes_again_after_its_answer_and_our_bye_takes_the_route_back(
    tmp_path: Path,
) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        caller = asyncio.create_task(run_sipp(world, "routed", tmp_path))
        await world.engine.expect(engine.ConnectLeg)
        arrived = await world.core.expect(events.CallArrived)
        world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
        await caller
        assert world.edge.point.statistics().requests_repeated_by_peer == 1
        assert len(world.core.all(events.CallArrived)) == 1


async def test_reliable_ringing_that_brings_the_offer(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        await run_sipp(world, "reliable", tmp_path)
        assert world.engine.all(engine.ConnectLeg)
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"


async def test_terms_change_by_update_and_invite_with_and_without_an_offer(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller)
        caller = asyncio.create_task(run_sipp(world, "terms", tmp_path))
        arrived = await world.core.expect(events.CallArrived)
        await until(lambda: world.edge.point.statistics().requests_received >= 2)  # the UPDATE
        world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
        await caller
        heard = [(each.send, each.receive) for each in world.engine.all(engine.ConnectLeg)]
        assert heard == [(True, True), (False, True), (True, True)]
        gone = await world.core.expect(events.CallerHungUp)
        assert gone.reason == 'Q.850;cause=16;text="Terminated"'


async def test_an_offer_that_crosses_ours_waits_for_its_answer(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.AnswerCaller)
        await run_sipp(world, "glare", tmp_path)
        heard = [(each.send, each.receive) for each in world.engine.all(engine.ConnectLeg)]
        assert heard[0] == (True, True)
        assert heard[-1] == (False, True)
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"


async def test_a_session_that_is_too_short_then_refreshed_then_over(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        caller = asyncio.create_task(run_sipp(world, "timer", tmp_path))
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


async def test_what_is_new_is_told_to_wait_and_the_hang_up_passes(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        caller = asyncio.create_task(run_sipp(world, "overload", tmp_path))
        arrived = await world.core.expect(events.CallArrived)
        admission, now_ms = world.edge.admission, world.edge.clock.monotonic_ms() + 10_000
        for _ in range(LOOKS):
            admission.look(Signs(500), now_ms)
        assert admission.step == 3
        world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
        await caller
        assert (await world.core.expect(events.CallerHungUp)).call == arrived.call
        assert len(world.core.all(events.CallArrived)) == 1


async def test_who_calls_and_through_whom_and_why_it_ends(tmp_path: Path) -> None:
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


async def test_an_exchange_tells_by_history_info_who_was_called_first(tmp_path: Path) -> None:
    history = "<sip:02121230000@127.0.0.1?Reason=SIP%3Bcause%3D408>;index=1, <sip:185@127.0.0.1>;index=1.1"
    async with world_in(tmp_path, config=over_a_trunk(tmp_path)) as world:
        answering(world, commands.AnswerCaller)
        caller = asyncio.create_task(
            run_sipp(world, "told", tmp_path, "-key", "passed", f"History-Info: {history}")
        )
        arrived = await world.core.expect(events.CallArrived)
        assert arrived.diverted == ("02121230000",)
        await world.engine.expect(engine.ConnectLeg)
        world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="flow_ended"))
        await caller


async def test_who_asks_an_exchange_for_privacy_is_nobody(tmp_path: Path) -> None:
    async with world_in(tmp_path, config=over_a_trunk(tmp_path)) as world:
        answering(world, commands.AnswerCaller)
        caller = asyncio.create_task(run_sipp(world, "told", tmp_path, "-key", "passed", "Privacy: id"))
        arrived = await world.core.expect(events.CallArrived)
        assert (arrived.caller, arrived.caller_name, arrived.number) == ("anonymous", "", "")
        await world.engine.expect(engine.ConnectLeg)
        world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="flow_ended"))
        await caller


async def test_a_caller_is_handed_on_by_refer(tmp_path: Path) -> None:
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


async def test_a_telephone_takes_the_place_of_another(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        phone = world.phone()
        call, tag = await answered(world, phone)
        replaces = f"{phone.name}-1;to-tag={tag};from-tag=f{phone.name}"
        await run_sipp(world, "replaces", tmp_path, "-key", "replaces", replaces)
        await phone.asked("BYE")
        assert (await world.core.expect(events.CallerHungUp)).call == call
        assert len(world.core.all(events.CallArrived)) == 1
