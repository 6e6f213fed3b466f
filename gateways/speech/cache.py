"""The folder of spoken texts: files appear whole or not at all, and the folder does not grow for ever.

A file is written under another name and renamed, so whoever looks for it finds it complete. When the folder
holds too many files or too many bytes, those that nobody used for longest go, down to nine tenths of the
limit. Only files with names of ours count and only they are removed. The edge plays files without asking, so
what counts as use is the later of a file's times of reading and writing (filesystems commonly note the former
once a day, which is enough here).
"""

from __future__ import annotations

import logging
import os
import re
import wave
from pathlib import Path

log = logging.getLogger(__name__)

FILES_MAX = 5_000
BYTES_MAX = 512 * 1024 * 1024
_OURS = re.compile(r"[0-9a-f]{32}\.wav")
_DRAFT = re.compile(r"[0-9a-f]{32}\.wav-draft")


class Cache:
    """The folder; used by one thread of one process."""

    def __init__(self, folder: Path, *, files_max: int = FILES_MAX, bytes_max: int = BYTES_MAX) -> None:
        """Nothing is touched before the first use."""
        self.folder = folder
        self._files_max, self._bytes_max = files_max, bytes_max
        self._files: int | None = None  # None: not counted yet
        self._bytes = 0

    def duration_ms(self, path: Path) -> int | None:
        """How long the file plays, noting that it is used; None when there is none or it is no sound."""
        try:
            with wave.open(str(path), "rb") as file:
                duration_ms = file.getnframes() * 1000 // file.getframerate()
            os.utime(path)
        except FileNotFoundError:
            return None
        except (wave.Error, EOFError, ZeroDivisionError):
            log.warning("%s is no sound file; it is made again", path.name)
            return None
        return duration_ms

    def write(self, path: Path, content: bytes) -> None:
        """Put a file in its place; raise `OSError` when that is impossible, leaving nothing."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._files is None:
            self._count()
        draft = path.with_suffix(".wav-draft")
        try:
            draft.write_bytes(content)
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
        self._files = (self._files or 0) + 1
        self._bytes += len(content)
        if self._files > self._files_max or self._bytes > self._bytes_max:
            self._shrink(path)

    def _count(self) -> list[tuple[float, int, str]]:
        """Count what is there; returns (last use, bytes, path) of each file. Drafts of a killed process go."""
        found = []
        for entry in os.scandir(self.folder):
            if _DRAFT.fullmatch(entry.name):
                Path(entry.path).unlink(missing_ok=True)
            elif _OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                found.append((max(status.st_atime, status.st_mtime), status.st_size, entry.path))
        self._files, self._bytes = len(found), sum(size for _, size, _ in found)
        return found

    def _shrink(self, keep: Path) -> None:
        found = sorted(self._count())
        assert self._files is not None
        for _, size, path in found:
            if self._files <= self._files_max * 0.9 and self._bytes <= self._bytes_max * 0.9:
                break
            if path == str(keep):
                continue
            Path(path).unlink(missing_ok=True)
            self._files -= 1
            self._bytes -= size
        log.info("spoken texts: %d files, %d bytes are kept", self._files, self._bytes)
