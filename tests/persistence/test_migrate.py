"""Migrations on a real database: applied once and in order, refused when histories differ."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest

from acd_core.config import Config
from persistence.migrate import MIGRATIONS_DIR, Migration, MigrationError, migrate, read_migrations
from persistence.pool import connection_when_there
from tests.persistence.servers import query

FIRST = Migration(number=1, name="first", sql="CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
SECOND = Migration(number=2, name="second", sql="INSERT INTO t VALUES (2)")


def apply(config: Config, *migrations: Migration) -> list[str]:
    async def run() -> list[str]:
        async with connection_when_there(config, "test") as connection:
            return await migrate(connection, migrations)

    return asyncio.run(run())


def numbers(config: Config) -> list[int]:
    return list(asyncio.run(query(config.database.dsn, "SELECT array_agg(n ORDER BY n) FROM t")))


def test_ours_apply_to_an_empty_database_once(empty_config: Config) -> None:
    migrations = read_migrations()
    assert apply(empty_config, *migrations) == [migration.title for migration in migrations]
    assert apply(empty_config, *migrations) == []
    assert asyncio.run(query(empty_config.database.dsn, "SELECT count(*) FROM calls")) == 0


def test_only_what_is_missing(empty_config: Config) -> None:
    assert apply(empty_config, FIRST) == ["0001_first.sql"]
    assert apply(empty_config, FIRST, SECOND) == ["0002_second.sql"]
    assert numbers(empty_config) == [1, 2]


def test_several_at_once(empty_config: Config) -> None:
    async def run() -> list[list[str]]:
        async def one() -> list[str]:
            async with connection_when_there(empty_config, "test") as connection:
                return await migrate(connection, (FIRST, SECOND))

        return await asyncio.gather(*(one() for _ in range(4)))

    assert sorted(asyncio.run(run())) == [[], [], [], ["0001_first.sql", "0002_second.sql"]]
    assert numbers(empty_config) == [1, 2]


def test_a_failing_one_leaves_nothing(empty_config: Config) -> None:
    broken = Migration(
        number=2, name="broken", sql="INSERT INTO t VALUES (2); INSERT INTO nowhere VALUES (1)"
    )
    with pytest.raises(MigrationError, match=r"0002_broken\.sql: .*nowhere.*nothing of it was applied"):
        apply(empty_config, FIRST, broken)
    assert numbers(empty_config) == [1]
    assert apply(empty_config, FIRST, SECOND) == ["0002_second.sql"]  # the lock was let go, too


def test_a_changed_one_is_refused(empty_config: Config) -> None:
    apply(empty_config, FIRST)
    changed = msgspec.structs.replace(FIRST, sql=FIRST.sql + "; DROP TABLE t")
    with pytest.raises(MigrationError, match=r"0001_first\.sql was changed after it had been applied"):
        apply(empty_config, changed, SECOND)
    assert numbers(empty_config) == [1]


def test_a_missing_one_is_refused(empty_config: Config) -> None:
    apply(empty_config, FIRST, SECOND)
    other = Migration(number=1, name="other", sql="")
    with pytest.raises(MigrationError, match=r"has 0001_first\.sql where this release has 0001_other\.sql"):
        apply(empty_config, other, SECOND)


def test_a_database_of_a_newer_release_is_refused(empty_config: Config) -> None:
    apply(empty_config, FIRST, SECOND)
    with pytest.raises(MigrationError, match=r"has 0002_second\.sql, which this release doesn't know"):
        apply(empty_config, FIRST)


def test_line_ends_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_bytes(b"SELECT 1;\n")
    unix = read_migrations(tmp_path)
    (tmp_path / "0001_a.sql").write_bytes(b"SELECT 1;\r\n")
    assert read_migrations(tmp_path)[0].checksum == unix[0].checksum


@pytest.mark.parametrize(
    "names", [["0002_a.sql"], ["0001_a.sql", "0003_b.sql"], ["0001_a.sql", "0001_b.sql"]]
)
def test_numbers_without_order_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("")
    with pytest.raises(MigrationError, match="renumber it"):
        read_migrations(tmp_path)


def test_a_misnamed_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1_first.sql").write_text("")
    with pytest.raises(MigrationError, match=r"NNNN_name\.sql"):
        read_migrations(tmp_path)


def test_ours_are_in_the_package() -> None:
    assert MIGRATIONS_DIR.is_dir()
    assert read_migrations()[0].title == "0001_journal.sql"
