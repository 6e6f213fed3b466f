"""Calls of strangers: the engine is told that it may be a forger who calls, and when it is known better."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands
from gateways.media import messages
from tests.edge.engine_process import EngineProcess
from tests.edge.foreign import until
from tests.edge.test_trunks import carriers
from tests.edge.world import EDGE, Engine, sdp, world_in
from tests.support.rtp_phone import RtpPhone


@pytest.mark.parametrize("named", ["127.0.0.1", "192.0.2.7"])
def test_a_stranger_is_proved_by_the_ack_that_names_our_tag(tmp_path: Path, named: str) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            body = sdp().replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {named}")
            arrived = await world.arrive(phone, body=body)
            assert world.engine.all(messages.AllocateLeg)[0].stranger
            world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
            ok = await phone.response(200)
            connected = await world.engine.expect(messages.ConnectLeg)
            assert (connected.remote_host, connected.peer_host) == (named, "127.0.0.1")
            assert world.engine.all(messages.ProveLeg) == []
            phone.ack(ok)
            assert (await world.engine.expect(messages.ProveLeg)).leg == connected.leg
            # A new engine has to hear of both.
            await world.engine.stop()
            world.engine = Engine(world.config)
            await world.engine.start()
            assert (await world.engine.expect(messages.AllocateLeg)).stranger
            await world.engine.expect(messages.ProveLeg)

    asyncio.run(story())


def test_a_trunk_is_no_stranger(tmp_path: Path) -> None:
    async def story() -> None:
        async with carriers(tmp_path, {}) as (world, [carrier]):
            await carrier.call(caller="05321112233")
            assert not (await world.engine.expect(messages.AllocateLeg)).stranger

    asyncio.run(story())


def test_nothing_is_sent_elsewhere_before_the_ack(tmp_path: Path, engine: EngineProcess) -> None:
    """Two strangers who say nothing: one names its own host for the audio, the other somebody else's."""
    home, victim = RtpPhone(), RtpPhone(host="127.0.0.2")

    async def story() -> None:
        async with world_in(tmp_path, config=engine.config, real_engine=True) as world:
            oks = []
            for caller, rtp in (("05320000001", victim), ("05320000002", home)):
                phone = world.phone()
                host = rtp.socket.getsockname()[0]
                body = sdp(rtp.port).replace("c=IN IP4 127.0.0.1", f"c=IN IP4 {host}")
                arrived = await world.arrive(phone, body=body, caller=caller)
                world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
                oks.append((phone, await phone.response(200)))
            await until(lambda: len(home.packets) + len(home.receive()) > 10)
            assert victim.receive() == []
            phone, ok = oks[0]
            phone.ack(ok)
            await until(lambda: bool(victim.packets or victim.receive()))

    try:
        asyncio.run(story())
    finally:
        home.close()
        victim.close()
