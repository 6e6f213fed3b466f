"""Connections to PostgreSQL, the same for every process: time limits, JSON by msgspec, and what "away" means.

A database is away when trying again later may help: it can't be reached, shuts down, starts up, is full,
broke off a transaction, or refuses our log-in (a person is about to mend that). Everything else is a fault of
ours and is raised.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec

from acd_core.config import Config, ConfigError
from persistence.store import RETRY_MAX_S, RETRY_MIN_S

CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 60.0
_JSONB_VERSION = b"\x01"  # first byte of jsonb in the binary protocol

_AWAY = (
    OSError,  # includes TimeoutError
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)

logger = logging.getLogger(__name__)


def database_dsn(config: Config) -> str:
    """The configured address; `santral up` fills it in for the embedded database."""
    if not config.database.dsn:
        raise ConfigError(
            "database.dsn is empty; give the address of a PostgreSQL, or use `santral up`, which starts one"
        )
    return config.database.dsn


async def open_pool(config: Config, application: str) -> asyncpg.Pool:
    """A pool of up to `database.pool_max` connections; `application` is the name that PostgreSQL shows for them.

    It connects when first used, so opening it succeeds also while the database is away.
    """
    return await asyncpg.create_pool(
        database_dsn(config),
        min_size=0,
        max_size=config.database.pool_max,
        init=_set_codecs,
        command_timeout=COMMAND_TIMEOUT_S,
        **_settings(application),
    )


@asynccontextmanager
async def connection_when_there(config: Config, application: str) -> AsyncIterator[asyncpg.Connection]:
    """One connection for work of any length; waits for the database and logs each new reason for the wait once."""
    connection = await _connect(config, application)
    try:
        yield connection
    finally:
        await connection.close()


async def _connect(config: Config, application: str) -> asyncpg.Connection:
    reason = ""
    delay_s = RETRY_MIN_S
    while True:
        try:
            return await asyncpg.connect(database_dsn(config), **_settings(application))
        except (asyncpg.InterfaceError, ValueError) as error:
            raise ConfigError(f"database.dsn: {error}") from error
        except _AWAY as error:
            if str(error) != reason:
                reason = str(error)
                logger.warning("waiting for the database: %s", reason or type(error).__name__)
        await asyncio.sleep(delay_s)
        delay_s = min(delay_s * 2, RETRY_MAX_S)


def is_away(error: BaseException) -> bool:
    """Whether trying again later may help. What became of a transaction that was under way is not known then."""
    # asyncpg says InterfaceError both for misuse and for a connection that was closed under our feet. One that the server
    # shuts down in the middle of a COPY stays busy for asyncpg until it is thrown away, which it says in two ways; nobody
    # of ours asks two things of one connection.
    if isinstance(error, asyncpg.InterfaceError):
        return "closed" in str(error) or "in progress" in str(error)
    return isinstance(error, (*_AWAY, asyncpg.InternalClientError))


def _settings(application: str) -> dict[str, Any]:
    return {
        "timeout": CONNECT_TIMEOUT_S,
        "server_settings": {
            "application_name": f"santral {application}",
            # A process that hangs in a transaction must not keep its locks from the others.
            "idle_in_transaction_session_timeout": f"{COMMAND_TIMEOUT_S:.0f}s",
            "timezone": "UTC",
        },
    }


async def _set_codecs(connection: asyncpg.Connection) -> None:
    """JSON as Python objects; anything msgspec knows can be given, `msgspec.Raw` for what is encoded already.

    jsonb is set in the binary format, because COPY takes no other.
    """
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda value: _JSONB_VERSION + msgspec.json.encode(value),
        decoder=lambda data: msgspec.json.decode(data[1:]),
        format="binary",
    )
    await connection.set_type_codec(
        "json",
        schema="pg_catalog",
        encoder=msgspec.json.encode,
        decoder=msgspec.json.decode,
        format="binary",
    )
