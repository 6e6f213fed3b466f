"""The folder that a run writes into: made when it is not there, used again for a later run, and never anybody else's.

A run writes beside what an earlier one left and takes its place only when all is there: a run that is stopped, killed or out of
disk costs nobody the results they had, and a folder never holds pieces of two runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from loadtest.sim.errors import SimError

MADE_BY = "santral sim"
SUMMARY = "summary.json"
CALLS = "calls.csv"
INTERVALS = "intervals.csv"
PLOTS = ("arrivals.png", "waiting.png", "service_level_by_hour.png", "waits.png", "occupancy.png")
RESULTS = (CALLS, INTERVALS, *PLOTS, SUMMARY)
UNFINISHED = "unfinished"  # holds what a run has written so far

_NAMES_SHOWN = 3


class FolderError(SimError):
    """Nothing may be written there; the text says why."""


class _Mark(msgspec.Struct):
    made_by: str = ""


def prepare(folder: Path) -> None:
    """Make the folder for a run's results; raises `FolderError` when there is something in it that no run has written."""
    _made(folder, RESULTS)
    if not (folder / UNFINISHED).is_dir():
        _check_mark(folder, SUMMARY)


def prepare_around(folder: Path, runs: Iterable[str], own: str) -> None:
    """Make a folder with folders for several runs in it, and a file of its own about them."""
    _made(folder, (*runs, own))
    if (folder / own).exists():
        _check_mark(folder, own)
    for name in runs:
        prepare(folder / name)


@contextmanager
def results_in(folder: Path) -> Iterator[Path]:
    """Where a run writes its results into, which become those of the prepared folder when all went well; raises `FolderError`."""
    draft = folder / UNFINISHED
    try:
        _empty(draft)  # a run may have been killed
        draft.mkdir(exist_ok=True)
        yield draft
        for name in RESULTS:
            if (draft / name).exists():
                (draft / name).replace(folder / name)
            else:
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        if error.filename is not None and Path(error.filename).parent not in (draft, folder):
            raise  # something that was to be read
        raise FolderError(f"--out {folder}: can't be written ({error.strerror})") from error
    finally:
        _empty(draft)
        if draft.is_dir():
            draft.rmdir()


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


def _made(folder: Path, known: Iterable[str]) -> None:
    """Make it; what is in it already must be of these names."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = {path.name for path in folder.iterdir()}
        unfinished = folder / UNFINISHED
        if unfinished.is_dir():  # of a run that was killed
            found = found - {UNFINISHED} | {path.name for path in unfinished.iterdir()}
    except OSError as error:
        raise FolderError(f"--out {folder}: {error.strerror}") from error
    foreign = sorted(found.difference(known))
    if foreign:
        names = ", ".join(foreign[:_NAMES_SHOWN]) + (" …" if len(foreign) > _NAMES_SHOWN else "")
        raise FolderError(f"--out {folder}: holds other files ({names}); name an empty or a new folder")


def _empty(draft: Path) -> None:
    for name in RESULTS:
        (draft / name).unlink(missing_ok=True)


def _check_mark(folder: Path, name: str) -> None:
    """What is in the folder must say that a run made it."""
    if not any(folder.iterdir()):
        return
    try:
        made_by = msgspec.json.decode((folder / name).read_bytes(), type=_Mark).made_by
    except (OSError, msgspec.DecodeError):
        made_by = ""
    if made_by != MADE_BY:
        raise FolderError(
            f"--out {folder}: holds files that no simulation wrote; name an empty or a new folder"
        )
