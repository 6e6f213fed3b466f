"""Make the music of the example city: an original loop of 19.2 s, without a seam, at telephone quality.

Eight bars in C major, 100 beats a minute: a soft pad, a broken chord on a plucked string and a sparse tune on
a bell. All notes lie between 130 and 1,600 Hz with few partials, for a telephone passes 300 to 3,400 Hz.
Everything is added up on a ring: what sounds beyond the last bar sounds into the first, so the loop has no
seam. Nothing is left to chance: the same samples every time.

    python scripts/make_music.py examples/city-water/music.wav
"""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

RATE = 8_000
BEAT_S = 0.6
BARS = 8
BEATS_A_BAR = 4
SAMPLES = round(BARS * BEATS_A_BAR * BEAT_S * RATE)
LEVEL_DBFS = -20.0  # RMS: what a telephone plays beside a voice without hurting

# Chords as MIDI notes, low to high: C, Am7, F, G, Em7, Am7, Dm7, G7.
CHORDS = (
    (48, 64, 67, 71, 72),
    (57, 64, 67, 69, 72),
    (53, 65, 69, 72, 76),
    (55, 62, 67, 71, 74),
    (52, 64, 67, 71, 74),
    (57, 64, 69, 72, 76),
    (50, 65, 69, 72, 74),
    (55, 62, 65, 71, 77),
)
BROKEN = (1, 2, 3, 4, 3, 2, 4, 2)  # which note of the chord on each half beat
# The tune: bar, beat, note, beats long.
TUNE = (
    (0, 0.0, 79, 1.5), (0, 2.0, 76, 1.0), (1, 0.0, 76, 1.5), (1, 1.5, 74, 0.5), (1, 2.0, 72, 2.0),
    (2, 0.0, 77, 1.5), (2, 2.0, 76, 1.0), (3, 0.0, 74, 3.0), (4, 0.0, 79, 1.5), (4, 2.0, 83, 1.0),
    (5, 0.0, 81, 1.5), (5, 1.5, 79, 0.5), (5, 2.0, 76, 2.0), (6, 0.0, 77, 1.0), (6, 1.0, 76, 1.0),
    (6, 2.0, 74, 1.0), (7, 0.0, 74, 1.0), (7, 1.0, 71, 2.0),
)  # fmt: skip


def _frequency(note: int) -> float:
    return float(440.0 * 2.0 ** ((note - 69) / 12))


def _voice(
    note: int, seconds: float, partials: tuple[float, ...], attack_s: float, decay_s: float
) -> NDArray[np.float64]:
    """A note with its partials, each higher one dying sooner."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros_like(time_s)
    for number, share in enumerate(partials, start=1):
        frequency = _frequency(note) * number
        if frequency < RATE * 0.42:
            # A phase of its own for every note: together they do not all swing the same way.
            angle = 2 * np.pi * frequency * time_s + 2.4 * note + 1.7 * number
            sound += share * np.sin(angle) * np.exp(-time_s * number / decay_s)
    attack = np.minimum(time_s / attack_s, 1.0)
    release = np.minimum((seconds - time_s) / 0.05, 1.0)
    return sound * attack * release


def _add(ring: NDArray[np.float64], at_beat: float, sound: NDArray[np.float64], volume: float) -> None:
    start = round(at_beat * BEAT_S * RATE)
    np.add.at(ring, (start + np.arange(len(sound))) % len(ring), sound * volume)


def compose() -> NDArray[np.int16]:
    """The loop."""
    ring = np.zeros(SAMPLES)
    for bar, chord in enumerate(CHORDS):
        first_beat = bar * BEATS_A_BAR
        for note in chord[:4]:
            pad = _voice(note, (BEATS_A_BAR + 0.6) * BEAT_S, (1.0, 0.25, 0.08), 0.35, 6.0)
            _add(ring, first_beat, pad, 0.16)
        bass = _voice(chord[0], 2 * BEAT_S, (1.0, 0.6, 0.3, 0.12), 0.01, 0.9)
        for beat in (0, 2):
            _add(ring, first_beat + beat, bass, 0.30)
        for half, which in enumerate(BROKEN):
            string = _voice(chord[which], 1.2, (1.0, 0.5, 0.3, 0.15, 0.08), 0.004, 0.7)
            _add(ring, first_beat + half / 2, string, 0.30 if half % 4 == 0 else 0.22)
    for bar, begins, note, beats in TUNE:
        bell = _voice(note, beats * BEAT_S + 0.8, (1.0, 0.3, 0.1), 0.02, 1.1)
        _add(ring, bar * BEATS_A_BAR + begins, bell, 0.38)
    # A gentle knee instead of clipping where many notes meet, then the wished level.
    knee = 4.0 * np.sqrt(np.mean(ring**2))
    ring = np.tanh(ring / knee)
    ring *= 10 ** (LEVEL_DBFS / 20) / np.sqrt(np.mean(ring**2))
    loop: NDArray[np.int16] = np.rint(ring * 32_767).astype(np.int16)
    return loop


def main(arguments: list[str]) -> int:
    """Write the WAV file."""
    if len(arguments) != 1:
        print("usage: make_music.py FILE.wav", file=sys.stderr)
        return 2
    with wave.open(str(Path(arguments[0])), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(compose().astype("<i2").tobytes())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
