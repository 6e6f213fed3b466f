"""What a child prints: all of it into a log of bounded size, what is alarming also onto the terminal.

The log is one file and a few older ones (`core.log`, `core.log.1`, ...), so a child that complains for a
year fills no disk. Lines on the terminal are limited in number a minute, and the rest is named with the file
that holds it. A full disk must not stop the pump, because a child whose pipe is full stands still.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LOG_MAX_BYTES = 8 * 1024 * 1024
LOGS_KEPT = 4
LINE_MAX_BYTES = 8 * 1024
LAST_LINES = 15
TERMINAL_LINES_A_MINUTE = 30


@dataclass(frozen=True, slots=True)
class LineStyle:
    """How a program's log lines look. A line that begins no `record` belongs to the one before it."""

    record: re.Pattern[str]
    alarm: re.Pattern[str]


# As acd_core/logs.py writes them: when, which process, the level. A dying interpreter has its own words.
PYTHON_LINES = LineStyle(
    record=re.compile(r"^\d{4}-\d\d-\d\d[ T]"),
    alarm=re.compile(r"^\S+ \S+ \w+ (WARNING|ERROR|CRITICAL) |^Traceback |^Fatal Python error"),
)
# What a client is told while the server starts or stops is no alarm: we ask until it is ready.
POSTGRES_LINES = LineStyle(
    record=re.compile(r"^\S*\s*[A-Z]+:  "),
    alarm=re.compile(r"\b(ERROR|FATAL|PANIC):  (?!the database system is (starting|shutting|not yet))"),
)


class RotatingLog:
    """A file that is closed and numbered when it has reached its size."""

    def __init__(self, path: Path, *, max_bytes: int = LOG_MAX_BYTES, kept: int = LOGS_KEPT) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._kept = kept
        self._descriptor = self._open()
        self._size = os.fstat(self._descriptor).st_size

    @property
    def path(self) -> Path:
        return self._path

    def write(self, data: bytes) -> None:
        """Raises OSError when the disk is full."""
        if self._size and self._size + len(data) > self._max_bytes:
            self._rotate()
        os.write(self._descriptor, data)
        self._size += len(data)

    def close(self) -> None:
        os.close(self._descriptor)

    def _open(self) -> int:
        return os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def _rotate(self) -> None:
        for number in range(self._kept - 1, 0, -1):
            older = self._numbered(number)
            if older.exists():
                older.replace(self._numbered(number + 1))
        self._path.replace(self._numbered(1))
        new = self._open()
        os.close(self._descriptor)
        self._descriptor, self._size = new, 0

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


class OutputPump:
    """Takes a child's output in pieces of any size and hands on whole lines."""

    def __init__(
        self,
        name: str,
        log: RotatingLog,
        show: Callable[[str], None],
        monotonic: Callable[[], float],
        style: LineStyle = PYTHON_LINES,
    ) -> None:
        self._name = name
        self._log = log
        self._show = show
        self._monotonic = monotonic
        self._style = style
        self._pending = b""
        self._last: deque[str] = deque(maxlen=LAST_LINES)
        self._is_alarming = False
        self._is_hushed = False
        self._log_failed = False
        self._minute_began = monotonic()
        self._shown_this_minute = 0

    @property
    def last_lines(self) -> list[str]:
        """For the report when the supervisor gives up on the child."""
        return list(self._last)

    def hush(self) -> None:
        """From now on only errors are shown: while all are stopped, each warns that the others go away."""
        self._is_hushed = True

    def feed(self, data: bytes) -> None:
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._take(line[:LINE_MAX_BYTES])
        if len(self._pending) > LINE_MAX_BYTES:
            self._take(self._pending[:LINE_MAX_BYTES])
            self._pending = b""

    def end(self) -> None:
        """The child has ended; what it printed last may lack its end of line."""
        if self._pending:
            self._take(self._pending)
            self._pending = b""

    def _take(self, line: bytes) -> None:
        self._write(line + b"\n")
        text = line.decode(errors="replace").rstrip()
        if not text:
            return
        self._last.append(text)
        if found := self._style.alarm.search(text):
            self._is_alarming = not (self._is_hushed and "WARNING" in found.group())
        elif self._style.record.match(text):
            self._is_alarming = False
        if self._is_alarming:
            self._show_within_limit(text)

    def _write(self, data: bytes) -> None:
        try:
            self._log.write(data)
        except OSError as error:
            if not self._log_failed:
                self._show(f"{self._name}: can't write {self._log.path} ({error.strerror}); free some space")
            self._log_failed = True
        else:
            self._log_failed = False

    def _show_within_limit(self, text: str) -> None:
        now = self._monotonic()
        if now - self._minute_began >= 60:
            self._minute_began, self._shown_this_minute = now, 0
        self._shown_this_minute += 1
        if self._shown_this_minute <= TERMINAL_LINES_A_MINUTE:
            self._show(f"{self._name} | {text}")
        elif self._shown_this_minute == TERMINAL_LINES_A_MINUTE + 1:
            self._show(f"{self._name} | more such lines are in {self._log.path}")
