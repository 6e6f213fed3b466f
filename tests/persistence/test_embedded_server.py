"""The embedded PostgreSQL starts, starts again, and comes back after anything was killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from persistence.embedded import EmbeddedPostgres
from persistence.embedded.account import Account
from tests.persistence.servers import NOBODY, as_nobody, install_package, query, running, start, stop

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def note(server: EmbeddedPostgres, text: str) -> None:
    asyncio.run(query(server.dsn, "CREATE TABLE IF NOT EXISTS notes (note text)"))
    asyncio.run(query(server.dsn, f"INSERT INTO notes VALUES ('{text}')"))


def notes(server: EmbeddedPostgres) -> str:
    return str(asyncio.run(query(server.dsn, "SELECT string_agg(note, ' ' ORDER BY note) FROM notes")))


def test_first_start_makes_our_database(public_dir: Path) -> None:
    server = EmbeddedPostgres(public_dir / "data", public_dir / "run")
    with running(server):
        assert asyncio.run(query(server.dsn, "SELECT current_database()")) == "santral"
        assert asyncio.run(query(server.dsn, "SHOW server_encoding")) == "UTF8"
        assert asyncio.run(query(server.dsn, "SELECT upper('çığ ö')")) == "ÇIĞ Ö"
        assert asyncio.run(query(server.dsn, "SHOW fsync")) == "on"
        assert asyncio.run(query(server.dsn, "SHOW max_connections")) == "60"
    assert not (public_dir / "data" / "postgres.new").exists()
    assert stat.S_IMODE((public_dir / "data" / "postgres.password").stat().st_mode) == 0o600


def test_only_the_socket_and_only_with_the_password(server: EmbeddedPostgres, data_dir: Path) -> None:
    with running(server):
        assert asyncio.run(query(server.dsn, "SHOW listen_addresses")) == ""
        password = (data_dir / "postgres.password").read_text().strip()
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(query(server.dsn.replace(password, "guessed"), "SELECT 1"))
        methods = asyncio.run(
            query(server.dsn, "SELECT array_agg(DISTINCT auth_method) FROM pg_hba_file_rules")
        )
        assert methods == ["scram-sha-256"]


def test_not_ready_before_the_start_and_after_the_end(server: EmbeddedPostgres) -> None:
    server.prepare()
    assert not server.ready()
    process = start(server)
    stop(process)
    assert not server.ready()


def test_twice_in_a_row(server: EmbeddedPostgres) -> None:
    with running(server):
        note(server, "first")
        first_dsn = server.dsn
    with running(server):
        assert notes(server) == "first"
        assert server.dsn == first_dsn


def test_killed_server_starts_again(server: EmbeddedPostgres) -> None:
    server.prepare()
    process = start(server)
    note(server, "kept")
    process.kill()
    process.wait()
    assert (server.cluster_dir / "postmaster.pid").exists()
    with running(server):
        assert notes(server) == "kept"


def test_server_that_outlived_its_supervisor_is_stopped(server: EmbeddedPostgres) -> None:
    server.prepare()
    orphan = start(server)
    note(server, "kept")
    server.close()  # as the kernel does for a killed supervisor
    with running(server):
        assert orphan.wait() == 0
        assert notes(server) == "kept"


def test_hung_server_is_stopped_too(server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch) -> None:
    server.prepare()
    orphan = start(server)
    note(server, "kept")
    orphan.send_signal(signal.SIGSTOP)
    server.close()
    steps = ((signal.SIGINT, 0.1), (signal.SIGQUIT, 0.1), (signal.SIGKILL, 30.0))
    monkeypatch.setattr("persistence.embedded.leftovers._STEPS", steps)
    with running(server):
        assert orphan.wait() != 0
        assert notes(server) == "kept"


def test_recycled_process_number_in_the_lock_files(server: EmbeddedPostgres, public_dir: Path) -> None:
    server.prepare()
    account = server.run_as
    stranger = subprocess.Popen(["sleep", "600"], user=account.uid if account else None)
    try:
        for lock_file in (
            server.cluster_dir / "postmaster.pid",
            public_dir / "run" / "pg" / ".s.PGSQL.5432.lock",
        ):
            lock_file.write_text(f"{stranger.pid}\n{server.cluster_dir}\n1700000000\n5432\n\n\n\n")
            if account is not None:
                os.chown(lock_file, account.uid, account.gid)
        with running(server):
            assert asyncio.run(query(server.dsn, "SELECT 1")) == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("name", ["with a space", 'comma, "quote" ünï', "long-" + "x" * 150])
def test_awkward_paths(public_dir: Path, name: str) -> None:
    server = EmbeddedPostgres(public_dir / name / "data", public_dir / name / "run", fallback_dir=public_dir)
    with running(server):
        assert asyncio.run(query(server.dsn, "SELECT 1")) == 1
        assert server.cluster_dir == public_dir / name / "data" / "postgres"


def test_lost_password_is_replaced(server: EmbeddedPostgres, data_dir: Path) -> None:
    with running(server):
        note(server, "kept")
        old_dsn = server.dsn
    (data_dir / "postgres.password").unlink()
    with running(server):
        assert server.dsn != old_dsn
        assert notes(server) == "kept"


def test_interrupted_first_start_begins_again(public_dir: Path) -> None:
    half = public_dir / "data" / "postgres.new" / "data"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    server = EmbeddedPostgres(public_dir / "data", public_dir / "run")
    with running(server):
        assert asyncio.run(query(server.dsn, "SELECT 1")) == 1
    assert not half.exists()


def test_environment_of_the_caller_does_not_matter(public_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("LC_ALL", "xx_YY.UTF-8")
    monkeypatch.setenv("LANG", "tr_TR.UTF-8")
    server = EmbeddedPostgres(public_dir / "data", public_dir / "run")
    with running(server):
        assert asyncio.run(query(server.dsn, "SHOW lc_messages")) == "C"


@as_root
def test_as_root_somebody_else_runs_it(server: EmbeddedPostgres) -> None:
    with running(server) as process:
        assert server.run_as is not None
        assert server.run_as.name in {"postgres", "nobody"}
        assert Path(f"/proc/{process.pid}").stat().st_uid == server.run_as.uid
        assert server.cluster_dir.stat().st_uid == server.run_as.uid


@as_root
def test_owner_of_the_cluster_goes_on_running_it(public_dir: Path) -> None:
    with running(
        EmbeddedPostgres(public_dir / "data", public_dir / "run", account_names=("nobody",))
    ) as process:
        assert Path(f"/proc/{process.pid}").stat().st_uid == NOBODY.pw_uid
    later = EmbeddedPostgres(public_dir / "data", public_dir / "run", account_names=("daemon", "nobody"))
    later.prepare()
    assert later.run_as == Account("nobody", NOBODY.pw_uid, NOBODY.pw_gid)
    later.close()


@as_root
def test_unreachable_data_folder(public_dir: Path) -> None:
    home = public_dir / "home"
    home.mkdir(mode=0o700)
    server = EmbeddedPostgres(home / "data", home / "run", fallback_dir=public_dir / "fallback")
    with running(server):
        note(server, "kept")
        place = server.cluster_dir
        assert place.is_relative_to(public_dir / "fallback")
    home.chmod(0o755)  # the place once chosen stays, or the data would seem lost
    with running(server):
        assert server.cluster_dir == place
        assert notes(server) == "kept"
    # The folder as a whole moves; the note moves with it and still names the place.
    home.rename(public_dir / "moved")
    moved = EmbeddedPostgres(
        public_dir / "moved" / "data", public_dir / "run", fallback_dir=public_dir / "fallback"
    )
    with running(moved):
        assert notes(moved) == "kept"


@as_root
def test_a_new_data_folder_does_not_get_the_database_of_a_removed_one(public_dir: Path) -> None:
    home = public_dir / "home"
    home.mkdir(mode=0o700)
    first = EmbeddedPostgres(home / "data", home / "run", fallback_dir=public_dir / "fallback")
    with running(first):
        note(first, "of the old folder")
    shutil.rmtree(home / "data")
    second = EmbeddedPostgres(home / "data", home / "run", fallback_dir=public_dir / "fallback")
    with running(second):
        assert second.cluster_dir != first.cluster_dir
        assert (
            asyncio.run(query(second.dsn, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")) == 0
        )
    assert first.cluster_dir.is_dir(), "nobody's data is thrown away"


@as_root
def test_unreachable_programs_are_copied_once(
    public_dir: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = public_dir / "private"
    private.mkdir(mode=0o700)
    monkeypatch.syspath_prepend(install_package(private))
    data_dir.joinpath("programs-0123456789ab").mkdir()  # of an earlier version
    server = EmbeddedPostgres(data_dir, public_dir / "run")
    with running(server):
        assert asyncio.run(query(server.dsn, "SELECT 1")) == 1
        program = Path(server.command()[0])
        assert program.is_relative_to(data_dir)
    made_at_ns = program.stat().st_ctime_ns
    assert [folder.name for folder in data_dir.glob("programs-*")] == [program.relative_to(data_dir).parts[0]]
    with running(server):
        assert server.command()[0] == str(program)
    assert program.stat().st_ctime_ns == made_at_ns
    assert program.stat().st_uid == 0


@as_root
def test_unreachable_programs_and_strict_umask(public_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0o077)
    try:
        private = public_dir / "private"
        private.mkdir()
        monkeypatch.syspath_prepend(install_package(private))
        server = EmbeddedPostgres(private / "data", private / "run", fallback_dir=public_dir / "var" / "lib")
        with running(server):
            assert asyncio.run(query(server.dsn, "SELECT 1")) == 1
    finally:
        os.umask(before)


def test_configured_cluster_folder(public_dir: Path) -> None:
    server = EmbeddedPostgres(public_dir / "data", public_dir / "run", public_dir / "disk" / "pg")
    with running(server):
        assert server.cluster_dir == public_dir / "disk" / "pg"
        assert not (public_dir / "data" / "postgres.place").exists()


def test_as_an_ordinary_user(public_dir: Path) -> None:
    if os.geteuid() == 0:
        sys.path.insert(0, str(install_package(public_dir)))  # where that user can reach it
        os.chown(public_dir, NOBODY.pw_uid, NOBODY.pw_gid)

    def life() -> str:
        server = EmbeddedPostgres(public_dir / "my data", public_dir / "run")
        server.prepare()
        assert server.run_as is None
        process = start(server)
        note(server, "kept")
        process.kill()
        process.wait()
        with running(server):
            return notes(server)

    try:
        assert as_nobody(life) == "kept"
    finally:
        if os.geteuid() == 0:
            sys.path.pop(0)


@as_root
def test_root_goes_on_with_the_cluster_of_an_ordinary_user(public_dir: Path) -> None:
    os.chown(public_dir, NOBODY.pw_uid, NOBODY.pw_gid)
    site = install_package(public_dir)

    def first_life() -> None:
        sys.path.insert(0, str(site))
        with running(EmbeddedPostgres(public_dir / "data", public_dir / "run")):
            pass

    as_nobody(first_life)
    server = EmbeddedPostgres(public_dir / "data", public_dir / "run", account_names=("postgres",))
    with running(server):
        assert asyncio.run(query(server.dsn, "SELECT 1")) == 1
        assert server.run_as is not None
        assert server.run_as.uid == NOBODY.pw_uid
