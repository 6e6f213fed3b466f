"""The supervisor's words to the terminal, which must not stop it: one that is held (Ctrl-S), or a pipe that nobody
reads, would stop the supervisor, then the children, as soon as their own pipes to us are full.

So nothing is written that would have to wait for longer than a moment. What is left out is counted and named; what
the children said is in their logs anyway.
"""

from __future__ import annotations

import os
import select
from typing import TextIO

PATIENCE_MS = 50
_PIECE_BYTES = 512  # POSIX: what a pipe that is ready takes without waiting, everywhere


class Terminal:
    """One stream of ours."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._left_out = 0

    def say(self, text: str) -> None:
        """A line or several, if they are taken."""
        if self._left_out:
            text = f"(the terminal was held: {self._left_out} messages were left out)\nsantral: {text}"
        try:
            is_said = self._write(f"santral: {text}\n")
        except OSError:
            return  # the terminal is gone; the calls are not
        self._left_out = 0 if is_said else self._left_out + 1

    def _write(self, text: str) -> bool:
        try:
            descriptor = self._stream.fileno()
        except (OSError, ValueError):  # no file, as in a test
            print(text, end="", file=self._stream, flush=True)
            return True
        self._stream.flush()
        data = text.encode(self._stream.encoding or "utf-8", "backslashreplace")
        waiting = select.poll()
        waiting.register(descriptor, select.POLLOUT)
        while data:
            # One that was held before has had its moment.
            if not waiting.poll(0 if self._left_out else PATIENCE_MS):
                return False
            data = data[os.write(descriptor, data[:_PIECE_BYTES]) :]
        return True
