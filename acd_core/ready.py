"""Readiness files: a process says that it serves by writing its pid to `run/NAME.ready`, and takes that back when it stops."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Self

from acd_core.config import Config


class ReadyFile:
    """Context manager around a process: removes a stale file on entry and its own on exit."""

    def __init__(self, config: Config, name: str) -> None:
        """`name` is the process (core, edge, …)."""
        self._path = config.ready_file(name)

    def __enter__(self) -> Self:
        """Make the run folder, private to this user, and forget an earlier process."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        return self

    def write(self) -> None:
        """Say: serving. Written whole or not at all."""
        draft = self._path.with_suffix(".ready-draft")
        draft.write_text(f"{os.getpid()}\n", encoding="ascii")
        draft.replace(self._path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say: no longer serving."""
        self._path.unlink(missing_ok=True)
