"""Alarms ring at their time, in order, once, and never when they were cancelled."""

from __future__ import annotations

import asyncio

import pytest

from gateways.edge.alarms import Alarms
from gateways.edge.clock import Clock


def later(clock: Clock, milliseconds: int) -> None:
    clock._began_ns -= milliseconds * 1_000_000


def test_they_ring_in_order_and_once() -> None:
    async def story() -> None:
        clock, rang = Clock(), list[int]()
        alarms = Alarms(clock)
        now_ms = clock.monotonic_ms()
        for after_ms in (3_000, 1_000, 2_000, 1_000):
            alarms.at(now_ms + after_ms, lambda after_ms=after_ms: rang.append(after_ms))
        alarms.ring()
        assert rang == []
        later(clock, 2_500)
        alarms.ring()
        alarms.ring()
        assert rang == [1_000, 1_000, 2_000]
        assert len(alarms) == 1

    asyncio.run(story())


def test_the_loop_rings_them_by_itself() -> None:
    async def story() -> None:
        clock, rang = Clock(), asyncio.Event()
        alarms = Alarms(clock)
        alarms.at(clock.monotonic_ms() + 60_000, lambda: None)
        alarms.at(clock.monotonic_ms() + 1, rang.set)
        async with asyncio.timeout(5):
            await rang.wait()

    asyncio.run(story())


def test_those_cancelled_do_not_ring_and_are_not_kept() -> None:
    async def story() -> None:
        clock, rang = Clock(), list[int]()
        alarms = Alarms(clock)
        set_ = [alarms.at(number, lambda number=number: rang.append(number)) for number in range(1_000)]
        for alarm in set_[1:]:
            alarm.cancel()
            alarm.cancel()
        assert len(alarms) == 1
        assert len(alarms._heap) < 100
        later(clock, 2_000)
        alarms.ring()
        set_[0].cancel()
        assert rang == [0]
        assert (len(alarms), alarms._heap) == (0, [])

    asyncio.run(story())


def test_one_that_fails_does_not_keep_the_others_asleep() -> None:
    async def story() -> None:
        clock, rang = Clock(), asyncio.Event()
        alarms = Alarms(clock)
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        alarms.at(0, lambda: 1 // 0)
        alarms.at(0, rang.set)
        with pytest.raises(ZeroDivisionError):
            alarms.ring()
        async with asyncio.timeout(5):
            await rang.wait()

    asyncio.run(story())
