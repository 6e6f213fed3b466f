"""The folder that a run writes into: made when it is not there, used again for a later run, and never anybody else's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from loadtest.sim.errors import SimError

MADE_BY = "santral sim"
SUMMARY = "summary.json"
CALLS = "calls.csv"
INTERVALS = "intervals.csv"
PLOTS = ("arrivals.png", "waiting.png", "service_level_by_hour.png", "waits.png", "occupancy.png")

_NAMES_SHOWN = 3


class FolderError(SimError):
    """Nothing may be written there; the text says why."""


class _Mark(msgspec.Struct):
    made_by: str = ""


def prepare(folder: Path, *, also: tuple[str, ...] = ()) -> None:
    """Make the folder; raises `FolderError` when there is something in it that no run has written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = sorted(path.name for path in folder.iterdir())
    except OSError as error:
        raise FolderError(f"--out {folder}: {error.strerror}") from error
    foreign = [name for name in found if name not in (SUMMARY, CALLS, INTERVALS, *PLOTS, *also)]
    if foreign:
        names = ", ".join(foreign[:_NAMES_SHOWN]) + (" …" if len(foreign) > _NAMES_SHOWN else "")
        raise FolderError(f"--out {folder}: holds other files ({names}); name an empty or a new folder")
    if found and not _is_ours(folder):
        raise FolderError(
            f"--out {folder}: holds files that no simulation wrote; name an empty or a new folder"
        )


def mark(folder: Path) -> None:
    """Say that what is written here from now on is ours, also when the run does not come to its end."""
    (folder / SUMMARY).write_bytes(msgspec.json.encode({"made_by": MADE_BY, "finished": False}) + b"\n")


@contextmanager
def draft_beside(path: Path) -> Iterator[Path]:
    """A file to be written, which takes the place of `path` when all went well and is gone otherwise."""
    draft = path.with_name(path.name + ".draft")
    try:
        yield draft
        draft.replace(path)
    except OSError as error:
        raise SimError(f"{path}: can't be written ({error.strerror})") from error
    finally:
        draft.unlink(missing_ok=True)


def _is_ours(folder: Path) -> bool:
    try:
        return msgspec.json.decode((folder / SUMMARY).read_bytes(), type=_Mark).made_by == MADE_BY
    except (OSError, msgspec.DecodeError):
        return False
