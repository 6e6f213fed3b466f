"""Tones: made, written as WAV files, and found again in samples."""

from __future__ import annotations

import math
import wave
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 8_000
FULL_SCALE = 32_768


def tone(
    frequency_hz: float, seconds: float, rate: int = RATE, level_dbfs: float = -12.0, phase: float = 0.0
) -> NDArray[np.int16]:
    """A sine of int16 samples; the level is that of its peak."""
    count = round(seconds * rate)
    amplitude = 10 ** (level_dbfs / 20) * (FULL_SCALE - 1)
    angle = 2 * np.pi * frequency_hz * np.arange(count) / rate + phase
    return np.rint(amplitude * np.sin(angle)).astype(np.int16)


def write_wav(path: Path, samples: NDArray[np.int16], rate: int = RATE) -> Path:
    """Write int16 samples, one column a channel, as a WAV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples.astype("<i2").tobytes())
    return path


def tone_wav(
    path: Path, frequency_hz: float, seconds: float, rate: int = RATE, level_dbfs: float = -12.0
) -> Path:
    """A WAV file of one tone."""
    return write_wav(path, tone(frequency_hz, seconds, rate, level_dbfs), rate)


def read_wav(path: Path) -> tuple[NDArray[np.int16], int]:
    """The samples of a 16-bit WAV file, one column a channel (a plain row for one channel), and its rate."""
    with wave.open(str(path), "rb") as source:
        assert source.getsampwidth() == 2
        samples = np.frombuffer(source.readframes(source.getnframes()), "<i2")
        channels = source.getnchannels()
        return (samples if channels == 1 else samples.reshape(-1, channels)), source.getframerate()


def power_dbfs(samples: NDArray[Any], frequency_hz: float, rate: int = RATE) -> float:
    """The level of one tone in samples (Goertzel's bin, by a dot product): a full-scale sine is 0, nothing of it -120 or so."""
    values = np.asarray(samples, dtype=np.float64) / FULL_SCALE
    if not len(values):
        return -math.inf
    # A Hann window: a tone of another pitch does not leak into this bin, whatever the length.
    window = np.hanning(len(values))
    angle = -2j * np.pi * frequency_hz * np.arange(len(values)) / rate
    amplitude = 2 * abs(np.dot(values * window, np.exp(angle))) / window.sum()
    return 20 * math.log10(max(float(amplitude), 1e-6))


def level_dbfs(samples: NDArray[Any]) -> float:
    """The level of everything (RMS): a full-scale sine is -3."""
    values = np.asarray(samples, dtype=np.float64) / FULL_SCALE
    if not len(values):
        return -math.inf
    return 20 * math.log10(max(math.sqrt(float(np.mean(values**2))), 1e-6))


def heard(samples: NDArray[Any], frequency_hz: float, rate: int = RATE) -> bool:
    """Whether a tone is clearly there: above -35 dBFS and holding most of the power."""
    power = power_dbfs(samples, frequency_hz, rate)
    return power > -35 and power > level_dbfs(samples) - 6


def heard_when(
    samples: NDArray[Any], frequency_hz: float, rate: int = RATE, window_s: float = 0.1
) -> list[bool]:
    """For each window of the samples, whether the tone is heard in it.

    For what came over real clocks: a busy machine may tear a tone somewhere, but not everywhere.
    """
    step = round(rate * window_s)
    return [
        heard(samples[at : at + step], frequency_hz, rate) for at in range(0, len(samples) - step + 1, step)
    ]
