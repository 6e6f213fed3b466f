from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.media import g711

ALL_CODES = np.arange(256, dtype=np.uint8)
ALL_SAMPLES = np.arange(-32_768, 32_768).astype(np.int16)
LAWS = pytest.mark.parametrize("law", [g711.PCMU, g711.PCMA])


def test_known_values_of_ulaw() -> None:
    # G.711 table 2: the ends of the scale and the two zeros.
    decoded = g711.decode(np.array([0x00, 0x7F, 0x80, 0xFF], np.uint8), g711.PCMU)
    assert decoded.tolist() == [-32_124, 0, 32_124, 0]


def test_known_values_of_alaw() -> None:
    decoded = g711.decode(np.array([0x2A, 0x55, 0xAA, 0xD5], np.uint8), g711.PCMA)
    assert decoded.tolist() == [-32_256, -8, 32_256, 8]


@LAWS
def test_every_code_survives_the_round_trip(law: int) -> None:
    back = g711.encode(g711.decode(ALL_CODES, law).astype(np.int16), law)
    expected = ALL_CODES.copy()
    if law == g711.PCMU:
        expected[0x7F] = 0xFF  # there are two zeros; the positive one is sent
    assert back.tolist() == expected.tolist()


@LAWS
def test_every_sample_is_off_by_half_a_step_at_most(law: int) -> None:
    decoded = g711.decode(g711.encode(ALL_SAMPLES, law), law)
    error = np.abs(decoded - ALL_SAMPLES)
    magnitude = np.abs(ALL_SAMPLES.astype(np.float32))
    inside = magnitude <= 32_124
    assert (error[inside] <= magnitude[inside] / 32 + 8).all()
    assert error[~inside].max() <= 32_768 - 32_124


@LAWS
def test_encoding_keeps_the_order_of_samples(law: int) -> None:
    assert (np.diff(g711.decode(g711.encode(ALL_SAMPLES, law), law)) >= 0).all()


@LAWS
def test_silence_is_what_zero_encodes_to(law: int) -> None:
    assert g711.SILENCE[law] == {g711.PCMU: 0xFF, g711.PCMA: 0xD5}[law]


@LAWS
@given(st.binary(min_size=1, max_size=400))
def test_translation_is_decoding_and_encoding(law: int, codes: bytes) -> None:
    other = g711.PCMA if law == g711.PCMU else g711.PCMU
    samples = g711.decode(np.frombuffer(codes, np.uint8), other).astype(np.int16)
    assert codes.translate(g711.TO_LAW[law]) == g711.encode(samples, law).tobytes()
