"""What a check is and what it finds."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass


class Status(enum.Enum):
    """`WARN` works, but not as well as it should, or not for long; with `FAIL` it can't work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was found and, unless all is well, what to do."""

    status: Status
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.text}; {self.remedy}" if self.remedy else self.text


@dataclass(frozen=True, slots=True)
class Check:
    """A named question to this machine. `blocks_start`: a failure keeps `santral up` from starting."""

    name: str
    run: Callable[[], Finding]
    blocks_start: bool = True


def ok(text: str) -> Finding:
    return Finding(Status.OK, text)


def warn(text: str, remedy: str) -> Finding:
    return Finding(Status.WARN, text, remedy)


def fail(text: str, remedy: str) -> Finding:
    return Finding(Status.FAIL, text, remedy)
