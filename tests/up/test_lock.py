"""One `santral up` a data folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from santral.up.lock import LOCK_NAME, AlreadyRunningError, UpLock, running_pid


def test_a_second_one_is_told_who_runs(tmp_path: Path) -> None:
    lock = UpLock(tmp_path)
    with pytest.raises(AlreadyRunningError, match=rf"already running here \(pid {os.getpid()}, "):
        UpLock(tmp_path)
    assert running_pid(tmp_path) == os.getpid()
    lock.close()
    assert running_pid(tmp_path) is None
    UpLock(tmp_path).close()


def test_an_empty_folder_has_nobody(tmp_path: Path) -> None:
    assert running_pid(tmp_path) is None


def test_the_pid_of_a_dead_one_does_not_hold_the_folder(tmp_path: Path) -> None:
    (tmp_path / LOCK_NAME).write_text(f"{os.getpid()}\n")
    assert running_pid(tmp_path) is None
    UpLock(tmp_path).close()


def test_waits_for_children_that_a_killed_one_left(tmp_path: Path) -> None:
    lock = UpLock(tmp_path)
    with subprocess.Popen(["sleep", "60"], pass_fds=[lock.descriptor]) as child:
        os.pwrite(lock.descriptor, b"\n", 0)
        os.ftruncate(lock.descriptor, 1)  # as if the pid in the file were nobody's
        os.close(lock.descriptor)
        with pytest.raises(AlreadyRunningError, match="processes of an earlier run"):
            UpLock(tmp_path, patience_s=0.0)
        child.kill()
    UpLock(tmp_path).close()
