"""WAV files: any usual one read as 8 kHz mono, headers written for recordings.

A file is taken apart chunk by chunk; what is not understood is a `WavError` that says why. Sizes in headers
are not believed beyond the end of the file, because recorders that were killed leave them wrong.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import soxr
from numpy.typing import NDArray

from gateways.media import g711
from gateways.media.limits import CLIP_FILE_MAX_BYTES, CLIP_MAX_S

RATE: Final = 8_000
HEADER_BYTES: Final = 44
_PCM, _FLOAT, _ALAW, _ULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_FORMAT = struct.Struct("<HHIIHH")
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")
_DATA_MAX = 0xFFFFFFFF - HEADER_BYTES


class WavError(Exception):
    """The file can't be played; the text says why, without the path."""


class _Format(NamedTuple):
    encoding: int
    channels: int
    rate: int
    bits: int


def header(data_bytes: int, channels: int) -> bytes:
    """The header of a 16-bit PCM file at 8 kHz."""
    data_bytes = min(data_bytes, _DATA_MAX)
    frame = 2 * channels
    return _HEADER.pack(
        b"RIFF", data_bytes + HEADER_BYTES - 8, b"WAVE",
        b"fmt ", 16, _PCM, channels, RATE, RATE * frame, frame, 16,
        b"data", data_bytes,
    )  # fmt: skip


def read(path: Path) -> g711.Samples:
    """The samples of a file as 8 kHz mono."""
    try:
        if path.stat().st_size > CLIP_FILE_MAX_BYTES:
            raise WavError(f"larger than {CLIP_FILE_MAX_BYTES} bytes")
        content = memoryview(path.read_bytes())  # a copy of many megabytes would hold the interpreter lock
    except OSError as error:
        raise WavError(error.strerror or str(error)) from error
    shape, data = _chunks(content)
    samples = _samples(shape, data)
    if len(samples) > CLIP_MAX_S * shape.rate:
        raise WavError(f"longer than {CLIP_MAX_S} s")
    if shape.rate != RATE:
        samples = soxr.resample(samples, shape.rate, RATE)
    clip: g711.Samples = np.clip(np.rint(samples * np.float32(32_768)), -32_768, 32_767).astype(np.int16)
    return clip


def _chunks(content: memoryview) -> tuple[_Format, memoryview]:
    """The format and the data of a RIFF file."""
    if bytes(content[:4]) != b"RIFF" or bytes(content[8:12]) != b"WAVE":
        raise WavError("not a WAV file")
    shape: _Format | None = None
    at = 12
    while at + 8 <= len(content):
        name, size = bytes(content[at : at + 4]), int.from_bytes(content[at + 4 : at + 8], "little")
        body = at + 8
        if name == b"fmt ":
            shape = _format(content[body : body + size])
        elif name == b"data" and shape is not None:
            # 0 or more than there is: a recorder that could not come back to its header.
            return shape, content[body : body + size] if size else content[body:]
        at = body + size + size % 2
    raise WavError("no audio in it")


def _format(body: memoryview) -> _Format:
    if len(body) < _FORMAT.size:
        raise WavError("its format is cut short")
    encoding, channels, rate, _, _, bits = _FORMAT.unpack_from(body)
    if encoding == _EXTENSIBLE and len(body) >= 26:
        encoding = int.from_bytes(body[24:26], "little")
    if not 1 <= channels <= 16 or not 1_000 <= rate <= 384_000:
        raise WavError(f"{channels} channels at {rate} Hz are not supported")
    return _Format(encoding, channels, rate, bits)


def _samples(shape: _Format, data: memoryview) -> NDArray[np.float32]:
    """All channels' mean, from -1 to 1."""
    width = shape.bits // 8
    frame = width * shape.channels
    if frame == 0:
        raise WavError(f"{shape.bits} bits a sample are not supported")
    data = data[: len(data) // frame * frame]
    values: NDArray[np.float32] = _values(shape, width, data).reshape(-1, shape.channels)
    mono: NDArray[np.float32] = values[:, 0] if shape.channels == 1 else values.mean(axis=1, dtype=np.float32)
    return np.nan_to_num(mono, nan=0.0, posinf=1.0, neginf=-1.0)


def _values(shape: _Format, width: int, data: memoryview) -> NDArray[np.float32]:
    match shape.encoding, width:
        case (1, 1):  # eight bits are unsigned, alone among the widths
            return _scaled(np.frombuffer(data, np.uint8).astype(np.int16) - 128, 128)
        case (1, 2):
            return _scaled(np.frombuffer(data, "<i2"), 32_768)
        case (1, 3):
            wide = np.zeros((len(data) // 3, 4), np.uint8)
            wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
            return _scaled(wide.view("<i4").reshape(-1), 2_147_483_648)
        case (1, 4):
            return _scaled(np.frombuffer(data, "<i4"), 2_147_483_648)
        case (3, 4):
            return _scaled(np.frombuffer(data, "<f4"), 1)
        case (3, 8):
            return _scaled(np.clip(np.frombuffer(data, "<f8"), -2, 2), 1)
        case (6, 1):
            return _scaled(g711.decode(np.frombuffer(data, np.uint8), g711.PCMA), 32_768)
        case (7, 1):
            return _scaled(g711.decode(np.frombuffer(data, np.uint8), g711.PCMU), 32_768)
    raise WavError(f"encoding {shape.encoding} with {shape.bits} bits is not supported")


def _scaled(values: NDArray[Any], full_scale: int) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = values.astype(np.float32) * np.float32(1 / full_scale)
    return scaled
