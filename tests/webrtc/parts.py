"""Parts of the tests of browser audio: an engine on a real UDP socket, a browser made of aiortc."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import aioice.ice
import av
import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from numpy.typing import NDArray

from gateways.media import g711, rtp
from gateways.webrtc.interface import Address
from tests.support.tones import RATE, heard_when, tone

FRAME = 160
FRAMES_A_SECOND = 50
GUARD_S = 60.0  # how long a step may take on a busy machine before the test gives up


def hears(samples: NDArray[np.int16], frequency_hz: float) -> bool:
    """A tone is there, in most of the tenths of a second: a busy machine may tear it somewhere."""
    windows = heard_when(samples, frequency_hz)
    return sum(windows) > len(windows) / 2


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for something that happens by itself; the guard is no measurement."""
    try:
        async with asyncio.timeout(GUARD_S):
            while not condition():  # noqa: ASYNC110 - what is waited for happens outside this loop too
                await asyncio.sleep(0.01)
    except TimeoutError:
        raise AssertionError(f"never happened: {what}") from None


class Heard(NamedTuple):
    """A packet that the engine received."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


class Engine(asyncio.DatagramProtocol):
    """The audio engine's side of one leg: sends a tone, keeps what comes."""

    def __init__(self) -> None:
        self.packets: list[Heard] = []
        self.senders: set[tuple[str, int]] = set()
        self.transport: Any = None
        self._sender: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls) -> Engine:
        _, engine = await asyncio.get_running_loop().create_datagram_endpoint(
            cls, local_addr=("127.0.0.1", 0)
        )
        return engine

    @property
    def address(self) -> Address:
        return Address(*self.transport.get_extra_info("sockname"))

    @property
    def heard(self) -> NDArray[np.int16]:
        codes = np.frombuffer(b"".join(packet.payload for packet in self.packets), np.uint8)
        return g711.decode(codes, g711.PCMU).astype(np.int16)

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        packet = rtp.parse(data)
        assert packet is not None
        assert len(data) == 12 + FRAME, "plain RTP of 20 ms without extensions"
        self.packets.append(Heard(*packet))
        self.senders.add(addr)

    def play(self, relay: Address, frequency_hz: float, ssrc: int = 0xE0E0) -> None:
        """Send a tone to a leg until stopped, on a clock that catches up."""
        self.stop_playing()
        self._sender = asyncio.get_running_loop().create_task(self._play(relay, frequency_hz, ssrc))

    def stop_playing(self) -> None:
        if self._sender is not None:
            self._sender.cancel()

    def close(self) -> None:
        self.stop_playing()
        self.transport.close()

    async def _play(self, relay: Address, frequency_hz: float, ssrc: int) -> None:
        loop = asyncio.get_running_loop()
        second = g711.encode(tone(frequency_hz, 1.0), g711.PCMU).tobytes()  # whole periods: it joins
        start, number = loop.time(), 0
        while True:
            at = number % FRAMES_A_SECOND * FRAME
            payload = second[at : at + FRAME]
            self.transport.sendto(rtp.build(0, False, 65530 + number, number * FRAME, ssrc, payload), relay)
            number += 1
            await asyncio.sleep(max(0.0, start + number * 0.02 - loop.time()))


class ToneTrack(MediaStreamTrack):
    """A browser's microphone."""

    kind = "audio"

    def __init__(self, frequency_hz: float) -> None:
        super().__init__()
        self._second = tone(frequency_hz, 1.0)
        self._sent = 0
        self._start = asyncio.get_running_loop().time()

    async def recv(self) -> av.AudioFrame:
        if self.readyState != "live":
            raise MediaStreamError
        due = self._start + self._sent / RATE
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        samples = self._second[self._sent % RATE :][:FRAME]
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._sent, Fraction(1, RATE)
        self._sent += FRAME
        return frame


async def _swallow(data: bytes) -> None:
    """Where a machine's packets go that has no power."""


class Browser:
    """A page, made of aiortc: offers audio, sends a tone, keeps what it hears."""

    def __init__(self, microphone_hz: float = 440.0) -> None:
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]  # it leaves loopback out
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        transceiver = self.connection.addTransceiver(ToneTrack(microphone_hz))
        codecs = RTCRtpSender.getCapabilities("audio").codecs  # Opus first, as browsers do
        transceiver.setCodecPreferences(codecs)
        self._frames: list[NDArray[np.int16]] = []
        self._ear: asyncio.Task[None] | None = None
        self.connection.on("track", self._listen)

    @property
    def heard(self) -> NDArray[np.int16]:
        return np.concatenate(self._frames) if self._frames else np.zeros(0, np.int16)

    def forget(self) -> None:
        self._frames.clear()

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def take(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp=answer, type="answer"))

    def vanish(self) -> None:
        """Its machine loses power: nothing more comes, not even a goodbye."""
        ice = self.connection.getTransceivers()[0].receiver.transport.transport
        ice._send = _swallow
        for protocol in ice._connection._protocols:
            protocol.transport.abort()

    async def close(self) -> None:
        await self.connection.close()
        if self._ear is not None:
            await asyncio.wait([self._ear])

    def _listen(self, track: MediaStreamTrack) -> None:
        self._ear = asyncio.get_running_loop().create_task(self._hear(track))

    async def _hear(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            self._frames.append(frame.to_ndarray().reshape(-1))
