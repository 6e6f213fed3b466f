"""The shipper brings a real journal into a store: each event once, whatever breaks, and never past a gap."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from acd_core.config import Config, Database
from acd_core.journal.records import EventRecord, Record
from acd_core.journal.segments import JournalError, list_segments
from acd_core.journal.snapshot import Snapshot, write_snapshot
from persistence.embedded import EmbeddedPostgres
from persistence.memory import MemoryStore
from persistence.migrate import migrate, read_migrations
from persistence.pool import connection_when_there, open_pool
from persistence.postgres import PostgresStore
from persistence.shipper import Shipper
from persistence.store import Position, Store, StoreAwayError, StoreError
from tests.persistence.histories import (
    EVENTS_A_CALL,
    JOURNAL,
    call_records,
    history,
    open_journal,
    write_journal,
)
from tests.persistence.servers import start, stop


def shipper(
    folder: Path, store: Store, progress: list[int] | None = None, batch_records_max: int = 5
) -> Shipper:
    heard = progress if progress is not None else []
    return Shipper(
        folder, JOURNAL, store, heard.append, batch_records_max=batch_records_max, retry_min_s=0.001
    )


def ship(folder: Path, store: Store) -> int:
    return asyncio.run(shipper(folder, store).catch_up())


async def check_whole(store: Store, calls: int) -> None:
    """The store tells exactly what the journal told."""
    expected = MemoryStore()
    await expected.append(JOURNAL, Position(), list(history(calls)))
    assert await store.position(JOURNAL) == await expected.position(JOURNAL)
    assert await store.events(JOURNAL, 0, 10**6) == await expected.events(JOURNAL, 0, 10**6)
    for number in range(1, calls + 1):
        call = f"c{number}"
        assert await store.call(call) == await expected.call(call)
        assert await store.call_story(call) == await expected.call_story(call)
        assert await store.recordings(call) == await expected.recordings(call)


def take_snapshot(folder: Path, seq: int) -> None:
    snapshot = Snapshot(
        journal_id=JOURNAL, seq=seq, now_ms=0, digest=0, code_version="1", received={}, state=b""
    )
    write_snapshot(folder, snapshot)


class FaultyStore:
    """Goes away by chance, before it took a batch or after it did: as a broken connection, which doesn't tell."""

    def __init__(self, inner: Store, chance: random.Random) -> None:
        self._inner = inner
        self._chance = chance
        self.faults = 0

    async def position(self, journal: str) -> Position:
        self._perhaps_fail()
        return await self._inner.position(journal)

    async def append(self, journal: str, after: Position, records: Sequence[Record]) -> Position:
        self._perhaps_fail()
        position = await self._inner.append(journal, after, records)
        self._perhaps_fail()
        return position

    def _perhaps_fail(self) -> None:
        if self._chance.random() < 0.4:
            self.faults += 1
            raise StoreAwayError("unplugged")


def test_ships_all_and_says_how_far(tmp_path: Path) -> None:
    write_journal(tmp_path, 10)
    store = MemoryStore()
    progress: list[int] = []
    asyncio.run(shipper(tmp_path, store, progress).catch_up())
    asyncio.run(check_whole(store, 10))
    assert progress == sorted(progress)
    assert (progress[0], progress[-1]) == (0, 40)
    assert len(list_segments(tmp_path)) > 3


def test_ships_what_is_written_meanwhile(tmp_path: Path) -> None:
    async def run() -> None:
        store = MemoryStore()
        writer = open_journal(tmp_path)
        ours = shipper(tmp_path, store)
        for record in history(6):
            writer.append(record)
            assert await ours.catch_up() == 1
        assert await ours.catch_up() == 0
        writer.close()
        await check_whole(store, 6)

    asyncio.run(run())


@pytest.mark.parametrize("batch_records_max", [1, 2, 3, 1000])
def test_a_new_shipper_goes_on_anywhere(tmp_path: Path, batch_records_max: int) -> None:
    """As after a kill: only the store remembers."""

    async def run() -> None:
        store = MemoryStore()
        writer = open_journal(tmp_path)
        for record in history(6):
            writer.append(record)
            await shipper(tmp_path, store, batch_records_max=batch_records_max).catch_up()
        writer.close()
        await check_whole(store, 6)

    asyncio.run(run())


def test_a_faulty_store_loses_and_doubles_nothing(
    tmp_path: Path, chance: random.Random, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    write_journal(tmp_path, 20)
    store = MemoryStore()
    faulty = FaultyStore(store, chance)
    asyncio.run(shipper(tmp_path, faulty).catch_up())
    asyncio.run(check_whole(store, 20))
    assert faulty.faults
    told = [record.message.partition(",")[0] for record in caplog.records]
    assert told == ["the database is away", "the database is back"] * (len(told) // 2)


def test_a_gap_in_the_journal_stops_it(tmp_path: Path) -> None:
    write_journal(tmp_path, 10)
    store = MemoryStore()
    list_segments(tmp_path)[2][1].unlink()
    with pytest.raises(JournalError, match=r"event .* follows"):
        ship(tmp_path, store)
    assert asyncio.run(store.position(JOURNAL)).seq < 40


def test_a_journal_whose_beginning_is_gone(tmp_path: Path) -> None:
    write_journal(tmp_path, 10)
    list_segments(tmp_path)[0][1].unlink()
    with pytest.raises(JournalError, match=r"events 1 to .* are missing"):
        ship(tmp_path, MemoryStore())


def test_a_store_that_knows_more_than_the_journal(tmp_path: Path) -> None:
    store = MemoryStore()
    write_journal(tmp_path / "long", 10)
    ship(tmp_path / "long", store)
    write_journal(tmp_path / "short", 5)
    with pytest.raises(StoreError, match=r"has event 40 .* ends before"):
        ship(tmp_path / "short", store)


def test_a_store_that_knows_another_event(tmp_path: Path) -> None:
    write_journal(tmp_path, 5)
    store = MemoryStore()
    ship(tmp_path, store)
    other = MemoryStore()
    events = [record for record in history(5) if isinstance(record, EventRecord)]
    changed = [
        EventRecord(seq=e.seq, now_ms=e.now_ms, stream="", number=0, digest=e.digest + 1, event=e.event)
        for e in events
    ]
    asyncio.run(other.append(JOURNAL, Position(), changed))
    with pytest.raises(StoreError, match=r"event 20 .* is another one"):
        ship(tmp_path, other)


def test_removes_what_is_stored_and_covered(tmp_path: Path) -> None:
    async def run() -> None:
        store = MemoryStore()
        writer = open_journal(tmp_path)
        for record in history(10):
            writer.append(record)
        before = len(list_segments(tmp_path))
        ours = shipper(tmp_path, store)
        take_snapshot(tmp_path, 20)
        assert ours.remove_shipped() == 0  # nothing is shipped yet
        await ours.catch_up()
        removed = ours.remove_shipped()
        assert 0 < removed < before - 1
        assert list_segments(tmp_path)[0][0] <= 21
        take_snapshot(tmp_path, 40)
        take_snapshot(tmp_path, 41)
        ours.remove_shipped()
        assert len(list_segments(tmp_path)) == 1  # the one being read
        for number in range(11, 14):
            for record in call_records(number, (number - 1) * EVENTS_A_CALL + 1):
                writer.append(record)
        writer.close()
        await ours.catch_up()
        await shipper(tmp_path, store).catch_up()  # a new one finds its place, too
        await check_whole(store, 13)

    asyncio.run(run())


def test_goes_on_when_the_last_shipped_segment_is_gone(tmp_path: Path) -> None:
    """The store ends exactly where the oldest segment begins; there is nothing to compare."""

    async def run() -> None:
        store = MemoryStore()
        writer = open_journal(tmp_path, segment_max_bytes=1)  # a segment an event
        for record in history(1):
            writer.append(record)
        await shipper(tmp_path, store).catch_up()
        for record in call_records(2, 5):
            writer.append(record)
        writer.close()
        for _, path in list_segments(tmp_path)[:4]:
            path.unlink()
        await shipper(tmp_path, store).catch_up()
        await check_whole(store, 2)

    asyncio.run(run())


@pytest.mark.parametrize("way", ["stopped", "killed"])
def test_postgres_restarts_in_between(server: EmbeddedPostgres, tmp_path: Path, way: str) -> None:
    """The database goes while the journal grows, and comes back; everything arrives once."""
    server.prepare()
    process = start(server)
    config = Config(database=Database(dsn=server.dsn))

    async def run() -> None:
        nonlocal process
        async with connection_when_there(config, "test") as connection:
            await migrate(connection, read_migrations())
        async with await open_pool(config, "test") as pool:
            store = PostgresStore(pool)
            writer = open_journal(tmp_path)
            ours = shipper(tmp_path, store)
            for number in range(1, 31):
                for record in call_records(number, (number - 1) * EVENTS_A_CALL + 1):
                    writer.append(record)
                shipping = asyncio.create_task(ours.catch_up())
                if number % 10 == 5:
                    await asyncio.wait((shipping,), timeout=0.01)
                    if way == "killed":
                        process.kill()
                    stop(process)
                    process.wait()
                    await asyncio.wait((shipping,), timeout=0.05)
                    server.prepare()
                    process = start(server)
                await shipping
            writer.close()
            await check_whole(store, 30)

    try:
        asyncio.run(run())
    finally:
        stop(process)
