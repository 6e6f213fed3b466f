"""The right to be on time: real-time scheduling where the system grants it, else as much precedence as it
gives.

A clock of 20 ms that shares its processors with databases and browsers is late without it (measured:
docs/decisions/0030). All threads of the engine take part, for the clock may wait on the interpreter lock that
another of them holds. So that an engine with too much to do can't starve the machine, it gives the privilege
back once it has computed for a second without a pause (RLIMIT_RTTIME).
"""

from __future__ import annotations

import contextlib
import logging
import os
import resource
import signal
from types import FrameType
from typing import Final

_log = logging.getLogger(__name__)

_PRIORITY: Final = 1  # of 99: before everything ordinary, after everything else that is real-time
_WITHOUT_PAUSE_MAX_US: Final = 1_000_000
_NICENESS: Final = -10


def take() -> str:
    """Ask for precedence, for this thread and those it starts from now on; returns what was granted, for the log."""
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_RTTIME)
        signal.signal(signal.SIGXCPU, _give_back)
        resource.setrlimit(resource.RLIMIT_RTTIME, (_WITHOUT_PAUSE_MAX_US, hard))
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_PRIORITY))
        return "real-time"
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
        return f"niceness {_NICENESS}"
    return "ordinary"


def _give_back(number: int, frame: FrameType | None) -> None:
    for thread in os.listdir("/proc/self/task"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(int(thread), os.SCHED_OTHER, os.sched_param(0))
    _log.warning("the engine had no pause for a second: it gives its real-time priority back")
