"""baresip, a real phone, as an operator's: it registers with digest, is rung, answers by itself and is hung up."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from gateways.edge.phones import phones_path, set_phone_password
from gateways.media import messages as engine
from tests.e2e.phone import Baresip
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import world_in
from tests.support.ports import free_port, free_ports

pytestmark = pytest.mark.skipif(
    shutil.which("baresip") is None and "CI" not in os.environ, reason="baresip is not installed"
)


def test_a_real_phone_takes_a_call(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            set_phone_password(phones_path(world.config.data_path), "santral", "101", "secret")
            registrar = f"127.0.0.1:{world.edge.point.port}"
            phone = await asyncio.to_thread(
                lambda: Baresip(
                    tmp_path / "phone",
                    name="101",
                    tone_hz=500,
                    ports=(free_ports(2), free_port(), 46_000),
                    account=f"<sip:101@{registrar}>;auth_pass=secret;answermode=auto;regint=60",
                )
            )
            try:
                assert (await world.core.expect(events.PhoneRegistered)).user == "101"
                call, _ = await answered(world, world.phone())
                ring = commands.RingPhone(
                    edge=EDGE, call=call, agent="ayse", offer=3, user="101", caller="0532", service="Su"
                )
                world.core.send(ring)
                assert (await world.core.expect(events.PhoneAnswered)).offer == 3
                connected = await world.engine.expect(
                    engine.ConnectLeg, lambda connect: connect.leg == f"{call}-p3"
                )
                assert 46_000 <= connected.remote_port <= 46_009
                world.core.send(commands.EndPhone(edge=EDGE, call=call, agent="ayse", offer=3))
                await asyncio.to_thread(phone.wait_for, "CALL_CLOSED")
            finally:
                await asyncio.to_thread(phone.close)

    asyncio.run(story())
