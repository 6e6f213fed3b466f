"""Completes the recordings that a killed process left open: right header, synced, under their name.

Runs once at each start of the engine, as a process of its own: a year of recordings is a long walk, and
Python that computes beside the clock holds it up. An open recording is locked by the process that writes it,
and a lock ends with its process, so what can be locked is left over, whoever shares the folder.

    python -m gateways.media.repair FOLDER
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from acd_core.config import Config
from acd_core.logs import set_up
from gateways.media import wav
from gateways.media.recording_files import FRAME_BYTES, PART, complete, free_names

_log = logging.getLogger(__name__)

_EMPTY_KEPT_S: Final = (
    60  # a younger file with nothing in it may have been made just now and not be locked yet
)
_NICENESS: Final = 10


def repair(root: Path) -> list[Path]:
    """Complete all left-over `.part` files below `root`; returns the recordings that came of it."""
    found = []
    for part in _parts(root):
        try:
            path = _repair(part)
        except (OSError, StopIteration) as error:
            _log.error("%s can't be completed: %s", part, error)
            continue
        if path is not None:
            _log.warning("recording %s was left open by a killed process and has been completed", path)
            found.append(path)
    return found


def _parts(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith(PART):
                yield Path(folder, name)


def _repair(part: Path) -> Path | None:
    descriptor = os.open(part, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return None  # somebody is recording
        status = os.fstat(descriptor)
        audio = (status.st_size - wav.HEADER_BYTES) // FRAME_BYTES * FRAME_BYTES
        if audio <= 0:
            if time.time() - status.st_mtime >= _EMPTY_KEPT_S:
                part.unlink()  # killed before anything was said
            return None
        os.ftruncate(descriptor, wav.HEADER_BYTES + audio)
        name = part.with_name(part.name.removesuffix(PART))
        path = next(free for free in free_names(name) if not free.exists())
        complete(descriptor, part, path)
        return path
    finally:
        os.close(descriptor)


def main(arguments: list[str]) -> int:
    """Repair below one folder, giving way to everything else."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))  # the engine's privilege is inherited
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
    set_up(Config(), "media repair")
    repair(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
