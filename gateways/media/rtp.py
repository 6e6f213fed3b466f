"""RTP packets (RFC 3550, section 5.1): taken apart without trust, and laid out as rows of one array for
sending.

Nothing here raises on bad input: what is no RTP packet of version 2 is None and counted by the caller.
Sending has no builder of single packets: all legs' outgoing packets are rows of one structured array whose
header fields numpy advances, and whose bytes go to the sockets as they lie in memory.
"""

from __future__ import annotations

import struct
from typing import Final, TypeAlias

import numpy as np

FRAME_SAMPLES: Final = 160  # 20 ms at 8 kHz
HEADER_BYTES: Final = 12
PACKET_BYTES: Final = HEADER_BYTES + FRAME_SAMPLES
COMFORT_NOISE: Final = 13  # RFC 3389
VERSION_2: Final = 0x80
MARKER: Final = 0x80

_HEADER = struct.Struct("!BBHII")

Packet: TypeAlias = tuple[int, bool, int, int, int, bytes]
"""Payload type, marker, sequence number, timestamp, SSRC, payload."""

# One outgoing packet of one leg; the layout is the packet's own.
PACKET: Final = np.dtype(
    [
        ("version", "u1"),
        ("payload_type", "u1"),
        ("sequence", ">u2"),
        ("timestamp", ">u4"),
        ("ssrc", ">u4"),
        ("payload", "u1", (FRAME_SAMPLES,)),
    ]
)
assert PACKET.itemsize == PACKET_BYTES


def parse(data: bytes) -> Packet | None:
    """The parts of an RTP packet, or None when it is none."""
    if len(data) < HEADER_BYTES:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first == VERSION_2:  # no padding, no extension, no contributors: nearly every packet
        return second & 0x7F, second >= MARKER, sequence, timestamp, ssrc, data[HEADER_BYTES:]
    if first >> 6 != 2:
        return None
    start = HEADER_BYTES + 4 * (first & 0x0F)
    end = len(data)
    if first & 0x10:  # one header extension, its length in 32-bit words (section 5.3.1)
        if start + 4 > end:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if (
        first & 0x20 and start < end
    ):  # the last byte says how many bytes of padding there are, itself included
        padding = data[-1]
        if padding == 0:
            return None
        end -= padding
    if start > end:
        return None
    return second & 0x7F, second >= MARKER, sequence, timestamp, ssrc, data[start:end]


def is_rtcp(data: bytes) -> bool:
    """Whether a datagram on the RTP port is RTCP sharing it (RFC 5761, section 4: types 192 to 223)."""
    return len(data) >= 8 and data[0] >> 6 == 2 and 192 <= data[1] <= 223


def build(payload_type: int, marker: bool, sequence: int, timestamp: int, ssrc: int, payload: bytes) -> bytes:
    """One packet by itself, for senders of few packets."""
    second = payload_type | (MARKER if marker else 0)
    return _HEADER.pack(VERSION_2, second, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc) + payload
