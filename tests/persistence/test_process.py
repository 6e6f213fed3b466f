"""The store process itself: killed at any moment it goes on where it stopped; it reports, waits and refuses clearly."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from acd_core.config import Config, ConfigError, Database
from acd_core.link.aio import LinkServer, Peer
from acd_core.link.signals import FromCore, StoreProgress, ToCore
from persistence.embedded import EmbeddedPostgres
from persistence.pool import open_pool
from persistence.postgres import PostgresStore
from persistence.process import main
from persistence.store import Position
from tests.persistence.histories import EVENTS_A_CALL, JOURNAL, call_records, open_journal, write_journal
from tests.persistence.servers import PATIENCE_S, execute, query
from tests.persistence.test_shipper import check_whole

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, msgspec
from acd_core.config import Config
from persistence.process import main
sys.exit(main(msgspec.json.decode(sys.argv[1], type=Config)))
"""


def spawn(config: Config, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as stderr:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, msgspec.json.encode(config).decode()], cwd=ROOT, stderr=stderr
        )


@contextlib.contextmanager
def process(config: Config, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    child = spawn(config, log)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


def shipped(config: Config) -> int:
    async def ask() -> int:
        async with await open_pool(config, "test") as pool:
            return (await PostgresStore(pool).position(JOURNAL)).seq

    return asyncio.run(ask())


def is_ready(config: Config, child: subprocess.Popen[bytes]) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return config.ready_file("store").read_text() == f"{child.pid}\n"
    return False


def test_serves_and_stops(empty_config: Config, public_dir: Path) -> None:
    """It migrates an empty database, is ready before there is a journal, ships it once there is, and ends at SIGTERM."""
    with process(empty_config, public_dir / "log") as child:
        wait_until(lambda: is_ready(empty_config, child), "the store is ready")
        assert asyncio.run(query(empty_config.database.dsn, "SELECT count(*) FROM calls")) == 0
        write_journal(empty_config.journal_path, 5)
        wait_until(lambda: shipped(empty_config) == 20, "the journal is shipped")
        child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE_S) == 0
    assert not empty_config.ready_file("store").exists()
    assert "Traceback" not in (public_dir / "log").read_text()


def test_killed_at_any_moment(config: Config, public_dir: Path, chance: random.Random) -> None:
    """Killed many times while the journal grows: in the end every event is there, once and in order."""
    calls = 400
    writer = open_journal(config.journal_path, segment_max_bytes=20_000)
    number = 0
    kills = 0
    while number < calls:
        child = spawn(config, public_dir / "log")
        wait_until(lambda child=child: is_ready(config, child), "the store is ready")  # type: ignore[misc]
        end_s = time.monotonic() + chance.uniform(0.0, 0.3)
        while time.monotonic() < end_s and number < calls:
            number += 1
            for record in call_records(number, (number - 1) * EVENTS_A_CALL + 1):
                writer.append(record)
            time.sleep(0.002)
        child.kill()
        child.wait()
        kills += 1
    writer.close()
    assert kills > 1
    with process(config, public_dir / "log"):
        wait_until(lambda: shipped(config) == calls * EVENTS_A_CALL, "all is shipped")

    async def check() -> None:
        async with await open_pool(config, "test") as pool:
            await check_whole(PostgresStore(pool), calls)

    asyncio.run(check())


def test_reports_its_progress_to_the_core(config: Config, public_dir: Path) -> None:
    heard: list[tuple[str, int]] = []

    def on_message(peer: Peer, message: ToCore) -> None:
        assert isinstance(message, StoreProgress)
        heard.append((peer.role, message.shipped_seq))

    async def run() -> None:
        core = LinkServer(
            config.socket("core"),
            role="core",
            name="core",
            send_type=FromCore,
            receive_type=ToCore,
            on_message=on_message,
            on_up=lambda peer, fresh: None,
            on_down=lambda peer: None,
        )
        serving = asyncio.create_task(core.run())
        async with asyncio.timeout(PATIENCE_S):
            while ("store", 20) not in heard:
                await asyncio.wait((serving,), timeout=0.02)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)

    write_journal(config.journal_path, 5)
    with process(config, public_dir / "log"):
        asyncio.run(run())


def test_waits_for_the_database(database_server: EmbeddedPostgres, public_dir: Path) -> None:
    """A database that is not there yet is waited for; the reason is said once."""
    name = f"late_{secrets.token_hex(8)}"
    dsn = database_server.dsn.replace("/santral?", f"/{name}?")
    config = Config(data_dir=str(public_dir / "data"), database=Database(dsn=dsn))
    with process(config, public_dir / "log") as child:
        wait_until(lambda: "waiting for the database" in (public_dir / "log").read_text(), "it waits")
        time.sleep(0.5)  # it asks again a few times meanwhile
        asyncio.run(execute(database_server.dsn, f"CREATE DATABASE {name}"))
        wait_until(lambda: is_ready(config, child), "the store is ready")
    assert (public_dir / "log").read_text().count("waiting for the database") == 1


def test_a_mismatch_is_loud_and_does_not_end_it(config: Config, public_dir: Path) -> None:
    async def ship_a_longer_journal() -> None:
        async with await open_pool(config, "test") as pool:
            records = [record for number in range(1, 4) for record in call_records(number, number * 4 - 3)]
            await PostgresStore(pool).append(JOURNAL, Position(), records)

    asyncio.run(ship_a_longer_journal())
    write_journal(config.journal_path, 1)
    with process(config, public_dir / "log") as child:
        wait_until(lambda: "the journal isn't shipped" in (public_dir / "log").read_text(), "it complains")
        assert child.poll() is None
        assert is_ready(config, child)


def test_a_batch_that_the_database_refuses_is_loud_and_does_not_end_it(
    config: Config, public_dir: Path
) -> None:
    asyncio.run(execute(config.database.dsn, "ALTER TABLE journal_events RENAME COLUMN digest TO was_digest"))
    write_journal(config.journal_path, 1)
    with process(config, public_dir / "log") as child:
        wait_until(lambda: "the journal isn't shipped" in (public_dir / "log").read_text(), "it complains")
        time.sleep(0.5)
        assert child.poll() is None
        assert is_ready(config, child)
    asyncio.run(execute(config.database.dsn, "ALTER TABLE journal_events RENAME COLUMN was_digest TO digest"))
    with process(config, public_dir / "log"):
        wait_until(lambda: shipped(config) == EVENTS_A_CALL, "all is shipped")


def test_a_database_of_a_newer_release(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(
        execute(
            config.database.dsn,
            "INSERT INTO schema_migrations (number, name, checksum) VALUES (9999, 'future', '')",
        )
    )
    assert main(config) == 2
    assert "9999_future.sql, which this release doesn't know" in capsys.readouterr().err


@pytest.mark.parametrize("dsn", ["", "postgresql://[", "postgresql://u@h:port/d"])
def test_an_address_that_is_none(tmp_path: Path, dsn: str) -> None:
    config = Config(data_dir=str(tmp_path), database=Database(dsn=dsn))
    with pytest.raises(ConfigError, match=r"database\.dsn"):
        main(config)
    assert os.listdir(tmp_path) in ([], ["run"])
