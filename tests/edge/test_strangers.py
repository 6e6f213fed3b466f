"""Calls of strangers: the engine is told that it may be a forger who calls, and when it is known better."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands
from gateways.media import messages as engine
from tests.edge.test_trunks import carriers
from tests.edge.world import EDGE, Engine, sdp, world_in


@pytest.mark.parametrize("named", ["127.0.0.1", "192.0.2.7"])
def test_a_stranger_is_proved_by_the_ack_that_names_our_tag(tmp_path: Path, named: str) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            body = sdp().replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {named}")
            arrived = await world.arrive(phone, body=body)
            assert world.engine.all(engine.AllocateLeg)[0].stranger
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            ok = await phone.response(200)
            connected = await world.engine.expect(engine.ConnectLeg)
            assert (connected.remote_host, connected.peer_host) == (named, "127.0.0.1")
            assert world.engine.all(engine.ProveLeg) == []
            phone.ack(ok)
            assert (await world.engine.expect(engine.ProveLeg)).leg == connected.leg
            # A new engine has to hear of both.
            await world.engine.stop()
            world.engine = Engine(world.config)
            await world.engine.start()
            assert (await world.engine.expect(engine.AllocateLeg)).stranger
            await world.engine.expect(engine.ProveLeg)

    asyncio.run(story())


def test_a_trunk_is_no_stranger(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            await carrier.call(caller="05321112233")
            assert not (await world.engine.expect(engine.AllocateLeg)).stranger

    asyncio.run(story())
