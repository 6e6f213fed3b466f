"""Brings the database's schema up to date: numbered SQL files, each applied once, in order, in a transaction of
its own.

`migrations/NNNN_name.sql`, numbered without a gap. What was applied is noted with a checksum; a file that
changed afterwards, or went away, means that this database and this release have different histories, and
nothing is touched. An advisory lock lets several processes migrate at once: one does it, the others find it
done.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Sequence
from pathlib import Path

import asyncpg
import msgspec

from persistence.pool import is_away

MIGRATIONS_DIR = Path(__file__).parent / "migrations"
_NAME = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql")
_LOCK_KEY = 0x73616E7472616C  # "santral"; any number that nobody else takes
_HISTORY = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""
_NOTE = "INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)"

logger = logging.getLogger(__name__)


class MigrationError(Exception):
    """The schema can't be brought up to date; the text names the file, the reason and what to do."""


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered file. The checksum ignores how lines end, which a version control system may change."""

    number: int
    name: str
    sql: str

    @property
    def title(self) -> str:
        return f"{self.number:04d}_{self.name}.sql"

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(folder: Path = MIGRATIONS_DIR) -> tuple[Migration, ...]:
    """All files of the folder, by number; raises when the numbers are not 1, 2, 3 …"""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise MigrationError(f"{path}: the name must be NNNN_name.sql in lower case")
        sql = path.read_text(encoding="utf-8")  # universal newlines
        found.append(Migration(number=int(match["number"]), name=match["name"], sql=sql))
    for expected, migration in enumerate(found, start=1):
        if migration.number != expected:
            raise MigrationError(
                f"{folder}: {migration.title} stands where number {expected:04d} should; renumber it"
            )
    return tuple(found)


async def migrate(connection: asyncpg.Connection, migrations: Sequence[Migration]) -> list[str]:
    """Apply what is missing and return the names; raises `MigrationError` and changes nothing when histories differ."""
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK_KEY)
    try:
        await _run(connection, "schema_migrations", _HISTORY)
        applied = await connection.fetch(
            "SELECT number, name, checksum FROM schema_migrations ORDER BY number"
        )
        _check_history([(row["number"], row["name"], row["checksum"]) for row in applied], migrations)
        pending = migrations[len(applied) :]
        for migration in pending:
            async with connection.transaction():
                await _run(connection, migration.title, migration.sql)
                await connection.execute(_NOTE, migration.number, migration.name, migration.checksum)
            logger.info("applied %s", migration.title)
    finally:
        if not connection.is_closed():  # a closed one has lost its lock
            await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK_KEY)
    return [migration.title for migration in pending]


def _check_history(applied: Sequence[tuple[int, str, str]], migrations: Sequence[Migration]) -> None:
    for place, (number, name, checksum) in enumerate(applied):
        title = f"{number:04d}_{name}.sql"
        if place >= len(migrations):
            raise MigrationError(
                f"the database has {title}, which this release doesn't know; it was used by a newer release, install that"
            )
        known = migrations[place]
        if (known.number, known.name) != (number, name):
            raise MigrationError(
                f"the database has {title} where this release has {known.title}; install the release that made it"
            )
        if known.checksum != checksum:
            raise MigrationError(
                f"{title} was changed after it had been applied; restore the file and put the change into a new one"
            )


async def _run(connection: asyncpg.Connection, title: str, sql: str) -> None:
    try:
        await connection.execute(sql)
    except asyncpg.PostgresError as error:
        if is_away(error):
            raise
        raise MigrationError(f"{title}: {error}; nothing of it was applied") from error
