"""What may be asked of the callers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateways.sip.events import Transport
from loadtest.options import KeyAt, LoadError, callers_options, find_target, parse_keys

ROOT = Path(__file__).resolve().parents[2]
TO = "sip:185@127.0.0.1:5060"


def asked(*, to: str = TO, calls: int = 1, rate: float = 1.0, hold_s: float = 10.0, keys: str = "") -> None:
    callers_options(to=to, calls=calls, rate=rate, hold_s=hold_s, keys=keys, out=None, allow_remote=False)


def test_keys() -> None:
    assert parse_keys("") == ()
    assert parse_keys("1@3.0, #@4.5,1@5") == (KeyAt("1", 3.0), KeyAt("#", 4.5), KeyAt("1", 5.0))


@pytest.mark.parametrize(
    "keys", ["1", "@3", "12@3", "E@3", "1@x", "1@-1", "1@nan", "1@3,", "1@3,2@3.1", "1@3,2@2", "1@4000"]
)
def test_keys_that_nobody_can_press(keys: str) -> None:
    with pytest.raises(LoadError, match="--keys"):
        parse_keys(keys)


def test_a_target_on_this_machine() -> None:
    assert find_target("sip:185@127.0.0.1", allow_remote=False).flow.address == ("127.0.0.1", 5060)
    assert find_target("sip:185@127.8.9.1:7000", allow_remote=False).flow.address == ("127.8.9.1", 7000)
    assert find_target("sip:185@[::1]:7000", allow_remote=False).flow.address == ("::1", 7000)


@pytest.mark.parametrize(("transport", "port"), [("UDP", 5060), ("TCP", 5060), ("TLS", 5061)])
def test_a_target_is_reached_by_a_transport(transport: Transport, port: int) -> None:
    target = find_target("sip:185@127.0.0.1", allow_remote=False, transport=transport)
    assert (target.flow.transport, target.flow.port) == (transport, port)
    said = "" if transport == "UDP" else f";transport={transport.lower()}"
    assert str(target.uri) == f"sip:185@127.0.0.1{said}"


@pytest.mark.parametrize("host", ["192.0.2.7", "10.0.0.1", "[2001:db8::1]", "[::ffff:127.0.0.1]"])
def test_another_machine_only_when_it_is_said(host: str) -> None:
    with pytest.raises(LoadError, match="--allow-remote"):
        find_target(f"sip:185@{host}:5060", allow_remote=False)
    assert find_target(f"sip:185@{host}:5060", allow_remote=True).flow.port == 5060


@pytest.mark.parametrize(
    "to",
    [
        "185",
        "tel:185",
        "sips:185@127.0.0.1",
        "sip:127.0.0.1",
        "sip:185@127.0.0.1;transport=tls",
        "sip:185@127.0.0.1?subject=x",
        "sip:185@0.0.0.0",
        "sip:185@224.0.1.75",
        "sip:185@",
        "sip:185@127.0.0.1:99999",
    ],
)
def test_targets_that_are_none(to: str) -> None:
    with pytest.raises(LoadError, match="--to"):
        find_target(to, allow_remote=True)


def test_everything_is_bounded() -> None:
    asked(calls=100_000, rate=500.0, hold_s=3600.0)
    for calls, rate, hold_s, what in (
        (0, 1.0, 1.0, "--calls"),
        (100_001, 1.0, 1.0, "--calls"),
        (1, 0.0, 1.0, "--rate"),
        (1, float("nan"), 1.0, "--rate"),
        (1, 501.0, 1.0, "--rate"),
        (1, 1.0, -1.0, "--hold-s"),
        (1, 1.0, float("inf"), "--hold-s"),
        (100_000, 0.5, 1.0, "longer than a day"),
    ):
        with pytest.raises(LoadError, match=what):
            asked(calls=calls, rate=rate, hold_s=hold_s)


def test_a_key_after_the_end_is_refused() -> None:
    asked(hold_s=3.5, keys="1@3")
    with pytest.raises(LoadError, match="when the call is over"):
        asked(hold_s=3.0, keys="1@3")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--to", "sip:185@192.0.2.7"), "--allow-remote"),
        (("--to", TO, "--calls", "0"), "--calls 0: not between 1 and 100000"),
        (("--to", TO, "--out", "/dev/null/x"), "/dev/null/x: Not a directory"),
    ],
)
def test_the_command_says_so_in_one_line(arguments: tuple[str, ...], says: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", "santral", "loadtest", "callers", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert answer.returncode == 2
    assert says in answer.stderr
    assert answer.stderr.startswith("santral loadtest: ")
    assert answer.stderr.count("\n") == 1
    assert answer.stdout == ""
