"""Real PostgreSQL servers for the tests of this folder."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from acd_core.config import Config, Database
from persistence.embedded import EmbeddedPostgres
from persistence.migrate import migrate, read_migrations
from persistence.pool import connection_when_there
from tests.persistence.servers import execute, public_folder, running


@pytest.fixture
def public_dir() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def pristine_dir() -> Iterator[Path]:
    """A data folder whose cluster was made and never started; `initdb` runs once for all tests."""
    with public_folder() as folder:
        server = EmbeddedPostgres(folder / "data", folder / "run")
        server.prepare()
        server.close()
        yield folder / "data"


@pytest.fixture
def data_dir(pristine_dir: Path, public_dir: Path) -> Path:
    """A copy of that folder, for one test."""
    target = public_dir / "data"
    subprocess.run(["cp", "-a", str(pristine_dir), str(target)], check=True)
    (target / "postgres.lock").unlink()
    return target


@pytest.fixture
def server(data_dir: Path, public_dir: Path) -> Iterator[EmbeddedPostgres]:
    """Prepared by the test itself; its data folder holds a cluster."""
    embedded = EmbeddedPostgres(data_dir, public_dir / "run", fallback_dir=public_dir / "fallback")
    yield embedded
    embedded.close()
    shutil.rmtree(public_dir / "run", ignore_errors=True)


@pytest.fixture(scope="session")
def database_server(pristine_dir: Path) -> Iterator[EmbeddedPostgres]:
    """A running server for all tests that need a database and not a server of their own."""
    with public_folder() as folder:
        subprocess.run(["cp", "-a", str(pristine_dir), str(folder / "data")], check=True)
        server = EmbeddedPostgres(folder / "data", folder / "run")
        with running(server):
            yield server


@pytest.fixture
def empty_config(database_server: EmbeddedPostgres, public_dir: Path) -> Config:
    """A configuration of its own folders and an empty database."""
    name = f"test_{secrets.token_hex(8)}"
    asyncio.run(execute(database_server.dsn, f"CREATE DATABASE {name}"))
    dsn = database_server.dsn.replace("/santral?", f"/{name}?")
    return Config(data_dir=str(public_dir / "data"), database=Database(dsn=dsn))


@pytest.fixture
def config(empty_config: Config) -> Config:
    """The same with a migrated database."""

    async def prepare() -> None:
        async with connection_when_there(empty_config, "test") as connection:
            await migrate(connection, read_migrations())

    asyncio.run(prepare())
    return empty_config
