"""The database as the web process sees it: a pool that may be away, and one exception that says so.

A task brings the schema up to date, makes the first log-ins, and then asks every two seconds whether the
database still answers; those who care are told when that changes. Requests borrow a connection for a bounded
time; whatever means "trying again later may help" becomes `DatabaseAwayError`, which routes answer with 503.
Nothing about calls waits for the database.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from acd_core.config import Config
from agent_web.limits import DATABASE_CHECK_INTERVAL_S, DATABASE_TIMEOUT_S
from persistence.migrate import MigrationError, migrate, read_migrations
from persistence.pool import connection_when_there, is_away, open_pool

_log = logging.getLogger(__name__)

_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


class DatabaseAwayError(Exception):
    """The database can't be reached now."""


class Database:
    """A pool that comes and goes."""

    def __init__(
        self, config: Config, application: str, *, check_interval_s: float = DATABASE_CHECK_INTERVAL_S
    ) -> None:
        """`application` is the name that PostgreSQL shows for the connections."""
        self._config, self._application = config, application
        self._check_interval_s = check_interval_s
        self._pool: asyncpg.Pool | None = None
        self._listeners: list[Callable[[bool], None]] = []
        self._complaint = ""
        self.reached = asyncio.Event()  # it answers; schema and log-ins are being made or are there
        self.prepared = asyncio.Event()
        self.up = False

    def on_change(self, listener: Callable[[bool], None]) -> None:
        """Call `listener(up)` whenever the database comes or goes."""
        self._listeners.append(listener)

    async def run(self, prepare: Callable[[Any], Awaitable[None]]) -> None:
        """Migrate, `prepare` (in a transaction, once) and watch until cancelled."""
        self._pool = await open_pool(self._config, self._application)
        try:
            while True:
                await self._check(prepare)
                await asyncio.sleep(self._check_interval_s)
        finally:
            self._pool.terminate()

    async def _check(self, prepare: Callable[[Any], Awaitable[None]]) -> None:
        try:
            if self.prepared.is_set():
                async with self._borrow() as connection:
                    await connection.execute("SELECT 1")
            else:
                await self._make_ready(prepare)
        except (DatabaseAwayError, MigrationError) as error:
            self._set_up(False, str(error))
        else:
            self._set_up(True, "")

    async def _make_ready(self, prepare: Callable[[Any], Awaitable[None]]) -> None:
        assert self._pool is not None, "run opened it"
        try:
            async with connection_when_there(self._config, self._application) as connection:
                self.reached.set()
                await migrate(connection, read_migrations())
            async with self._pool.acquire() as connection, connection.transaction():
                await prepare(connection)
        except _ERRORS as error:
            _raise_if_away(error)
            raise
        self.prepared.set()

    def _set_up(self, up: bool, complaint: str) -> None:
        if complaint and complaint != self._complaint:
            _log.warning("the database can't be used: %s", complaint)
        self._complaint = complaint
        if up == self.up:
            return
        self.up = up
        if up:
            _log.info("the database is there")
        for listener in self._listeners:
            listener(up)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Borrow a connection; `DatabaseAwayError` when there is none, it breaks, or it takes too long.

        While the database is known to be away nobody waits for it.
        """
        if not self.up:
            raise DatabaseAwayError(self._complaint or "not opened yet")
        async with self._borrow() as connection:
            yield connection

    @asynccontextmanager
    async def _borrow(self) -> AsyncIterator[Any]:
        assert self._pool is not None, "run opened it"
        try:
            connection = await self._pool.acquire(timeout=DATABASE_TIMEOUT_S)
        except _ERRORS as error:  # whatever keeps us from connecting is the database's, not the request's
            raise DatabaseAwayError(_words(error)) from error
        # Ends a statement, a rollback and the connection's return alike when the server hangs.
        timer = asyncio.get_running_loop().call_later(DATABASE_TIMEOUT_S, connection.terminate)
        try:
            yield connection
        except _ERRORS as error:
            _raise_if_away(error)
            raise
        finally:
            timer.cancel()
            await self._pool.release(connection)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Borrow a connection with a transaction around everything done to it."""
        async with self.connection() as connection, connection.transaction():
            yield connection


def _raise_if_away(error: Exception) -> None:
    if is_away(error):
        raise DatabaseAwayError(_words(error)) from error


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
