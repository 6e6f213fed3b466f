"""Asterisk as trunk, as phone and as exchange. Not part of the tests: `make asterisk` lays it first and runs this file."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from acd_core.domain import commands, events
from acd_core.telephony import Transport, Trunk
from gateways.edge.phones import phones_path, set_phone_password
from tests.edge import test_transports as transports
from tests.edge.foreign import answering, ring, started, until
from tests.edge.test_calls import answered
from tests.edge.test_dialog_peers import terms
from tests.edge.test_phone_transfer_peers import asked, decide, hung_up_by_itself, joined
from tests.edge.test_trunks import CALL, dial_out, trunked
from tests.edge.world import EDGE, PATIENCE_S, World, world_in
from tests.peers.asterisk import Asterisk
from tests.peers.sippy_peer import Sippy
from tests.support.certificates import Authority
from tests.support.ports import free_ports


@contextlib.asynccontextmanager
async def beside_asterisk(
    folder: Path, name: str, transport: Transport = "UDP", **settings: Any
) -> AsyncIterator[tuple[World, Asterisk]]:
    """An edge whose trunk `carrier` is an Asterisk."""
    port = free_ports(2)
    trunk = Trunk(host="127.0.0.1", port=port, transport=transport, health_s=0, trusted=True)
    config = trunked(transports.config(folder), carrier=trunk)
    if transport == "TLS":
        files = Authority(folder, "carrier").issue("asterisk")
        settings["certificate"] = (files.certificate, files.key)
    set_phone_password(phones_path(config.data_path), "santral", "103", "secret")
    async with (
        world_in(folder, config=config) as world,
        started(
            lambda: Asterisk(name, world.edge.point.port_of(transport), port=port, **settings)
        ) as asterisk,
    ):
        yield world, asterisk


async def no_channel_is_left(asterisk: Asterisk) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await asyncio.to_thread(asterisk.channels):  # noqa: ASYNC110 - it is asked, it does not tell
            await asyncio.sleep(0.1)


def nothing_is_left(world: World) -> None:
    statistics = world.edge.statistics()
    assert (statistics.calls.live, statistics.dialogs, statistics.audio.legs) == (0, 0, 0)


async def test_as_a_trunk_it_brings_a_call_and_hangs_up(tmp_path: Path) -> None:
    async with beside_asterisk(tmp_path, "trunk-in") as (world, asterisk):
        answering(world, commands.RingCaller, commands.AnswerCaller)
        await asyncio.to_thread(asterisk.call_edge, "185", "short")
        arrived = await world.core.expect(events.CallArrived)
        assert (arrived.dialled, arrived.trunk) == ("185", "carrier")
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
        await no_channel_is_left(asterisk)
        nothing_is_left(world)


async def test_as_a_trunk_it_is_hung_up_and_is_refused(tmp_path: Path) -> None:
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


async def test_as_a_trunk_it_hears_us_before_the_answer_or_the_refusal(tmp_path: Path) -> None:
    """By a reliable 183, for it supports 100rel: it says PRACK, or there would be no 200."""
    async with beside_asterisk(tmp_path, "trunk-early") as (world, asterisk):
        for last in (commands.AnswerCaller, commands.EndCall):
            await asyncio.to_thread(asterisk.call_edge, "185", "short")
            call = (await world.core.expect(events.CallArrived)).call
            before = world.edge.point.statistics().requests_received
            world.core.send(commands.ProgressCaller(edge=EDGE, call=call, max_ms=50_000))
            await came_more(world, before)
            more = {"cause": "flow_ended"} if last is commands.EndCall else {}
            world.core.send(last(edge=EDGE, call=call, **more))
            await no_channel_is_left(asterisk)
        assert len(world.core.all(events.CallerHungUp)) == 1, "the one that was answered"
        nothing_is_left(world)


async def came_more(world: World, before: int) -> None:
    """Asterisk's PRACK."""
    await until(lambda: world.edge.point.statistics().requests_received > before)


async def test_as_a_carrier_it_takes_calls_of_ours(tmp_path: Path) -> None:
    async with beside_asterisk(tmp_path, "carrier") as (world, asterisk):
        world.core.send(dial_out())
        answered_ = await world.core.expect(events.DialAnswered)
        assert (answered_.call, answered_.trunk) == (CALL, "carrier")
        assert await asyncio.to_thread(asterisk.channels) == 1
        world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))
        await no_channel_is_left(asterisk)
        nothing_is_left(world)


async def test_as_a_phone_it_registers_is_rung_and_is_hung_up(tmp_path: Path) -> None:
    async with beside_asterisk(tmp_path, "phone", phone=("103", "secret")) as (world, asterisk):
        assert (await world.core.expect(events.PhoneRegistered)).user == "103"
        call, _ = await answered(world, world.phone())
        world.core.send(ring(call, "103"))
        assert (await world.core.expect(events.PhoneAnswered)).offer == 3
        world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=3))
        await no_channel_is_left(asterisk)


async def test_as_an_exchange_its_queue_calls_us_and_joins_its_caller(tmp_path: Path) -> None:
    """app_queue has us as its only member: we are rung, answer, and its caller hangs up."""
    async with beside_asterisk(tmp_path, "queue") as (world, asterisk):
        answering(world, commands.RingCaller, commands.AnswerCaller)
        originate = "channel originate Local/500@default extension short@default"
        await asyncio.to_thread(asterisk.say, originate)
        assert (await world.core.expect(events.CallArrived)).dialled == "185"
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
        await no_channel_is_left(asterisk)
        nothing_is_left(world)


async def test_over_tls_it_brings_a_call_and_takes_one(tmp_path: Path) -> None:
    async with beside_asterisk(tmp_path, "tls", "TLS") as (world, asterisk):
        answering(world, commands.RingCaller, commands.AnswerCaller)
        await asyncio.to_thread(asterisk.call_edge, "185", "short")
        assert (await world.core.expect(events.CallArrived)).trunk == "carrier"
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
        world.core.send(dial_out())
        assert (await world.core.expect(events.DialAnswered)).trunk == "carrier"
        world.core.send(commands.EndCall(edge=EDGE, call=CALL, cause="agent_hung_up"))
        await no_channel_is_left(asterisk)
        nothing_is_left(world)


async def test_a_hold_behind_it_is_heard_here_and_over_again(tmp_path: Path) -> None:
    """Its own caller, which is sippy, holds; it passes that on by re-INVITE."""
    async with (
        beside_asterisk(tmp_path, "hold") as (world, asterisk),
        started(lambda: Sippy(tmp_path / "sippy", asterisk.port)) as caller,
    ):
        answering(world, commands.RingCaller, commands.AnswerCaller)
        caller.call("185")
        await asyncio.to_thread(caller.wait_for, "connect")
        call = (await world.core.expect(events.CallArrived)).call
        await terms(world, call, True, True)
        caller.update("sendonly")
        await terms(world, call, False, True)
        await asyncio.to_thread(caller.wait_for, "connect")
        caller.update("sendrecv")
        await terms(world, call, True, True)
        await asyncio.to_thread(caller.wait_for, "connect")
        caller.hang_up()
        assert (await world.core.expect(events.CallerHungUp)).cause == "caller_hung_up"
        await no_channel_is_left(asterisk)
        nothing_is_left(world)


async def test_as_a_phone_it_hands_its_caller_on(tmp_path: Path) -> None:
    """By REFER, whose NOTIFY ends its part in the call."""
    phone = {"phone": ("103", "secret"), "extension": "hands-on"}
    async with beside_asterisk(tmp_path, "transfer", **phone) as (world, asterisk):
        await world.core.expect(events.PhoneRegistered)
        call, _ = await answered(world, world.phone())
        world.core.send(ring(call, "103"))
        await joined(world, call)
        event = await asked(world, "186")
        decide(world, event, 180)
        decide(world, event, 200)
        await hung_up_by_itself(world, call)
        await no_channel_is_left(asterisk)
