"""The SIP messages of a trace as a packet capture, for the tools that everybody has.

The trace keeps messages, not packets, so the headers below SIP are made up from what is known: both ends, the transport, the
time. A datagram is one UDP packet; a message of a stream one TCP segment, numbered by what went before on that connection. What
was TLS on the wire is in the clear here, at port 5060, because a reader takes 5061 for cipher text. The file is the classic
format (no pcapng), of raw IP packets.
"""

from __future__ import annotations

import ipaddress
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from acd_core.link.trace_lines import TraceMessage

_MAGIC = 0xA1B2C3D4  # times in microseconds
_LINKTYPE_RAW = 101  # IPv4 or IPv6, told by the first four bits
_PACKET_BYTES_MAX = 65_535
_UDP, _TCP = 17, 6
_TTL = 64
_PUSH_ACK = 0x18
_FIRST_SEQUENCE = 1
_CLEAR_PORT = 5060

End = tuple[str, int]
_Numbers = dict[tuple[End, End], int]


def write_pcap(path: Path, messages: Iterable[tuple[TraceMessage, End]]) -> int:
    """Write a new file that this user alone can read; returned is how many messages. Beside each stands our end of it."""
    numbers: _Numbers = {}
    count = 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(struct.pack("<IHHiIII", _MAGIC, 2, 4, 0, 0, _PACKET_BYTES_MAX, _LINKTYPE_RAW))
        for message, here in messages:
            packet = _packet(message, here, numbers)
            seconds, milliseconds = divmod(message.at_ms, 1_000)
            file.write(struct.pack("<IIII", seconds, milliseconds * 1_000, len(packet), len(packet)))
            file.write(packet)
            count += 1
    return count


def _packet(message: TraceMessage, here: End, numbers: _Numbers) -> bytes:
    there = (message.host, message.port)
    if message.transport == "TLS":
        here = (here[0], _CLEAR_PORT)
    source, target = (here, there) if message.sent else (there, here)
    payload = message.text.encode()
    source_ip, target_ip = ipaddress.ip_address(source[0]), ipaddress.ip_address(target[0])
    if source_ip.version != target_ip.version:
        raise ValueError(f"{source[0]} and {target[0]} are not of one family")
    if message.transport == "UDP":
        protocol, segment = _UDP, struct.pack(">HHHH", source[1], target[1], 8 + len(payload), 0) + payload
        checksum_at = 6
    else:
        sequence = numbers.get((source, target), _FIRST_SEQUENCE)
        heard = numbers.get((target, source), _FIRST_SEQUENCE)
        numbers[source, target] = (sequence + len(payload)) % 2**32
        words = (source[1], target[1], sequence, heard, 5 << 4, _PUSH_ACK, 65_535, 0, 0)
        protocol, segment = _TCP, struct.pack(">HHIIBBHHH", *words) + payload
        checksum_at = 16
    # RFC 768, RFC 9293 3.1 and RFC 8200 8.1: over a header of both addresses, the length and the protocol too.
    pseudo = source_ip.packed + target_ip.packed + struct.pack(">II", len(segment), protocol)
    checksum = struct.pack(">H", _checksum(pseudo + segment) or 0xFFFF)
    segment = segment[:checksum_at] + checksum + segment[checksum_at + 2 :]
    if source_ip.version == 6:
        return (
            struct.pack(">IHBB", 6 << 28, len(segment), protocol, _TTL)
            + source_ip.packed
            + target_ip.packed
            + segment
        )
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(segment), 0, 0, _TTL, protocol, 0)
    head += source_ip.packed + target_ip.packed
    return head[:10] + struct.pack(">H", _checksum(head)) + head[12:] + segment


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
