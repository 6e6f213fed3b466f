"""Chance by counter: what happens to somebody depends on the seed and on who they are, not on the order in which others asked.

So a run with one more caller has the same luck for all the others, and two runs can be compared call by call.
"""

from __future__ import annotations

import hashlib
import math

_RANGE = float(1 << 53)


def uniform(seed: int, who: str, what: str) -> float:
    """A number from 0 to below 1, always the same for the same three."""
    hashed = hashlib.blake2b(f"{seed}:{who}:{what}".encode(), digest_size=8).digest()
    return (int.from_bytes(hashed, "big") >> 11) / _RANGE


def exponential(mean: float, chance: float) -> float:
    """The exponential distribution's value at this chance (inverse transform)."""
    return -mean * math.log1p(-chance)
