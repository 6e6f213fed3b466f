"""The running digest of decisions: what proves that a replay decided the same, byte for byte."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

from acd_core.domain.commands import AnyCommand

_encoder = msgspec.msgpack.Encoder(order="deterministic")


def next_digest(digest: int, commands: Sequence[AnyCommand]) -> int:
    """The digest (63 bit) after these commands; unchanged when there are none."""
    if not commands:
        return digest
    hashed = hashlib.blake2b(_encoder.encode(commands), digest_size=8, key=digest.to_bytes(8, "big"))
    return int.from_bytes(hashed.digest(), "big") >> 1
