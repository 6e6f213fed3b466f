"""Where a recorded part of a conversation lies, and what the core hears when its file is closed.

A file that the engine died over is completed by the next engine, which cannot tell whose it was. The edge
can: it waits for the file to appear under its name, and reports it like any other. So it does with what an edge
before this one left unreported, of which it finds notes (`notes.py`): that engine closed its files when their edge
was gone.

A report is out of our hands when the core has confirmed it. One that waits for a core which turns out to be a new
one, and so would never hear of it, is said again.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import wave
from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

import msgspec

from acd_core.domain.events import RecordingFinished
from acd_core.link.aio import LinkClient
from gateways.edge.notes import Notes, RecordedPart
from gateways.media.messages import RecordingDone

_log = logging.getLogger(__name__)

UNCONFIRMED_MAX = 10_000  # reports remembered; of more, the oldest is said again after the next start
INTERRUPTED_MAX = 2_000  # waited for at a time; of more, the files stay and are not reported
_COMPLETED_WITHIN_S = 120.0
_LOOK_INTERVAL_S = 0.5
_DAY_MS = 86_400_000


def recording_path(call: str, part: int, now_ms: int) -> Path:
    """`YYYY/MM/DD/CALL-PART.wav`, by the day (UTC) on which the part began."""
    return Path(f"{_folder_of_day(now_ms // _DAY_MS)}/{call}-{part}.wav")


@lru_cache(2)
def _folder_of_day(days: int) -> str:
    return f"{datetime.fromtimestamp(days * _DAY_MS / 1000, UTC):%Y/%m/%d}"


class _Report(msgspec.Struct, frozen=True):
    """What was told under this number of the link."""

    number: int
    event: RecordingFinished
    file: Path


class Recordings:
    """Reports recordings below `folder` to the core."""

    def __init__(self, folder: Path, edge: str, core: LinkClient) -> None:
        """`core` confirms what it is told."""
        self.folder, self._core = folder, core
        self._notes = Notes(folder, edge)
        self._left_behind: list[tuple[RecordedPart, Path]] = []
        self._unconfirmed: deque[_Report] = deque(maxlen=UNCONFIRMED_MAX)
        self._interrupted: list[tuple[RecordedPart, Path]] = []
        self._watching: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Look for what was left behind, before there is anything new."""
        self._left_behind = self._notes.left_behind()
        self._notes.start()

    def core_up(self, fresh: bool) -> None:
        """The inventory was said. A fresh core has heard nothing of what we told the one before."""
        if fresh:
            reports = list(self._unconfirmed)
            self._unconfirmed.clear()
            for report in reports:
                self._tell(report.event, report.file)
        left_behind, self._left_behind = self._left_behind, []
        for part, file in left_behind:
            self.recording_interrupted(part, file)

    def forget_confirmed(self) -> None:
        """What the core has confirmed needs no note."""
        while self._unconfirmed and self._unconfirmed[0].number <= self._core.confirmed:
            self._notes.remove(self._unconfirmed.popleft().file)

    def recording_started(self, context: object, file: Path) -> None:
        """A file is begun."""
        assert isinstance(context, RecordedPart)
        self._notes.write(context, file)

    def recording_refused(self, context: object, file: Path) -> None:
        """There will be no file."""
        self._notes.remove(file)

    def recording_done(self, context: object, file: Path, done: RecordingDone) -> None:
        """A closed file; one without a byte of speech is only logged."""
        assert isinstance(context, RecordedPart)
        if not done.size_bytes:
            _log.error("call %s part %d: nothing was recorded: %s", context.call, context.part, done.failed)
            self._notes.remove(file)
            return
        self._report(context, file, done)

    def recording_interrupted(self, context: object, file: Path) -> None:
        """The engine died over this file, or the edge that had it written."""
        assert isinstance(context, RecordedPart)
        if len(self._interrupted) >= INTERRUPTED_MAX:
            _log.error("call %s part %d: %s will not be reported", context.call, context.part, file)
            return
        self._interrupted.append((context, file))
        if self._watching is None or self._watching.done():
            self._watching = asyncio.get_running_loop().create_task(self._watch())

    def close(self) -> None:
        """The edge stops."""
        if self._watching is not None:
            self._watching.cancel()
        self.forget_confirmed()
        self._notes.close()

    def _report(self, part: RecordedPart, file: Path, done: RecordingDone) -> None:
        event = RecordingFinished(
            call=part.call,
            part=part.part,
            agent=part.agent,
            path=done.path.removeprefix(f"{self.folder}/"),
            started_at_ms=done.started_at_ms,
            duration_ms=done.duration_ms,
            size_bytes=done.size_bytes,
            sha256=done.sha256,
        )
        self.forget_confirmed()
        self._tell(event, file)

    def _tell(self, event: RecordingFinished, file: Path) -> None:
        self._unconfirmed.append(_Report(self._core.send(event), event, file))

    async def _watch(self) -> None:
        """Report the interrupted ones as they are completed."""
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + _COMPLETED_WITHIN_S
        while self._interrupted and loop.time() < give_up_at:
            waiting, self._interrupted = self._interrupted, []
            for part, file in waiting:
                done = await loop.run_in_executor(None, _completed, file, part.started_at_ms)
                if done is None:
                    self._interrupted.append((part, file))
                else:
                    self._report(part, file, done)
            if self._interrupted:
                await asyncio.sleep(_LOOK_INTERVAL_S)
        for part, file in self._interrupted:
            _log.error("call %s part %d: %s was never completed", part.call, part.part, file)
            self._notes.remove(file)
        self._interrupted.clear()


def _completed(file: Path, started_at_ms: int) -> RecordingDone | None:
    """What is to be said of a file; None while it is not there. (It gets its name when it is complete.)"""
    try:
        with wave.open(str(file), "rb") as sound:
            duration_ms = sound.getnframes() * 1000 // sound.getframerate()
        with file.open("rb") as data:
            digest = hashlib.file_digest(data, "sha256").hexdigest()
        size_bytes = file.stat().st_size
    except (OSError, EOFError, wave.Error):
        return None
    return RecordingDone(
        recording="",
        path=str(file),
        started_at_ms=started_at_ms,
        duration_ms=duration_ms,
        size_bytes=size_bytes,
        sha256=digest,
    )
