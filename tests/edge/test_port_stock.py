"""Ports in stock: a call's description goes out without waiting for the engine, and nothing is promised that is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from acd_core.domain import commands, events
from gateways.edge.port_stock import STOCK, PortStock
from gateways.media import messages as engine
from tests.edge.test_calls import EDGE
from tests.edge.test_phones import register, with_phone
from tests.edge.test_trunks import carriers
from tests.edge.world import Engine, World, sdp, world_in


async def stocked(world: World) -> None:
    """A first call has filled the stock."""
    world.engine.in_stock = 16
    await world.arrive(world.phone())
    await world.engine.expect(engine.ReservePorts)
    await world.arrive(world.phone())
    await world.engine.expect(engine.ReservePorts)
    await world.heard_all()


async def test_a_call_does_not_wait_for_the_engine(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        await stocked(world)
        held: list[engine.AllocateLeg] = []
        answer = world.engine._answer
        world.engine.auto = lambda message: (
            held.append(message) if isinstance(message, engine.AllocateLeg) else answer(message)
        )
        phone = world.phone()
        arrived = await world.arrive(phone)
        world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
        ok = await phone.response(200, "INVITE")
        phone.ack(ok)
        [asked] = held
        assert f"m=audio {asked.port} ".encode() in ok.body
        connects = len(world.engine.all(engine.ConnectLeg))
        world.engine.send(engine.LegAllocated(leg=asked.leg, port=asked.port))
        connect = await world.engine.expect(engine.ConnectLeg, lambda connect: connect.leg == asked.leg)
        assert len(world.engine.all(engine.ConnectLeg)) == connects + 1, connect


async def test_a_promise_that_the_engine_cannot_keep_ends_the_call(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        await stocked(world)
        world.engine.refuse_legs = True
        phone = world.phone()
        arrived = await world.arrive(phone)
        assert (await world.core.expect(events.CallerHungUp)).call == arrived.call
        assert (await phone.response(503)).status == 503


async def test_a_phone_that_answers_ahead_of_the_engine_has_its_number_dialled(tmp_path: Path) -> None:
    """An operator dials at the page, and their phone is rung first; many answer by themselves."""
    async with carriers(with_phone(tmp_path), {"hosts": ("192.0.2.9",)}) as (world, [carrier]):
        await stocked(world)
        phone = world.phone()
        assert (await register(world, phone)).status == 200
        held: list[str] = []
        answer = world.engine._answer
        world.engine.auto = lambda message: (
            held.append(message.leg) if isinstance(message, engine.AllocateLeg) else answer(message)
        )
        world.core.send(
            commands.DialOut(
                edge=EDGE,
                call="c-9",
                number="+902121112233",
                agent="ayse",
                offer=5,
                user="101",
                trunks=("t1",),
            )
        )
        phone.reply(await phone.asked("INVITE"), 200, body=sdp(44_000))
        await phone.asked("ACK")
        assert sorted(held) == ["c-9-d", "c-9-p5"]
        assert (await carrier.asked("INVITE")).request_uri.user == "02121112233"


async def test_who_gave_up_before_the_promise_is_told_nothing(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        await stocked(world)
        told: list[int] = []

        class User:
            def __getattr__(self, name: str) -> Callable[..., None]:
                return lambda *values: told.append(len(values))

        world.edge._parts.audio.allocate("x", "127.0.0.1", User()).free()  # type: ignore[arg-type]
        await asyncio.sleep(0)
        await world.heard_all()
        assert told == []


async def test_a_new_engine_has_nothing_in_reserve(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        await stocked(world)
        await world.engine.stop()
        world.engine = Engine(world.config)
        await world.engine.start()
        living = {(await world.engine.expect(engine.AllocateLeg)).leg for _ in range(2)}
        await world.arrive(world.phone())
        asked = await world.engine.expect(engine.AllocateLeg, lambda allocate: allocate.leg not in living)
        assert asked.port == 0, "not one that the dead engine held"


def test_the_stock_is_asked_for_in_time_and_has_an_end() -> None:
    sent: list[engine.ReservePorts] = []
    stock = PortStock(sent.append)
    ports = iter(range(30_000, 40_000, 2))

    def deliver() -> None:
        while sent:
            asked = sent.pop()
            given = tuple(next(ports) for _ in range(asked.count))
            stock.reserved(engine.PortsReserved(local_host=asked.local_host, ports=given))

    assert stock.take("192.0.2.1") == 0
    deliver()
    taken = []
    for _ in range(200):
        taken.append(stock.take("192.0.2.1"))
        deliver()
        assert len(stock._ports["192.0.2.1"]) <= STOCK
    assert taken == sorted(taken)
    assert len(set(taken)) == 200
    for last in range(2, 9):  # more addresses than an edge has are not stocked
        assert stock.take(f"192.0.2.{last}") == 0
    assert len(stock._ports) == 4
    # An engine that has none left is asked once a leg, and not more and more.
    sent.clear()
    stock.forget()
    for leg in range(1, 20):
        assert stock.take("192.0.2.1") == 0
        assert len(sent) == leg
        stock.reserved(engine.PortsReserved(local_host="192.0.2.1", ports=()))
