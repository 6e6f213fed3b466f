"""Tells open registers what changed, whichever web process changed it: PostgreSQL's NOTIFY names the order,
here it is read once and told to everybody.

The connection that listens is one of its own. While it is away changes can be missed; when it is back the
registers are told to load again. The same happens when more orders change than the bounded list of those to
be read can hold.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import asyncpg

from acd_core.config import Config
from agent_web import wire
from agent_web.broadcast import Broadcast
from agent_web.database import Database, DatabaseAwayError
from agent_web.limits import DATABASE_CHECK_INTERVAL_S, ORDERS_CHANGED_MAX
from agent_web.orders import queries
from persistence.pool import connection_when_there

_log = logging.getLogger(__name__)


class LiveOrders:
    """The ears on the database and the registers that listen."""

    def __init__(self, config: Config, database: Database) -> None:
        self._config, self._database = config, database
        self.broadcast = Broadcast()
        self._changed: dict[int, None] = {}
        self._missed = False
        self._wake = asyncio.Event()

    async def listen(self) -> None:
        """Hear of changes until cancelled."""
        first = True
        while True:
            try:
                async with connection_when_there(self._config, "web listen") as connection:
                    lost = asyncio.Event()
                    connection.add_termination_listener(lambda *_, lost=lost: lost.set())
                    await connection.add_listener(queries.CHANNEL, self._heard)
                    if not first:
                        self._miss()
                    first = False
                    await lost.wait()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                _log.warning("the registers hear of no changes: %s", error or type(error).__name__)
                await asyncio.sleep(DATABASE_CHECK_INTERVAL_S)
            else:
                _log.warning("the registers hear of no changes until the database is back")

    async def tell(self) -> None:
        """Read what changed and tell it until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._missed:
                self._missed = False
                self.broadcast.tell(wire.OrdersMissed())
            ids = list(self._changed)
            self._changed.clear()
            if not ids or not len(self.broadcast):
                continue
            try:
                async with self._database.connection() as connection:
                    rows = await connection.fetch(queries.BY_IDS, ids)
            except DatabaseAwayError:
                continue  # the listener's connection is gone, too, and says so when it is back
            for row in rows:
                if not self.broadcast.tell(wire.OrderChanged(order=queries.order_row(row))):
                    self._miss()
                    break

    def _heard(self, connection: Any, pid: int, channel: str, payload: str) -> None:
        if len(self._changed) >= ORDERS_CHANGED_MAX:
            self._changed.clear()
            self._miss()
        self._changed[int(payload)] = None
        self._wake.set()

    def _miss(self) -> None:
        self._missed = True
        self._wake.set()
