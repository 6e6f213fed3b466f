"""Past and present calls as the store tells them; behind the live picture by as much as the store is."""

from __future__ import annotations

from agent_web import wire
from agent_web.calls import queries
from agent_web.database import Database
from agent_web.times import as_ms, as_time

_FAR_FUTURE_MS = 4_102_444_800_000  # the year 2100


class PastCalls:
    """Lists calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(self, before_ms: int, limit: int) -> wire.PastCalls:
        """Calls that arrived before `before_ms` (0: all), newest first."""
        before = as_time(min(before_ms or _FAR_FUTURE_MS, _FAR_FUTURE_MS))
        async with self._database.connection() as connection:
            rows = await connection.fetch(queries.RECENT, before, limit)
        return wire.PastCalls(
            calls=[
                wire.PastCall(
                    call=row["call"],
                    caller=row["caller"] or "",
                    dialled=row["dialled"] or "",
                    via=row["via"] or "",
                    queue=row["queue"] or "",
                    agent=row["agent"] or "",
                    arrived_ms=as_ms(row["arrived_at"]),
                    answered_ms=as_ms(row["answered_at"]),
                    ended_ms=as_ms(row["ended_at"]),
                    outcome=row["outcome"] or "",
                    cause=row["cause"] or "",
                    order=row["tracking_number"] or "",
                )
                for row in rows
            ]
        )
