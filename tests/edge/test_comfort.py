"""Operators who dial: they hear it ring, by a tone of ours where nothing comes from there, and press keys for the other side."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from acd_core.telephony import Trunk
from gateways.edge.phones import phones_path, set_phone_password
from gateways.edge.tones import ringback
from gateways.media import messages as engine
from gateways.sip.message import Request
from tests.e2e.phone import Baresip
from tests.edge.engine_process import EngineProcess
from tests.edge.foreign import started
from tests.edge.test_calls import answered
from tests.edge.test_dialling_phone import dialled, let_dial
from tests.edge.test_phones import register, with_phone
from tests.edge.test_real_engine import OPERATOR_HZ, Speaker
from tests.edge.test_trunks import CALL, carriers, dial_out, trunked
from tests.edge.world import EDGE, Phone, World, sdp, world_in
from tests.support.ports import free_port, free_ports

LEG = f"{CALL}-p7"  # of the operator's phone
ELSEWHERE = {"hosts": ("192.0.2.9",)}  # so that the phone beside the carrier is no trunk


async def dialled_by_101(world: World, carrier: Phone) -> Request:
    """The operator's phone is there; the INVITE that the carrier gets."""
    phone = world.phone()
    assert (await register(world, phone)).status == 200
    world.core.send(dial_out(leg="", user="101"))
    invite = await phone.asked("INVITE")
    phone.reply(invite, 200, body=sdp())
    await phone.asked("ACK")
    return await carrier.asked("INVITE")


def stops(world: World) -> int:
    return sum(stop.leg == LEG for stop in world.engine.all(engine.StopPlay))


async def test_it_is_heard_to_ring_until_there_is_something_to_hear(tmp_path: Path) -> None:
    async with carriers(with_phone(tmp_path), ELSEWHERE) as (world, [carrier]):
        invite = await dialled_by_101(world, carrier)
        carrier.reply(invite, 180)
        carrier.reply(invite, 180)
        tone = await world.engine.expect(engine.PlayTone)
        assert tone == engine.PlayTone(leg=LEG, frequencies_hz=(450.0,), cadence_ms=(2_000, 4_000))
        carrier.reply(invite, 183, body=sdp(45_000))
        await world.engine.expect(engine.StopPlay, lambda stop: stop.leg == LEG)
        await world.engine.expect(engine.SetGains)
        carrier.reply(invite, 180)
        carrier.reply(invite, 200, body=sdp(45_000))
        await world.core.expect(events.DialAnswered)
        assert len(world.engine.all(engine.PlayTone)) == 1


async def test_the_tone_ends_with_the_answer(tmp_path: Path) -> None:
    async with carriers(with_phone(tmp_path), ELSEWHERE) as (world, [carrier]):
        invite = await dialled_by_101(world, carrier)
        carrier.reply(invite, 180)
        await world.engine.expect(engine.PlayTone)
        carrier.reply(invite, 200, body=sdp(45_000))
        await world.core.expect(events.DialAnswered)
        assert not stops(world)
        world.core.send(commands.Join(edge=EDGE, call=CALL, agent="ayse", offer=7, part=1))
        await world.engine.expect(engine.StartRecording)
        assert stops(world) == 1


async def test_the_tone_ends_when_nobody_is_reached(tmp_path: Path) -> None:
    async with carriers(with_phone(tmp_path), ELSEWHERE) as (world, [carrier]):
        invite = await dialled_by_101(world, carrier)
        carrier.reply(invite, 180)
        await world.engine.expect(engine.PlayTone)
        carrier.reply(invite, 486)
        await world.core.expect(events.DialFailed)
        await world.engine.expect(engine.StopPlay, lambda stop: stop.leg == LEG)


async def test_a_phone_that_dials_makes_its_own_tone(tmp_path: Path) -> None:
    async with carriers(with_phone(tmp_path), ELSEWHERE) as (world, [carrier]):
        phone = world.phone()
        let_dial(world, await dialled(world, phone))
        carrier.reply(await carrier.asked("INVITE"), 180)
        await phone.response(180)
        await world.heard_all()
        assert world.engine.all(engine.PlayTone) == []


async def test_keys_go_to_the_callers_side_whoever_called(tmp_path: Path) -> None:
    async with carriers(with_phone(tmp_path), ELSEWHERE) as (world, [carrier]):
        invite = await dialled_by_101(world, carrier)
        carrier.reply(invite, 200, body=sdp(45_000))
        await world.core.expect(events.DialAnswered)
        world.core.send(commands.SendKeys(edge=EDGE, call=CALL, keys="5#"))
        assert await world.engine.expect(engine.SendKeys) == engine.SendKeys(leg=f"{CALL}-d", keys="5#")
        call, _ = await answered(world, world.phone())
        world.core.send(commands.SendKeys(edge=EDGE, call=call, keys="1"))
        assert await world.engine.expect(engine.SendKeys) == engine.SendKeys(leg=call, keys="1")


@pytest.mark.parametrize(
    ("country", "frequencies_hz", "cadence_ms"),
    [
        ("TR", (450.0,), (2_000, 4_000)),
        ("PL", (425.0,), (1_000, 4_000)),
        ("CN", (450.0,), (1_000, 4_000)),
        ("GB", (400.0, 450.0), (400, 200, 400, 2_000)),
        ("US", (440.0, 480.0), (2_000, 4_000)),
    ],
)
def test_each_country_has_its_tone(
    country: str, frequencies_hz: tuple[float, ...], cadence_ms: tuple[int, ...]
) -> None:
    """ITU-T E.180 Supplement 2"""
    tone = ringback(country)
    assert (tone.frequencies_hz, tone.cadence_ms) == (frequencies_hz, cadence_ms)


@pytest.mark.peers
async def test_baresip_rings_is_heard_to_ring_and_gets_the_keys(
    tmp_path: Path, engine: EngineProcess
) -> None:
    sip_port = free_ports(2)
    config = trunked(
        engine.config, carrier=Trunk(host="127.0.0.1", port=sip_port, health_s=0, hosts=("192.0.2.9",))
    )
    set_phone_password(phones_path(config.data_path), "santral", "101", "secret")

    def callee() -> Baresip:
        account = f"<sip:02121112233@127.0.0.1:{sip_port}>;regint=0;answermode=manual"
        return Baresip(
            tmp_path / "callee",
            name="callee",
            tone_hz=600,
            ports=(sip_port, free_port(), 46_200),
            account=account,
        )

    operator = Speaker(OPERATOR_HZ, 2)
    try:
        async with (
            world_in(tmp_path, config=config, real_engine=True) as world,
            started(callee) as other,
        ):
            phone = world.phone()
            assert (await register(world, phone)).status == 200
            world.core.send(dial_out(leg="", user="101"))
            invite = await phone.asked("INVITE")
            phone.reply(invite, 200, body=sdp(operator.rtp.port))
            await phone.asked("ACK")
            operator.talk_to(invite.body)
            await asyncio.to_thread(other.wait_for, "CALL_INCOMING")
            await operator.hears(450)
            await asyncio.to_thread(other.accept)
            await world.core.expect(events.DialAnswered)
            world.core.send(commands.Join(edge=EDGE, call=CALL, agent="ayse", offer=7, part=1))
            await operator.hears(600)
            world.core.send(commands.SendKeys(edge=EDGE, call=CALL, keys="55#"))
            for key in "55#":
                assert (await asyncio.to_thread(other.wait_for, "CALL_DTMF_START"))["param"] == key
    finally:
        await operator.stop()
