"""Notes on disk of recordings that the core has not confirmed to know.

A file of audio tells its call and part by its name, and not whose voice it has. So a note says all that the report
will need, from the moment a recording begins until the core has confirmed the report; what an edge that was killed
leaves behind, the next one of its name reports. A note that outlives its report only has it made twice, which
everybody bears.

Writing and removing is a thread's work, in order: a disk that stalls must not hold calls up. It gathers for a moment, since
each time that it wakes up the loop has to wait for the interpreter. When too much waits for it, a recording goes without a
note.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import deque
from pathlib import Path

import msgspec

_log = logging.getLogger(__name__)

WAITING_MAX = 2_000
FOUND_MAX = 2_000  # left behind; of more, the latest are left to the start after this one
_ENDING = ".json"
_GATHER_S = 0.05


class RecordedPart(msgspec.Struct, frozen=True):
    """Which part of which conversation a recording is."""

    call: str
    part: int
    agent: str
    started_at_ms: int


class _Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    part: RecordedPart
    file: str  # relative to the folder of recordings


class Notes:
    """The notes of one edge, in a folder of their own below the recordings'."""

    def __init__(self, recordings: Path, edge: str) -> None:
        """Nothing is read yet."""
        self._recordings = recordings
        self._folder = recordings / ".unreported" / edge
        self._jobs: deque[tuple[str, bytes]] = deque()  # file and note; no note: it is removed
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="recording notes", daemon=True)
        self.left_out = 0

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def left_behind(self) -> list[tuple[RecordedPart, Path]]:
        """What an earlier process of this edge did not report. Reads the disk: to be asked before calls come."""
        found = []
        for path in sorted(self._folder.glob(f"*{_ENDING}"))[:FOUND_MAX]:
            try:
                note = msgspec.json.decode(path.read_bytes(), type=_Note)
                if not _is_below(note.file):
                    raise msgspec.ValidationError("the file is not below the folder of recordings")
            except (OSError, msgspec.DecodeError) as error:
                _log.error("%s is no note of a recording and is removed: %s", path, error)
                path.unlink(missing_ok=True)
                continue
            found.append((note.part, self._recordings / note.file))
        return found

    def write(self, part: RecordedPart, file: Path) -> None:
        """A recording begins."""
        note = _Note(part, str(file).removeprefix(f"{self._recordings}/"))
        self._later(file, msgspec.json.encode(note))

    def remove(self, file: Path) -> None:
        """The core knows of it, or there is nothing to know."""
        self._later(file, b"")

    def close(self) -> None:
        """Finish what waits."""
        if self._thread.is_alive():
            self._stopping.set()
            self._wake.set()
            self._thread.join(timeout=2)

    def _later(self, file: Path, note: bytes) -> None:
        if len(self._jobs) >= WAITING_MAX:
            self.left_out += 1
            if self.left_out == 1:
                _log.error("the disk is too slow for notes of recordings: some are left out")
            return
        self._jobs.append((f"{self._folder}/{file.stem}{_ENDING}", note))
        if not self._wake.is_set():
            self._wake.set()

    def _work(self) -> None:
        failed = ending = False
        while not ending:
            self._wake.wait()
            ending = self._stopping.wait(_GATHER_S)
            self._wake.clear()
            while self._jobs:
                try:
                    self._carry_out(*self._jobs.popleft())
                except OSError as error:
                    if not failed:
                        _log.error("notes of recordings: %s", error)
                    failed = True

    def _carry_out(self, path: str, note: bytes) -> None:
        if not note:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            return
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        except FileNotFoundError:  # the first one
            self._folder.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        try:
            os.write(file, note)
        finally:
            os.close(file)


def _is_below(file: str) -> bool:
    return not Path(file).is_absolute() and ".." not in Path(file).parts
