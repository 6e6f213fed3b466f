"""The folder of spoken texts keeps its limits and leaves what is not its own."""

from __future__ import annotations

import os
from pathlib import Path

from gateways.speech.cache import Cache


def _fill(cache: Cache, count: int, size: int = 100, first: int = 0) -> list[Path]:
    paths = []
    for number in range(first, first + count):
        path = cache.folder / f"{number:032x}.wav"
        cache.write(path, bytes(size))
        os.utime(path, (1000 + number, 1000 + number))
        paths.append(path)
    return paths


def test_the_oldest_unused_go_when_there_are_too_many(tmp_path: Path) -> None:
    cache = Cache(tmp_path, files_max=10)
    paths = _fill(cache, 10)
    os.utime(paths[0], (5000, 5000))  # used since
    (newest,) = _fill(cache, 1, first=10)
    kept = sorted(tmp_path.iterdir())
    assert kept == sorted([paths[0], *paths[3:], newest])


def test_the_oldest_unused_go_when_they_are_too_big(tmp_path: Path) -> None:
    cache = Cache(tmp_path, bytes_max=1000)
    paths = _fill(cache, 10)
    (newest,) = _fill(cache, 1, size=500, first=10)
    kept = set(tmp_path.iterdir())
    assert kept == {*paths[6:], newest}


def test_the_new_file_stays_even_when_it_is_too_big_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path, bytes_max=1000)
    _fill(cache, 3)
    (newest,) = _fill(cache, 1, size=5000, first=3)
    assert list(tmp_path.iterdir()) == [newest]


def test_what_an_earlier_process_left_counts_and_its_drafts_go(tmp_path: Path) -> None:
    _fill(Cache(tmp_path), 10)
    draft = tmp_path / f"{99:032x}.wav-draft"
    draft.write_bytes(b"half")
    _fill(Cache(tmp_path, files_max=10), 1, first=10)
    assert len(list(tmp_path.iterdir())) == 9
    assert not draft.exists()


def test_files_of_others_stay(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("greeting.wav", "notes.txt", f"{5:032x}.mp3")]
    for path in others:
        path.write_bytes(bytes(10_000))
    (tmp_path / f"{6:032x}.wav").mkdir()
    _fill(Cache(tmp_path, files_max=2, bytes_max=1000), 20, first=10)
    assert all(path.exists() for path in others)
    assert (tmp_path / f"{6:032x}.wav").is_dir()
