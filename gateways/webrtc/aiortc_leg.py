"""Browser legs by aiortc: ICE, DTLS-SRTP and RTP in Python, in this process.

Audio for the page passes as it is: aiortc takes encoded packets from a track (`av.Packet`), so PCMU goes in
and PCMU goes out. Audio of the page comes decoded, from a thread of aiortc's for each leg, and is made PCMU
again.

aiortc's ICE is used passively: the offer's candidates are taken out (see `sdp`), it waits for the browser's
checks and learns from them where the browser is. It has no state for a page that vanished (its consent checks
give up after half a minute), so silence is watched here.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import aioice.ice
import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription
from aiortc.exceptions import InternalError, InvalidAccessError, InvalidStateError, OperationError
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from gateways.webrtc import rtp
from gateways.webrtc.interface import CLOSED, FAILED, LOST, Address, BadOfferError, LegEvents
from gateways.webrtc.relay import EngineRelay
from gateways.webrtc.sdp import parse_offer, without_candidates
from gateways.webrtc.stream import Stream

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 15.0
LOST_AFTER_S = 3.0
_WATCH_EVERY_S = 0.5
_QUEUE_MAX = 5  # packets of 20 ms for the page; when it is full the oldest is dropped
_TIME_BASE = Fraction(1, rtp.CLOCK_HZ)
_OFFER_ERRORS = (
    *(
        ValueError,
        LookupError,
        AttributeError,
        AssertionError,
        TypeError,
    ),  # its parser states no errors of its own
    *(InternalError, InvalidAccessError, InvalidStateError, OperationError),
)


class AiortcAudio:
    """The gateway (`BrowserAudio`)."""

    def __init__(self, hosts: Sequence[str]) -> None:
        """Browsers reach this process on `hosts` alone.

        aioice gathers on all addresses of the machine but 127.0.0.1 and has no parameter for it. The
        addresses come from one function of its module, which is replaced for this process.
        """
        self._hosts = list(hosts)
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: list(self._hosts)

    async def open(self, offer: str, engine: Address, events: LegEvents) -> AiortcLeg:
        """Answer a page's offer."""
        leg = AiortcLeg(events)
        await leg.open(offer, engine)
        return leg

    async def stop(self) -> None:
        """The legs share nothing."""


class AiortcLeg:
    """One page's audio (`BrowserLeg`)."""

    def __init__(self, events: LegEvents) -> None:
        """Nothing is held before `open`."""
        self.answer = ""
        self.relay = Address("", 0)
        self._events = events
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._to_page = _PageTrack()
        self._to_engine = Stream(secrets.randbits(32), secrets.randbits(15), secrets.randbits(32))
        self._socket: EngineRelay | None = None
        self._reader: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._heard_at = 0.0  # when the page's audio came last
        self._up = False

    async def open(self, offer: str, engine: Address) -> None:
        """Bind the sockets and make the answer."""
        try:
            parse_offer(offer)
            self._socket = await EngineRelay.open(engine, self._to_page.put)
            self.relay = self._socket.address
            await self._negotiate(without_candidates(offer))
        except BaseException:
            await self._free()
            raise
        self._watch = asyncio.get_running_loop().create_task(self._watch_silence())

    def move(self, engine: Address) -> None:
        """The engine is elsewhere now."""
        if self._socket is not None:
            self._socket.move(engine)

    async def close(self) -> None:
        """Free everything, telling nobody."""
        self._end(None)
        if self._closing is not None:
            await self._closing

    async def _negotiate(self, offer: str) -> None:
        connection = self._connection
        connection.on("track", self._read)
        connection.on("connectionstatechange", self._state_changed)
        try:
            transceiver = connection.addTransceiver(self._to_page)
            transceiver.setCodecPreferences(
                [one for one in RTCRtpSender.getCapabilities("audio").codecs if one.mimeType == "audio/PCMU"]
            )
            await connection.setRemoteDescription(RTCSessionDescription(sdp=offer, type="offer"))
            await connection.setLocalDescription(await connection.createAnswer())
        except _OFFER_ERRORS as error:
            raise BadOfferError(f"{type(error).__name__}: {error}") from error
        self.answer = connection.localDescription.sdp

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected" and not self._up:
            self._up = True
            self._events.connected()
        elif state == "failed":
            self._end(FAILED)
        elif state == "closed":
            self._end(CLOSED)

    def _read(self, track: MediaStreamTrack) -> None:
        if self._reader is None:
            self._reader = asyncio.get_running_loop().create_task(self._relay_page(track))

    async def _relay_page(self, track: Any) -> None:
        loop = asyncio.get_running_loop()
        encoder = av.CodecContext.create("pcm_mulaw", "w")
        encoder.format, encoder.layout, encoder.sample_rate = "s16", "mono", rtp.CLOCK_HZ
        encoder.time_base = _TIME_BASE
        sequence = 0
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            self._heard_at = now = loop.time()
            for encoded in encoder.encode(frame):
                sequence = (sequence + 1) & rtp.SEQUENCE_MASK
                stamp = frame.pts & rtp.TIMESTAMP_MASK
                packet = self._to_engine.next(
                    rtp.Packet(rtp.PCMU, False, sequence, stamp, 1, bytes(encoded)), now
                )
                if packet is not None and self._socket is not None:
                    self._socket.send(packet)

    async def _watch_silence(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        while True:
            await asyncio.sleep(_WATCH_EVERY_S)
            now = loop.time()
            if not self._up and now - started > CONNECT_TIMEOUT_S:
                self._end(FAILED)
            elif self._heard_at and now - self._heard_at > LOST_AFTER_S:
                self._end(LOST)

    def _end(self, reason: str | None) -> None:
        """Free everything once; the first reason counts."""
        if self._closing is not None:
            return
        self._closing = asyncio.get_running_loop().create_task(self._free())
        if reason is not None:
            self._events.closed(reason)

    async def _free(self) -> None:
        for task in (self._watch, self._reader):
            if task is not None:
                task.cancel()
        self._to_page.stop()
        if self._socket is not None:
            await self._socket.close()
        await self._connection.close()


class _PageTrack(MediaStreamTrack):
    """The engine's packets, as a track that aiortc sends from."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._stream = Stream(ssrc=0, sequence=0, timestamp=0)
        self._clock = asyncio.get_running_loop()
        self._queue: deque[rtp.Packet] = deque(maxlen=_QUEUE_MAX)
        self._filled = asyncio.Event()
        self._time = 0  # aiortc counts time from zero and without wrapping
        self._stamp = 0

    def put(self, packet: rtp.Packet) -> None:
        """A packet of the engine."""
        renumbered = self._stream.next(packet, self._clock.time())
        if renumbered is not None:
            self._queue.append(renumbered)
            self._filled.set()

    async def recv(self) -> av.Packet[Any]:
        """The next packet for the page; waits for as long as the engine sends none."""
        while not self._queue:
            if self.readyState != "live":
                raise MediaStreamError
            self._filled.clear()
            await self._filled.wait()
        packet = self._queue.popleft()
        self._time += (packet.timestamp - self._stamp) & rtp.TIMESTAMP_MASK
        self._stamp = packet.timestamp
        encoded = av.Packet(packet.payload)
        encoded.pts, encoded.time_base = self._time, _TIME_BASE
        return encoded

    def stop(self) -> None:
        """The leg is closing."""
        super().stop()
        self._filled.set()
