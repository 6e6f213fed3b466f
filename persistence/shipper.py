"""Ships the core's journal to the store: follows the segment files from behind, batch by batch, each event once.

Before a batch goes out, the segments it was read from are synced to disk. Otherwise, after a power loss, the
database could know events that the journal has lost, and the core would give their numbers to other events.

While the store is away the batch is kept and offered again; nothing is lost, because the journal keeps what
was not shipped. When the connection broke during a commit nobody knows how it ended, so the position is asked
for: the batch is in or it is not. After a crash the same question to the store says where to go on.

At the start the last stored event is compared with the journal's. A journal that was restored from a copy, or
a database that belongs to another, is not shipped over: that is an error for a person.

Segments that are shipped and covered by a snapshot are removed, up to the one being read.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from acd_core.journal.reader import JournalTail
from acd_core.journal.records import EventRecord, Record
from acd_core.journal.segments import list_segments
from acd_core.journal.snapshot import prune
from persistence.store import (
    RETRY_MAX_S,
    RETRY_MIN_S,
    Position,
    Store,
    StoreAwayError,
    StoreError,
    position_after,
)

BATCH_RECORDS_MAX = 2_000
POLL_INTERVAL_S = 0.1
PRUNE_INTERVAL_S = 10.0

logger = logging.getLogger(__name__)
_Answer = TypeVar("_Answer")


class Shipper:
    """Ships one journal; `on_progress` hears the last stored event's number after each batch."""

    def __init__(
        self,
        folder: Path,
        journal: str,
        store: Store,
        on_progress: Callable[[int], None],
        *,
        batch_records_max: int = BATCH_RECORDS_MAX,
        retry_min_s: float = RETRY_MIN_S,
    ) -> None:
        """`journal` is the identity of the journal in `folder`."""
        self._folder = folder
        self._journal = journal
        self._store = store
        self._on_progress = on_progress
        self._batch_records_max = batch_records_max
        self._retry_min_s = retry_min_s
        self._position = Position()
        self._tail: JournalTail | None = None
        self._is_away = False

    async def run(self) -> None:
        """Ship until cancelled; raises `JournalError` or `StoreError` when the two don't fit together."""
        loop = asyncio.get_running_loop()
        prune_at_s = loop.time()
        while True:
            await self.catch_up()
            if loop.time() >= prune_at_s:
                prune_at_s = loop.time() + PRUNE_INTERVAL_S
                await asyncio.to_thread(self.remove_shipped)
            await asyncio.sleep(POLL_INTERVAL_S)

    async def catch_up(self) -> int:
        """Ship all that is in the journal now and return how many records that was."""
        if self._tail is None:
            self._tail = await self._begin()
        shipped = 0
        while True:
            first = self._tail.position
            records = self._tail.poll(self._batch_records_max)
            if not records:
                return shipped
            last = self._tail.position
            assert last is not None
            await asyncio.to_thread(_sync_segments, self._folder, first[0] if first else None, last[0])
            self._position = await self._ship(records)
            shipped += len(records)
            self._on_progress(self._position.seq)

    def remove_shipped(self) -> int:
        """Remove segments that nobody needs any more and return how many."""
        place = self._tail.position if self._tail is not None else None
        if place is None:
            return 0
        # Never the one being read: its successor may be there while its last story isn't shipped.
        reading = next((first for first, path in list_segments(self._folder) if path == place[0]), 1)
        removed = prune(self._folder, min(self._position.seq, reading - 1))
        if removed:
            logger.info("removed %d journal segments that are stored and covered by a snapshot", removed)
        return removed

    async def _begin(self) -> JournalTail:
        self._position = await self._persist(lambda: self._store.position(self._journal))
        await self._compare()
        self._on_progress(self._position.seq)
        return JournalTail(self._folder, self._position.seq, after_story=self._position.has_story)

    async def _compare(self) -> None:
        """The last stored event must be the journal's event of that number, unless its segment was removed since."""
        seq = self._position.seq
        segments = list_segments(self._folder)
        if seq == 0 or not segments or segments[0][0] == seq + 1:
            return
        ours = next(
            (r for r in JournalTail(self._folder, seq - 1).poll(2) if isinstance(r, EventRecord)), None
        )
        if ours is None:
            raise StoreError(
                f"the database has event {seq} of journal {self._journal}, which {self._folder} ends before; "
                "restore the newer journal, or move the folder away to begin a new one"
            )
        (stored,) = await self._persist(lambda: self._store.events(self._journal, seq - 1, 1))
        if (stored.now_ms, stored.digest) != (ours.now_ms, ours.digest):
            raise StoreError(
                f"event {seq} of journal {self._journal} is another one in the database than in {self._folder}; "
                "restore the journal that was shipped, or move the folder away to begin a new one"
            )

    async def _ship(self, records: list[Record]) -> Position:
        """Store the batch, however long the store is away."""
        target = position_after(self._position, records)

        async def append_once() -> Position:
            if self._is_away and await self._store.position(self._journal) == target:
                return target  # the batch whose commit was never confirmed
            return await self._store.append(self._journal, self._position, records)

        return await self._persist(append_once)

    async def _persist(self, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Ask the store again and again while it is away, ever more slowly; say so once."""
        delay_s = self._retry_min_s
        while True:
            try:
                answer = await ask()
            except StoreAwayError as error:
                if not self._is_away:
                    self._is_away = True
                    logger.warning("the database is away, the journal keeps what comes: %s", error)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, RETRY_MAX_S)
                continue
            if self._is_away:
                self._is_away = False
                logger.info("the database is back")
            return answer


def _sync_segments(folder: Path, first: Path | None, last: Path) -> None:
    """Sync the files that a batch was read from; without `first`, all up to the last (at the start only)."""
    for _, path in list_segments(folder):
        if (first is None or path.name >= first.name) and path.name <= last.name:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fdatasync(descriptor)
            finally:
                os.close(descriptor)
