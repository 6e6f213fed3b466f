"""The command line and the start of `santral up`, as far as it goes without the other processes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from acd_core.config import Config, Sip, Web
from santral.cli import PROCESSES, main
from santral.up.banner import banner, page_address
from santral.up.line import STAGES
from santral.up.lock import UpLock
from tests.tooling.imports import module_file


def santral(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("SANTRAL_")}
    return subprocess.run(
        [sys.executable, "-m", "santral", *arguments],
        cwd=folder,
        env={**surroundings, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_every_process_has_a_command_and_a_place_in_the_line() -> None:
    assert {name for _, stage in STAGES for name in stage} == set(PROCESSES)
    for module, _ in PROCESSES.values():
        assert module_file(module) is not None, module


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_who_has_seen_enough_is_no_accident(unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "santral", "version"],
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=writer,
            stderr=subprocess.PIPE,
            check=False,
            timeout=100,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(
    "arguments", [[], ["up", "--no-such-option"], ["no-such-command"], ["plan"], ["plan", "check"]]
)
def test_a_wrong_command_line_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: santral" in capsys.readouterr().err


def test_a_terminal_that_lacks_our_letters_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("şehir = 1", encoding="utf-8")
    checked = santral("plan", "check", "plan.toml", folder=tmp_path, PYTHONIOENCODING="ascii:strict")
    assert checked.returncode == 1
    assert "Traceback" not in checked.stderr
    doctor = santral("doctor", folder=tmp_path, PYTHONIOENCODING="ascii:strict", SANTRAL_SIP_LISTEN_PORT="1")
    assert "checks," in doctor.stdout, doctor.stderr


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out.startswith("santral 0.")


@pytest.mark.parametrize("command", ["up", "doctor", "core", "edge"])
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[sip]\nlisten_port = 0\n", "sip.listen_port"),
        ("[sip\n", "not valid TOML"),
        ("colour = 1\n", "colour"),
    ],
)
def test_a_bad_configuration_is_one_line_and_exit_2(
    command: str, text: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "santral.toml"
    file.write_text(text)
    assert main([command, "--config", str(file)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"santral: {file}")
    assert complaint in error
    assert error.count("\n") == 1


def test_a_missing_configuration_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "--config", str(tmp_path / "none.toml")]) == 2
    assert "can't be read" in capsys.readouterr().err


def test_up_says_that_it_runs_already(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    lock = UpLock(tmp_path / "var")
    answer = santral("up", folder=tmp_path)
    lock.close()
    assert answer.returncode == 1
    assert answer.stderr == (
        f"santral: santral is already running here (pid {os.getpid()}, {tmp_path}/var); stop it first\n"
    )


def test_up_on_a_busy_port_says_so_before_it_starts_anything(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        answer = santral("up", folder=tmp_path, SANTRAL_SIP_LISTEN_PORT=str(port))
    assert answer.returncode == 1
    assert f"santral: SIP port: UDP 127.0.0.1 port {port} is in use by another program; stop" in answer.stderr
    assert "starting" not in answer.stdout
    assert not (tmp_path / "var" / "postgres").exists()


def test_up_with_a_broken_data_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("not a folder")
    answer = santral("up", folder=tmp_path)
    assert answer.returncode == 1
    assert answer.stderr.startswith(f"santral: {tmp_path}/var/")
    assert answer.stderr.count("\n") == 1


def test_what_up_makes_is_private(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        santral("up", folder=tmp_path, SANTRAL_SIP_LISTEN_PORT=str(taken.getsockname()[1]))
    for name in ("journal", "recordings", "logs", "prompts", "traces"):
        assert (tmp_path / "var" / name).stat().st_mode & 0o077 == 0, name


@pytest.mark.parametrize(
    ("web", "address"),
    [
        (Web(), "http://localhost:8185"),
        (Web(listen_host="192.0.2.7"), "https://192.0.2.7:8185"),
        (
            Web(listen_host="192.0.2.7", advertised_host="desk.example", listen_port=443),
            "https://desk.example",
        ),
        (Web(listen_host="192.0.2.7", tls="off", listen_port=80), "http://192.0.2.7"),
        (Web(tls="on"), "https://localhost:8185"),
        (Web(listen_host="::1"), "http://localhost:8185"),
        (Web(listen_host="2001:db8::1"), "https://[2001:db8::1]:8185"),
    ],
)
def test_the_address_of_the_pages(web: Web, address: str) -> None:
    assert page_address(Config(web=web)) == address


def test_the_banner_says_where_as_whom_and_how(tmp_path: Path) -> None:
    config = msgspec.structs.replace(Config(base_dir=str(tmp_path)), sip=Sip(listen_port=5070))
    config.data_path.mkdir()
    (config.data_path / "demo-logins.txt").write_text(
        "user\tpassword\trole\tname\n"
        "ayse\told-secret\toperator\tAyşe\n"
        "mehmet\tsecret-2\toperator\tMehmet\n"
        "ayse\tsecret-1\toperator\tAyşe\n"
    )
    text = banner(config, is_demo=True)
    assert "sip:185@127.0.0.1:5070" in text
    assert "http://localhost:8185/call" in text
    table = (
        "  user    password  role      name\n"
        "  ayse    secret-1  operator  Ayşe\n"
        "  mehmet  secret-2  operator  Mehmet\n"
    )
    assert table in text
    assert "A first call" not in banner(config, is_demo=False)


PLAN = """
name = "City"
queues = {}

[[numbers]]
dialled = "185"
service = "Water"
flow = "water"

[prompts.greeting]
text.en = "Welcome."

[flows.water]
start = "greet"

[flows.water.steps.greet]
type = "hang_up"
prompts = ["greeting"]
"""
ROSTER = """
[agents.ayse]
name = "Ayşe"
queues = ["water"]
"""


def test_a_plan_is_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plan.toml"
    file.write_text(PLAN)
    assert main(["plan", "check", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: valid\n"
    file.write_text(PLAN.replace('flow = "water"', 'flow = "gas"'))
    assert main(["plan", "check", str(file)]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"{file}, line ")
    assert "there is no flow gas" in error
    assert main(["plan", "check", str(tmp_path / "none.toml")]) == 1
    assert "can't be read (No such file or directory)" in capsys.readouterr().err


def test_a_roster_is_checked_alone_and_beside_a_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, roster = tmp_path / "plan.toml", tmp_path / "roster.toml"
    plan.write_text(PLAN)
    roster.write_text(ROSTER)
    assert main(["roster", "check", str(roster)]) == 0
    assert main(["roster", "check", str(roster), "--plan", str(plan)]) == 1
    assert "there is no queue water" in capsys.readouterr().err
