"""What the tests want to know of a call, from the journal, the recordings and the phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acd_core.domain.events import CallArrived, PlaybackDone
from tests.e2e.phone import Baresip
from tests.e2e.stack import Stack
from tests.support.tones import heard_when, read_wav

_WAV_HEADER_BYTES = 44
_NOTHING = np.zeros(0, dtype=np.int16)


def call_of(stack: Stack, phone: Baresip) -> str:
    """The id of the phone's latest call."""

    def find() -> str:
        arrived = [
            record.event
            for record in stack.events()
            if isinstance(record.event, CallArrived) and record.event.caller == phone.name
        ]
        return arrived[-1].call if arrived else ""

    return str(stack.until(find, f"a call of {phone.name} in the journal"))


def wait_steps(stack: Stack, call: str, *steps: str) -> list[str]:
    """Wait until the call's story has these steps in this order (others between them); the whole story."""

    def found() -> list[str]:
        story = stack.steps(call)
        rest = iter(story)
        return story if all(step in rest for step in steps) else []

    return list(stack.until(found, f"steps {steps} of {call}, now {stack.steps(call)}"))


def wait_played(stack: Stack, call: str, count: int) -> None:
    """Wait until the caller has heard this many playbacks to their ends."""

    def played() -> bool:
        return count <= sum(
            isinstance(record.event, PlaybackDone) and record.event.call == call for record in stack.events()
        )

    stack.until(played, f"{count} playbacks to {call}")


def wait_recordings(stack: Stack, call: str, parts: int) -> list[dict[str, Any]]:
    """The rows of the call's recordings, once there are this many."""
    query = "select * from recordings where call = $1 order by part"
    return list(
        stack.until(
            lambda: rows if len(rows := stack.sql(query, call)) >= parts else [], f"recordings of {call}"
        )
    )


def channels(stack: Stack, recording: dict[str, Any]) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Caller and operator of a recording."""
    samples, rate = read_wav(stack.config.recordings_path / recording["path"])
    assert rate == 8000
    assert samples.ndim == 2
    return samples[:, 0], samples[:, 1]


def seconds_heard(samples: NDArray[np.int16], frequency_hz: float) -> float:
    """How long a tone was heard, in tenths of a second."""
    return sum(heard_when(samples, frequency_hz)) / 10


def phone_heard(phone: Baresip) -> NDArray[np.int16]:
    """What the phone recorded in its last call."""
    files: list[Path] = phone.heard()
    assert files, phone.log_tail()
    return read_wav(files[-1])[0]


def wait_heard(phone: Baresip, frequency_hz: float, seconds: float) -> None:
    """Wait until the phone has heard this tone for so long in its present call."""

    def heard() -> bool:
        files = phone.heard()
        # Until the call ends the header of the file says that nothing is in it.
        samples = np.fromfile(files[-1], dtype="<i2", offset=_WAV_HEADER_BYTES) if files else _NOTHING
        return seconds_heard(samples, frequency_hz) >= seconds

    phone.until(heard)


def order_of(samples: NDArray[np.int16], *frequencies_hz: int) -> list[int]:
    """The order in which tones were first heard for at least 0.3 s."""
    first: list[tuple[int, int]] = []
    for frequency_hz in frequencies_hz:
        windows = heard_when(samples, frequency_hz)
        runs = [at for at in range(len(windows) - 2) if all(windows[at : at + 3])]
        if runs:
            first.append((runs[0], frequency_hz))
    return [frequency_hz for _, frequency_hz in sorted(first)]
