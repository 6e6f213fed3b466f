"""Connectivity checks as an ICE lite agent answers them (RFC 8445 sections 2.5 and 7.3, RFC 8489).

A lite agent sends no checks. It answers those that come, if they are made with the password that its SDP gave
the other side, and takes the address that the other side nominates. It may ask an address whether the other side is
really there, as consent is asked for (RFC 7675). Bytes in, bytes out; who owns a password is the caller's business.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import struct
import zlib
from typing import NamedTuple

_MAGIC = 0x2112A442
_HEADER = struct.Struct("!HHI12s")
_ATTRIBUTE = struct.Struct("!HH")
_MESSAGE_MAX_BYTES = 1280
_ATTRIBUTES_MAX = 32

_REQUEST, _SUCCESS, _ERROR = 0x0001, 0x0101, 0x0111  # Binding
_USERNAME = 0x0006
_MESSAGE_INTEGRITY = 0x0008
_PRIORITY = 0x0024
_ERROR_CODE = 0x0009
_XOR_MAPPED_ADDRESS = 0x0020
_USE_CANDIDATE = 0x0025
_FINGERPRINT = 0x8028
_ICE_CONTROLLED = 0x8029

TRANSACTION_BYTES = 12
_INTEGRITY_BYTES = 20
_NO_CANDIDATE = struct.pack("!I", 1)  # the priority of what becomes no candidate of ours
_FINGERPRINT_XOR = 0x5354554E


class Check(NamedTuple):
    """A Binding request that looks like a connectivity check; not yet known to be authentic."""

    transaction: bytes
    local_ufrag: str  # ours, by which the leg is found
    remote_ufrag: str
    nominates: bool  # USE-CANDIDATE
    controlled: bool  # the sender believes to be controlled, as we always are
    signed: bytes  # what its integrity is computed over
    integrity: bytes


def parse_check(data: bytes) -> Check | None:
    """The check in a datagram; None for anything else, malformed or not."""
    if not _HEADER.size <= len(data) <= _MESSAGE_MAX_BYTES:
        return None
    kind, length, magic, transaction = _HEADER.unpack_from(data)
    if kind != _REQUEST or magic != _MAGIC or length != len(data) - _HEADER.size or length % 4:
        return None
    username, nominates, controlled = b"", False, False
    signed, integrity = b"", b""
    for name, value, start in _attributes(data):
        if name == _FINGERPRINT:
            if value != _fingerprint(data[:start]):
                return None
        elif integrity:
            continue  # RFC 8489 section 14.5: what follows the integrity is not authenticated
        elif name == _MESSAGE_INTEGRITY:
            signed, integrity = _signed(data, start), value
        elif name == _USERNAME:
            username = value
        elif name == _USE_CANDIDATE:
            nominates = True
        elif name == _ICE_CONTROLLED:
            controlled = True
    local, colon, remote = username.partition(b":")
    if len(integrity) != _INTEGRITY_BYTES or not colon:
        return None
    local_ufrag, remote_ufrag = local.decode("ascii", "replace"), remote.decode("ascii", "replace")
    return Check(transaction, local_ufrag, remote_ufrag, nominates, controlled, signed, integrity)


def is_authentic(check: Check, password: bytes) -> bool:
    """Whether the sender knows the password (RFC 8489 section 14.5)."""
    return hmac.compare_digest(hmac.digest(password, check.signed, hashlib.sha1), check.integrity)


def question(user: str, password: bytes, transaction: bytes) -> bytes:
    """Whether the other side, whose `user` and `password` these are, is at an address: only it can answer."""
    attributes = [
        (_USERNAME, user.encode()),
        (_PRIORITY, _NO_CANDIDATE),
        (_ICE_CONTROLLED, transaction[:8]),
    ]
    return _message(_REQUEST, transaction, attributes, password)


def is_answer(data: bytes, transaction: bytes, password: bytes) -> bool:
    """Whether this answers the question of that transaction, made with the other side's password."""
    if not _HEADER.size <= len(data) <= _MESSAGE_MAX_BYTES:
        return False
    kind, length, magic, answered = _HEADER.unpack_from(data)
    if (kind, magic, answered) != (_SUCCESS, _MAGIC, transaction) or length != len(data) - _HEADER.size:
        return False
    for name, value, start in _attributes(data):
        if name == _MESSAGE_INTEGRITY:
            return hmac.compare_digest(hmac.digest(password, _signed(data, start), hashlib.sha1), value)
    return False


def _signed(data: bytes, integrity_at: int) -> bytes:
    """What an integrity that stands there is computed over (RFC 8489 section 14.5)."""
    end = integrity_at + _ATTRIBUTE.size + _INTEGRITY_BYTES - _HEADER.size
    return data[:2] + end.to_bytes(2, "big") + data[4:integrity_at]


def success(check: Check, password: bytes, host: str, port: int) -> bytes:
    """The response: the check came, and from here."""
    address = ipaddress.ip_address(host)
    mask = _MAGIC.to_bytes(4, "big") + check.transaction
    value = struct.pack("!BBH", 0, 1 if address.version == 4 else 2, port ^ (_MAGIC >> 16))
    value += bytes(one ^ other for one, other in zip(address.packed, mask, strict=False))
    return _message(_SUCCESS, check.transaction, [(_XOR_MAPPED_ADDRESS, value)], password)


def role_conflict(check: Check, password: bytes) -> bytes:
    """The response to somebody who believes to be controlled (RFC 8445 section 7.3.1.1): switch roles."""
    value = struct.pack("!HBB", 0, 4, 87) + b"Role Conflict"
    return _message(_ERROR, check.transaction, [(_ERROR_CODE, value)], password)


def _attributes(data: bytes) -> list[tuple[int, bytes, int]]:
    """(type, value, where it starts) of each; stops at the first that overruns the message."""
    found: list[tuple[int, bytes, int]] = []
    start = _HEADER.size
    while start + _ATTRIBUTE.size <= len(data) and len(found) < _ATTRIBUTES_MAX:
        name, length = _ATTRIBUTE.unpack_from(data, start)
        end = start + _ATTRIBUTE.size + length
        if end > len(data):
            break
        found.append((name, data[start + _ATTRIBUTE.size : end], start))
        start = end + -length % 4
    return found


def _message(kind: int, transaction: bytes, attributes: list[tuple[int, bytes]], password: bytes) -> bytes:
    body = b"".join(
        _ATTRIBUTE.pack(name, len(value)) + value + bytes(-len(value) % 4) for name, value in attributes
    )
    signed = _HEADER.pack(kind, len(body) + _ATTRIBUTE.size + _INTEGRITY_BYTES, _MAGIC, transaction) + body
    body += _ATTRIBUTE.pack(_MESSAGE_INTEGRITY, _INTEGRITY_BYTES) + hmac.digest(
        password, signed, hashlib.sha1
    )
    message = _HEADER.pack(kind, len(body) + _ATTRIBUTE.size + 4, _MAGIC, transaction) + body
    return message + _ATTRIBUTE.pack(_FINGERPRINT, 4) + _fingerprint(message)


def _fingerprint(before: bytes) -> bytes:
    """RFC 8489 section 14.7; the length in the header counts the fingerprint already."""
    return (zlib.crc32(before) ^ _FINGERPRINT_XOR).to_bytes(4, "big")
