"""SIPp, which knows nothing of our stack, calls us: what RFCs promise to callers and to exchanges."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from gateways.edge.admission import LOOKS, Signs
from gateways.media import messages as engine
from tests.edge.foreign import answering, calling, over_a_trunk, run_sipp, until
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
        async with calling(world, "twice", tmp_path):
            arrived = await world.core.expect(events.CallArrived)
            await until(lambda: world.edge.point.statistics().requests_repeated_by_peer > 0)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
        assert len(world.core.all(events.CallArrived)) == 1


async def test_an_invite_that_comes_by_two_ways_is_one_call(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller)
        async with calling(world, "merged", tmp_path):
            arrived = await world.core.expect(events.CallArrived)
            await until(lambda: world.edge.point.statistics().requests_received >= 2)  # the second way
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
        assert len(world.core.all(events.CallArrived)) == 1


async def test_odd_requests_are_refused_by_number(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        await run_sipp(world, "odd", tmp_path)
        assert world.core.all(events.CallArrived) == []


async def test_what_we_do_not_have_is_refused_by_number_and_a_body_in_parts_understood(
    tmp_path: Path,
) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.AnswerCaller)
        await run_sipp(world, "bodies", tmp_path)
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
        assert len(world.core.all(events.CallArrived)) == 1
        assert world.edge.point.statistics().acks_missing == 0


async def test_an_invite_is_good_for_as_long_as_it_says(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller)
        async with calling(world, "expires", tmp_path):
            await until(lambda: world.edge.point.statistics().responses_sent >= 2)  # 100 and 180
            world.jump(19_000)
            assert world.edge.statistics().calls.live == 1
            world.jump(1_001)
            assert (await world.core.expect(events.CallerHungUp)).cause == "invite_expired"


async def test_who_never_acknowledges_is_hung_up_and_not_known_any_more(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.AnswerCaller)
        async with calling(world, "unacknowledged", tmp_path):
            await until(lambda: world.edge.point.statistics().responses_sent >= 2)  # 100 and 200
            world.jump(31_000)
            assert world.edge.statistics().calls.live == 1
            world.jump(1_001)
            assert (await world.core.expect(events.CallerHungUp)).cause == "no_ack"
        assert world.edge.statistics().dialogs == 0


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
        async with calling(world, "routed", tmp_path):
            await world.engine.expect(engine.ConnectLeg)
            arrived = await world.core.expect(events.CallArrived)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
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
        async with calling(world, "terms", tmp_path):
            arrived = await world.core.expect(events.CallArrived)
            await until(lambda: world.edge.point.statistics().requests_received >= 2)  # the UPDATE
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
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


async def test_a_refresh_by_invite_that_crosses_the_callers_own_is_sent_again(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.AnswerCaller)
        async with calling(world, "glare_invite", tmp_path):
            sip = world.edge.point.statistics
            await until(lambda: sip().responses_sent >= 3)  # 100, 200, and 200 to the OPTIONS after the ACK
            world.jump(300_000)
            await until(lambda: sip().responses_received == 1)  # 491
            world.jump(2_001)
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"


async def test_a_session_that_is_too_short_then_refreshed_then_over(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        async with calling(world, "timer", tmp_path) as caller:
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
                while not caller.ended:
                    world.jump(10_000)
                    await asyncio.sleep(0.05)
        assert (await world.core.expect(events.CallerHungUp)).cause == "session_expired"


async def test_what_is_new_is_told_to_wait_and_the_hang_up_passes(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        async with calling(world, "overload", tmp_path):
            arrived = await world.core.expect(events.CallArrived)
            admission, now_ms = world.edge.admission, world.edge.clock.monotonic_ms() + 10_000
            for _ in range(LOOKS):
                admission.look(Signs(500), now_ms)
            assert admission.step == 3
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
        assert (await world.core.expect(events.CallerHungUp)).call == arrived.call
        assert len(world.core.all(events.CallArrived)) == 1


async def test_who_calls_and_through_whom_and_why_it_ends(tmp_path: Path) -> None:
    async with world_in(tmp_path, config=over_a_trunk(tmp_path)) as world:
        answering(world, commands.AnswerCaller)
        passed = "Diversion: <sip:02121230000@127.0.0.1>;reason=no-answer"
        async with calling(world, "told", tmp_path, "-key", "passed", passed):
            arrived = await world.core.expect(events.CallArrived)
            assert (arrived.number, arrived.asserted, arrived.trunk) == ("+905329998877", True, "pbx")
            assert arrived.diverted == ("02121230000",)
            await world.engine.expect(engine.ConnectLeg)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="flow_ended"))


async def test_an_exchange_tells_by_history_info_who_was_called_first(tmp_path: Path) -> None:
    history = "<sip:02121230000@127.0.0.1?Reason=SIP%3Bcause%3D408>;index=1, <sip:185@127.0.0.1>;index=1.1"
    async with world_in(tmp_path, config=over_a_trunk(tmp_path)) as world:
        answering(world, commands.AnswerCaller)
        async with calling(world, "told", tmp_path, "-key", "passed", f"History-Info: {history}"):
            arrived = await world.core.expect(events.CallArrived)
            assert arrived.diverted == ("02121230000",)
            await world.engine.expect(engine.ConnectLeg)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="flow_ended"))


async def test_who_asks_an_exchange_for_privacy_is_nobody(tmp_path: Path) -> None:
    async with world_in(tmp_path, config=over_a_trunk(tmp_path)) as world:
        answering(world, commands.AnswerCaller)
        async with calling(world, "told", tmp_path, "-key", "passed", "Privacy: id"):
            arrived = await world.core.expect(events.CallArrived)
            assert (arrived.caller, arrived.caller_name, arrived.number) == ("anonymous", "", "")
            await world.engine.expect(engine.ConnectLeg)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="flow_ended"))


async def test_a_caller_is_handed_on_by_refer(tmp_path: Path) -> None:
    async with world_in(tmp_path, config=over_a_trunk(tmp_path)) as world:
        answering(world, commands.AnswerCaller)
        other = world.phone()
        target = f"sip:203@127.0.0.1:{other.port}?Replaces=a%3Bto-tag%3Dx%3Bfrom-tag%3Dy"
        async with calling(world, "handed_on", tmp_path, "-key", "target", target):
            invite = await other.asked("INVITE")
            assert invite.get("Replaces") == "a;to-tag=x;from-tag=y"
            other.reply(invite, 200, body=sdp(46_000))
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
