"""Chance that can be repeated: a number drawn for a purpose, from a seed and what it is drawn for.

There is no generator with a state that two histories could leave at different places: the same seed and the same keys give the
same number, before and after a restart.
"""

from __future__ import annotations

import hashlib


def draw(seed: int, purpose: str, number: int, below: int) -> int:
    """A number from 0 to `below` - 1; `below` is far under 2^64, so the bias of the remainder is far under any count of ours."""
    text = f"{seed} {purpose} {number}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big") % below
