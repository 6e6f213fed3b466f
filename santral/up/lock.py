"""One `santral up` a data folder.

The lock belongs to the open file, not to the process, and the children inherit the open file: it is free
only when the supervisor and every child are gone. So a start right after the supervisor was killed waits for
what it left behind, instead of finding the ports and the journal still in use.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

LOCK_NAME = "up.lock"
_POLL_S = 0.1


class AlreadyRunningError(Exception):
    """The text names who holds the folder."""


class UpLock:
    """Held from creation to `close`."""

    def __init__(self, data_path: Path, patience_s: float = 20.0) -> None:
        self._path = data_path / LOCK_NAME
        self.descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._acquire(patience_s)
        except BaseException:
            os.close(self.descriptor)
            raise
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)

    def _acquire(self, patience_s: float) -> None:
        deadline = time.monotonic() + patience_s
        while not _try_lock(self.descriptor, fcntl.LOCK_EX):
            holder = _read_pid(self.descriptor)
            if holder is not None and _is_alive(holder):
                raise AlreadyRunningError(
                    f"santral is already running here (pid {holder}, {self._path.parent}); stop it first"
                )
            if time.monotonic() >= deadline:
                raise AlreadyRunningError(
                    f"processes of an earlier run still hold {self._path}; see them with: fuser {self._path}"
                )
            time.sleep(_POLL_S)


def running_pid(data_path: Path) -> int | None:
    """The pid of the supervisor that uses this folder now."""
    try:
        descriptor = os.open(data_path / LOCK_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if _try_lock(descriptor, fcntl.LOCK_SH):
            return None
        holder = _read_pid(descriptor)
        return holder if holder is not None and _is_alive(holder) else None
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_pid(descriptor: int) -> int | None:
    try:
        return int(os.pread(descriptor, 32, 0))
    except ValueError:
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
