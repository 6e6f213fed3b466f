"""SIPp is the carrier: what RFCs promise to those whom we call, and what becomes of our call."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from acd_core.domain import commands, events
from acd_core.telephony import Trunk
from gateways.edge.limits import Timing
from tests.edge.foreign import SippRun, sipp_callee, until
from tests.edge.test_trunk_care import secret_at
from tests.edge.test_trunks import CALL, dial_out, trunked
from tests.edge.world import EDGE, World, config_for, world_in
from tests.support.ports import free_ports

pytestmark = pytest.mark.peers

PATIENT = Timing(trunk_silence_s=60)


@contextlib.asynccontextmanager
async def carried(folder: Path, scenario: str, **more: Any) -> AsyncIterator[tuple[World, SippRun]]:
    """An edge whose only carrier is SIPp, which takes one call and has to end it as the scenario has it."""
    port = free_ports(2)
    trunk = Trunk(host="127.0.0.1", port=port, health_s=0, **more)
    async with (
        sipp_callee(scenario, folder, port) as carrier,
        world_in(folder, config=trunked(config_for(folder), carrier=trunk)) as world,
    ):
        yield world, carrier
        await carrier.finish()


async def test_of_two_who_answer_one_has_the_call(tmp_path: Path) -> None:
    async with carried(tmp_path, "trunk_forks") as (world, carrier):
        world.core.send(dial_out())
        assert (await world.core.expect(events.DialProgress)).status == 183
        await world.core.expect(events.DialAnswered)
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
        await carrier.finish()
        assert world.edge.statistics().dialogs == 0


async def test_a_carrier_that_wants_longer_sessions_has_us_refresh_them(tmp_path: Path) -> None:
    async with carried(tmp_path, "trunk_timer", trusted=True) as (world, _):
        world.core.send(dial_out())
        await world.core.expect(events.DialAnswered)
        received = world.edge.point.statistics().responses_received
        world.jump(1_800_001)
        await until(lambda: world.edge.point.statistics().responses_received > received)  # the 200
        world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))


async def test_our_own_call_that_comes_back_is_a_loop(tmp_path: Path) -> None:
    async with carried(tmp_path, "trunk_loops") as (world, carrier):
        world.core.send(dial_out())
        failed = await world.core.expect(events.DialFailed)
        assert (failed.call, failed.status) == (CALL, 482)
        await carrier.finish()
        assert world.core.all(events.CallArrived) == []


async def test_a_trunk_without_a_free_line_leaves_the_call_to_the_next(tmp_path: Path) -> None:
    first, second = free_ports(2), free_ports(2)
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
        await one.finish()
        await other.finish()


async def test_a_carrier_that_says_the_same_twice_gets_its_ack(tmp_path: Path) -> None:
    async with carried(tmp_path, "trunk_stutters") as (world, _):
        world.core.send(dial_out())
        await world.core.expect(events.DialAnswered)
        world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))


async def test_a_call_is_moved_to_nobody_elses_telephone(tmp_path: Path) -> None:
    async with carried(tmp_path, "trunk_sends_away") as (world, carrier):
        world.core.send(dial_out())
        assert (await world.core.expect(events.DialFailed)).status == 302
        await carrier.finish()
        assert world.edge.point.statistics().requests_sent == 1


async def test_a_carrier_that_asks_for_proof_of_the_hang_up_gets_it(tmp_path: Path) -> None:
    secret_at(tmp_path, "carrier")
    async with carried(tmp_path, "trunk_asks", user="santral") as (world, _):
        world.core.send(dial_out())
        await world.core.expect(events.DialAnswered)
        world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))


async def test_trunks_of_one_order_share_calls_by_weight(tmp_path: Path) -> None:
    shares = {"heavy": 6, "light": 2}
    ports = {name: free_ports(2) for name in shares}
    trunks = {
        name: Trunk(host="127.0.0.1", port=ports[name], health_s=0, weight=share // 2)
        for name, share in shares.items()
    }
    async with (
        sipp_callee("trunk_answers", tmp_path, ports["heavy"], calls=6) as heavy,
        sipp_callee("trunk_answers", tmp_path, ports["light"], calls=2) as light,
        # No call that one of them does not take is tried with the other while the test waits.
        world_in(tmp_path, config=trunked(config_for(tmp_path), **trunks), timing=PATIENT) as world,
    ):
        calls = [f"c-1-d{number}" for number in range(8)]
        for number, call in enumerate(calls):
            world.core.send(dial_out(call=call, offer=number))
        for _ in calls:
            await world.core.expect(events.DialAnswered)
        assert Counter(answer.trunk for answer in world.core.all(events.DialAnswered)) == shares
        for call in calls:
            world.core.send(commands.EndCall(edge=EDGE, call=call, cause="agent_hung_up"))
        await heavy.finish()
        await light.finish()


async def test_a_trunk_rests_for_as_long_as_it_asks_and_has_calls_again(tmp_path: Path) -> None:
    """RFC 3261 21.5.4."""
    first, second = free_ports(2), free_ports(2)
    trunks = {
        "first": Trunk(host="127.0.0.1", port=first, health_s=0, order=1),
        "second": Trunk(host="127.0.0.1", port=second, health_s=0, order=2),
    }
    async with (
        sipp_callee("trunk_answers", tmp_path, second, calls=2) as other,
        world_in(tmp_path, config=trunked(config_for(tmp_path), **trunks)) as world,
    ):
        async with sipp_callee("trunk_overloaded", tmp_path, first) as overloaded:
            await talked(world, CALL, "second")
            await overloaded.finish()
        async with sipp_callee("trunk_answers", tmp_path, first) as rested:
            world.jump(59_000)
            world.edge.trunks.look()
            await talked(world, "c-1-d8", "second")
            await other.finish()
            world.jump(1_001)
            world.edge.trunks.look()
            await talked(world, "c-1-d9", "first")
            await rested.finish()


async def talked(world: World, call: str, trunk: str) -> None:
    """A call that this trunk took, hung up by us."""
    world.core.send(dial_out(call=call, offer=int(call[-1])))
    assert (await world.core.expect(events.DialAnswered)).trunk == trunk
    world.core.send(commands.EndCall(edge=EDGE, call=call, cause="agent_hung_up"))
