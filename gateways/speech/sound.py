"""From the synthesizer's samples to a file for the telephone: 8 kHz, even loudness, a moment of silence at
the end.
"""

from __future__ import annotations

import io
import wave

import numpy as np
import numpy.typing as npt
import soxr

TELEPHONE_HZ = 8000
LOUDNESS_DBFS = -20.0  # RMS of the speech in it, its pauses left out
PEAK_MAX = 0.97
TAIL_MS = 150
_BLOCK = 160  # loudness is measured in blocks of 20 ms
_PAUSE_DB = 30.0  # blocks that much below the loudest are pauses


def telephone(samples: npt.NDArray[np.int16], rate_hz: int) -> npt.NDArray[np.int16]:
    """Speech as the telephone wants it; empty when there is nothing but silence."""
    sound: npt.NDArray[np.float32] = soxr.resample(
        samples.astype(np.float32) / 32768.0, rate_hz, TELEPHONE_HZ, quality="HQ"
    )
    loudness = _speech_rms(sound)
    if loudness == 0.0:
        return np.zeros(0, np.int16)
    gain = min(10 ** (LOUDNESS_DBFS / 20) / loudness, PEAK_MAX / float(np.max(np.abs(sound))))
    tail = np.zeros(TELEPHONE_HZ * TAIL_MS // 1000, np.float32)
    whole: npt.NDArray[np.float32] = np.concatenate((sound * gain, tail))
    return np.rint(whole * 32767).astype(np.int16)


def to_wav(samples: npt.NDArray[np.int16]) -> bytes:
    """A mono 16-bit WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(TELEPHONE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())
    return buffer.getvalue()


def _speech_rms(sound: npt.NDArray[np.float32]) -> float:
    """RMS of the blocks that are no pauses; 0 for silence."""
    count = len(sound) // _BLOCK
    if count == 0:
        return 0.0
    power = np.mean(np.square(sound[: count * _BLOCK].reshape(count, _BLOCK)), axis=1)
    loudest = float(power.max())
    if loudest < 1e-8:
        return 0.0
    return float(np.sqrt(power[power > loudest * 10 ** (-_PAUSE_DB / 10)].mean()))
