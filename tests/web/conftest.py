"""One database server for all tests of the web, one database for each test."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from acd_core.config import Config, Database, Web
from persistence.embedded import EmbeddedPostgres
from tests.persistence.servers import execute, public_folder, running, start, stop
from tests.web.world import CATEGORIES, USERS, make_template

DATABASE = "web_tests"
USER_NAMES = ", ".join(f"'{user}'" for user, *_ in USERS)
# One database for all tests: a new one each time costs more than the tests.
AS_NEW = f"""
TRUNCATE order_history, orders, order_numbers, categories, web_sessions, login_audit, calls, journals
    RESTART IDENTITY CASCADE;
DELETE FROM users WHERE user_name NOT IN ({USER_NAMES});
UPDATE users SET disabled = false WHERE disabled
"""


@pytest.fixture(scope="session")
def web_server() -> Iterator[EmbeddedPostgres]:
    """A PostgreSQL server with a database that has the schema and the tests' users."""
    with public_folder() as folder:
        server = EmbeddedPostgres(folder / "data", folder / "run")
        with running(server):
            asyncio.run(execute(server.dsn, f"CREATE DATABASE {DATABASE}"))
            dsn = server.dsn.replace("/santral?", f"/{DATABASE}?")
            asyncio.run(make_template(Config(database=Database(dsn=dsn))))
            yield server


@pytest.fixture
def config(web_server: EmbeddedPostgres, tmp_path: Path) -> Config:
    """A configuration with folders of its own, on a free port; the database is as new."""
    config = _config(tmp_path, web_server.dsn.replace("/santral?", f"/{DATABASE}?"))
    asyncio.run(execute(config.database.dsn, AS_NEW))
    return config


def _config(folder: Path, dsn: str) -> Config:
    categories = folder / "categories.toml"
    categories.write_text(CATEGORIES, encoding="utf-8")
    return Config(
        data_dir=str(folder / "var"),
        categories_file=str(categories),
        web=Web(listen_port=0),
        database=Database(dsn=dsn),
    )


@pytest.fixture
def away_config(config: Config) -> Config:
    """The same with a database that nobody serves."""
    dsn = "postgresql://nobody:nothing@127.0.0.1:1/none"
    return msgspec.structs.replace(config, database=Database(dsn=dsn))


class OwnServer:
    """A database server of one test, which may stop it."""

    def __init__(self, server: EmbeddedPostgres, folder: Path) -> None:
        self._server = server
        self._process = start(server)
        self.config = _config(folder, server.dsn)

    def stop(self) -> None:
        stop(self._process)

    def freeze(self) -> None:
        """Every process of the server stands still and keeps its connections."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        for each in (pid, *map(int, children)):
            os.kill(each, number)

    def start(self) -> None:
        self._server.prepare()
        self._process = start(self._server)


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[OwnServer]:
    with public_folder() as folder:
        server = EmbeddedPostgres(folder / "data", folder / "run")
        server.prepare()
        own = OwnServer(server, tmp_path)
        try:
            asyncio.run(make_template(own.config))
            yield own
        finally:
            own.stop()
            server.close()


@pytest.fixture
def empty_config(web_server: EmbeddedPostgres, tmp_path: Path) -> Config:
    """A configuration with a database that has nothing in it, not even the schema."""
    name = f"test_{secrets.token_hex(8)}"
    asyncio.run(execute(web_server.dsn, f"CREATE DATABASE {name}"))
    return _config(tmp_path, web_server.dsn.replace("/santral?", f"/{name}?"))
