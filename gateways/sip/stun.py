"""Binding requests on the SIP port (RFC 5626 4.4.2, 8; RFC 5389): how a phone keeps its router's mapping over UDP.

The answer tells the address that the request came from; a phone which sees that change registers anew. Nothing else of
STUN is spoken: a request that asks for more than this (an attribute which must be understood) is not answered.
"""

from __future__ import annotations

import ipaddress

from gateways.sip.events import Address

_HEADER_BYTES = 20
_BINDING_REQUEST, _BINDING_SUCCESS = b"\x00\x01", b"\x01\x01"
_COOKIE = b"\x21\x12\xa4\x42"
_XOR_MAPPED_ADDRESS = b"\x00\x20"
_OPTIONAL = 0x8000  # RFC 5389 15: attributes from here on may be passed over


def is_stun(data: bytes) -> bool:
    """RFC 5764 5.1.2, RFC 5626 8: the first byte is 0 or 1 and the cookie in its place; no SIP message looks like that."""
    return len(data) >= _HEADER_BYTES and data[0] < 2 and data[4:8] == _COOKIE


def stun_answer(data: bytes, source: Address) -> bytes | None:
    """The answer to a Binding request; None: it is none that can be answered."""
    length = int.from_bytes(data[2:4], "big")
    if data[:2] != _BINDING_REQUEST or length != len(data) - _HEADER_BYTES or length % 4:
        return None
    at = _HEADER_BYTES
    while at < len(data):
        kind, size = int.from_bytes(data[at : at + 2], "big"), int.from_bytes(data[at + 2 : at + 4], "big")
        if kind < _OPTIONAL:
            return None
        at += 4 + size + -size % 4
    if at != len(data):
        return None
    transaction = data[8:_HEADER_BYTES]
    address = ipaddress.ip_address(source[0].partition("%")[0])
    family = b"\x00\x01" if address.version == 4 else b"\x00\x02"
    value = family + _xor(source[1].to_bytes(2, "big"), _COOKIE) + _xor(address.packed, _COOKIE + transaction)
    attribute = _XOR_MAPPED_ADDRESS + len(value).to_bytes(2, "big") + value
    return _BINDING_SUCCESS + len(attribute).to_bytes(2, "big") + _COOKIE + transaction + attribute


def _xor(value: bytes, key: bytes) -> bytes:
    """RFC 5389 15.2"""
    return bytes(one ^ other for one, other in zip(value, key, strict=False))
