"""The edge with the real audio engine: what people on both ends hear, what is recorded, and an engine that is killed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from acd_core.config import Config
from acd_core.domain import commands, events
from gateways.edge.phones import phones_path, set_phone_password
from gateways.sip.sdp import parse_sdp
from tests.edge.engine_process import EngineProcess
from tests.edge.test_calls import EDGE
from tests.edge.test_phones import register
from tests.edge.world import PATIENCE_S, Phone, World, sdp, world_in
from tests.support.rtp_phone import RtpPhone
from tests.support.tones import heard, heard_when, read_wav, tone, tone_wav

CALLER_HZ, OPERATOR_HZ, GREETING_HZ = 500.0, 1_200.0, 800.0


class Speaker:
    """A phone's audio that speaks a tone all the time and keeps what it hears."""

    def __init__(self, frequency_hz: float, seed: int) -> None:
        self.rtp = RtpPhone(payload_type=8, seed=seed)
        self.rtp.say(tone(frequency_hz, 120.0))
        self.task: asyncio.Task[None] | None = None

    def talk_to(self, response_or_offer: bytes) -> None:
        media = parse_sdp(response_or_offer).media[0]
        self.rtp.target = ("127.0.0.1", media.port)
        self.task = asyncio.create_task(self._talk())

    async def _talk(self) -> None:
        while True:
            self.rtp.send_frame()
            self.rtp.receive()
            await asyncio.sleep(0.02)

    async def hears(self, frequency_hz: float) -> None:
        """Wait until the latest half second is this tone."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                latest = self.rtp.packets[-25:]
                if len(latest) == 25 and heard(self.rtp.heard(latest), frequency_hz):
                    return
                await asyncio.sleep(0.02)

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
        self.rtp.close()


@contextlib.asynccontextmanager
async def conversation(
    folder: Path, config: Config
) -> AsyncIterator[tuple[World, str, Phone, Speaker, Speaker]]:
    """Caller and operator's phone, joined and recorded."""
    set_phone_password(phones_path(config.data_path), "santral", "101", "secret")
    caller_audio, operator_audio = Speaker(CALLER_HZ, 1), Speaker(OPERATOR_HZ, 2)
    try:
        async with world_in(folder, config=config, real_engine=True) as world:
            caller, phone = world.phone(), world.phone()
            assert (await register(world, phone)).status == 200
            arrived = await world.arrive(caller, body=sdp(caller_audio.rtp.port))
            call = arrived.call
            world.core.send(commands.AnswerCaller(edge=EDGE, call=call))
            ok = await caller.response(200)
            caller.ack(ok)
            caller.to_tag = ok.to.tag or ""
            caller_audio.talk_to(ok.body)
            world.core.send(
                commands.RingPhone(edge=EDGE, call=call, agent="ayse", offer=1, user="101", caller="0532")
            )
            invite = await phone.asked("INVITE")
            phone.reply(invite, 200, body=sdp(operator_audio.rtp.port))
            await phone.asked("ACK")
            await world.core.expect(events.PhoneAnswered)
            operator_audio.talk_to(invite.body)
            world.core.send(commands.Join(edge=EDGE, call=call, agent="ayse", offer=1, part=1))
            await caller_audio.hears(OPERATOR_HZ)
            await operator_audio.hears(CALLER_HZ)
            yield world, call, caller, caller_audio, operator_audio
    finally:
        await caller_audio.stop()
        await operator_audio.stop()


def test_a_greeting_is_heard_and_a_key_felt(tmp_path: Path, engine: EngineProcess) -> None:
    greeting = tone_wav(tmp_path / "greeting.wav", GREETING_HZ, 1.0)

    async def story() -> None:
        audio = Speaker(CALLER_HZ, 1)
        try:
            async with world_in(tmp_path, config=engine.config, real_engine=True) as world:
                caller = world.phone()
                arrived = await world.arrive(caller, body=sdp(audio.rtp.port))
                world.core.send(commands.AnswerCaller(edge=EDGE, call=arrived.call))
                prompt = commands.Prompt(id="greeting", wav=str(greeting))
                world.core.send(commands.Play(edge=EDGE, call=arrived.call, play=1, prompts=(prompt,)))
                ok = await caller.response(200)
                caller.ack(ok)
                audio.talk_to(ok.body)
                await audio.hears(GREETING_HZ)
                for packet in audio.rtp.key_packets("5"):
                    audio.rtp.send(packet)
                assert (await world.core.expect(events.KeyPressed)).key == "5"
                done = await world.core.expect(events.PlaybackDone)
                assert (done.play, done.failed) == (1, False)
                caller.request("BYE", to_tag=ok.to.tag or "")
                await caller.response(200, "BYE")
                await world.core.expect(events.CallerHungUp)
        finally:
            await audio.stop()

    asyncio.run(story())


def test_both_hear_each_other_and_are_recorded_on_two_channels(tmp_path: Path, engine: EngineProcess) -> None:
    async def story() -> events.RecordingFinished:
        async with conversation(tmp_path, engine.config) as (world, call, caller, _, _):
            caller.request("BYE", to_tag=caller.to_tag)
            await caller.response(200, "BYE")
            finished = await world.core.expect(events.RecordingFinished)
            assert (finished.call, finished.part, finished.agent) == (call, 1, "ayse")
            return finished

    finished = asyncio.run(story())
    samples, _ = read_wav(engine.config.recordings_path / finished.path)
    assert any(heard_when(samples[:, 0], CALLER_HZ))
    assert any(heard_when(samples[:, 1], OPERATOR_HZ))
    assert not any(heard_when(samples[:, 0], OPERATOR_HZ))
    assert finished.duration_ms == len(samples) // 8


def test_a_hold_by_re_invite_silences_and_resumes(tmp_path: Path, engine: EngineProcess) -> None:
    async def story() -> None:
        async with conversation(tmp_path, engine.config) as (_, _, caller, audio, _):
            await caller.call(body=sdp(audio.rtp.port, "inactive"), to_tag=caller.to_tag)
            held = await caller.response(200, "INVITE")
            caller.ack(held)
            before = len(audio.rtp.packets)
            await asyncio.sleep(0)
            await caller.call(body=sdp(audio.rtp.port, "sendrecv"), to_tag=caller.to_tag)
            caller.ack(await caller.response(200, "INVITE"))
            audio.rtp.packets[:] = audio.rtp.packets[before:]
            await audio.hears(OPERATOR_HZ)

    asyncio.run(story())


def test_an_engine_killed_in_mid_call_comes_back_on_the_same_ports(
    tmp_path: Path, engine: EngineProcess
) -> None:
    async def story() -> tuple[events.RecordingFinished, events.RecordingFinished]:
        async with conversation(tmp_path, engine.config) as (world, _, caller, caller_audio, operator_audio):
            engine.kill()
            await asyncio.to_thread(engine.start)
            caller_audio.rtp.packets.clear()
            operator_audio.rtp.packets.clear()
            await caller_audio.hears(OPERATOR_HZ)
            await operator_audio.hears(CALLER_HZ)
            interrupted = await world.core.expect(events.RecordingFinished)
            caller.request("BYE", to_tag=caller.to_tag)
            await caller.response(200, "BYE")
            return interrupted, await world.core.expect(events.RecordingFinished)

    for finished, name in zip(asyncio.run(story()), ("-1.wav", "-1-r2.wav"), strict=True):
        assert finished.path.endswith(name)
        samples, _ = read_wav(engine.config.recordings_path / finished.path)
        assert any(heard_when(samples[:, 0], CALLER_HZ))
        assert any(heard_when(samples[:, 1], OPERATOR_HZ))
