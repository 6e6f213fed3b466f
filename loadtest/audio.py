"""What the callers say: one tone, by one clock for all of them, and keys in between (RFC 4733).

Each call has a socket of its own, as a telephone has. A tick takes what has come, counts it, and sends 20 ms; it
goes over the calls in small pieces and lets the loop run in between, because the loop also measures how fast SIP is
answered. How late the clock ran is part of the summary: then the load was this process's limit, not the system's.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections import deque
from collections.abc import Sequence

import numpy as np

from gateways.media import g711, rtp, telephone_event
from gateways.media.clock import TICK_NS, Schedule, percentile_ms
from gateways.sip.events import Address
from loadtest.options import KeyAt

TONE_HZ = 440
_TONE_DBFS = -12.0
_TICKS_A_SECOND = 50
_RATE = _TICKS_A_SECOND * rtp.FRAME_SAMPLES
_PIECE = 32  # calls between two turns of the loop
_READS_A_TICK_MAX = 8  # of one socket; the rest waits in the kernel
_DATAGRAM_MAX_BYTES = 2_048
_KEY_TICKS = 6  # 120 ms
_ENDS = 3  # RFC 4733 2.5.1.4: the last packet of an event goes out three times


def _tone() -> list[bytes]:
    """One second, which begins again without a step: a whole number of cycles."""
    samples = np.sin(2 * np.pi * TONE_HZ * np.arange(_RATE) / _RATE) * (10 ** (_TONE_DBFS / 20) * 32_767)
    codes = g711.encode(np.rint(samples).astype(np.int16), g711.PCMU).tobytes()
    return [codes[at : at + rtp.FRAME_SAMPLES] for at in range(0, _RATE, rtp.FRAME_SAMPLES)]


_FRAMES = _tone()


class Stream:
    """One call's audio, from its offer on. It sends once `connect` said where to."""

    def __init__(self, host: str) -> None:
        """Binds a port; raises `OSError`."""
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            self._socket.bind((host, 0))
        except OSError:
            self._socket.close()
            raise
        self.port = int(self._socket.getsockname()[1])
        self._remote: Address | None = None
        self._closed = False
        self._ssrc = secrets.randbits(32)
        self._sequence = secrets.randbits(16)
        self._timestamp = secrets.randbits(32)
        self._ticks = 0  # since the answer
        self._keys: deque[KeyAt] = deque()
        self._key_payload_type = 0
        self._key_began: tuple[int, int] | None = None  # tick and timestamp of the key that is down
        self._first = True
        self.sent = self.received = self.not_sent = self.keys_pressed = 0

    def connect(self, remote: Address | None, keys: Sequence[KeyAt] = (), key_payload_type: int = 0) -> None:
        """From the next tick on say the tone to `remote`; None: the peer does not listen."""
        self._remote, self._key_payload_type = remote, key_payload_type
        self._keys.extend(keys)

    def close(self) -> None:
        """Over."""
        if not self._closed:
            self._closed = True
            self._socket.close()

    def tick(self, ticks: int = 1) -> None:
        """20 ms, after `ticks` - 1 that were left out."""
        if self._closed:
            return
        self._receive()
        if self._remote is None:
            return
        for packet in self._packets():
            try:
                self._socket.sendto(packet, self._remote)
                self.sent += 1
            except OSError:
                self.not_sent += 1
        self._ticks += ticks
        self._timestamp += ticks * rtp.FRAME_SAMPLES

    def _receive(self) -> None:
        for _ in range(_READS_A_TICK_MAX):
            try:
                data = self._socket.recv(_DATAGRAM_MAX_BYTES)
            except OSError:  # nothing there, or an ICMP error of an earlier packet
                return
            if not rtp.is_rtcp(data) and rtp.parse(data) is not None:
                self.received += 1

    def _packets(self) -> list[bytes]:
        if (
            self._key_began is None
            and self._keys
            and self._ticks >= round(self._keys[0].at_s * _TICKS_A_SECOND)
        ):
            self._key_began = (self._ticks, self._timestamp)
            return [self._key_packet(is_first=True)]
        if self._key_began is None:
            packet = self._packet(
                g711.PCMU, self._first, self._timestamp, _FRAMES[self._ticks % _TICKS_A_SECOND]
            )
            self._first = False
            return [packet]
        if self._ticks - self._key_began[0] < _KEY_TICKS - 1:
            return [self._key_packet()]
        packets = [self._key_packet(is_last=True) for _ in range(_ENDS)]
        self._key_began = None
        self._keys.popleft()
        self.keys_pressed += 1
        return packets

    def _key_packet(self, *, is_first: bool = False, is_last: bool = False) -> bytes:
        assert self._key_began is not None
        began_tick, timestamp = self._key_began
        duration = (self._ticks - began_tick + 1) * rtp.FRAME_SAMPLES
        event = telephone_event.KEYS.index(self._keys[0].key)
        payload = telephone_event.build(event, is_last, duration)
        return self._packet(self._key_payload_type, is_first, timestamp, payload)

    def _packet(self, payload_type: int, marker: bool, timestamp: int, payload: bytes) -> bytes:
        packet = rtp.build(payload_type, marker, self._sequence, timestamp, self._ssrc, payload)
        self._sequence += 1
        return packet


class Audio:
    """The clock of all streams."""

    def __init__(self, host: str) -> None:
        """Streams are bound to `host`."""
        self._host = host
        self._streams: set[Stream] = set()
        self.not_sent = 0  # packets that the system would not take, of all calls that are over
        self._schedule = Schedule(time.monotonic_ns())

    @property
    def late_p99_ms(self) -> int:
        """How late ticks began."""
        return percentile_ms(self._schedule.begun_late, 0.99) if self._schedule.ticks else 0

    @property
    def ticks_left_out(self) -> int:
        """Ticks that were too late to be caught up."""
        return self._schedule.skipped

    def open(self) -> Stream:
        """A stream of a new call; raises `OSError` when there is no socket for it."""
        stream = Stream(self._host)
        self._streams.add(stream)
        return stream

    def close(self, stream: Stream) -> None:
        """Its call is over."""
        self._streams.discard(stream)
        self.not_sent += stream.not_sent
        stream.close()

    async def run(self) -> None:
        """Tick until cancelled."""
        schedule = self._schedule = Schedule(time.monotonic_ns())
        while True:
            wait_ns = schedule.wait_ns(time.monotonic_ns())
            await asyncio.sleep(max(0, min(wait_ns, TICK_NS)) / 1e9)
            if schedule.wait_ns(time.monotonic_ns()) > 0:
                continue  # the loop's timers are of whole milliseconds
            ticks = schedule.begin(time.monotonic_ns()) + 1
            for at, stream in enumerate(list(self._streams), 1):
                stream.tick(ticks)
                if at % _PIECE == 0:
                    await asyncio.sleep(0)
            schedule.done(time.monotonic_ns())
