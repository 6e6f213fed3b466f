"""baresip, a real phone, as an operator's: it registers with digest, is rung, answers by itself and is hung up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from gateways.media import messages as engine
from tests.edge.foreign import at_edge, baresip, know, ring, started
from tests.edge.test_calls import answered
from tests.edge.world import EDGE, world_in
from tests.support.ports import free_ports

pytestmark = pytest.mark.peers


async def test_a_real_phone_takes_a_call(tmp_path: Path) -> None:
    rtp_min = free_ports(10)
    async with world_in(tmp_path) as world:
        know(world, "101")
        settings = {"more": ";answermode=auto", "rtp_min": rtp_min}
        async with started(lambda: baresip(tmp_path / "phone", at_edge(world), **settings)) as phone:
            assert (await world.core.expect(events.PhoneRegistered)).user == "101"
            call, _ = await answered(world, world.phone())
            world.core.send(ring(call, "101"))
            assert (await world.core.expect(events.PhoneAnswered)).offer == 3
            connected = await world.engine.expect(
                engine.ConnectLeg, lambda connect: connect.leg == f"{call}-p3"
            )
            assert rtp_min <= connected.remote_port < rtp_min + 10
            world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=3))
            await asyncio.to_thread(phone.wait_for, "CALL_CLOSED")
