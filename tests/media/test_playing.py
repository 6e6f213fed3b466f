"""Clips and what plays them."""

from __future__ import annotations

import os
import queue
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gateways.media.clips import ClipLoader, Loaded, make_loop
from gateways.media.player import Playback
from tests.support.tones import power_dbfs, tone, tone_wav, write_wav

GUARD_S = 30.0


class Loading:
    def __init__(self) -> None:
        self.answers: queue.Queue[Loaded[int]] = queue.Queue()
        self.loader: ClipLoader[int] = ClipLoader(self.answers.put)

    def load(self, *paths: Path, loop: Path | None = None) -> Loaded[int]:
        assert self.loader.request(1, tuple(str(path) for path in paths), str(loop or ""))
        return self.answers.get(timeout=GUARD_S)


@pytest.fixture
def loading() -> Iterator[Loading]:
    made = Loading()
    yield made
    made.loader.close()


def frames(playback: Playback, ticks: int) -> tuple[np.ndarray, int]:  # type: ignore[type-arg]
    """What is heard in so many ticks, and after how many it ended."""
    out = np.zeros((ticks, 160), np.float32)
    for tick in range(ticks):
        if not playback.add_to(out[tick]):
            return out.reshape(-1), tick
    return out.reshape(-1), ticks


def test_a_loop_of_any_length_has_no_click(loading: Loading, tmp_path: Path) -> None:
    # 0.437 s is no whole number of frames, and of this tone 0.437 s are no whole number of waves: there is a seam to mend.
    for frequency in (300.0, 1_000.7):
        path = tone_wav(tmp_path / f"{frequency}.wav", frequency, 0.437)
        loaded = loading.load(loop=path)
        playback = Playback(None)
        playback.start(loaded.clips, loaded.loop, loaded.failed)
        heard, ticks = frames(playback, 500)
        assert ticks == 500
        steepest = np.abs(np.diff(tone(frequency, 0.437).astype(int))).max()
        assert np.abs(np.diff(heard)).max() <= steepest * 1.3


def test_a_seamless_loop_is_left_as_it_is() -> None:
    clip = tone(500, 1.6)
    loop = make_loop(clip)
    assert np.array_equal(loop[: len(clip)], clip)
    assert np.array_equal(loop[len(clip) :], clip[:160])


@pytest.mark.parametrize("samples", [0, 1, 7, 159, 160, 161])
def test_very_short_loops(samples: int) -> None:
    playback = Playback(None)
    playback.start((), make_loop(np.full(samples, 100, np.int16)), "")
    heard, ticks = frames(playback, 20)
    assert ticks == (20 if samples else 0)
    assert not samples or heard.max() <= 100


def test_first_is_played_once_and_then_the_loop(loading: Loading, tmp_path: Path) -> None:
    first, loop = tone_wav(tmp_path / "1.wav", 400, 0.3), tone_wav(tmp_path / "2.wav", 1_000, 0.3)
    loaded = loading.load(first, loop=loop)
    playback = Playback(None)
    playback.start(loaded.clips, loaded.loop, loaded.failed)
    heard, _ = frames(playback, 100)
    assert power_dbfs(heard[:2_400], 400) > -15
    assert power_dbfs(heard[2_400:], 400) < -50
    assert power_dbfs(heard[2_400:], 1_000) > -15


def test_what_nobody_hears_goes_on_all_the_same(loading: Loading, tmp_path: Path) -> None:
    """A leg that is on hold meanwhile hears what it would have heard."""
    loaded = loading.load(
        tone_wav(tmp_path / "first.wav", 400, 0.1), loop=tone_wav(tmp_path / "loop.wav", 700, 1.0)
    )
    heard, unheard = Playback(None), Playback(None)
    for playback in (heard, unheard):
        playback.start(loaded.clips, loaded.loop, "")
    whole, _ = frames(heard, 100)
    for _ in range(60):
        assert unheard.add_to(None)
    rest, _ = frames(unheard, 40)
    assert np.array_equal(rest, whole[60 * 160 :])


def test_what_is_missing_is_skipped_and_the_first_of_it_named(loading: Loading, tmp_path: Path) -> None:
    good = tone_wav(tmp_path / "good.wav", 400, 0.1)
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no audio at all")
    loaded = loading.load(bad, good, tmp_path / "none.wav")
    assert (loaded.failed, loaded.reason, len(loaded.clips)) == (str(bad), "not a WAV file", 1)
    assert loading.load(Path("\0")).failed == "\0"
    none = loading.load(tmp_path / "none.wav")
    playback = Playback(1)
    playback.start(none.clips, none.loop, none.failed)
    assert frames(playback, 5)[1] == 0


def test_a_replaced_file_is_heard_anew(loading: Loading, tmp_path: Path) -> None:
    path = tone_wav(tmp_path / "x.wav", 400, 0.1)
    earlier, same = loading.load(path), loading.load(path)
    assert earlier.clips[0] is same.clips[0]
    write_wav(path, tone(900, 0.2))
    os.utime(path, ns=(1, 1))
    assert len(loading.load(path).clips[0]) == 1_600


def test_the_cache_is_bounded(loading: Loading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateways.media.clips.CLIP_CACHE_MAX_BYTES", 4_000)
    paths = [tone_wav(tmp_path / f"{number}.wav", 400, 0.1) for number in range(5)]
    for path in paths:
        loading.load(path)
    assert loading.loader._cached_bytes <= 4_000
    assert len(loading.loader._cache) == 2
    assert len(loading.load(paths[0]).clips[0]) == 800


def test_too_many_requests_are_refused() -> None:
    blocked: queue.Queue[None] = queue.Queue()
    loader: ClipLoader[int] = ClipLoader(lambda _: blocked.get(timeout=GUARD_S))
    taken = 0
    while loader.request(1, ()) and taken < 5_000:
        taken += 1
    assert 1_000 < taken < 5_000
    for _ in range(taken + 1):
        blocked.put(None)
    loader.close()
