"""Calls through a network that loses 5 %, delays by 80 ms ± 40, reorders and doubles, in both directions and with three foreign
stacks: each call completes on both sides, and nothing of it is left.

What a client sends goes through one relay, what is sent to its Contact through another. The network's part is repeated by the
seed that is printed; `make relay` has more calls (SANTRAL_RELAY_CALLS).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from acd_core.domain import commands, events
from tests.edge.foreign import answering, baresip, know, ring, started, until
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import World, world_in
from tests.peers.relay import Relay
from tests.peers.sipp import Sipp
from tests.peers.sippy_peer import Sippy
from tests.support.ports import free_ports

pytestmark = pytest.mark.peers

CALLS = int(os.environ.get("SANTRAL_RELAY_CALLS", "30"))
STUCK_MS = 70_000  # every transaction of a call is over by then (RFC 3261: 64·T1 twice)


@contextlib.asynccontextmanager
async def bad_network(world: World, seed: float, client_port: int) -> AsyncIterator[tuple[Relay, Relay]]:
    """To the edge, and to the client."""
    there = await Relay.open(("127.0.0.1", world.edge.point.port), f"{seed} there")
    back = await Relay.open(("127.0.0.1", client_port), f"{seed} back")
    try:
        yield there, back
    finally:
        there.close()
        back.close()


@contextlib.asynccontextmanager
async def sipp_through(
    world: World, seed: float, folder: Path, scenario: str, *options: str, calls: int = CALLS
) -> AsyncIterator[tuple[Sipp, Relay, Relay]]:
    """SIPp, the network to the edge and the one to its Contact."""
    port = free_ports(2)
    async with bad_network(world, seed, port) as (there, back):
        key = ("-key", "contact_port", str(back.port), *options)
        settings: dict[str, Any] = {"calls": calls, "rate": 20, "port": port, "patience_s": 60}
        async with started(lambda: Sipp(folder, scenario, there.port, *key, **settings)) as sipp:
            yield sipp, there, back


@contextlib.asynccontextmanager
async def phone_through(
    world: World, seed: float, folder: Path, scenario: str, calls: int
) -> AsyncIterator[Sipp]:
    """SIPp as the phone of 101, registered through the same network."""
    port = free_ports(2)
    async with bad_network(world, seed, port) as (there, back):
        key = ("-key", "contact_port", str(back.port), "-s", "101", "-ap", "secret")
        settings: dict[str, Any] = {"port": port, "patience_s": 60}
        async with started(lambda: Sipp(folder, "relay_register", there.port, *key, **settings)) as sipp:
            await asyncio.to_thread(sipp.finish)
        assert (await world.core.expect(events.PhoneRegistered)).user == "101"
        settings["calls"] = calls
        async with started(lambda: Sipp(folder, scenario, there.port, *key, **settings)) as sipp:
            yield sipp


async def over(world: World, count: int) -> Counter[str]:
    """So many callers are gone; why."""
    causes: Counter[str] = Counter()
    for _ in range(count):
        causes[(await world.core.expect(events.CallerHungUp)).cause] += 1
    return causes


def nothing_is_left(world: World) -> None:
    world.jump(STUCK_MS)
    world.jump(STUCK_MS)
    statistics = world.edge.statistics()
    assert (statistics.calls.live, statistics.dialogs, statistics.audio.legs) == (0, 0, 0)
    sip = world.edge.point.statistics()
    assert (sip.clients_live, sip.servers_live, sip.timers) == (0, 0, 0)


async def calls_and_hangs_up(folder: Path, seed: float) -> None:
    async with world_in(folder) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        async with sipp_through(world, seed, folder, "relay_caller") as (caller, there, _):
            assert await over(world, CALLS) == {"caller_hung_up": CALLS}
            await asyncio.to_thread(caller.finish)
            assert there.counters.lost > 0
        nothing_is_left(world)


async def calls_and_is_hung_up(folder: Path, seed: float) -> None:
    """The BYE is ours and goes to the Contact."""
    async with world_in(folder) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller, commands.EndCall)
        async with sipp_through(world, seed, folder, "relay_caller_hung_up") as (caller, _, back):
            await asyncio.to_thread(caller.finish)
            assert back.counters.passed >= CALLS
        nothing_is_left(world)


async def calls_and_is_refused(folder: Path, seed: float) -> None:
    """Each end knows how it went: the caller by the 480, the edge by its ACK."""
    async with world_in(folder) as world:
        answering(world, commands.RingCaller, commands.EndCall)
        async with sipp_through(world, seed, folder, "relay_refused") as (caller, there, _):
            await asyncio.to_thread(caller.finish)
            assert there.counters.lost > 0
        assert world.edge.statistics().calls.arrived == CALLS
        nothing_is_left(world)
        assert world.edge.point.statistics().acks_missing == 0


async def is_heard_before_the_answer(folder: Path, seed: float) -> None:
    """Both the 183 and its PRACK get lost at times; the 200 waits, and comes."""
    async with world_in(folder) as world:

        def let_hear(message: Any) -> None:
            if isinstance(message, events.CallArrived):
                world.core.send(commands.ProgressCaller(edge=EDGE, call=message.call, max_ms=50_000))
                world.core.send(commands.AnswerCaller(edge=EDGE, call=message.call))

        world.core.auto = let_hear
        async with sipp_through(world, seed, folder, "relay_early") as (caller, there, _):
            assert await over(world, CALLS) == {"caller_hung_up": CALLS}
            await asyncio.to_thread(caller.finish)
            assert there.counters.lost > 0
        nothing_is_left(world)


async def calls_and_gives_up(folder: Path, seed: float) -> None:
    """The caller has heard 200 and 487, the edge the CANCEL and the ACK."""
    async with world_in(folder) as world:
        answering(world, commands.RingCaller)
        async with sipp_through(world, seed, folder, "relay_cancel") as (caller, there, _):
            assert await over(world, CALLS) == {"caller_cancelled": CALLS}
            await asyncio.to_thread(caller.finish)
            assert there.counters.lost > 0
        nothing_is_left(world)
        assert world.edge.point.statistics().acks_missing == 0


async def is_rung_and_answers(folder: Path, seed: float) -> None:
    calls = max(3, CALLS // 3)
    async with world_in(folder) as world:
        know(world, "101")
        async with phone_through(world, seed, folder, "relay_phone", calls) as phone:
            await rung(world, "101", calls)
            await asyncio.to_thread(phone.finish)
            await callers_are_gone(world)
        nothing_is_left(world)


async def is_rung_in_vain(folder: Path, seed: float) -> None:
    """The CANCEL is ours; the phone has it, and we what it says to the INVITE."""
    calls = max(3, CALLS // 3)
    async with world_in(folder) as world:
        know(world, "101")
        async with phone_through(world, seed, folder, "relay_phone_stops", calls) as phone:
            for number in range(calls):
                call, _ = await answered(world, world.phone())
                heard = world.edge.point.statistics().responses_received
                world.core.send(ring(call, "101", number))
                await until(lambda before=heard: world.edge.point.statistics().responses_received > before)
                world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=number))
                world.core.send(commands.EndCall(edge=EDGE, call=call, cause="x"))
            await asyncio.to_thread(phone.finish)
            assert world.core.all(events.PhoneAnswered) == []
            await callers_are_gone(world)
        nothing_is_left(world)


STORIES = (
    calls_and_hangs_up,
    calls_and_is_hung_up,
    calls_and_is_refused,
    calls_and_gives_up,
    is_heard_before_the_answer,
    is_rung_and_answers,
    is_rung_in_vain,
)


async def test_sipp_is_caller_and_phone(tmp_path: Path, chance: random.Random) -> None:
    """Side by side, each with an edge of its own: what takes time is the repeating of what was lost."""
    async with asyncio.TaskGroup() as stories:
        for story in STORIES:
            stories.create_task(story(tmp_path / story.__name__, chance.random()), name=story.__name__)


async def rung(world: World, user: str, calls: int) -> None:
    """So many callers without a bad network are joined to this phone, and all are answered and hung up."""
    for number in range(calls):
        call, _ = await answered(world, world.phone())
        world.core.send(ring(call, user, number))
        arrived = await world.core.expect(events.PhoneAnswered)
        assert (arrived.call, arrived.offer) == (call, number)
        world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=number))
        world.core.send(commands.EndCall(edge=EDGE, call=call, cause="x"))


async def callers_are_gone(world: World) -> None:
    """The callers of `rung` answer the BYE that each of them got."""
    for phone in world.phones:
        phone.reply(await phone.asked("BYE"), 200)


async def test_sippy_calls_and_is_called(tmp_path: Path, chance: random.Random) -> None:
    calls = max(3, CALLS // 6)
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        know(world, "102")
        port = free_ports(2)
        async with (
            bad_network(world, chance.random(), port) as (there, back),
            started(lambda: Sippy(tmp_path, there.port, port=port, contact_port=back.port)) as sippy,
        ):
            for _ in range(calls):
                sippy.call("185")
            for _ in range(calls):
                connected = await asyncio.to_thread(sippy.wait_for, "connect")
                sippy.hang_up(connected["call"])
            assert await over(world, calls) == {"caller_hung_up": calls}
            await asyncio.to_thread(sippy.register, "102", "secret")
            world.core.auto = None
            await rung(world, "102", calls)
            for _ in range(calls):
                await asyncio.to_thread(sippy.wait_for, "disconnect")
            assert sippy.complaints() == []
            await callers_are_gone(world)
        nothing_is_left(world)


async def test_baresip_calls_and_is_called(tmp_path: Path, chance: random.Random) -> None:
    async with world_in(tmp_path) as world:
        answering(world, commands.RingCaller, commands.AnswerCaller)
        know(world, "103")
        async with bad_network(world, chance.random(), free_ports(2)) as (there, _):
            registrar = f"127.0.0.1:{there.port}"
            async with started(
                lambda: baresip(tmp_path / "phone", registrar, "103", more=";answermode=auto")
            ) as phone:
                assert (await world.core.expect(events.PhoneRegistered)).user == "103"
                for _ in range(2):
                    await asyncio.to_thread(phone.dial, "185", "127.0.0.1", there.port)
                    await asyncio.to_thread(phone.wait_for, "CALL_ESTABLISHED")
                    await asyncio.to_thread(phone.hang_up)
                    assert await over(world, 1) == {"caller_hung_up": 1}
                world.core.auto = None
                await rung(world, "103", 2)
                await callers_are_gone(world)
