"""The data folder, the folder of the sockets, and the disk below them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from acd_core.config import SOCKET_PATH_MAX_BYTES, Config
from santral.checks.finding import Finding, fail, ok, warn

DISK_FREE_MIN_BYTES = 10**9
DISK_FREE_WANTED_BYTES = 5 * 10**9
_LONGEST_SOCKET_NAME = "/.s.PGSQL.5432"


def data_folder(config: Config) -> Finding:
    """It, and each folder of ours that is already in it, can be written by us."""
    folder = config.data_path
    if not folder.exists():
        parent = nearest_existing(folder)
        if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
            return fail(f"{folder} can't be made in {parent}", "set data_dir to a folder that you may write")
        return ok(f"{folder} (will be made)")
    ours = (
        *(config.journal_path, config.recordings_path, config.prompts_path),
        *(config.traces_path, config.logs_path),
    )
    for part in (folder, *ours):
        if part.exists() and (problem := _problem_of(part)):
            remedy = f"give it to {_user_name()} (chown -R), or set data_dir to another folder"
            return fail(f"{part} {problem}", remedy)
    return ok(str(folder))


def run_folder(config: Config) -> Finding:
    """Short enough for a socket's address, and nobody else's: /tmp is open to all."""
    folder = config.run_path
    length = len(os.fsencode(folder)) + len(_LONGEST_SOCKET_NAME)
    if length > SOCKET_PATH_MAX_BYTES:
        return fail(
            f"{folder} is too long for sockets ({length} bytes, at most {SOCKET_PATH_MAX_BYTES})",
            "set run_dir to a shorter path",
        )
    if not folder.exists():
        parent = nearest_existing(folder)
        if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
            return fail(f"{folder} can't be made in {parent}", "set run_dir to a folder that you may write")
        return ok(f"{folder} (will be made)")
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        return fail(f"{folder} belongs to somebody else", "remove it, or set another run_dir")
    if problem := _problem_of(folder):
        return fail(f"{folder} {problem}", "remove it, or set another run_dir")
    return ok(str(folder))


def disk(config: Config) -> Finding:
    """Room for recordings and the journal."""
    folder = nearest_existing(config.data_path)
    free = shutil.disk_usage(folder).free
    text = f"{free / 10**9:.1f} GB free at {folder}"
    if free < DISK_FREE_MIN_BYTES:
        return fail(text, "free some space (at least 1 GB), or set data_dir to a folder on another disk")
    if free < DISK_FREE_WANTED_BYTES:
        return warn(text, "an hour of recorded calls takes about 120 MB a line")
    return ok(text)


def nearest_existing(path: Path) -> Path:
    """The path itself or the first of its parents that exists."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _problem_of(folder: Path) -> str:
    """Tried for real: mode bits alone say nothing for root, on read-only disks or with access lists."""
    if not folder.is_dir():
        return "is not a folder"
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return f"can't be written ({error.strerror})"
    return ""


def _user_name() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"user id {os.geteuid()}"
