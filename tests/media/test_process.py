"""The process as it runs: its link, its clock, kill -9 and a clean stop. Slow machines only make these tests slower."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from acd_core.config import Config
from acd_core.link.aio import LinkClient
from gateways.media import messages as m
from tests.support.rtp_phone import RtpPhone
from tests.support.tones import heard_when, read_wav, tone

GUARD_S = 60.0
_START = """
import sys, msgspec
from acd_core.config import Config
from gateways.media.process import main
sys.exit(main(msgspec.json.decode(sys.argv[1], type=Config)))
"""
Wanted = TypeVar("Wanted", bound=m.Message)


class Edge:
    """A client of the engine that keeps what it hears."""

    def __init__(self, config: Config, name: str = "edge1") -> None:
        self.heard: list[m.FromEngine] = []
        self.ups: list[bool] = []
        self._news = asyncio.Event()
        self.link = LinkClient(
            config.socket("media"),
            role="edge",
            name=name,
            send_type=m.ToEngine,
            receive_type=m.FromEngine,
            on_message=self._hear,
            on_up=self._up,
            on_down=lambda: None,
        )

    def _hear(self, message: m.FromEngine) -> None:
        self.heard.append(message)
        self._news.set()

    def _up(self, fresh: bool) -> None:
        self.ups.append(fresh)
        self._news.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(GUARD_S):
            while not condition():
                self._news.clear()
                await self._news.wait()

    async def message(self, kind: type[Wanted]) -> Wanted:
        await self.until(lambda: any(isinstance(message, kind) for message in self.heard))
        [found] = [message for message in self.heard if isinstance(message, kind)]
        self.heard.remove(found)
        return found

    async def leg(self, name: str, phone: RtpPhone) -> None:
        self.link.send(m.AllocateLeg(leg=name, local_host="127.0.0.1", loopback=True))
        allocated = await self.message(m.LegAllocated)
        phone.target = ("127.0.0.1", allocated.port)
        self.link.send(
            m.ConnectLeg(leg=name, remote_host="127.0.0.1", remote_port=phone.port, dtmf_payload_type=101)
        )


class Process:
    def __init__(self, config: Config) -> None:
        self.config = config
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        text = msgspec.json.encode(self.config).decode()
        self.child = subprocess.Popen([sys.executable, "-c", _START, text])
        until = time.monotonic() + GUARD_S
        while not self.config.ready_file("media").exists():
            assert self.child.poll() is None, "the process ended at its start"
            assert time.monotonic() < until
            time.sleep(0.02)
        return self.child

    def end(self, how: signal.Signals) -> int:
        assert self.child is not None
        self.child.send_signal(how)
        code = self.child.wait(GUARD_S)
        self.child = None
        return code


@pytest.fixture
def media(tmp_path: Path) -> Iterator[Process]:
    config = Config(base_dir=str(tmp_path), run_dir=str(tmp_path / "r"))
    if len(os.fsencode(config.socket("media"))) > 100:
        pytest.skip("the temporary folder's path is too long for a socket")
    process = Process(config)
    try:
        yield process
    finally:
        if process.child is not None:
            process.end(signal.SIGKILL)


def with_edge(config: Config, story: Callable[[Edge], Awaitable[None]], name: str = "edge1") -> None:
    async def run() -> None:
        edge = Edge(config, name)
        running = asyncio.create_task(edge.link.run())
        try:
            await edge.until(lambda: bool(edge.ups))
            await story(edge)
        finally:
            running.cancel()

    asyncio.run(run())


async def talk(phones: list[RtpPhone], enough: Callable[[], bool]) -> None:
    """Phones send a frame every 20 ms of their own, until `enough`."""
    async with asyncio.timeout(GUARD_S):
        while not enough():
            for phone in phones:
                phone.send_frame()
                phone.receive()
            await asyncio.sleep(0.02)


def only(samples: Any, pitch: int, not_pitch: int) -> bool:
    """A tone is clearly heard for a while (not always: a busy machine makes the phones stutter), the other never."""
    return any(heard_when(samples, pitch)) and not any(heard_when(samples, not_pitch))


def one_party_a_channel(samples: Any) -> bool:
    return only(samples[:, 0], 440, 880) and only(samples[:, 1], 880, 440)


def phones_with_tones() -> tuple[RtpPhone, RtpPhone]:
    low, high = RtpPhone(seed=1), RtpPhone(seed=2)
    low.say(tone(440, 60))
    high.say(tone(880, 60))
    return low, high


def test_a_recorded_conversation_over_the_link(media: Process, tmp_path: Path) -> None:
    media.start()
    path = tmp_path / "recordings" / "1.wav"

    async def story(edge: Edge) -> None:
        low, high = phones_with_tones()
        await edge.leg("a", low)
        await edge.leg("b", high)
        edge.link.send(m.SetGains(gains=(m.Gain("a", "b", 1.0), m.Gain("b", "a", 1.0))))
        edge.link.send(m.StartRecording(recording="r", left="a", right="b", path=str(path)))
        await talk([low, high], lambda: len(low.packets) > 80 and len(high.packets) > 80)
        edge.link.send(m.FreeLeg(leg="a"))
        done = await edge.message(m.RecordingDone)
        assert done.failed == ""
        assert done.duration_ms > 1_000
        samples, _ = read_wav(path)
        assert one_party_a_channel(samples)
        assert only(low.heard(), 880, 440)
        assert only(high.heard(), 440, 880)
        freed = await edge.message(m.LegFreed)
        assert freed.packets_received > 50

    with_edge(media.config, story)
    assert media.end(signal.SIGTERM) == 0
    assert not media.config.ready_file("media").exists()


def test_a_killed_process_completes_its_recordings_when_it_comes_back(media: Process) -> None:
    child = media.start()
    path = media.config.recordings_path / "2026" / "11" / "1.wav"
    part = path.with_name("1.wav.part")

    async def story(edge: Edge) -> None:
        low, high = phones_with_tones()
        await edge.leg("a", low)
        await edge.leg("b", high)
        edge.link.send(m.StartRecording(recording="r", left="a", right="b", path=str(path)))
        await talk([low, high], lambda: part.exists() and part.stat().st_size > 30_000)
        child.kill()
        child.wait(GUARD_S)
        media.start()
        await edge.until(lambda: len(edge.ups) == 2)
        assert edge.ups == [True, True]
        await talk([], path.exists)
        assert not part.exists()
        samples, _ = read_wav(path)
        assert len(samples) * 4 + 44 == path.stat().st_size > 30_000
        assert one_party_a_channel(samples)
        await edge.leg("a", RtpPhone(seed=3))

    with_edge(media.config, story)


def test_the_legs_outlive_the_link_but_not_the_edge(media: Process, tmp_path: Path) -> None:
    media.start()
    path = tmp_path / "recordings" / "1.wav"

    async def story() -> None:
        low, high = phones_with_tones()
        edge = Edge(media.config)
        first = asyncio.create_task(edge.link.run())
        await edge.until(lambda: bool(edge.ups))
        await edge.leg("a", low)
        await edge.leg("b", high)
        edge.link.send(m.StartRecording(recording="r", left="a", right="b", path=str(path)))
        await talk([low, high], lambda: len(low.packets) > 20)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        count = len(low.packets)
        await talk([low, high], lambda: len(low.packets) > count + 20)
        again = asyncio.create_task(edge.link.run())
        await edge.until(lambda: len(edge.ups) == 2)
        assert edge.ups == [True, False]
        again.cancel()
        await asyncio.gather(again, return_exceptions=True)
        # A new process of the same edge: it knows nothing of these legs.
        other = Edge(media.config)
        running = asyncio.create_task(other.link.run())
        done = await other.message(m.RecordingDone)
        assert done.failed == ""
        samples, _ = read_wav(path)
        assert one_party_a_channel(samples)
        other.link.send(m.FreeLeg(leg="a"))
        refused = await other.message(m.LegRefused)
        assert refused.reason == "unknown leg"
        running.cancel()

    asyncio.run(story())


def test_a_stop_completes_what_is_recorded(media: Process, tmp_path: Path) -> None:
    media.start()
    path = tmp_path / "recordings" / "1.wav"

    async def story(edge: Edge) -> None:
        low, high = phones_with_tones()
        await edge.leg("a", low)
        await edge.leg("b", high)
        edge.link.send(m.StartRecording(recording="r", left="a", right="b", path=str(path)))
        await talk([low, high], lambda: len(low.packets) > 50)
        code: Any = await asyncio.to_thread(media.end, signal.SIGTERM)
        assert code == 0
        done = await edge.message(m.RecordingDone)
        assert (done.failed, done.path) == ("", str(path))
        samples, _ = read_wav(path)
        assert one_party_a_channel(samples)

    with_edge(media.config, story)
