"""Where a recorded part of a conversation lies, and what the core hears when its file is closed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from acd_core.domain.events import RecordingFinished
from gateways.edge.audio import RecordingResult

_log = logging.getLogger(__name__)


class RecordedPart(msgspec.Struct, frozen=True):
    """Which part of which conversation a recording is."""

    call: str
    part: int
    agent: str


def recording_path(call: str, part: int, now_ms: int) -> Path:
    """`YYYY/MM/DD/CALL-PART.wav`, by the day (UTC) on which the part began."""
    day = datetime.fromtimestamp(now_ms / 1000, UTC)
    return Path(f"{day:%Y/%m/%d}") / f"{call}-{part}.wav"


def report(result: RecordingResult, folder: Path, tell: Callable[[RecordingFinished], None]) -> None:
    """Tell the core of a closed file; one without a byte of speech is only logged."""
    part, done = result.context, result.done
    assert isinstance(part, RecordedPart)
    if not done.size_bytes:
        _log.error("recording of call %s part %d: nothing was written: %s", part.call, part.part, done.failed)
        return
    tell(
        RecordingFinished(
            call=part.call,
            part=part.part,
            agent=part.agent,
            path=str(Path(done.path).relative_to(folder)),
            started_at_ms=done.started_at_ms,
            duration_ms=done.duration_ms,
            size_bytes=done.size_bytes,
            sha256=done.sha256,
        )
    )
