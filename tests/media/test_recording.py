"""Recordings on disk: complete, aligned, and honest about what is missing."""

from __future__ import annotations

import errno
import hashlib
import os
import queue
from pathlib import Path

import numpy as np
import pytest

from gateways.media import recorder as recorder_module
from gateways.media import wav
from gateways.media.recorder import Done, Recorder, RecordingsFullError
from gateways.media.recording_files import PART
from gateways.media.repair import repair
from tests.support.tones import read_wav

GUARD_S = 30.0


class Recording:
    """A recorder, and rows that say a number each tick: 1, 2, 3 … on row 0, the same times ten on row 1."""

    def __init__(self) -> None:
        self.done: queue.Queue[Done] = queue.Queue()
        self.recorder = Recorder(self.done.put)
        self.heard = np.zeros((2, 160), np.float32)
        self.number = 0

    def tick(self, ticks: int = 1) -> None:
        for _ in range(ticks):
            self.number += 1
            self.heard[0] = self.number
            self.heard[1] = 10 * self.number
            self.recorder.tick(self.heard)

    def drain(self, folder: Path) -> None:
        """Until the writer has done all that it was given: it does so in order."""
        self.recorder.start("edge1", "drain", 0, 1, str(folder / "drain" / "x.wav"))
        self.recorder.stop("edge1", "drain")
        assert self.ended().recording == "drain"

    def ended(self) -> Done:
        return self.done.get(timeout=GUARD_S)


def numbers(path: Path) -> list[tuple[int, int]]:
    samples, rate = read_wav(path)
    assert rate == 8_000
    ticks = samples.reshape(-1, 160, 2)
    assert (ticks == ticks[:, :1]).all()
    return [(int(left), int(right)) for left, right in ticks[:, 0]]


@pytest.mark.parametrize("ticks", [0, 1, 9, 10, 11, 37])
def test_every_tick_is_there_on_both_sides(ticks: int, tmp_path: Path) -> None:
    r = Recording()
    path = tmp_path / "a" / "b" / "x.wav"
    r.tick(3)
    r.recorder.start("edge1", "r", 0, 1, str(path))
    r.tick(ticks)
    r.recorder.stop("edge1", "r")
    done = r.ended()
    assert numbers(path) == [(number, 10 * number) for number in range(4, 4 + ticks)]
    assert done.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (done.size_bytes, done.duration_ms, done.failed) == (path.stat().st_size, 20 * ticks, "")
    assert os.listdir(path.parent) == ["x.wav"]
    assert r.recorder.close(GUARD_S)


def test_ticks_left_out_are_silence_in_their_place(tmp_path: Path) -> None:
    r = Recording()
    r.recorder.start("edge1", "r", 1, 0, str(tmp_path / "x.wav"))
    r.tick(4)
    r.recorder.skip(7)
    r.tick(2)
    r.recorder.stop("edge1", "r")
    assert r.ended().duration_ms == 13 * 20
    assert [right for _, right in numbers(tmp_path / "x.wav")] == [1, 2, 3, 4, *[0] * 7, 5, 6]
    assert r.recorder.close(GUARD_S)


def test_a_slow_disk_loses_blocks_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    r = Recording()
    r.recorder.start("edge1", "r", 0, 1, str(tmp_path / "x.wav"))
    r.tick(10)
    with monkeypatch.context() as patch:
        patch.setattr(recorder_module, "RECORDING_BLOCKS_WAITING_MAX", 0)
        r.tick(20)
    r.tick(10)
    r.recorder.stop("edge1", "r")
    done = r.ended()
    assert done.failed == "400 ms lost: the disk was too slow"
    assert done.duration_ms == 800
    assert [left for left, _ in numbers(tmp_path / "x.wav")] == [*range(1, 11), *[0] * 20, *range(31, 41)]
    assert r.recorder.blocks_lost == 2
    assert r.recorder.close(GUARD_S)


def test_nothing_recorded_is_ever_written_over(tmp_path: Path) -> None:
    r = Recording()
    path = tmp_path / "x.wav"
    for recording in ("1", "2", "3"):
        r.recorder.start("edge1", recording, 0, 1, str(path))
    r.tick(2)
    done = []
    for recording in ("2", "1", "3"):
        r.recorder.stop("edge1", recording)
        done.append(r.ended())
    assert [one.path for one in done] == [str(tmp_path / name) for name in ("x-2.wav", "x.wav", "x-3.wav")]
    assert r.recorder.close(GUARD_S)


def test_a_folder_that_can_not_be_made_is_told_at_the_end(tmp_path: Path) -> None:
    r = Recording()
    (tmp_path / "file").touch()
    r.recorder.start("edge1", "r", 0, 1, str(tmp_path / "file" / "x.wav"))
    r.tick(25)
    r.recorder.stop("edge1", "r")
    done = r.ended()
    assert done.failed.startswith("can't be written")
    assert (done.size_bytes, done.sha256) == (0, "")
    assert r.recorder.close(GUARD_S)


def test_a_full_disk_is_told_and_the_rest_goes_on(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    r = Recording()
    r.recorder.start("edge1", "good", 0, 1, str(tmp_path / "y.wav"))
    r.tick(30)
    handle = r.recorder._recordings["edge1", "good"].handle
    r.drain(tmp_path)
    file = r.recorder._files._files[handle]
    keep, file.descriptor = file.descriptor, os.open(full, os.O_RDWR)
    r.tick(10)
    r.drain(tmp_path)
    os.close(file.descriptor)
    file.descriptor = keep
    r.tick(10)
    r.recorder.stop("edge1", "good")
    done = r.ended()
    assert done.failed == "incomplete: No space left on device"
    assert [left for left, _ in numbers(tmp_path / "y.wav")] == [*range(1, 31), *[0] * 10, *range(41, 51)]
    assert r.recorder.close(GUARD_S)


def test_a_file_that_never_got_its_name_has_no_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is told reports a recording that has one, and there is nothing at its path."""

    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", fail)
    r = Recording()
    r.recorder.start("edge1", "lost", 0, 1, str(tmp_path / "y.wav"))
    r.tick(10)
    r.recorder.stop("edge1", "lost")
    done = r.ended()
    assert done.failed.startswith("can't be completed")
    assert (done.size_bytes, done.sha256) == (0, "")
    assert not (tmp_path / "y.wav").exists()
    assert r.recorder.close(GUARD_S)


def test_more_recordings_than_there_is_room_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "RECORDINGS_MAX", 2)
    r = Recording()
    for recording in ("1", "2"):
        r.recorder.start("edge1", recording, 0, 1, str(tmp_path / f"{recording}.wav"))
    with pytest.raises(RecordingsFullError):
        r.recorder.start("edge1", "3", 0, 1, str(tmp_path / "3.wav"))
    r.recorder.stop("edge1", "1")
    r.recorder.start("edge1", "3", 0, 1, str(tmp_path / "3.wav"))
    assert r.recorder.close(GUARD_S)
    assert sorted(os.listdir(tmp_path)) == ["1.wav", "2.wav", "3.wav"]


def test_a_recording_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "_TICKS_MAX", 20)
    r = Recording()
    r.recorder.start("edge1", "r", 0, 1, str(tmp_path / "x.wav"))
    r.tick(50)
    done = r.ended()
    assert done.failed.startswith("longer than")
    assert done.duration_ms == 400
    assert ("edge1", "r") not in r.recorder
    assert r.recorder.close(GUARD_S)


def left_open(path: Path, audio: bytes, header: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + PART)
    part.write_bytes((wav.header(0, 2) if header is None else header) + audio)
    return part


def test_files_of_a_killed_process_are_completed(tmp_path: Path) -> None:
    audio = np.arange(4_000, dtype="<i2").tobytes()
    good = left_open(tmp_path / "2026" / "11" / "21" / "a.wav", audio)
    torn = left_open(tmp_path / "2026" / "11" / "20" / "b.wav", audio + b"\1\2\3")
    beside = left_open(tmp_path / "2026" / "11" / "20" / "c.wav", audio)
    beside.with_name("c.wav").write_bytes(b"an earlier recording")
    empty = left_open(tmp_path / "2026" / "e.wav", b"")
    headless = left_open(tmp_path / "2026" / "h.wav", b"", header=b"RI")
    for part in (empty, headless):
        os.utime(part, (1, 1))
    just_made = left_open(tmp_path / "2026" / "j.wav", b"")
    other = tmp_path / "2026" / "notes.txt"
    other.touch()
    found = repair(tmp_path)
    assert sorted(path.name for path in found) == ["a.wav", "b.wav", "c-2.wav"]
    for path in found:
        samples, rate = read_wav(path)
        assert rate == 8_000
        assert samples.tobytes() == audio
    assert beside.with_name("c.wav").read_bytes() == b"an earlier recording"
    assert not any(part.exists() for part in (good, torn, beside, empty, headless))
    assert other.exists()
    assert just_made.exists()
    assert repair(tmp_path) == []
    assert repair(tmp_path / "nowhere") == []


def test_what_is_being_recorded_is_left_alone(tmp_path: Path) -> None:
    r = Recording()
    r.recorder.start("edge1", "r", 0, 1, str(tmp_path / "x.wav"))
    r.tick(30)
    r.drain(tmp_path)
    assert repair(tmp_path) == []
    r.tick(10)
    r.recorder.stop("edge1", "r")
    assert r.ended().failed == ""
    assert len(numbers(tmp_path / "x.wav")) == 40
    assert r.recorder.close(GUARD_S)
