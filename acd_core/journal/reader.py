"""Reading the journal: once from a sequence on, or from behind while the core writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from acd_core.journal.records import EventRecord, Record
from acd_core.journal.segments import (
    JournalError,
    cut_is_torn_write,
    list_segments,
    read_journal_id,
    read_segment,
)


def journal_identity(folder: Path) -> str:
    """The id of the journal in `folder`, empty when there is none yet."""
    for _, path in reversed(list_segments(folder)):
        if journal_id := read_journal_id(path):
            return journal_id
    return ""


def read_journal(folder: Path, after_seq: int = 0) -> Iterator[Record]:
    """All whole records behind the event `after_seq`; raises `JournalError` where events are missing or damaged in between."""
    tail = JournalTail(folder, after_seq)
    while True:
        while records := tail.poll(10_000):
            yield from records
        if tail.position is None or cut_is_torn_write(*tail.position):
            return
        # Something whole stands behind the end: a core has written on since we read, or a record in between is damaged.
        records = tail.poll(10_000)
        if not records:
            path, offset = tail.position
            raise JournalError(f"{path}: damaged at byte {offset}, and whole records stand behind it")
        yield from records


class JournalTail:
    """Follows the journal. `poll` gives what is new; nothing is given twice, and a gap is an error."""

    def __init__(self, folder: Path, after_seq: int = 0, *, after_story: bool = True) -> None:
        """Begin behind event `after_seq` (0: at the beginning).

        With `after_story` false the story of `after_seq` itself is given too (a reader who stored the event but not its story).
        """
        self.folder = folder
        self.last_seq = after_seq
        self._skip_until = after_seq
        self._skip_story = after_story
        self._path: Path | None = None
        self._offset = 0

    @property
    def position(self) -> tuple[Path, int] | None:
        """The segment being read and the offset behind the last whole record given; None when there is no segment."""
        return (self._path, self._offset) if self._path is not None else None

    def poll(self, records_max: int) -> list[Record]:
        """Up to `records_max` new records, in order; empty when there is nothing new."""
        records: list[Record] = []
        while len(records) < records_max:
            if self._path is None and not self._find_start():
                break
            if self._read_on(records, records_max) or not self._next_segment():
                break
        return records

    def _find_start(self) -> bool:
        segments = list_segments(self.folder)
        if not segments:
            return False
        if segments[0][0] > self.last_seq + 1:
            raise JournalError(
                f"{self.folder}: events {self.last_seq + 1} to {segments[0][0] - 1} are missing from the journal"
            )
        before = [path for first, path in segments if first <= max(self.last_seq, 1)]
        self._path, self._offset = (before[-1] if before else segments[0][1]), 0
        return True

    def _read_on(self, records: list[Record], records_max: int) -> bool:
        """Read from the present segment; True when `records_max` was reached."""
        assert self._path is not None
        try:
            for offset, record in read_segment(self._path, self._offset):
                self._offset = offset
                if self._is_new(record):
                    records.append(record)
                if len(records) >= records_max:
                    return True
        except FileNotFoundError as error:
            raise JournalError(f"{self._path}: removed while it was still being read") from error
        return False

    def _is_new(self, record: Record) -> bool:
        if record.seq < self._skip_until or (
            record.seq == self._skip_until and isinstance(record, EventRecord)
        ):
            return False
        if isinstance(record, EventRecord):
            if record.seq != self.last_seq + 1:
                raise JournalError(
                    f"{self._path}: event {record.seq} follows {self.last_seq}; the journal is damaged"
                )
            self.last_seq = record.seq
            return True
        return not (record.seq == self._skip_until and self._skip_story)

    def _next_segment(self) -> bool:
        """Go on to the next segment, when there is one; the present one is then complete up to a torn last record."""
        assert self._path is not None
        later = [path for _, path in list_segments(self.folder) if path.name > self._path.name]
        if not later:
            return False
        # The writer may have added to the present segment between our reading it and the next one's birth.
        if next(read_segment(self._path, self._offset), None) is not None:
            return True
        self._path, self._offset = later[0], 0
        return True
