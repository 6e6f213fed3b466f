"""Servers that outlived whoever started them, and lock files that outlived their server.

`kill -9` of the supervisor can leave a server that nobody holds; `kill -9` of the server leaves its children
for a moment (they notice, but a new server refuses to start while one is attached) and its lock files.
PostgreSQL takes them for stale when no process has their number. In a container the numbers are small and
come again soon, so a new and unrelated process of the same user would keep the database from starting for
ever; hence we look at what the process is.

A process belongs to a cluster when it is called postgres and the cluster is its current folder, as Linux
tells in /proc. Call this only while holding the lock of the installation: then a running server is nobody's.
"""

from __future__ import annotations

import logging
import os
import signal
import time
from pathlib import Path

from persistence.embedded.errors import EmbeddedPostgresError

_PROC = Path("/proc")
_LOCK_FILE = "postmaster.pid"
_STATUS_LINE = 8  # of the lock file, the last
_POLL_S = 0.05
_STEPS = (
    (signal.SIGINT, 30.0),
    (signal.SIGQUIT, 10.0),
    (signal.SIGKILL, 5.0),
)  # fast, immediate, and the last resort

logger = logging.getLogger(__name__)


def clear_leftovers(cluster: Path, socket_folder: Path) -> None:
    """Stop what still runs on the cluster, gently first, and remove the lock files, which are stale then."""
    if not _PROC.joinpath("self").exists():  # no Linux: PostgreSQL's own check must do
        return
    for number, patience_s in _STEPS:
        left = _processes_of(cluster)
        if not left:
            break
        logger.warning(
            "stopping a database server left by an earlier run (pids %s)", ", ".join(map(str, left))
        )
        head = _locked_by(cluster)
        for pid in [head] if head in left and number != signal.SIGKILL else left:
            _send(pid, number)
        _wait_gone(cluster, patience_s)
    else:
        if _processes_of(cluster):
            raise EmbeddedPostgresError(
                f"a server left by an earlier run still holds {cluster}",
                "end the processes called postgres by hand",
            )
    for stale in (cluster / _LOCK_FILE, *socket_folder.glob(".s.PGSQL.*")):
        stale.unlink(missing_ok=True)


def says_ready(cluster: Path) -> bool:
    """What the server itself notes in the lock file of its cluster; a killed one goes on saying it."""
    lines = _lock_lines(cluster)
    return len(lines) >= _STATUS_LINE and lines[_STATUS_LINE - 1].strip() == "ready"


def _locked_by(cluster: Path) -> int | None:
    lines = _lock_lines(cluster)
    try:
        return int(lines[0])
    except (IndexError, ValueError):  # none, or cut short by a full disk
        return None


def _lock_lines(cluster: Path) -> list[str]:
    try:
        return (cluster / _LOCK_FILE).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def _processes_of(cluster: Path) -> list[int]:
    wanted = os.path.realpath(cluster)
    found = []
    for entry in _PROC.iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            # The program's name last: only the owner and root may read the folder, and few share it.
            if os.readlink(entry / "cwd") == wanted and (entry / "comm").read_text().strip() == "postgres":
                found.append(int(entry.name))
        except OSError:  # gone meanwhile, or somebody else's
            continue
    return sorted(found)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _wait_gone(cluster: Path, patience_s: float) -> None:
    deadline = time.monotonic() + patience_s
    while _processes_of(cluster) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
