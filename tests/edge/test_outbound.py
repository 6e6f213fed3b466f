"""baresip with `sipnat=outbound`: a real phone that binds its registration to its flow (RFC 5626)."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from acd_core.domain import events
from gateways.edge.phones import phones_path, set_phone_password
from tests.e2e.phone import Baresip
from tests.edge.world import world_in
from tests.support.ports import free_port, free_ports

pytestmark = pytest.mark.skipif(
    shutil.which("baresip") is None and "CI" not in os.environ, reason="baresip is not installed"
)


def test_a_phone_that_asks_for_outbound_is_bound_to_its_flow(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            set_phone_password(phones_path(world.config.data_path), "santral", "101", "secret")
            registrar = f"127.0.0.1:{world.edge.point.port}"
            phone = await asyncio.to_thread(
                lambda: Baresip(
                    tmp_path / "phone",
                    name="101",
                    tone_hz=500,
                    ports=(free_ports(2), free_port(), 46_020),
                    modules=("uuid",),
                    account=(
                        f"<sip:101@{registrar}>;auth_pass=secret;regint=60;sipnat=outbound;"
                        f'outbound="sip:{registrar}"'
                    ),
                )
            )
            try:
                assert (await world.core.expect(events.PhoneRegistered)).user == "101"
                binding = world.edge.registrar.binding("101")
                assert binding is not None
                assert binding.reg_id == "1"
                assert binding.instance.startswith("<urn:uuid:")
            finally:
                await asyncio.to_thread(phone.close)

    asyncio.run(story())
