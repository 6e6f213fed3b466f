from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.media import g711, wav
from tests.support.tones import heard, level_dbfs, read_wav, tone, tone_wav, write_wav


def riff(encoding: int, channels: int, rate: int, bits: int, data: bytes, extra: bytes = b"") -> bytes:
    frame = bits // 8 * channels
    shape = struct.pack("<HHIIHH", encoding, channels, rate, rate * frame, frame, bits) + extra
    body = b"fmt " + struct.pack("<I", len(shape)) + shape + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def values() -> np.ndarray:  # type: ignore[type-arg]
    return tone(700, 0.5).astype(np.float64) / 32_768


ENCODED = {
    "8 bits": (1, 8, lambda v: np.rint(v * 127 + 128).astype(np.uint8).tobytes()),
    "16 bits": (1, 16, lambda v: np.rint(v * 32_767).astype("<i2").tobytes()),
    "24 bits": (
        1,
        24,
        lambda v: np.rint(v * 8_388_607).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes(),
    ),
    "32 bits": (1, 32, lambda v: np.rint(v * 2_147_483_000).astype("<i4").tobytes()),
    "float": (3, 32, lambda v: v.astype("<f4").tobytes()),
    "double": (3, 64, lambda v: v.astype("<f8").tobytes()),
    "A-law": (6, 8, lambda v: g711.encode(np.rint(v * 32_767).astype(np.int16), g711.PCMA).tobytes()),
    "u-law": (7, 8, lambda v: g711.encode(np.rint(v * 32_767).astype(np.int16), g711.PCMU).tobytes()),
}


@pytest.mark.parametrize("kind", ENCODED)
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_every_usual_encoding_is_read(kind: str, channels: int, tmp_path: Path) -> None:
    encoding, bits, encode = ENCODED[kind]
    path = tmp_path / "x.wav"
    path.write_bytes(riff(encoding, channels, 8_000, bits, encode(np.repeat(values(), channels))))
    samples = wav.read(path)
    assert len(samples) == 4_000
    assert np.abs(samples / 32_768 - values()).max() < 0.02


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_every_rate_becomes_8_khz(rate: int, tmp_path: Path) -> None:
    samples = wav.read(tone_wav(tmp_path / "x.wav", 1_000, 1.0, rate=rate))
    assert abs(len(samples) - 8_000) <= 2
    assert heard(samples, 1_000)
    assert abs(level_dbfs(samples) + 15) < 0.3


def test_stereo_becomes_the_mean(tmp_path: Path) -> None:
    both = np.stack((tone(440, 0.5), tone(880, 0.5)), axis=1)
    samples = wav.read(write_wav(tmp_path / "x.wav", both))
    assert heard(samples, 440)
    assert heard(samples, 880)


def test_extensible_format_and_other_chunks(tmp_path: Path) -> None:
    extra = struct.pack("<HHI", 22, 16, 0) + struct.pack("<H", 1) + bytes(14)
    content = riff(0xFFFE, 1, 8_000, 16, tone(500, 0.2).tobytes(), extra)
    content = content[:12] + b"LIST" + struct.pack("<I", 3) + b"abc\0" + content[12:]
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    assert heard(wav.read(path), 500)


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 10**6])
def test_a_size_that_a_killed_recorder_left_is_not_believed(size: int, tmp_path: Path) -> None:
    content = bytearray(riff(1, 1, 8_000, 16, tone(500, 0.2).tobytes()))
    content[40:44] = struct.pack("<I", size)
    path = tmp_path / "x.wav"
    path.write_bytes(content)
    assert len(wav.read(path)) == 1_600


def test_what_can_not_be_played_says_why(tmp_path: Path) -> None:
    good = riff(1, 1, 8_000, 16, bytes(320))
    cases = {
        b"": "not a WAV file",
        b"ID3" + bytes(100): "not a WAV file",
        good[:30]: "cut short",
        good[:36]: "no audio",
        riff(2, 1, 8_000, 4, bytes(320)): "not supported",
        riff(85, 1, 8_000, 16, bytes(320)): "encoding 85",
        riff(1, 0, 8_000, 16, bytes(320)): "0 channels",
        riff(1, 1, 0, 16, bytes(320)): "0 Hz",
        riff(1, 1, 1_000, 8, bytes(2_000_000)): "longer than",
    }
    path = tmp_path / "x.wav"
    for content, reason in cases.items():
        path.write_bytes(content)
        with pytest.raises(wav.WavError, match=reason):
            wav.read(path)
    for missing in (tmp_path / "none.wav", tmp_path):
        with pytest.raises(wav.WavError):
            wav.read(missing)


@given(st.binary(max_size=120), st.integers(0, 60))
def test_garbage_is_an_error_or_audio(garbage: bytes, at: int) -> None:
    content = bytearray(riff(1, 1, 8_000, 16, bytes(64)))
    content[at : at + len(garbage)] = garbage
    try:
        shape, data = wav._chunks(memoryview(content))
        wav._samples(shape, data)
    except wav.WavError:
        pass


def test_the_header_is_one_that_others_read(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    path.write_bytes(wav.header(8, 2) + bytes(8))
    samples, rate = read_wav(path)
    assert (samples.shape, rate) == ((2, 2), 8_000)
