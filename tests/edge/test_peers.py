"""Stacks that know nothing of ours, one plain call with each: Linphone, Kamailio on the path, sippy both ways, a bad network."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from acd_core.domain import commands, events
from tests.edge.foreign import answering, know, ring, started
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import world_in
from tests.peers.kamailio import Kamailio, proxy_to
from tests.peers.linphone import Linphone
from tests.peers.relay import Relay, Weather
from tests.peers.sippy_peer import Sippy

pytestmark = pytest.mark.peers


async def test_linphone_registers_is_rung_answers_and_is_hung_up(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        async with started(lambda: Linphone(tmp_path / "phone", "101")) as phone:
            await asyncio.to_thread(phone.register, "127.0.0.1", world.edge.point.port, "secret")
            assert (await world.core.expect(events.PhoneRegistered)).user == "101"
            call, _ = await answered(world, world.phone())
            world.core.send(ring(call, "101"))
            await asyncio.to_thread(phone.ringing)
            phone.answer()
            assert (await world.core.expect(events.PhoneAnswered)).offer == 3
            world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=3))
            await asyncio.to_thread(phone.became, "CallEnd")


async def test_sippy_calls_through_kamailio_and_hangs_up(tmp_path: Path) -> None:
    """What comes after the INVITE follows the route that Kamailio recorded."""
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        target = f"sip:127.0.0.1:{world.edge.point.port}"
        async with (
            started(lambda: Kamailio(tmp_path / "kamailio", proxy_to(target))) as proxy,
            started(lambda: Sippy(tmp_path / "sippy", proxy.port)) as caller,
        ):
            caller.call("185")
            await asyncio.to_thread(caller.wait_for, "connect")
            assert (await world.core.expect(events.CallArrived)).caller == "05321112233"
            caller.hang_up()
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
            assert world.edge.point.statistics().acks_missing == 0


async def test_sippy_as_a_phone_registers_is_rung_and_is_hung_up(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "102")
        async with started(lambda: Sippy(tmp_path / "sippy", world.edge.point.port)) as phone:
            await asyncio.to_thread(phone.register, "102", "secret")
            assert (await world.core.expect(events.PhoneRegistered)).user == "102"
            call, _ = await answered(world, world.phone())
            world.core.send(ring(call, "102"))
            assert (await world.core.expect(events.PhoneAnswered)).offer == 3
            world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=3))
            await asyncio.to_thread(phone.wait_for, "disconnect")
            assert phone.complaints() == []


async def test_a_call_through_a_bad_network_completes(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        relay = await Relay.open(
            ("127.0.0.1", world.edge.point.port), seed=7, weather=Weather(loss=0.3, delay_ms=20)
        )
        async with started(lambda: Sippy(tmp_path / "sippy", relay.port)) as caller:
            caller.call("185")
            await asyncio.to_thread(caller.wait_for, "connect")
            caller.hang_up()
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
            assert relay.counters.lost > 0
        relay.close()


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_relay_does_the_same_again_with_the_same_seed(seed: int) -> None:
    async def fates(seed: int) -> tuple[Any, ...]:
        loop = asyncio.get_running_loop()
        relay = Relay(("127.0.0.1", 9), seed, Weather(delay_ms=0, jitter_ms=0))
        fate = []
        for _ in range(200):
            relay._suffer(relay._to_server, lambda: None)
            fate.append((relay.counters.lost, relay.counters.held_back, relay.counters.doubled))
        assert loop is relay._loop
        relay.close()
        return tuple(fate)

    again, other = await fates(seed), await fates(seed + 2)
    assert await fates(seed) == again != other
    assert 0 < again[-1][0] < 30
