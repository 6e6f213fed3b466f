"""G.711: both laws as lookup tables, so that a tick of all legs is decoded and encoded by a few numpy calls.

A code has eight bits: sign, three bits of exponent, four of mantissa. µ-law (RFC 3551 payload type 0) adds a
bias of 132 to the magnitude so that every segment is half as fine as the one below it; A-law (payload type 8)
has two equal lowest segments and inverts every second bit on the line. Samples are 16 bits wide here, as
everywhere in the engine.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Codes: TypeAlias = NDArray[np.uint8]
Samples: TypeAlias = NDArray[np.int16]

PCMU: Final = 0
PCMA: Final = 8

_BIAS = 132
_CLIP = 32_635  # the largest magnitude that the bias does not carry out of 15 bits


def _decode_ulaw() -> NDArray[np.float32]:
    code = ~np.arange(256, dtype=np.uint8)
    exponent = ((code >> 4) & 7).astype(np.int32)
    mantissa = (code & 15).astype(np.int32)
    magnitude = (((mantissa << 3) + _BIAS) << exponent) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.float32)


def _decode_alaw() -> NDArray[np.float32]:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    exponent = ((code >> 4) & 7).astype(np.int32)
    mantissa = (code & 15).astype(np.int32)
    lowest = (mantissa << 4) + 8
    magnitude = np.where(exponent == 0, lowest, (lowest + 256) << np.maximum(exponent - 1, 0))
    return np.where(code & 0x80, magnitude, -magnitude).astype(np.float32)


def _samples() -> NDArray[np.int32]:
    """All 65,536 samples in the order of their bits read as an unsigned number: the index of the encoding tables."""
    return np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int32)


def _exponent(magnitude: NDArray[np.int32]) -> NDArray[np.int32]:
    """The position of the highest set bit, counted from bit 7."""
    return np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 7


def _encode_ulaw() -> Codes:
    sample = _samples()
    magnitude = np.minimum(np.abs(sample), _CLIP) + _BIAS
    exponent = _exponent(magnitude)
    mantissa = (magnitude >> (exponent + 3)) & 15
    sign = np.where(sample < 0, 0x80, 0)
    codes: Codes = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return codes


def _encode_alaw() -> Codes:
    sample = _samples()
    # The negative half is the mirror image about -1/2, so that -1 and 0 share the lowest step.
    magnitude = np.where(sample < 0, -sample - 1, sample)
    exponent = np.maximum(_exponent(magnitude), 0)
    mantissa = np.where(exponent == 0, magnitude >> 4, magnitude >> (exponent + 3)) & 15
    sign = np.where(sample < 0, 0, 0x80)
    codes: Codes = ((sign | (exponent << 4) | mantissa) ^ 0x55).astype(np.uint8)
    return codes


DECODE: Final[dict[int, NDArray[np.float32]]] = {PCMU: _decode_ulaw(), PCMA: _decode_alaw()}
ENCODE: Final[dict[int, Codes]] = {PCMU: _encode_ulaw(), PCMA: _encode_alaw()}


def _translation(source: int, target: int) -> bytes:
    samples = DECODE[source].astype(np.int16)
    return ENCODE[target][samples.view(np.uint16)].tobytes()


# A peer may send either static payload type whatever was agreed; its bytes are put into the agreed law on arrival.
TO_LAW: Final[dict[int, bytes]] = {PCMU: _translation(PCMA, PCMU), PCMA: _translation(PCMU, PCMA)}
SILENCE: Final[dict[int, int]] = {law: int(ENCODE[law][0]) for law in (PCMU, PCMA)}


def decode(codes: Codes, law: int) -> NDArray[np.float32]:
    """Samples of `codes`, as whole numbers in float32."""
    return np.take(DECODE[law], codes)


def encode(samples: NDArray[Any], law: int) -> Codes:
    """Codes of int16 samples."""
    return np.take(ENCODE[law], np.ascontiguousarray(samples, dtype=np.int16).view(np.uint16))
