"""A program under a test: its lines are read as they come, so that a test waits for what it says and for nothing else.

The calls block; a test whose edge runs in the same loop makes them with `asyncio.to_thread`.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE_S = 30.0
_TAIL_LINES = 40


class Program:
    """One running process. Errors go where the lines go; `close` ends it, whatever state it is in."""

    def __init__(
        self, command: Sequence[str], folder: Path, *, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start `command` in `folder`, with `environment` beside the test's own."""
        folder.mkdir(parents=True, exist_ok=True)
        self.name = Path(command[0]).name
        self.lines: list[str] = []
        self._read = 0
        self._news = threading.Condition()
        self._ended = False
        self._process = subprocess.Popen(
            list(command),
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read_lines, name=f"{self.name}-lines", daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    def say(self, line: str) -> None:
        """Write one line to its input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def wait_for(self, pattern: str, patience_s: float = PATIENCE_S) -> re.Match[str]:
        """The next line that holds this expression; lines before it are passed over and not seen again."""
        deadline = time.monotonic() + patience_s
        with self._news:
            while True:
                while self._read < len(self.lines):
                    self._read += 1
                    if match := re.search(pattern, self.lines[self._read - 1]):
                        return match
                left_s = deadline - time.monotonic()
                if left_s <= 0 or self._ended:
                    why = "ended" if self._ended else f"did not say it within {patience_s:.0f} s"
                    raise AssertionError(f"{self.name}: {pattern!r}: it {why}\n{self.tail()}")
                self._news.wait(left_s)

    def tail(self) -> str:
        """The last lines, for a test that failed."""
        return "\n".join(self.lines[-_TAIL_LINES:])

    def wait(self, patience_s: float = PATIENCE_S) -> int:
        """Its exit code once it ended by itself."""
        return self._process.wait(patience_s)

    def close(self) -> None:
        """End it, and whatever it started: a child that lives on would hold the pipe that the reader reads."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            try:
                stream.close()
            except BrokenPipeError:
                pass  # something was still to be written when it ended

    def _read_lines(self) -> None:
        assert self._process.stdout is not None
        for raw in self._process.stdout:
            with self._news:
                self.lines.append(raw.decode(errors="replace").rstrip("\r\n"))
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()
