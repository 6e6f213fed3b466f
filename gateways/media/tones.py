"""Tones that are made, not played from a file: what a telephone network lets one hear, and keys for ears."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gateways.media.clips import make_loop
from gateways.media.g711 import Samples

_RATE = 8_000
_TONE_LEVEL = 6_000.0  # of one sine: about -11 dBm0, and ITU-T E.180 has -10 for the loudest
_KEY_LEVEL = 7_000.0
_KEY_MS, _APART_MS = 160, 80
# ITU-T Q.23: the row's frequency and the column's.
_ROWS = {"123A": 697.0, "456B": 770.0, "789C": 852.0, "*0#D": 941.0}
_COLUMNS = (1_209.0, 1_336.0, 1_477.0, 1_633.0)


@lru_cache(maxsize=64)
def cadence(frequencies_hz: tuple[float, ...], cadence_ms: tuple[int, ...]) -> Samples:
    """These frequencies together, on and off by turns, for the player to loop."""
    pieces = []
    for index, duration_ms in enumerate(cadence_ms):
        level = _TONE_LEVEL / len(frequencies_hz) if index % 2 == 0 else 0.0
        pieces.append(_sines(frequencies_hz, level, duration_ms))
    return make_loop(np.concatenate(pieces))


@lru_cache(maxsize=16)
def key(pressed: str) -> Samples:
    """What this key sounds like (ITU-T Q.23), for who understands no events, and a pause."""
    row = next(row for row in _ROWS if pressed in row)
    tone = _sines((_ROWS[row], _COLUMNS[row.index(pressed)]), _KEY_LEVEL, _KEY_MS)
    return np.concatenate((tone, _sines((), 0.0, _APART_MS)))


def _sines(frequencies_hz: tuple[float, ...], level: float, duration_ms: int) -> Samples:
    at = np.arange(duration_ms * _RATE // 1_000) / _RATE
    waves = sum((level * np.sin(2 * np.pi * each * at) for each in frequencies_hz), np.zeros(len(at)))
    return np.rint(waves).astype(np.int16)
