"""RTCP (RFC 3550, section 6): sender and receiver reports with a name, and what peers report, read
tolerantly.

A compound packet is taken apart block by block; what is cut short, unknown or of another version ends the
reading of that datagram without harm to what was read before.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from gateways.media.reception import ReportBlock

SENDER_REPORT: Final = 200
RECEIVER_REPORT: Final = 201
SOURCE_DESCRIPTION: Final = 202
GOODBYE: Final = 203
_CNAME: Final = 1
_NTP_EPOCH_S: Final = 2_208_988_800  # 1900 to 1970
_MASK: Final = (1 << 32) - 1

_HEADER = struct.Struct("!BBH")
_WORD = struct.Struct("!I")
_SENDER = struct.Struct("!IIIIII")
_BLOCK = struct.Struct("!IIIIII")


class Sent(NamedTuple):
    """What a sender report says of the sender (section 6.4.1)."""

    wall_s: float
    timestamp: int
    packets: int
    octets: int


class Heard(NamedTuple):
    """What is reported about the peer's source, with its last sender report for the round trip."""

    ssrc: int
    block: ReportBlock
    last_report: int  # middle 32 bits of its NTP time; 0: none came
    delay: int  # since then, in 1/65536 s


class Report(NamedTuple):
    """One sender or receiver report as it came."""

    ssrc: int
    ntp_middle: int  # 0 in a receiver report
    blocks: tuple[Heard, ...]


class Datagram(NamedTuple):
    """All that was understood of one datagram."""

    reports: tuple[Report, ...]
    goodbyes: tuple[int, ...]


def ntp_middle(wall_s: float) -> int:
    """The middle 32 bits of the NTP time: what LSR and round trips count in."""
    return int((wall_s + _NTP_EPOCH_S) * 65_536) & _MASK


def build(ssrc: int, name: bytes, sent: Sent | None, heard: Heard | None, goodbye: bool = False) -> bytes:
    """A compound packet: report, source description and, at the end, goodbye."""
    blocks = b"" if heard is None else _build_block(heard)
    count = 0 if heard is None else 1
    if sent is None:
        report = _packet(RECEIVER_REPORT, count, _WORD.pack(ssrc) + blocks)
    else:
        wall_s = sent.wall_s + _NTP_EPOCH_S
        sender = _SENDER.pack(
            ssrc,
            int(wall_s) & _MASK,
            int(wall_s % 1 * (1 << 32)) & _MASK,
            sent.timestamp & _MASK,
            sent.packets & _MASK,
            sent.octets & _MASK,
        )
        report = _packet(SENDER_REPORT, count, sender + blocks)
    item = bytes((_CNAME, len(name))) + name
    chunk = _WORD.pack(ssrc) + item
    chunk += bytes(4 - len(chunk) % 4)  # at least one zero ends the chunk (section 6.5)
    description = _packet(SOURCE_DESCRIPTION, 1, chunk)
    return report + description + (_packet(GOODBYE, 1, _WORD.pack(ssrc)) if goodbye else b"")


def _build_block(heard: Heard) -> bytes:
    block = heard.block
    return _BLOCK.pack(
        heard.ssrc,
        (block.fraction_lost & 0xFF) << 24 | block.cumulative_lost & 0xFFFFFF,
        block.highest_sequence,
        block.jitter,
        heard.last_report,
        heard.delay,
    )


def _packet(kind: int, count: int, body: bytes) -> bytes:
    return _HEADER.pack(0x80 | count, kind, len(body) // 4) + body


def parse(data: bytes) -> Datagram | None:
    """The reports of a datagram; None when not even its first block is RTCP."""
    reports: list[Report] = []
    goodbyes: list[int] = []
    at = 0
    while at + _HEADER.size <= len(data):
        first, kind, words = _HEADER.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or not 192 <= kind <= 223 or end > len(data):
            break
        body = data[at + 4 : end]
        if kind in (SENDER_REPORT, RECEIVER_REPORT):
            report = _parse_report(kind, first & 0x1F, body)
            if report is None:
                break
            reports.append(report)
        elif kind == GOODBYE:
            goodbyes += [_WORD.unpack_from(body, 4 * i)[0] for i in range(min(first & 0x1F, len(body) // 4))]
        at = end
    return Datagram(tuple(reports), tuple(goodbyes)) if at else None


def _parse_report(kind: int, count: int, body: bytes) -> Report | None:
    start = _SENDER.size if kind == SENDER_REPORT else _WORD.size
    if len(body) < start:
        return None
    ssrc = int(_WORD.unpack_from(body)[0])
    middle = 0
    if kind == SENDER_REPORT:
        _, seconds, fraction, *_ = _SENDER.unpack_from(body)
        middle = (seconds & 0xFFFF) << 16 | fraction >> 16
    count = min(count, (len(body) - start) // _BLOCK.size)
    blocks = tuple(_parse_block(body, start + i * _BLOCK.size) for i in range(count))
    return Report(ssrc, middle, blocks)


def _parse_block(body: bytes, at: int) -> Heard:
    source, lost, highest, jitter, last_report, delay = _BLOCK.unpack_from(body, at)
    cumulative = lost & 0xFFFFFF
    if cumulative & 0x800000:
        cumulative -= 1 << 24
    return Heard(source, ReportBlock(lost >> 24, cumulative, highest, jitter), last_report, delay)
