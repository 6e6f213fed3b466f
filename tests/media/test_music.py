from __future__ import annotations

from pathlib import Path

import make_music
import numpy as np

from tests.support.tones import level_dbfs, read_wav

MUSIC = Path(__file__).parents[2] / "examples" / "city-water" / "music.wav"


def test_the_music_is_what_its_maker_makes() -> None:
    samples, rate = read_wav(MUSIC)
    # Sines may differ in the last bit from one machine to another.
    assert np.abs(samples.astype(int) - make_music.compose().astype(int)).max() <= 1
    assert rate == make_music.RATE
    assert MUSIC.stat().st_size < 400_000


def test_the_music_has_the_level_of_a_voice_and_no_seam() -> None:
    samples, _ = read_wav(MUSIC)
    assert abs(level_dbfs(samples) + 20) < 0.5
    steps = np.abs(np.diff(samples.astype(int)))
    assert abs(int(samples[0]) - int(samples[-1])) <= np.percentile(steps, 99)
