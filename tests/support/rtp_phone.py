"""A telephone's audio side for tests: a UDP socket that sends given samples as G.711 in RTP and keeps what it receives.

It has no clock of its own: `send_frame` and `receive` are called by the test, once a tick of whatever it drives.
"""

from __future__ import annotations

import random
import socket
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gateways.media import g711, rtp, telephone_event


class RtpPhone:
    """One end of an RTP stream on 127.0.0.1."""

    def __init__(
        self,
        payload_type: int = g711.PCMU,
        dtmf_payload_type: int = 101,
        seed: int = 0,
        host: str = "127.0.0.1",
    ) -> None:
        chance = random.Random(seed)
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, 0))
        self.socket.setblocking(False)
        self.payload_type, self.dtmf_payload_type = payload_type, dtmf_payload_type
        self.ssrc = chance.getrandbits(32)
        self.sequence = chance.getrandbits(16)
        self.timestamp = chance.getrandbits(32)
        self.target: tuple[str, int] | None = None
        self.packets: list[rtp.Packet] = []
        self._samples: NDArray[np.int16] = np.zeros(0, np.int16)
        self._at = 0
        self._marker = True

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    def say(self, samples: NDArray[np.int16]) -> None:
        """What `send_frame` sends from now on; silence after its end."""
        self._samples, self._at = samples, 0

    def next_packet(self, samples: int = rtp.FRAME_SAMPLES) -> bytes:
        """The next packet of what is said, as bytes that a test may send, lose, repeat or reorder."""
        piece = self._samples[self._at : self._at + samples]
        frame = np.zeros(samples, np.int16)
        frame[: len(piece)] = piece
        self._at += samples
        payload = g711.encode(frame, self.payload_type).tobytes()
        packet = rtp.build(self.payload_type, self._marker, self.sequence, self.timestamp, self.ssrc, payload)
        self._marker = False
        self.sequence += 1
        self.timestamp += samples
        return packet

    def send(self, packet: bytes) -> None:
        assert self.target is not None
        self.socket.sendto(packet, self.target)

    def send_frame(self, samples: int = rtp.FRAME_SAMPLES) -> None:
        """Send the next packet."""
        self.send(self.next_packet(samples))

    def key_packets(self, key: str, packets: int = 5, ends: int = 3) -> list[bytes]:
        """The packets of one key press: RFC 4733 events with growing duration, the last `ends` times with the end bit."""
        event = telephone_event.KEYS.index(key)
        durations = [rtp.FRAME_SAMPLES * (number + 1) for number in range(packets)]
        contents = [telephone_event.build(event, False, duration) for duration in durations]
        contents += [telephone_event.build(event, True, durations[-1] + rtp.FRAME_SAMPLES)] * ends
        made = []
        for number, content in enumerate(contents):
            made.append(
                rtp.build(
                    self.dtmf_payload_type, number == 0, self.sequence, self.timestamp, self.ssrc, content
                )
            )
            self.sequence += 1
        self.timestamp += rtp.FRAME_SAMPLES * (packets + 1)
        return made

    def receive(self) -> list[rtp.Packet]:
        """Keep all that has arrived; returns what is new."""
        new = []
        while True:
            try:
                data = self.socket.recv(2_048)
            except BlockingIOError:
                break
            packet = rtp.parse(data)
            assert packet is not None, "the engine sent something that is no RTP"
            new.append(packet)
        self.packets += new
        return new

    def heard(self, packets: list[rtp.Packet] | None = None) -> NDArray[Any]:
        """The samples of the packets, one after the other."""
        payloads = [packet[5] for packet in (self.packets if packets is None else packets)]
        codes = np.frombuffer(b"".join(payloads), np.uint8)
        return g711.decode(codes, self.payload_type).astype(np.int16)

    def close(self) -> None:
        self.socket.close()
