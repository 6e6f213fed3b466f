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

import pytest

from acd_core.domain import commands, events
from gateways.edge.phones import phones_path, set_phone_password
from tests.e2e.phone import Baresip
from tests.edge.test_calls import EDGE, answered
from tests.edge.test_sipp import answering
from tests.edge.world import World, world_in
from tests.peers.relay import Relay
from tests.peers.sipp import Sipp
from tests.peers.sippy_peer import Sippy
from tests.support.ports import free_ports

pytestmark = pytest.mark.peers

CALLS = int(os.environ.get("SANTRAL_RELAY_CALLS", "30"))
STUCK_MS = 70_000  # every transaction of a call is over by then (RFC 3261: 64·T1 twice)


@contextlib.asynccontextmanager
async def bad_network(
    world: World, chance: random.Random, client_port: int
) -> AsyncIterator[tuple[Relay, Relay]]:
    """To the edge, and to the client."""
    there = await Relay.open(("127.0.0.1", world.edge.point.port), chance.random())
    back = await Relay.open(("127.0.0.1", client_port), chance.random())
    try:
        yield there, back
    finally:
        there.close()
        back.close()


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


def test_sipp_calls_and_hangs_up(tmp_path: Path, chance: random.Random) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller, commands.AnswerCaller)
            port = free_ports(2)
            async with bad_network(world, chance, port) as (there, back):
                key = ("-key", "contact_port", str(back.port))
                caller = Sipp(
                    tmp_path, "relay_caller", there.port, *key, calls=CALLS, rate=20, port=port, patience_s=60
                )
                try:
                    assert await over(world, CALLS) == {"caller_hung_up": CALLS}
                    await asyncio.to_thread(caller.finish)
                finally:
                    await asyncio.to_thread(caller.close)
                assert there.counters.lost > 0
            nothing_is_left(world)

    asyncio.run(story())


def test_sipp_calls_and_is_hung_up(tmp_path: Path, chance: random.Random) -> None:
    """The BYE is ours and goes to the Contact."""

    async def story() -> None:
        async with world_in(tmp_path) as world:

            def react(message: object) -> None:
                if isinstance(message, events.CallArrived):
                    for kind in (commands.RingCaller, commands.AnswerCaller):
                        world.core.send(kind(edge=EDGE, call=message.call))
                    world.core.send(commands.EndCall(edge=EDGE, call=message.call, cause="x"))

            world.core.auto = react
            port = free_ports(2)
            async with bad_network(world, chance, port) as (there, back):
                key = ("-key", "contact_port", str(back.port))
                caller = Sipp(
                    tmp_path,
                    "relay_caller_hung_up",
                    there.port,
                    *key,
                    calls=CALLS,
                    rate=20,
                    port=port,
                    patience_s=60,
                )
                try:
                    await asyncio.to_thread(caller.finish)
                finally:
                    await asyncio.to_thread(caller.close)
                assert back.counters.passed >= CALLS
            nothing_is_left(world)

    asyncio.run(story())


def test_sipp_calls_and_is_refused(tmp_path: Path, chance: random.Random) -> None:
    """Each end knows how it went: the caller by the 480, the edge by its ACK."""

    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller, commands.EndCall)
            port = free_ports(2)
            async with bad_network(world, chance, port) as (there, back):
                key = ("-key", "contact_port", str(back.port))
                caller = Sipp(
                    tmp_path,
                    "relay_refused",
                    there.port,
                    *key,
                    calls=CALLS,
                    rate=20,
                    port=port,
                    patience_s=60,
                )
                try:
                    await asyncio.to_thread(caller.finish)
                finally:
                    await asyncio.to_thread(caller.close)
                assert there.counters.lost > 0
            assert world.edge.statistics().calls.arrived == CALLS
            nothing_is_left(world)
            assert world.edge.point.statistics().acks_missing == 0

    asyncio.run(story())


async def rung(world: World, user: str, calls: int) -> None:
    """So many callers without a bad network are joined to this phone, and all are answered and hung up."""
    for number in range(calls):
        call, _ = await answered(world, world.phone())
        ring = commands.RingPhone(
            edge=EDGE, call=call, agent="ayse", offer=number, user=user, caller="0532", service="Su"
        )
        world.core.send(ring)
        arrived = await world.core.expect(events.PhoneAnswered)
        assert (arrived.call, arrived.offer) == (call, number)
        world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=number))
        world.core.send(commands.EndCall(edge=EDGE, call=call, cause="x"))


async def callers_are_gone(world: World) -> None:
    """The callers of `rung` answer the BYE that each of them got."""
    for phone in world.phones:
        phone.reply(await phone.asked("BYE"), 200)


def test_sipp_is_a_phone(tmp_path: Path, chance: random.Random) -> None:
    calls = max(3, CALLS // 3)

    async def story() -> None:
        async with world_in(tmp_path) as world:
            set_phone_password(phones_path(world.config.data_path), "santral", "101", "secret")
            port = free_ports(2)
            async with bad_network(world, chance, port) as (there, back):
                key = ("-key", "contact_port", str(back.port))
                registering = Sipp(
                    tmp_path, "relay_register", there.port, *key, "-s", "101", "-ap", "secret", port=port
                )
                await asyncio.to_thread(registering.finish)
                await asyncio.to_thread(registering.close)
                assert (await world.core.expect(events.PhoneRegistered)).user == "101"
                phone = Sipp(tmp_path, "relay_phone", there.port, *key, calls=calls, port=port, patience_s=90)
                try:
                    await rung(world, "101", calls)
                    await asyncio.to_thread(phone.finish)
                finally:
                    await asyncio.to_thread(phone.close)
                await callers_are_gone(world)
            nothing_is_left(world)

    asyncio.run(story())


def test_sippy_calls_and_is_called(tmp_path: Path, chance: random.Random) -> None:
    calls = max(3, CALLS // 6)

    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller, commands.AnswerCaller)
            set_phone_password(phones_path(world.config.data_path), "santral", "102", "secret")
            port = free_ports(2)
            async with bad_network(world, chance, port) as (there, back):
                start = lambda: Sippy(tmp_path, there.port, port=port, contact_port=back.port)  # noqa: E731
                sippy = await asyncio.to_thread(start)
                try:
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
                finally:
                    await asyncio.to_thread(sippy.close)
                await callers_are_gone(world)
            nothing_is_left(world)

    asyncio.run(story())


def test_baresip_calls_and_is_called(tmp_path: Path, chance: random.Random) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            answering(world, commands.RingCaller, commands.AnswerCaller)
            set_phone_password(phones_path(world.config.data_path), "santral", "103", "secret")
            sip_port, control_port, rtp_port = free_ports(2), free_ports(2), free_ports(10)
            async with bad_network(world, chance, sip_port) as (there, _):
                account = f"<sip:103@127.0.0.1:{there.port}>;auth_pass=secret;answermode=auto;regint=60"
                start = lambda: Baresip(  # noqa: E731
                    tmp_path / "phone",
                    name="103",
                    tone_hz=500,
                    ports=(sip_port, control_port, rtp_port),
                    account=account,
                )
                phone = await asyncio.to_thread(start)
                try:
                    assert (await world.core.expect(events.PhoneRegistered)).user == "103"
                    for _ in range(2):
                        await asyncio.to_thread(phone.dial, "185", "127.0.0.1", there.port)
                        await asyncio.to_thread(phone.wait_for, "CALL_ESTABLISHED")
                        await asyncio.to_thread(phone.hang_up)
                        assert await over(world, 1) == {"caller_hung_up": 1}
                    world.core.auto = None
                    await rung(world, "103", 2)
                    await callers_are_gone(world)
                finally:
                    await asyncio.to_thread(phone.close)

    asyncio.run(story())
