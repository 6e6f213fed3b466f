"""`santral trunk`: what it writes, what it refuses, and that no password is left anywhere."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from acd_core.config import load_config
from gateways.edge.trunk_secrets import TrunkSecret, write_trunk_secret
from santral.checks import Status
from santral.checks.trunks import trunks
from santral.cli import main

FILE = """# our centre
country = "TR"
data_dir = "data"

[trunks.old]
host = "192.0.2.1"  # a carrier

[[dial]]
prefix = "90"
trunks = ["old"]
"""


@pytest.fixture
def config_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "santral.toml"
    path.write_text(FILE)
    path.chmod(0o640)
    monkeypatch.chdir(tmp_path)
    return path


def trunk(*arguments: str, password: str = "", monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    return main(["trunk", *arguments])


def test_a_trunk_is_added_listed_and_removed(
    config_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    new = ("add", "new", "--host", "sip.example", "--user", "905", "--realm", "example", "--register")
    assert trunk(*new, "--capacity", "2", password="unusual", monkeypatch=monkeypatch) == 0
    config = load_config(config_file)
    added = config.trunks["new"]
    assert (added.host, added.port, added.user, added.realm) == ("sip.example", 0, "905", "example")
    assert (added.register, added.capacity) == (True, 2)
    assert config_file.read_text().startswith(FILE), "what was there stays as it was written"
    assert config_file.stat().st_mode & 0o777 == 0o640
    secret = config.trunk_secret_file("new")
    assert secret.stat().st_mode & 0o077 == 0
    assert TrunkSecret("new", added, secret).client() is not None
    assert trunk("add", "new", password="another", monkeypatch=monkeypatch) == 0
    assert trunk("list", monkeypatch=monkeypatch) == 0
    out = capsys.readouterr().out
    assert "registers as 905, realm example" in out
    assert "old\t192.0.2.1\tUDP\torder 10\t30 calls\tby address" in out
    for path in (config_file, secret):
        assert "unusual" not in path.read_text()
        assert "another" not in path.read_text()
    assert "unusual" not in out
    assert trunk("remove", "new", monkeypatch=monkeypatch) == 0
    assert config_file.read_text().rstrip() == FILE.rstrip()
    assert not secret.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("add", "fresh"), "give its --host"),
        (("add", "fresh", "--host", "not a host"), "neither an IP address nor a host name"),
        (("add", "Bad Name", "--host", "192.0.2.2"), "left as it is"),
        (("add", "fresh", "--host", "192.0.2.2", "--register"), "needs a user"),
        (("add", "old", "--host", "192.0.2.2"), "change it there"),
        (("remove", "none"), "there is no [trunks.none]"),
        (("remove", "old"), "there is no [trunks.old]"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    config_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    said: str,
) -> None:
    assert trunk(*arguments, monkeypatch=monkeypatch) == 1
    assert said in capsys.readouterr().err
    assert config_file.read_text() == FILE
    assert sorted(path.name for path in config_file.parent.iterdir()) == ["santral.toml"]


def test_a_password_needs_its_realm(
    config_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trunk("add", "x", "--host", "192.0.2.2", "--user", "u", monkeypatch=monkeypatch) == 1
    assert "--realm" in capsys.readouterr().err
    assert trunk("add", "x", "--realm", "example", password="p", monkeypatch=monkeypatch) == 0, (
        "it is in the file by now"
    )


def test_the_doctor_says_what_calls_out_lack(
    config_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert trunks(load_config(config_file)).status is Status.OK
    assert trunk("add", "new", "--host", "192.0.2.9", "--user", "u", monkeypatch=monkeypatch) == 1
    found = trunks(load_config(config_file))
    assert found.status is Status.WARN
    assert "there is no secret" in found.text
    assert found.remedy == "run `santral trunk add new`"
    assert trunk("add", "new", "--realm", "example", password="p", monkeypatch=monkeypatch) == 0
    config = load_config(config_file)
    assert "no dial rule uses new" in trunks(config).text
    config.trunk_secret_file("new").chmod(0o644)
    assert "can be read by others" in trunks(config).text


@pytest.mark.parametrize(
    ("table", "is_warned_of"),
    [
        ("host = '9.9.9.9'\ntrusted = true", True),
        ("host = 'sip.carrier.example'\ntrusted = true", True),
        ("host = '9.9.9.9'", False),
        ("host = '10.0.0.9'\ntrusted = true", False),
        ("host = 'sip.carrier.example'\nhosts = ['10.0.0.9']\ntrusted = true", False),
        ("host = '9.9.9.9'\ntrusted = true\nuser = 'u'\nincoming = 'digest'", False),
    ],
)
def test_the_doctor_says_who_may_pass_for_a_trunk(tmp_path: Path, table: str, is_warned_of: bool) -> None:
    path = tmp_path / "santral.toml"
    path.write_text(f"data_dir = 'data'\n[[dial]]\ntrunks = ['t']\n[trunks.t]\n{table}\n")
    config = load_config(path)
    if config.trunks["t"].user:
        write_trunk_secret(config.trunk_secret_file("t"), "u", "r", "p")
    assert ("anybody can write into a datagram" in trunks(config).text) is is_warned_of
