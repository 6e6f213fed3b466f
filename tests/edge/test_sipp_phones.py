"""SIPp is a telephone of ours, registers and is rung."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import events
from tests.edge.foreign import know, ring, run_sipp
from tests.edge.test_hops import with_hops
from tests.edge.world import world_in
from tests.support.ports import free_ports

pytestmark = pytest.mark.peers


async def test_a_phone_registers_with_the_right_password_only(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        await run_sipp(world, "register_wrong", tmp_path)
        assert world.edge.statistics().registrar.failed == 1
        await run_sipp(world, "register", tmp_path, "-s", "101", "-ap", "secret")
        assert (await world.core.expect(events.PhoneRegistered)).user == "101"


async def test_two_telephones_of_one_user_come_and_go(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        await run_sipp(world, "register_many", tmp_path, "-s", "101", "-ap", "secret")
        assert (await world.core.expect(events.PhoneRegistered)).user == "101"
        assert (await world.core.expect(events.PhoneUnregistered)).user == "101"
        assert len(world.core.all(events.PhoneRegistered)) == 1


async def test_a_phone_is_told_how_far_its_call_may_still_go(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        at = ("-p", str(free_ports(2)))
        await run_sipp(world, "register", tmp_path, *at, "-s", "101", "-ap", "secret")
        phone = asyncio.create_task(run_sipp(world, "phone_hops", tmp_path, *at))
        arrived = await world.arrive(with_hops(world.phone(), 12))
        world.core.send(ring(arrived.call, "101"))
        assert (await world.core.expect(events.PhoneFailed)).status == 603
        await phone
