"""Appending to the journal: one writer, the core; a thread of its own brings what was written to the disk.

An event is handed to the kernel before `append` returns, since it is applied next. The story that came out of it may wait a
little: it goes with the next event in one write, else with the next sync. A process killed in between loses no more than the
story of the last event, which the next core makes again from that event.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from pathlib import Path

from acd_core.journal.records import EventRecord, Record, StoryRecord, encode_record
from acd_core.journal.segments import (
    HEADER_FORMAT,
    RECORD_MAX_BYTES,
    JournalError,
    JournalFullError,
    cut_is_torn_write,
    frame_record,
    segment_name,
    sync_folder,
)

_log = logging.getLogger(__name__)


class JournalWriter:
    """Writes records in order; a new segment begins with the first event past `segment_max_bytes`."""

    def __init__(
        self,
        folder: Path,
        *,
        last_seq: int,
        end: tuple[Path, int] | None = None,
        journal_id: str = "",
        segment_max_bytes: int,
        sync_interval_ms: int,
    ) -> None:
        """`last_seq`, `journal_id` and `end` (newest segment, offset behind its last whole record) as recovered.

        An empty id begins a new journal. What stands behind `end` is a torn write and is cut off.
        """
        self.folder = folder
        self.journal_id = journal_id or secrets.token_hex(8)
        self.last_seq = last_seq
        self.segments_begun = 0
        self._segment_max_bytes = segment_max_bytes
        self._size = 0
        self._fd = -1
        self._later = b""  # framed records for the next write
        self._dirty = False  # the present segment has unsynced data
        self._retired: set[int] = set()  # segments that are written, for the thread to sync and close
        self._lock = threading.Lock()  # around all of the above, and the order of writes
        self._sync_lock = threading.Lock()
        self._stop = threading.Event()
        self._sync_interval_s = sync_interval_ms / 1000
        folder.mkdir(parents=True, exist_ok=True)
        if end is not None:
            self._continue_segment(*end)
        self._thread = threading.Thread(target=self._sync_loop, name="journal-sync", daemon=True)
        self._thread.start()

    def append(self, record: Record) -> None:
        """Hand the record to the kernel; raises `JournalError` when the disk takes no more, and nothing of it stays."""
        framed = self._framed(record)
        with self._lock:
            if isinstance(record, EventRecord):
                assert record.seq == self.last_seq + 1, f"event {record.seq} after {self.last_seq}"
                if self._fd < 0 or self._size >= self._segment_max_bytes:
                    self._begin_segment(record.seq)
                self.last_seq = record.seq
            else:
                assert record.seq == self.last_seq
            self._write(self._later + framed if self._later else framed)

    def append_later(self, record: StoryRecord) -> None:
        """Have it written with the next event or the next sync, whichever comes first."""
        framed = self._framed(record)
        with self._lock:
            assert record.seq == self.last_seq
            self._later += framed

    def flush(self) -> None:
        """Hand to the kernel what waits; raises as `append` does."""
        with self._lock:
            if self._later:
                self._write(self._later)

    def sync(self) -> None:
        """Bring what was written so far to the disk; may be called from any thread."""
        try:
            self.flush()
        except JournalError:
            pass  # it still waits: the next event meets the same and says so
        with self._sync_lock:
            with self._lock:
                fds = [self._fd] if self._dirty else []
                self._dirty = False
                retired, self._retired = self._retired, set()
            for fd in [*retired, *fds]:
                try:
                    os.fdatasync(fd)
                except OSError as error:
                    _log.error("journal: sync failed: %s", error.strerror)
            for fd in retired:
                os.close(fd)

    def _framed(self, record: Record) -> bytes:
        data = encode_record(record)
        if len(data) > RECORD_MAX_BYTES:
            raise JournalError(
                f"event {record.seq} takes {len(data)} bytes, more than a reader takes for whole"
            )
        return frame_record(data)

    def close(self) -> None:
        """Sync and close."""
        self._stop.set()
        self._thread.join()
        self.sync()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _continue_segment(self, path: Path, offset: int) -> None:
        if not cut_is_torn_write(path, offset):
            raise JournalError(
                f"{path}: the journal is damaged at byte {offset}, and whole records follow; restore it from a copy, "
                f"or cut the file there to go on without them"
            )
        try:
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            os.ftruncate(self._fd, offset)
        except OSError as error:
            raise JournalError(f"{path}: can't go on writing: {error.strerror}") from error
        self._size = offset
        if offset == 0:
            self._write(HEADER_FORMAT.format(journal_id=self.journal_id).encode("ascii"))

    def _begin_segment(self, seq: int) -> None:
        if self._later:
            self._write(self._later)  # the last story belongs to the last segment
        path = self.folder / segment_name(seq)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalFullError(f"{path}: can't begin a segment: {error.strerror}") from error
        if self._fd >= 0:
            self._retired.add(self._fd)
        self._fd = fd
        self._size = 0
        self.segments_begun += 1
        self._write(HEADER_FORMAT.format(journal_id=self.journal_id).encode("ascii"))
        sync_folder(self.folder)

    def _write(self, data: bytes) -> None:
        try:
            written = os.write(self._fd, data)
            if written != len(data):
                raise OSError(None, "the disk took only part of a record; it is full")
        except OSError as error:
            os.ftruncate(self._fd, self._size)
            raise JournalFullError(
                f"{self.folder}: the journal can't be written: {error.strerror}; free space"
            ) from error
        self._size += len(data)
        self._later = b""
        self._dirty = True

    def _sync_loop(self) -> None:
        while not self._stop.wait(self._sync_interval_s):
            self.sync()
