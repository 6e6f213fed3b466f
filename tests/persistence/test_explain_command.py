"""`santral explain` while the core is away: the story comes out of the database, also out of the embedded one."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from acd_core.config import Config, Database
from persistence.embedded import EmbeddedPostgres, EmbeddedPostgresError, running_dsn
from persistence.migrate import migrate, read_migrations
from persistence.pool import connection_when_there, open_pool
from persistence.postgres import PostgresStore
from persistence.store import Position
from santral.explain import run_explain
from tests.persistence.histories import JOURNAL
from tests.persistence.servers import running
from tests.persistence.test_reasons import HISTORY


async def store(config: Config) -> None:
    async with connection_when_there(config, "test") as connection:
        await migrate(connection, read_migrations())
    async with await open_pool(config, "test") as pool:
        await PostgresStore(pool).append(JOURNAL, Position(), HISTORY)


def test_the_story_is_read_from_the_database(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(store(config))
    assert run_explain(config, "c1", "en", as_json=False) == 0
    said = capsys.readouterr().out
    assert "c1  2026-01-01  Europe/Istanbul" in said
    assert "03:00:00  Nobody could take it: 1 talking (Ayşe). Step 1 comes at 03:00:20" in said
    assert run_explain(config, "c1", "tr", as_json=True) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["told"]["names"]["agents"] == {"a1": "Ayşe"}
    assert data["lines"][0]["clock"] == "03:00:00"


def test_a_call_that_never_was(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(store(config))
    assert run_explain(config, "c-unknown", "en", as_json=False) == 1
    said = "santral: there is no call c-unknown; `santral trace c-unknown` lists the latest ones\n"
    assert capsys.readouterr().err == said


def test_the_embedded_database_is_found_while_it_runs(
    server: EmbeddedPostgres, data_dir: Path, public_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config(data_dir=str(data_dir), run_dir=str(public_dir / "run"))
    with pytest.raises(EmbeddedPostgresError, match=r"does not run|there is no database"):
        running_dsn(config.data_path, config.run_path)
    with running(server):
        assert running_dsn(config.data_path, config.run_path) == server.dsn
        asyncio.run(store(msgspec.structs.replace(config, database=Database(dsn=server.dsn))))
        assert run_explain(config, "c1", "en", as_json=False) == 0
    assert "Nobody could take it" in capsys.readouterr().out
    assert run_explain(config, "c1", "en", as_json=False) == 1
    said = capsys.readouterr().err
    assert "the core does not run here" in said
    assert "does not run" in said


def test_an_embedded_database_that_was_never_made(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="there is no database"):
        running_dsn(tmp_path / "data", tmp_path / "run")
