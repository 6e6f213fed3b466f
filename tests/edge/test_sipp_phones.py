"""SIPp is a telephone of ours, registers and is rung."""

from __future__ import annotations

from pathlib import Path

import pytest

from acd_core.domain import events
from acd_core.telephony import Trunk
from tests.edge.foreign import calling, know, ring, run_sipp
from tests.edge.test_dialling_phone import let_dial
from tests.edge.test_hops import with_hops
from tests.edge.test_trunks import trunked
from tests.edge.world import config_for, world_in
from tests.support.ports import free_ports

pytestmark = pytest.mark.peers
WHO = ("-s", "101", "-ap", "secret")


async def test_a_phone_registers_with_the_right_password_only(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        await run_sipp(world, "register_wrong", tmp_path)
        assert world.edge.statistics().registrar.failed == 1
        await run_sipp(world, "register", tmp_path, *WHO)
        assert (await world.core.expect(events.PhoneRegistered)).user == "101"


async def test_two_telephones_of_one_user_come_and_go(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        await run_sipp(world, "register_many", tmp_path, *WHO)
        assert (await world.core.expect(events.PhoneRegistered)).user == "101"
        assert (await world.core.expect(events.PhoneUnregistered)).user == "101"
        assert len(world.core.all(events.PhoneRegistered)) == 1


async def test_a_phone_is_told_how_far_its_call_may_still_go(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        port = free_ports(2)
        await run_sipp(world, "register", tmp_path, *WHO, port=port)
        async with calling(world, "phone_hops", tmp_path, port=port):
            arrived = await world.arrive(with_hops(world.phone(), 12))
            world.core.send(ring(arrived.call, "101"))
            assert (await world.core.expect(events.PhoneFailed)).status == 603


async def test_a_registration_that_is_not_renewed_runs_out_and_the_core_hears_it(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        know(world, "101")
        await run_sipp(world, "register", tmp_path, *WHO)
        assert (await world.core.expect(events.PhoneRegistered)).user == "101"
        world.jump(119_000)  # of the 120 s that it was granted
        world.edge.registrar.timer_due()
        assert world.edge.registrar.users == ("101",)
        world.jump(1_001)
        world.edge.registrar.timer_due()
        assert (await world.core.expect(events.PhoneUnregistered)).user == "101"
        assert world.edge.statistics().registrar.lost == 0  # it had its time


async def test_a_phone_whose_call_may_go_no_further_is_told_so(tmp_path: Path) -> None:
    port = free_ports(2)
    trunk = Trunk(host="127.0.0.1", port=port, hosts=("192.0.2.9",), health_s=0)
    async with world_in(tmp_path, config=trunked(config_for(tmp_path), carrier=trunk)) as world:
        know(world, "101")
        mine = free_ports(2)
        await run_sipp(world, "register", tmp_path, *WHO, port=mine)
        uri = ("-auth_uri", f"02121112233@127.0.0.1:{world.edge.point.port}")
        async with calling(world, "no_hops", tmp_path, *WHO, *uri, port=mine):
            let_dial(world, (await world.core.expect(events.PhoneDialled)).call)
            assert (await world.core.expect(events.DialFailed)).status == 483
        assert world.edge.point.statistics().requests_sent == 0
