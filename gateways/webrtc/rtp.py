"""RTP packets (RFC 3550 section 5.1), as much as a relay between two loops of PCMU needs."""

from __future__ import annotations

import struct
from typing import NamedTuple

PCMU = 0  # RFC 3551 section 6: the static payload type
CLOCK_HZ = 8000
FRAME_SAMPLES = 160  # 20 ms
PAYLOAD_MAX_BYTES = 1200
SEQUENCE_MASK = 0xFFFF
TIMESTAMP_MASK = 0xFFFFFFFF

_HEADER = struct.Struct("!BBHII")
_VERSION_2 = 0x80
_PADDING = 0x20
_EXTENSION = 0x10


class Packet(NamedTuple):
    """One packet of audio; contributing sources, extensions and padding are left behind."""

    payload_type: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes


def parse(data: bytes) -> Packet | None:
    """The packet in `data`, or None when it is none or makes no sense."""
    if len(data) < _HEADER.size:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first & 0xC0 != _VERSION_2:
        return None
    start = _HEADER.size + 4 * (first & 0x0F)
    if first & _EXTENSION:
        if len(data) < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    end = len(data)
    if first & _PADDING:
        if data[-1] == 0:
            return None
        end -= data[-1]
    if not 0 < end - start <= PAYLOAD_MAX_BYTES:
        return None
    return Packet(second & 0x7F, bool(second & 0x80), sequence, timestamp, ssrc, data[start:end])


def build(packet: Packet) -> bytes:
    """The bytes of a packet."""
    second = packet.payload_type | (0x80 if packet.marker else 0)
    return _HEADER.pack(_VERSION_2, second, packet.sequence, packet.timestamp, packet.ssrc) + packet.payload
