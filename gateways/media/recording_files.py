"""Recordings as files: written beside their name as `.part`, finished and renamed when they are closed.

Two threads, because a disk that syncs may stop for half a second: the writer puts blocks where they belong,
the finisher completes the header, syncs, hashes and renames. A block has its place in the file, so one that
was lost leaves silence and nothing moves. What a killed process leaves open, `repair.py` completes.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeAlias

from gateways.media import wav

_log = logging.getLogger(__name__)

CHANNELS = 2
FRAME_BYTES = 2 * CHANNELS
PART = ".part"
_NAMES_MAX = 100  # recordings that want the same name


class Open(NamedTuple):
    """Make the file of a recording."""

    handle: int
    path: str


class Block(NamedTuple):
    """Samples and the place of the first one, in bytes of audio."""

    handle: int
    at: int
    data: bytes


class Close(NamedTuple):
    """The recording is over: `data_bytes` of audio in all, of which some may have been lost on the way."""

    handle: int
    data_bytes: int
    failed: str


class Finished(NamedTuple):
    """The file as it is now on disk."""

    handle: int
    path: str
    size_bytes: int
    sha256: str
    failed: str


_Job: TypeAlias = Open | Block | Close | None


class _File:
    """One open file; the writer's until it is closed, then the finisher's."""

    def __init__(self, handle: int, path: Path) -> None:
        self.handle = handle
        self.path = path
        self.descriptor = -1
        self.data_bytes = 0
        self.failed = ""

    @property
    def part(self) -> Path:
        return self.path.with_name(self.path.name + PART)


class RecordingFiles:
    """The two threads. Jobs are taken in order; `blocks_waiting` tells the clock when to hold back."""

    def __init__(self, on_finished: Callable[[Finished], None]) -> None:
        """`on_finished` is called in the finisher's thread, once for every `Close`."""
        self._on_finished = on_finished
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._closed: queue.SimpleQueue[_File | None] = queue.SimpleQueue()
        self._files: dict[int, _File] = {}
        self._blocks_put = 0  # counted by the clock alone
        self._blocks_done = 0  # counted by the writer alone
        self._writer = threading.Thread(target=self._write_all, name="recording writer", daemon=True)
        self._finisher = threading.Thread(target=self._finish_all, name="recording finisher", daemon=True)
        self._writer.start()
        self._finisher.start()

    @property
    def blocks_waiting(self) -> int:
        """Blocks that are not on their way to disk yet."""
        return self._blocks_put - self._blocks_done

    def put(self, job: Open | Block | Close) -> None:
        """Hand over a job; never waits."""
        if isinstance(job, Block):
            self._blocks_put += 1
        self._jobs.put(job)

    def close(self, timeout_s: float) -> bool:
        """Carry out what waits and end; False when that took too long."""
        self._jobs.put(None)
        self._writer.join(timeout_s)
        self._finisher.join(timeout_s)
        return not self._finisher.is_alive()

    def _write_all(self) -> None:
        while (job := self._jobs.get()) is not None:
            if isinstance(job, Block):
                self._write(job)
                self._blocks_done += 1
            elif isinstance(job, Open):
                self._files[job.handle] = self._open(job)
            else:
                file = self._files.pop(job.handle)
                file.data_bytes = job.data_bytes
                file.failed = "; ".join(reason for reason in (file.failed, job.failed) if reason)
                self._closed.put(file)
        self._closed.put(None)

    def _open(self, job: Open) -> _File:
        file = _File(job.handle, Path(job.path))
        try:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            for name in free_names(file.path):
                file.path = name
                if name.exists() or file.part.exists():
                    continue
                file.descriptor = os.open(file.part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
                fcntl.flock(file.descriptor, fcntl.LOCK_EX)  # for as long as it is ours: see repair.py
                break
            else:
                file.failed = "its name is taken"
            if file.descriptor >= 0:
                os.pwrite(file.descriptor, wav.header(0, CHANNELS), 0)
        except OSError as error:
            file.failed = f"can't be written: {error.strerror}"
        if file.failed:
            _log.error("recording %s %s", job.path, file.failed)
        return file

    def _write(self, block: Block) -> None:
        file = self._files[block.handle]
        if file.descriptor < 0:
            return
        try:
            written = os.pwrite(file.descriptor, block.data, wav.HEADER_BYTES + block.at)
            error = "" if written == len(block.data) else "disk full"
        except OSError as problem:
            error = problem.strerror or str(problem)
        if error and not file.failed:
            file.failed = f"incomplete: {error}"
            _log.error("recording %s: %s", file.path, file.failed)

    def _finish_all(self) -> None:
        while (file := self._closed.get()) is not None:
            self._on_finished(self._finish(file))

    def _finish(self, file: _File) -> Finished:
        if file.descriptor < 0:
            return Finished(file.handle, str(file.path), 0, "", file.failed)
        size, digest = 0, ""
        try:
            whole = wav.HEADER_BYTES + file.data_bytes
            os.ftruncate(file.descriptor, whole)  # blocks lost at the end are silence too
            digest = complete(file.descriptor, file.part, file.path)
            size = whole
        except OSError as error:
            file.failed = file.failed or f"can't be completed: {error.strerror}"
            _log.error("recording %s: %s", file.path, file.failed)
        finally:
            os.close(file.descriptor)
        return Finished(file.handle, str(file.path), size, digest, file.failed)


def complete(descriptor: int, part: Path, path: Path) -> str:
    """Give an open file its header, bring it to disk and to its name; returns its SHA-256."""
    size = os.fstat(descriptor).st_size
    os.pwrite(descriptor, wav.header(size - wav.HEADER_BYTES, CHANNELS), 0)
    os.fsync(descriptor)
    digest = hashlib.sha256()
    at = 0
    while piece := os.pread(descriptor, 1 << 20, at):
        digest.update(piece)
        at += len(piece)
    part.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return digest.hexdigest()


def free_names(path: Path) -> Iterator[Path]:
    """The wished name, then it with a number: nothing recorded is ever written over."""
    yield path
    for number in range(2, _NAMES_MAX):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")
