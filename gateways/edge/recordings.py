"""Where a recorded part of a conversation lies, and what the core hears when its file is closed.

A file that the engine died over is completed by the next engine, which cannot tell whose it was. The edge
can: it waits for the file to appear under its name, and reports it like any other.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import wave
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from acd_core.domain.events import RecordingFinished
from gateways.media.messages import RecordingDone

_log = logging.getLogger(__name__)

INTERRUPTED_MAX = 2_000  # waited for at a time; of more, the files stay and are not reported
_COMPLETED_WITHIN_S = 120.0
_LOOK_INTERVAL_S = 0.5


class RecordedPart(msgspec.Struct, frozen=True):
    """Which part of which conversation a recording is."""

    call: str
    part: int
    agent: str
    started_at_ms: int


def recording_path(call: str, part: int, now_ms: int) -> Path:
    """`YYYY/MM/DD/CALL-PART.wav`, by the day (UTC) on which the part began."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC)
    return Path(f"{day:%Y/%m/%d}") / f"{call}-{part}.wav"


class Recordings:
    """Reports recordings below `folder` to the core."""

    def __init__(self, folder: Path, tell: Callable[[RecordingFinished], None]) -> None:
        """`tell` reaches the core."""
        self.folder, self._tell = folder, tell
        self._interrupted: list[tuple[RecordedPart, Path]] = []
        self._watching: asyncio.Task[None] | None = None

    def recording_done(self, context: object, done: RecordingDone) -> None:
        """A closed file; one without a byte of speech is only logged."""
        assert isinstance(context, RecordedPart)
        if not done.size_bytes:
            _log.error("call %s part %d: nothing was recorded: %s", context.call, context.part, done.failed)
            return
        self._report(context, Path(done.path), done)

    def recording_interrupted(self, context: object, file: Path) -> None:
        """The engine died over this file."""
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

    def _report(self, part: RecordedPart, path: Path, done: RecordingDone) -> None:
        self._tell(
            RecordingFinished(
                call=part.call,
                part=part.part,
                agent=part.agent,
                path=str(path.relative_to(self.folder)),
                started_at_ms=done.started_at_ms,
                duration_ms=done.duration_ms,
                size_bytes=done.size_bytes,
                sha256=done.sha256,
            )
        )

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
