"""The store in PostgreSQL: batches go in by COPY, in one transaction with the position and the rows read from
them.

The transaction begins by moving the journal's position from where the batch begins to where it ends. That row
is locked until the end, so of two store processes only one gets through and the other finds that the position
has moved.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from acd_core.domain.commands import AgentStory, CallStory, Decided
from acd_core.domain.events import RecordingFinished
from acd_core.journal.records import EventRecord, Record
from persistence import rows
from persistence.pool import is_away
from persistence.projection import calls_named, finished_recordings, project_calls
from persistence.store import CallRow, Position, StoreAwayError, StoreError, position_after

_MEET = "INSERT INTO journals (identity) VALUES ($1) ON CONFLICT (identity) DO NOTHING"
_POSITION = "SELECT shipped_seq, shipped_story FROM journals WHERE identity = $1"
_MOVE = """
UPDATE journals SET shipped_seq = $4, shipped_story = $5
WHERE identity = $1 AND shipped_seq = $2 AND shipped_story = $3
RETURNING id
"""
_EVENTS = """
SELECT seq, at, stream, number, digest, payload FROM journal_events
WHERE journal = (SELECT id FROM journals WHERE identity = $1) AND seq > $2 ORDER BY seq LIMIT $3
"""
_CALL = "SELECT * FROM calls WHERE call = $1"
_CALLS_TO_CHANGE = "SELECT * FROM calls WHERE call = ANY($1::text[]) FOR UPDATE"
_CALL_STORY = "SELECT * FROM call_steps WHERE call = $1 ORDER BY journal, seq, index"
_CALL_DECISIONS = "SELECT payload FROM call_decisions WHERE call = $1 ORDER BY journal, seq, index"
_AGENT_STORY = "SELECT * FROM agent_states WHERE agent = $1 ORDER BY journal, seq, index"
_RECORDINGS = "SELECT * FROM recordings WHERE call = $1 ORDER BY part, path"


def _insert(table: str, columns: Sequence[str]) -> str:
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})"


_SET_CALL = ", ".join(f"{name} = excluded.{name}" for name in rows.CALL_COLUMNS[1:])
_PUT_CALL = f"{_insert('calls', rows.CALL_COLUMNS)} ON CONFLICT (call) DO UPDATE SET {_SET_CALL}"
_PUT_RECORDING = f"{_insert('recordings', rows.RECORDING_COLUMNS)} ON CONFLICT (call, part, path) DO NOTHING"


class PostgresStore:
    """Fulfils `Store` over a pool of `persistence.pool`, whose database is migrated."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """The pool stays the caller's to close."""
        self._pool = pool

    async def position(self, journal: str) -> Position:
        """See `Store`."""
        async with self._connection() as connection:
            row = await connection.fetchrow(_POSITION, journal)
        return Position(row["shipped_seq"], row["shipped_story"]) if row is not None else Position()

    async def append(self, journal: str, after: Position, records: Sequence[Record]) -> Position:
        """See `Store`."""
        position = position_after(after, records)
        async with self._connection() as connection, connection.transaction():
            await connection.execute(_MEET, journal)
            number = await connection.fetchval(
                _MOVE, journal, after.seq, after.has_story, position.seq, position.has_story
            )
            if number is None:
                raise StoreError(
                    f"journal {journal} isn't stored up to {after}: another store process is at work"
                )
            await _copy(connection, "journal_events", rows.EVENT_COLUMNS, rows.event_rows(number, records))
            await _copy(
                connection, "call_steps", rows.CALL_STEP_COLUMNS, rows.call_step_rows(number, records)
            )
            await _copy(
                connection,
                "call_decisions",
                rows.CALL_DECISION_COLUMNS,
                rows.call_decision_rows(number, records),
            )
            await _copy(
                connection, "agent_states", rows.AGENT_STATE_COLUMNS, rows.agent_state_rows(number, records)
            )
            await _put_calls(connection, records)
            recordings = [rows.recording_row(event) for event in finished_recordings(records)]
            if recordings:
                await connection.executemany(_PUT_RECORDING, recordings)
        return position

    async def events(self, journal: str, after_seq: int, events_max: int) -> tuple[EventRecord, ...]:
        """See `Store`."""
        return tuple(rows.to_event(row) for row in await self._fetch(_EVENTS, journal, after_seq, events_max))

    async def call(self, call: str) -> CallRow | None:
        """See `Store`."""
        found = await self._fetch(_CALL, call)
        return rows.to_call(found[0]) if found else None

    async def call_story(self, call: str) -> tuple[CallStory, ...]:
        """See `Store`."""
        return tuple(rows.to_call_story(row) for row in await self._fetch(_CALL_STORY, call))

    async def call_decisions(self, call: str) -> tuple[Decided, ...]:
        """See `Store`."""
        return tuple(rows.to_decision(row) for row in await self._fetch(_CALL_DECISIONS, call))

    async def agent_story(self, agent: str) -> tuple[AgentStory, ...]:
        """See `Store`."""
        return tuple(rows.to_agent_story(row) for row in await self._fetch(_AGENT_STORY, agent))

    async def recordings(self, call: str) -> tuple[RecordingFinished, ...]:
        """See `Store`."""
        return tuple(rows.to_recording(row) for row in await self._fetch(_RECORDINGS, call))

    async def _fetch(self, sql: str, *arguments: Any) -> list[Any]:
        async with self._connection() as connection:
            found: list[Any] = await connection.fetch(sql, *arguments)
        return found

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[asyncpg.Connection]:
        try:
            async with self._pool.acquire() as connection:
                yield connection
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            if not is_away(error):
                raise
            # A transaction whose connection broke ends with the complaint that it can't be rolled back.
            cause = error.__context__ if isinstance(error, asyncpg.InterfaceError) else None
            raise StoreAwayError(str(cause or error) or type(error).__name__) from error


async def _copy(connection: asyncpg.Connection, table: str, columns: Sequence[str], records: Any) -> None:
    await connection.copy_records_to_table(table, columns=columns, records=records)


async def _put_calls(connection: asyncpg.Connection, records: Sequence[Record]) -> None:
    names = [rows.storable(call) for call in calls_named(records)]
    if not names:
        return
    known = {row["call"]: rows.to_call(row) for row in await connection.fetch(_CALLS_TO_CHANGE, names)}
    changed = project_calls(known, records)
    await connection.executemany(_PUT_CALL, [rows.call_row(changed[call]) for call in sorted(changed)])
