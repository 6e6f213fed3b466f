"""Asterisk as trunk, as phone and as exchange. Not part of the tests: `make asterisk` lays it first and runs this file."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from acd_core.domain import commands, events
from acd_core.telephony import Trunk
from gateways.edge.phones import phones_path, set_phone_password
from tests.edge.foreign import answering
from tests.edge.test_calls import EDGE, answered
from tests.edge.test_trunks import CALL, dial_out, trunked
from tests.edge.world import PATIENCE_S, World, config_for, world_in
from tests.peers.asterisk import Asterisk
from tests.support.ports import free_ports


@contextlib.asynccontextmanager
async def beside_asterisk(folder: Path, name: str, **settings: Any) -> AsyncIterator[tuple[World, Asterisk]]:
    """An edge whose trunk `carrier` is an Asterisk."""
    port = free_ports(2)
    config = trunked(config_for(folder), carrier=Trunk(host="127.0.0.1", port=port, health_s=0, trusted=True))
    set_phone_password(phones_path(config.data_path), "santral", "103", "secret")
    async with world_in(folder, config=config) as world:
        start = lambda: Asterisk(name, world.edge.point.port, port=port, **settings)  # noqa: E731
        asterisk = await asyncio.to_thread(start)
        try:
            yield world, asterisk
        finally:
            await asyncio.to_thread(asterisk.close)


async def no_channel_is_left(asterisk: Asterisk) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await asyncio.to_thread(asterisk.channels):  # noqa: ASYNC110 - it is asked, it does not tell
            await asyncio.sleep(0.1)


def nothing_is_left(world: World) -> None:
    statistics = world.edge.statistics()
    assert (statistics.calls.live, statistics.dialogs, statistics.audio.legs) == (0, 0, 0)


def test_as_a_trunk_it_brings_a_call_and_hangs_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with beside_asterisk(tmp_path, "trunk-in") as (world, asterisk):
            answering(world, commands.RingCaller, commands.AnswerCaller)
            await asyncio.to_thread(asterisk.call_edge, "185", "short")
            arrived = await world.core.expect(events.CallArrived)
            assert (arrived.dialled, arrived.trunk) == ("185", "carrier")
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
            await no_channel_is_left(asterisk)
            nothing_is_left(world)

    asyncio.run(story())


def test_as_a_trunk_it_is_hung_up_and_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with beside_asterisk(tmp_path, "trunk-end") as (world, asterisk):
            await asyncio.to_thread(asterisk.call_edge, "185", "wait")
            arrived = await world.core.expect(events.CallArrived)
            for command in (
                commands.AnswerCaller(edge=EDGE, call=arrived.call),
                commands.EndCall(edge=EDGE, call=arrived.call, cause="x"),
            ):
                world.core.send(command)
            await no_channel_is_left(asterisk)
            await asyncio.to_thread(asterisk.call_edge, "999", "wait")
            arrived = await world.core.expect(events.CallArrived)
            world.core.send(commands.RefuseCall(edge=EDGE, call=arrived.call, status=404, reason="Not Found"))
            await no_channel_is_left(asterisk)
            nothing_is_left(world)

    asyncio.run(story())


def test_as_a_carrier_it_takes_calls_of_ours(tmp_path: Path) -> None:
    async def story() -> None:
        async with beside_asterisk(tmp_path, "carrier") as (world, asterisk):
            world.core.send(dial_out())
            answered_ = await world.core.expect(events.DialAnswered)
            assert (answered_.call, answered_.trunk) == (CALL, "carrier")
            assert await asyncio.to_thread(asterisk.channels) == 1
            world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))
            await no_channel_is_left(asterisk)
            nothing_is_left(world)

    asyncio.run(story())


def test_as_a_phone_it_registers_is_rung_and_is_hung_up(tmp_path: Path) -> None:
    async def story() -> None:
        async with beside_asterisk(tmp_path, "phone", phone=("103", "secret")) as (world, asterisk):
            assert (await world.core.expect(events.PhoneRegistered)).user == "103"
            call, _ = await answered(world, world.phone())
            ring = commands.RingPhone(
                edge=EDGE, call=call, agent="ayse", offer=3, user="103", caller="0532", service="Su"
            )
            world.core.send(ring)
            assert (await world.core.expect(events.PhoneAnswered)).offer == 3
            world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=3))
            await no_channel_is_left(asterisk)

    asyncio.run(story())


def test_as_an_exchange_its_queue_calls_us_and_joins_its_caller(tmp_path: Path) -> None:
    """app_queue has us as its only member: we are rung, answer, and its caller hangs up."""

    async def story() -> None:
        async with beside_asterisk(tmp_path, "queue") as (world, asterisk):
            answering(world, commands.RingCaller, commands.AnswerCaller)
            originate = "channel originate Local/500@default extension short@default"
            await asyncio.to_thread(asterisk.say, originate)
            assert (await world.core.expect(events.CallArrived)).dialled == "185"
            assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
            await no_channel_is_left(asterisk)
            nothing_is_left(world)

    asyncio.run(story())
