"""The checks against real ports, folders and libraries."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from acd_core.config import Config, Database, Rtp, Sip, Web, Webrtc
from santral.checks import Status, checks_for, database, documents, folders, machine, network, run_doctor
from santral.checks.database import without_password
from tests.tooling.imports import ROOT

NOBODY = 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")


def config_in(folder: Path, **changes: object) -> Config:
    return msgspec.structs.replace(Config(base_dir=str(folder)), **changes)


def free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def taken_udp() -> socket.socket:
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("127.0.0.1", 0))
    return taken


def test_a_busy_sip_port_is_said_with_its_setting(tmp_path: Path, taken_udp: socket.socket) -> None:
    port = taken_udp.getsockname()[1]
    config = config_in(tmp_path, sip=Sip(listen_port=port))
    found = network.sip_port(config, running=None)
    assert found.status is Status.FAIL
    assert str(found).startswith(f"UDP 127.0.0.1 port {port} is in use by another program; stop")
    assert "[sip] listen_port" in found.remedy
    assert network.sip_port(config, running=4711).status is Status.OK
    taken_udp.close()
    assert network.sip_port(config, running=None).status is Status.OK


def test_another_country_than_the_plans_is_noted(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    config = config_in(tmp_path, plan_file="plan.toml")
    assert documents.country(config_in(tmp_path)).status is Status.OK
    assert documents.country(config).status is Status.OK, "the check of the plan says that it is not there"
    plan.write_text('name = "x"\n')
    assert documents.country(config).status is Status.OK, "both by default"
    plan.write_text('country = "DE"\n')
    found = documents.country(config)
    assert found.status is Status.WARN
    assert "as of TR, those of the plan as of DE" in found.text
    assert documents.country(msgspec.structs.replace(config, country="DE")).status is Status.OK


def test_a_busy_web_port_is_said(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        config = config_in(tmp_path, web=Web(listen_port=taken.getsockname()[1]))
        found = network.web_port(config, running=None)
    assert found.status is Status.FAIL
    assert "[web] listen_port" in found.remedy


def test_a_busy_port_for_browsers_is_said(tmp_path: Path, taken_udp: socket.socket) -> None:
    port = taken_udp.getsockname()[1]
    found = network.browser_port(config_in(tmp_path, webrtc=Webrtc(listen_port=port)), running=None)
    assert found.status is Status.FAIL
    assert "[webrtc] listen_port" in found.remedy
    assert network.browser_port(config_in(tmp_path), running=None).status is Status.OK


def test_an_address_of_another_machine_is_said(tmp_path: Path) -> None:
    config = config_in(tmp_path, sip=Sip(listen_host="192.0.2.7"))
    assert "192.0.2.7 is no address of this machine" in str(network.sip_port(config, running=None))
    assert network.rtp_ports(config, running=None).status is Status.FAIL


def test_rtp_ports_that_others_use_are_noticed(tmp_path: Path, taken_udp: socket.socket) -> None:
    port = taken_udp.getsockname()[1]
    low = min(max(port - 50, 1024), 65435)
    found = network.rtp_ports(config_in(tmp_path, rtp=Rtp(port_min=low, port_max=low + 99)), running=None)
    assert found.status is Status.WARN
    assert "are taken" in found.text


def test_a_small_rtp_range_is_noticed(tmp_path: Path) -> None:
    found = network.rtp_ports(config_in(tmp_path, rtp=Rtp(port_min=20000, port_max=20009)), running=None)
    assert found.status is Status.WARN
    assert "5 legs" in found.text


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("not a folder")
    found = folders.data_folder(config_in(tmp_path))
    assert found.status is Status.FAIL
    assert "is not a folder" in found.text


def test_a_broken_part_of_the_data_folder(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "journal").write_text("not a folder")
    assert "journal is not a folder" in folders.data_folder(config_in(tmp_path)).text


def test_a_data_folder_is_made_where_it_can_be(tmp_path: Path) -> None:
    assert "will be made" in folders.data_folder(config_in(tmp_path)).text
    (tmp_path / "var").mkdir()
    assert folders.data_folder(config_in(tmp_path)).status is Status.OK


def run_as_nobody(program: str, *arguments: str) -> str:
    """The interpreter may lie where nobody can't reach it, so a child imports first and changes user then."""
    prologue = f"import sys, os; sys.path.insert(0, {str(ROOT)!r}); from santral.checks import folders\n"
    change = f"import acd_core.config as c; os.setgid({NOBODY}); os.setuid({NOBODY})\n"
    command = [sys.executable, "-c", prologue + change + program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


@as_root
@pytest.mark.parametrize("exists", [True, False])
def test_a_data_folder_of_somebody_else(tmp_path: Path, exists: bool) -> None:
    if exists:
        (tmp_path / "var").mkdir()
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    program = "print(folders.data_folder(c.Config(base_dir=sys.argv[1])))"
    answer = run_as_nobody(program, str(tmp_path))
    assert "can't be " in answer
    assert "data_dir" in answer


def test_a_run_folder_that_is_too_long_for_a_socket(tmp_path: Path) -> None:
    found = folders.run_folder(config_in(tmp_path, run_dir="x" * 90))
    assert found.status is Status.FAIL
    assert "too long" in found.text


def test_a_run_folder_that_somebody_planted(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    assert "somebody else" in folders.run_folder(config_in(tmp_path, run_dir=str(tmp_path / "run"))).text


def test_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = folders.shutil.disk_usage(tmp_path).free
    monkeypatch.setattr(folders, "DISK_FREE_MIN_BYTES", free * 2)
    found = folders.disk(config_in(tmp_path))
    assert found.status is Status.FAIL
    assert "free some space" in found.remedy


def test_a_database_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    dsn = f"postgresql://santral:secret@127.0.0.1:{free_port(socket.SOCK_STREAM)}/santral"
    found = database.database(config_in(tmp_path, database=Database(dsn=dsn)))
    assert found.status is Status.FAIL
    assert "can't be reached" in found.text
    assert "secret" not in str(found)


def test_without_a_dsn_the_embedded_database_is_there(tmp_path: Path) -> None:
    assert database.database(config_in(tmp_path)).status is Status.OK


def test_libraries_clock_and_limits_of_this_machine() -> None:
    assert machine.speech().status is Status.OK
    assert machine.browser_audio().status is Status.OK
    assert machine.open_files().status is not Status.FAIL
    assert machine.clock().status is not Status.FAIL


def test_a_clock_of_another_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 0.0)
    found = machine.clock()
    assert found.status is Status.FAIL
    assert found.remedy == "set the clock"


def test_a_page_that_was_not_built(tmp_path: Path) -> None:
    assert machine.page(tmp_path).status is Status.FAIL
    (tmp_path / "index.html").touch()
    assert machine.page(tmp_path).status is Status.OK


def test_every_finding_that_is_not_ok_says_what_to_do(tmp_path: Path) -> None:
    for check in checks_for(config_in(tmp_path)):
        finding = check.run()
        assert finding.text, check.name
        assert finding.status is Status.OK or finding.remedy, check.name


def test_the_doctor_fails_when_a_check_does(
    tmp_path: Path, taken_udp: socket.socket, capsys: pytest.CaptureFixture[str]
) -> None:
    port = taken_udp.getsockname()[1]
    assert run_doctor(config_in(tmp_path, sip=Sip(listen_port=port))) == 1
    table = capsys.readouterr().out
    assert f"FAIL  SIP port       UDP 127.0.0.1 port {port} is in use by another program\n" in table
    assert "→ stop that program" in table
    taken_udp.close()


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://u:secret@host:5432/db", "postgresql://host:5432/db"),
        ("postgresql://host:5432/db", "postgresql://host:5432/db"),
        ("postgresql://host/db?password=secret", "postgresql://host/db"),
        ("postgresql://u:sec/ret@host/db", "the database of the DSN"),
        ("postgresql://u:sec?ret@host/db", "the database of the DSN"),
        ("postgresql://u:sec#ret@host/db", "the database of the DSN"),
        ("postgresql://u:secret", "the database of the DSN"),
        ("postgresql://[secret", "the database of the DSN"),
    ],
)
def test_a_password_is_not_shown_wherever_it_stands(dsn: str, shown: str) -> None:
    assert without_password(dsn) == shown
