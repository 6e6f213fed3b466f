"""Notes on disk of recordings that the core has not confirmed to know.

A file of audio tells its call and part by its name, and not whose voice it has. So a note says all that the report
will need, from the moment a recording begins until the core has confirmed the report; what an edge that was killed
leaves behind, the next one of its name reports. A note that outlives its report only has it made twice, which
everybody bears.

Writing and removing is a thread's work, in order: a disk that stalls must not hold calls up. When too much waits for
it, a recording goes without a note.
"""

from __future__ import annotations

import logging
import queue
import threading
from pathlib import Path

import msgspec

_log = logging.getLogger(__name__)

WAITING_MAX = 2_000
FOUND_MAX = 2_000  # left behind; of more, the latest are left to the start after this one
_ENDING = ".json"


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
        self._jobs: queue.Queue[tuple[Path, bytes] | None] = queue.Queue(WAITING_MAX)
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
        note = msgspec.json.encode(_Note(part, str(file.relative_to(self._recordings))))
        self._later(self._of(file), note)

    def remove(self, file: Path) -> None:
        """The core knows of it, or there is nothing to know."""
        self._later(self._of(file), b"")

    def close(self) -> None:
        """Finish what waits."""
        if self._thread.is_alive():
            self._jobs.put(None)
            self._thread.join(timeout=2)

    def _of(self, file: Path) -> Path:
        return self._folder / f"{file.stem}{_ENDING}"

    def _later(self, path: Path, note: bytes) -> None:
        try:
            self._jobs.put_nowait((path, note))
        except queue.Full:
            self.left_out += 1
            if self.left_out == 1:
                _log.error("the disk is too slow for notes of recordings: some are left out")

    def _work(self) -> None:
        failed = False
        while (job := self._jobs.get()) is not None:
            path, note = job
            try:
                if note:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(note)
                else:
                    path.unlink(missing_ok=True)
            except OSError as error:
                if not failed:
                    _log.error("notes of recordings: %s", error)
                failed = True


def _is_below(file: str) -> bool:
    return not Path(file).is_absolute() and ".." not in Path(file).parts
