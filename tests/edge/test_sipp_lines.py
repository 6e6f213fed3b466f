"""SIPp says in its own words what RFCs promise to callers, carriers, telephones and those who mean no good."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from acd_core.telephony import Trunk
from gateways.edge.admission import LOOKS, Signs
from gateways.edge.phones import phones_path, set_phone_password
from gateways.media import messages as engine
from tests.edge.test_calls import EDGE, answered
from tests.edge.test_hops import with_hops
from tests.edge.test_sipp import answering, over_a_trunk, run_sipp, sipp
from tests.edge.test_trunk_peers import sipp_callee
from tests.edge.test_trunks import CALL, dial_out, trunked
from tests.edge.world import config_for, world_in
from tests.support.ports import free_ports

pytestmark = pytest.mark.peers


def test_a_caller_behind_a_nat_who_brings_no_offer(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller, commands.AnswerCaller)
            await sipp(world, "nat", tmp_path)
            assert (await world.engine.expect(engine.ConnectLeg)).remote_host == "127.0.0.1"
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"

    asyncio.run(story())


def test_an_invite_comes_again_after_its_answer_and_our_bye_takes_the_route_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller, commands.AnswerCaller)
            caller = asyncio.create_task(sipp(world, "routed", tmp_path))
            await world.engine.expect(engine.ConnectLeg)
            arrived = await world.core.expect(events.CallArrived)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
            await caller
            assert world.edge.point.statistics().requests_repeated_by_peer == 1
            assert len(world.core.all(events.CallArrived)) == 1

    asyncio.run(story())


def test_of_two_who_answer_one_has_the_call(tmp_path: Path) -> None:
    port = free_ports(2)

    async def story() -> None:
        config = trunked(config_for(tmp_path), carrier=Trunk(host="127.0.0.1", port=port, health_s=0))
        async with (
            sipp_callee("trunk_forks", tmp_path, port) as carrier,
            world_in(tmp_path, config=config) as world,
        ):
            world.core.send(dial_out())
            assert (await world.core.expect(events.DialProgress)).status == 183
            await world.core.expect(events.DialAnswered)
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
            assert await carrier.wait() == 0
            assert world.edge.statistics().dialogs == 0

    asyncio.run(story())


def test_a_carrier_that_wants_longer_sessions_has_us_refresh_them(tmp_path: Path) -> None:
    port = free_ports(2)

    async def story() -> None:
        trunk = Trunk(host="127.0.0.1", port=port, health_s=0, trusted=True)
        async with (
            sipp_callee("trunk_timer", tmp_path, port) as carrier,
            world_in(tmp_path, config=trunked(config_for(tmp_path), carrier=trunk)) as world,
        ):
            world.core.send(dial_out())
            await world.core.expect(events.DialAnswered)
            received = world.edge.point.statistics().responses_received
            world.jump(1_800_001)
            async with asyncio.timeout(30):
                while world.edge.point.statistics().responses_received == received:  # noqa: ASYNC110 - the 200
                    await asyncio.sleep(0.01)
            world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))
            assert await carrier.wait() == 0

    asyncio.run(story())


def test_our_own_call_that_comes_back_is_a_loop(tmp_path: Path) -> None:
    port = free_ports(2)

    async def story() -> None:
        config = trunked(config_for(tmp_path), carrier=Trunk(host="127.0.0.1", port=port, health_s=0))
        async with (
            sipp_callee("trunk_loops", tmp_path, port) as exchange,
            world_in(tmp_path, config=config) as world,
        ):
            world.core.send(dial_out())
            failed = await world.core.expect(events.DialFailed)
            assert (failed.call, failed.status) == (CALL, 482)
            assert await exchange.wait() == 0
            assert world.core.all(events.CallArrived) == []

    asyncio.run(story())


def test_two_telephones_of_one_user_come_and_go(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            set_phone_password(phones_path(world.config.data_path), "santral", "101", "secret")
            await run_sipp(world, "register_many", tmp_path, "-s", "101", "-ap", "secret")
            assert (await world.core.expect(events.PhoneRegistered)).user == "101"
            assert (await world.core.expect(events.PhoneUnregistered)).user == "101"
            assert len(world.core.all(events.PhoneRegistered)) == 1

    asyncio.run(story())


def test_a_stranger_reaches_nobody_through_us(tmp_path: Path) -> None:
    port = free_ports(2)

    async def story() -> None:
        trunk = Trunk(host="127.0.0.1", port=port, hosts=("192.0.2.9",), health_s=0)
        async with world_in(tmp_path, config=trunked(config_for(tmp_path), carrier=trunk)) as world:

            def refuse(message: object) -> None:
                if isinstance(message, events.CallArrived):
                    world.core.send(
                        commands.RefuseCall(edge=EDGE, call=message.call, status=404, reason="Not Found")
                    )

            world.core.auto = refuse
            await run_sipp(world, "stranger_dials", tmp_path, "-key", "carrier", f"127.0.0.1:{port}")
            assert world.core.all(events.PhoneDialled) == []
            assert world.edge.point.statistics().requests_sent == 0

    asyncio.run(story())


def test_what_is_new_is_told_to_wait_and_the_hang_up_passes(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            caller = asyncio.create_task(sipp(world, "overload", tmp_path))
            arrived = await world.core.expect(events.CallArrived)
            admission, now_ms = world.edge.admission, world.edge.clock.monotonic_ms() + 10_000
            for _ in range(LOOKS):
                admission.look(Signs(500), now_ms)
            assert admission.step == 3
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            await caller
            assert (await world.core.expect(events.CallerHungUp)).call == arrived.call
            assert len(world.core.all(events.CallArrived)) == 1

    asyncio.run(story())


def test_who_guesses_passwords_is_asked_for_none_any_more(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            set_phone_password(phones_path(world.config.data_path), "santral", "101", "secret")
            await sipp(world, "register_wrong", tmp_path, calls=7, rate=100)
            await run_sipp(world, "register_silent", tmp_path, "-s", "101")
            assert world.edge.statistics().registrar.failed == 8
            assert world.core.all(events.PhoneRegistered) == []

    asyncio.run(story())


def test_headers_longer_than_anybody_needs_are_refused_and_counted(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            await run_sipp(world, "huge", tmp_path, "-key", "long", "x" * 9_000)
            assert world.edge.guard.counters(0)["huge"] == 1

    asyncio.run(story())


def test_a_scanner_hears_nothing_any_more(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            await sipp(world, "scanner", tmp_path)
            counters = world.edge.guard.counters(world.edge.clock.monotonic_ms())
            assert (counters["scanner"], counters["bans"], counters["unheard"]) == (1, 1, 1)

    asyncio.run(story())


def test_a_forger_who_knows_all_of_a_call_ends_it_neither_by_bye_nor_by_cancel(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            call, tag = await answered(world, phone)
            keys = {
                "from": f"<sip:05321112233@127.0.0.1>;tag=f{phone.name}",
                "to": f"<sip:185@127.0.0.1>;tag={tag}",
                "via": f"SIP/2.0/UDP 127.0.0.1:{phone.port};branch=z9hG4bK{phone.name}x1INVITE;rport",
            }
            options = [part for name, value in keys.items() for part in ("-key", name, value)]
            await run_sipp(
                world, "forger", tmp_path, "-i", "127.0.0.2", "-cid_str", f"{phone.name}-1", *options
            )
            assert world.edge.guard.counters(0)["spoofed"] == 2
            phone.request("BYE", to_tag=tag)
            await phone.response(200, "BYE")
            assert (await world.core.expect(events.CallerHungUp)).call == call

    asyncio.run(story())


def test_an_exchange_tells_by_history_info_who_was_called_first(tmp_path: Path) -> None:
    history = "<sip:02121230000@127.0.0.1?Reason=SIP%3Bcause%3D408>;index=1, <sip:185@127.0.0.1>;index=1.1"

    async def story() -> None:
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

    asyncio.run(story())


def test_an_offer_that_crosses_ours_waits_for_its_answer(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.AnswerCaller)
            await sipp(world, "glare", tmp_path)
            heard = [(each.send, each.receive) for each in world.engine.all(engine.ConnectLeg)]
            assert heard[0] == (True, True)
            assert heard[-1] == (False, True)
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"

    asyncio.run(story())


def test_a_trunk_without_a_free_line_leaves_the_call_to_the_next(tmp_path: Path) -> None:
    first, second = free_ports(2), free_ports(2)

    async def story() -> None:
        narrow = Trunk(host="127.0.0.1", port=first, health_s=0, order=1, capacity=1)
        wide = Trunk(host="127.0.0.1", port=second, health_s=0, order=2)
        async with (
            sipp_callee("trunk_answers", tmp_path, first) as one,
            sipp_callee("trunk_answers", tmp_path, second) as other,
            world_in(tmp_path, config=trunked(config_for(tmp_path), narrow=narrow, wide=wide)) as world,
        ):
            calls = {"narrow": CALL, "wide": "c-1-d8"}
            for offer, (trunk, call) in enumerate(calls.items(), 7):
                world.core.send(dial_out(call=call, offer=offer))
                assert (await world.core.expect(events.DialAnswered)).trunk == trunk
            for call in calls.values():
                world.core.send(commands.EndCall(edge=EDGE, call=call, cause="agent_hung_up"))
            assert (await one.wait(), await other.wait()) == (0, 0)

    asyncio.run(story())


def test_a_call_is_moved_to_nobody_elses_telephone(tmp_path: Path) -> None:
    port = free_ports(2)

    async def story() -> None:
        config = trunked(config_for(tmp_path), carrier=Trunk(host="127.0.0.1", port=port, health_s=0))
        async with (
            sipp_callee("trunk_sends_away", tmp_path, port) as carrier,
            world_in(tmp_path, config=config) as world,
        ):
            world.core.send(dial_out())
            assert (await world.core.expect(events.DialFailed)).status == 302
            assert await carrier.wait() == 0
            assert world.edge.point.statistics().requests_sent == 1

    asyncio.run(story())


def test_an_invite_that_comes_by_two_ways_is_one_call(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller)
            caller = asyncio.create_task(sipp(world, "merged", tmp_path))
            arrived = await world.core.expect(events.CallArrived)
            async with asyncio.timeout(30):
                while world.edge.point.statistics().requests_received < 2:  # noqa: ASYNC110 - the second way
                    await asyncio.sleep(0.01)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="x"))
            await caller
            assert len(world.core.all(events.CallArrived)) == 1

    asyncio.run(story())


def test_a_phone_is_told_how_far_its_call_may_still_go(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            set_phone_password(phones_path(world.config.data_path), "santral", "101", "secret")
            at = ("-p", str(free_ports(2)))
            await run_sipp(world, "register", tmp_path, *at, "-s", "101", "-ap", "secret")
            phone = asyncio.create_task(run_sipp(world, "phone_hops", tmp_path, *at))
            arrived = await world.arrive(with_hops(world.phone(), 12))
            ring = commands.RingPhone(
                edge=EDGE, call=arrived.call, agent="ayse", offer=1, user="101", caller="0532", service="Su"
            )
            world.core.send(ring)
            assert (await world.core.expect(events.PhoneFailed)).status == 603
            await phone

    asyncio.run(story())


def test_who_asks_an_exchange_for_privacy_is_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path, config=over_a_trunk(tmp_path)) as world:
            answering(world, commands.AnswerCaller)
            caller = asyncio.create_task(run_sipp(world, "told", tmp_path, "-key", "passed", "Privacy: id"))
            arrived = await world.core.expect(events.CallArrived)
            assert (arrived.caller, arrived.caller_name, arrived.number) == ("anonymous", "", "")
            await world.engine.expect(engine.ConnectLeg)
            world.core.send(commands.EndCall(edge=EDGE, call=arrived.call, cause="flow_ended"))
            await caller

    asyncio.run(story())
