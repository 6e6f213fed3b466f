"""The database: one that a DSN names, or the embedded one."""

from __future__ import annotations

import asyncio
import urllib.parse

import asyncpg

from acd_core.config import Config
from persistence.embedded import EmbeddedPostgresError
from persistence.embedded.binaries import find_binaries
from santral.checks.finding import Finding, fail, ok

CONNECT_WITHIN_S = 10.0
VERSION_MIN = 14


def database(config: Config) -> Finding:
    if not config.database.dsn:
        try:
            find_binaries()
        except EmbeddedPostgresError as error:
            return fail(error.cause, error.remedy)
        return ok("embedded")
    where = without_password(config.database.dsn)
    try:
        version = asyncio.run(_server_version(config.database.dsn))
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = str(error) or type(error).__name__
        return fail(f"{where} can't be reached ({reason})", "look at [database] dsn, and whether it runs")
    if version < VERSION_MIN:
        return fail(f"{where} is PostgreSQL {version}", f"use version {VERSION_MIN} or newer")
    return ok(f"{where}, PostgreSQL {version}")


async def _server_version(dsn: str) -> int:
    connection = await asyncpg.connect(dsn, timeout=CONNECT_WITHIN_S)
    try:
        await connection.execute("SELECT 1")
        return int(connection.get_server_version().major)
    finally:
        await connection.close()


def without_password(dsn: str) -> str:
    """For the terminal. A password with an unquoted / ? or # ends up in other parts than its own."""
    nameless = "the database of the DSN"
    try:
        parts = urllib.parse.urlsplit(dsn)
        _ = parts.port  # no number: it is the begin of a password
    except ValueError:
        return nameless
    if not parts.scheme or "@" in parts.path + parts.query + parts.fragment:
        return nameless
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path}"
