"""SIP phones from the command line, as a person at a prompt or a script would add them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from acd_core.config import load_config
from gateways.edge.phones import Phones, phones_path
from santral.phones import seed_demo_phones
from santral.places import EXAMPLE_CITY


def santral(folder: Path, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    config = folder / "santral.toml"
    config.touch()
    return subprocess.run(
        [sys.executable, "-m", "santral", *arguments, "--config", str(config)],
        input=said,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_phone_is_added_changed_and_removed(tmp_path: Path) -> None:
    path = phones_path(tmp_path / "var")
    assert santral(tmp_path, "phone", "add", "201", said="first\n").returncode == 0
    first = Phones(path, "santral").secret("201")
    assert santral(tmp_path, "phone", "add", "201", said="second\n").returncode == 0
    second = Phones(path, "santral").secret("201")
    assert first is not None
    assert second is not None
    assert first != second
    assert "second" not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert santral(tmp_path, "phone", "remove", "201").returncode == 0
    assert Phones(path, "santral").secret("201") is None


def test_a_phone_may_be_asked_for_one_algorithm_alone(tmp_path: Path) -> None:
    path = phones_path(tmp_path / "var")
    phones = Phones(path, "santral")
    assert santral(tmp_path, "phone", "add", "201", "--digest", "SHA-256", said="first\n").returncode == 0
    assert phones.algorithms("201") == ("SHA-256",)
    assert "md5" not in path.read_text()
    assert santral(tmp_path, "phone", "add", "201", said="first\n").returncode == 0
    assert phones.algorithms("201") == phones.algorithms("nobody") == ("MD5", "SHA-256")
    refused = santral(tmp_path, "phone", "add", "201", "--digest", "SHA-1", said="first\n")
    assert (refused.returncode, "invalid choice: 'SHA-1'" in refused.stderr) == (2, True)


def test_what_can_not_be_is_said_in_one_line(tmp_path: Path) -> None:
    for arguments, said, says in (
        (("phone", "remove", "201"), "", "there is no phone 201"),
        (("phone", "add", "201"), "\n", "the password is empty"),
        (("phone", "add", "2:1"), "x\n", "no user of a phone"),
    ):
        answer = santral(tmp_path, *arguments, said=said)
        assert answer.returncode == 1
        assert says in answer.stderr
        assert len(answer.stderr.splitlines()) == 1


def test_the_example_city_has_phones_with_passwords_of_their_own(tmp_path: Path) -> None:
    config = load_config(
        None, {"SANTRAL_DATA_DIR": str(tmp_path), "SANTRAL_ROSTER_FILE": str(EXAMPLE_CITY / "roster.toml")}
    )
    seed_demo_phones(config)
    told = (tmp_path / "demo-phones.txt").read_text()
    users = [line.split("\t")[0] for line in told.splitlines()[1:]]
    assert users
    assert all(Phones(phones_path(tmp_path), "santral").secret(user) for user in users)
    seed_demo_phones(config)
    assert (tmp_path / "demo-phones.txt").read_text() == told, "a second start changes nothing"
