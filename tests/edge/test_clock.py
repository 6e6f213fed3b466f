"""Arrivals are stamped on the core's clock, whatever the edge's own says."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from acd_core.link.signals import FromCore, ToCore
from gateways.edge.clock import DRIFT_MS, EXCHANGES, STEP_MS, Clock
from gateways.edge.identity import arrived_ms_of
from tests.edge.test_calls import EDGE
from tests.edge.world import Scripted, world_in

HOUR_MS = 3_600_000


class Hands(Clock):
    """A clock whose monotonic time the test moves."""

    def __init__(self) -> None:
        super().__init__()
        self.at_ms = 0

    def monotonic_ms(self) -> int:
        return self.at_ms


def test_the_quickest_of_the_latest_exchanges_counts() -> None:
    clock = Hands()
    clock.core_said(0, 100, 1_000_000_000)
    assert clock.now_ms() == 1_000_000_000 - 50
    clock.core_said(200, 202, 1_000_000_211)
    assert clock.now_ms() == 1_000_000_010
    for _ in range(EXCHANGES - 1):
        clock.core_said(0, 500, 1_000_000_500)
    assert clock.now_ms() == 1_000_000_010, "they took longer, so they say less"
    clock.core_said(0, 500, 1_000_000_500)
    assert clock.now_ms() == 1_000_000_250, "but what drifts is followed"


def test_a_clock_that_jumped_is_followed_at_once() -> None:
    """A machine that was stopped for half a minute: its monotonic clock stood still, the core's went on."""
    clock = Hands()
    clock.core_said(0, 2, 1_000_000_001)
    clock.core_said(2_000, 2_002 + 2 * DRIFT_MS, 1_000_002_001)
    assert clock.now_ms() == 1_000_000_000, "only a slow answer"
    clock.core_said(4_000, 4_040, 1_000_034_020)
    assert clock.now_ms() == 1_000_030_000


def test_a_small_correction_never_sets_the_clock_back_and_a_large_one_is_taken_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Hands()
    with caplog.at_level(logging.WARNING):
        clock.core_said(0, 0, 1_000_000_000)
    assert "off the core's" in caplog.text
    assert clock.now_ms() == 1_000_000_000
    clock.core_gone()
    clock.core_said(0, 0, 1_000_000_000 - STEP_MS)
    assert clock.now_ms() == 1_000_000_000
    clock.at_ms = STEP_MS - 1
    assert clock.now_ms() == 1_000_000_000
    clock.at_ms = STEP_MS + 1
    assert clock.now_ms() == 1_000_000_001
    clock.core_gone()
    clock.core_said(0, 0, 500_000_000)
    assert clock.now_ms() == 500_000_000 + clock.at_ms


@pytest.mark.parametrize("ahead_ms", [HOUR_MS, -HOUR_MS])
def test_who_came_before_the_cores_time_was_known_is_told_with_the_cores_stamp(
    tmp_path: Path, ahead_ms: int
) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            await world.core.stop()
            await world.went_away(world.edge.core)
            phone = world.phone()
            await phone.call()
            await phone.response(100)
            world.core_ahead_ms = ahead_ms
            world.core = Scripted(world.config, "core", FromCore, ToCore, world.core_ms)
            await world.core.start()
            arrived = await world.core.expect(events.CallArrived)
            assert abs(arrived.at_ms - world.core_ms()) < HOUR_MS // 2

    asyncio.run(story())


@pytest.mark.parametrize("ahead_ms", [HOUR_MS, -HOUR_MS])
def test_an_edge_whose_clock_is_wrong_stamps_with_the_cores(tmp_path: Path, ahead_ms: int) -> None:
    async def story() -> None:
        async with world_in(tmp_path, core_ahead_ms=ahead_ms) as world:
            phone = world.phone()
            arrived = await world.arrive(phone)
            assert abs(arrived.at_ms - world.core_ms()) < HOUR_MS // 2
            assert abs(arrived_ms_of(arrived.call) - arrived.at_ms) < HOUR_MS // 2
            world.core.send(commands.RefuseCall(edge=EDGE, call=arrived.call, status=404, reason="unknown"))
            await phone.response(404)
            # Another core, on a machine whose clock is right.
            await world.core.stop()
            await world.went_away(world.edge.core)
            world.core_ahead_ms = 0
            world.core = Scripted(world.config, "core", FromCore, ToCore, world.core_ms)
            await world.core.start()
            await world.core.expect(events.EdgeInventory)
            later = await world.arrive(world.phone())
            assert abs(later.at_ms - world.core_ms()) < HOUR_MS // 2

    asyncio.run(story())
