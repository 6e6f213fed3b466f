"""Every command of the README, as a newcomer would type it, in this checkout."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from acd_core.domain.events import CallArrived
from tests.e2e.calls import call_of
from tests.e2e.phone import Baresip
from tests.e2e.stack import ROOT, Stack
from tests.support.ports import free_port

GUARD_S = 180
SANTRAL = (sys.executable, "-m", "santral")
COMMANDS = [
    line.strip()
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]


SIMULATION = [
    (
        ".venv/bin/santral arrivals --plan examples/city-water/plan.toml --out calls.csv --from 2025-10-03 --days 2"
        " --storm 2025-10-03T14:00+6h:x20"
    ),
    (
        ".venv/bin/santral sim --plan examples/city-water/plan.toml --roster examples/city-water/roster.toml"
        " --arrivals calls.csv --out result"
    ),
]


def run(*command: str, folder: Path, said: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    """A command in the checkout with data of its own below `folder`."""
    return subprocess.run(
        command,
        cwd=ROOT,
        env=surroundings(folder, **environ),
        input=said,
        capture_output=True,
        text=True,
        check=False,
        timeout=GUARD_S,
    )


def surroundings(folder: Path, **more: str) -> dict[str, str]:
    """Own data and ports, so that nothing of this machine's own Santral is touched."""
    return {
        **os.environ,
        "SANTRAL_DATA_DIR": str(folder / "var"),
        "SANTRAL_WEB_LISTEN_PORT": str(free_port()),
        "SANTRAL_SIP_LISTEN_PORT": str(free_port()),
        "SANTRAL_RTP_PORT_MIN": "27000",
        "SANTRAL_RTP_PORT_MAX": "27199",
        **more,
    }


def test_the_readme_has_no_command_that_no_test_runs() -> None:
    assert sorted(COMMANDS) == sorted(
        [
            "make run",
            "make test",
            ".venv/bin/santral trace CALL",
            ".venv/bin/santral explain CALL",
            ".venv/bin/santral plan check examples/city-water/plan.toml",
            ".venv/bin/santral roster check examples/city-water/roster.toml",
            ".venv/bin/santral doctor",
            ".venv/bin/santral phone add 201",
            ".venv/bin/santral loadtest callers --to sip:185@127.0.0.1:5060 --calls 20 --rate 5",
            *SIMULATION,
        ]
    )


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the database's user can reach when we are root, so that nothing is left elsewhere."""
    with tempfile.TemporaryDirectory(prefix="a folder with spaces ") as name:
        Path(name).chmod(0o711)
        yield Path(name)


def test_make_run_serves_and_stops(open_folder: Path) -> None:
    folder = open_folder
    environ = surroundings(folder)
    output = folder / "output"
    with output.open("wb") as file:
        running = subprocess.Popen(
            ["make", "--no-print-directory", "run"],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + GUARD_S
        while "Ctrl-C stops everything" not in output.read_text():
            assert running.poll() is None, output.read_text()
            assert time.monotonic() < deadline, output.read_text()
            time.sleep(0.2)
        said = output.read_text()
        assert "op01" in said
        assert f"sip:185@127.0.0.1:{environ['SANTRAL_SIP_LISTEN_PORT']}" in said
        with urllib.request.urlopen(
            f"http://127.0.0.1:{environ['SANTRAL_WEB_LISTEN_PORT']}/healthz", timeout=30
        ) as answer:
            assert answer.read() == b'{"core":"up","database":"up"}'
        os.killpg(running.pid, signal.SIGINT)  # what Ctrl-C does in a terminal
        running.wait(60)
        assert "santral: stopped" in output.read_text()
    finally:
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()


def test_make_test_is_a_target(tmp_path: Path) -> None:
    """It is what runs this; here it is only looked at."""
    answer = run("make", "-n", "test", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "-m pytest" in answer.stdout


@pytest.mark.parametrize("kind", ["plan", "roster"])
def test_check_of_the_example_city(tmp_path: Path, kind: str) -> None:
    answer = run(*SANTRAL, kind, "check", f"examples/city-water/{kind}.toml", folder=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "valid" in answer.stdout


def test_simulation(tmp_path: Path) -> None:
    """The very commands, with what they write elsewhere."""
    for command in SIMULATION:
        elsewhere = {"calls.csv": str(tmp_path / "calls.csv"), "result": str(tmp_path / "result")}
        words = [elsewhere.get(word, word) for word in command.split()[1:]]
        answer = run(*SANTRAL, *words, folder=tmp_path)
        assert answer.returncode == 0, answer.stdout + answer.stderr
    summary = json.loads((tmp_path / "result" / "summary.json").read_text())
    assert summary["contacts"] > 25_000, "the storm is in it"
    assert (tmp_path / "result" / "waiting.png").stat().st_size > 10_000


def test_doctor(tmp_path: Path) -> None:
    answer = run(*SANTRAL, "doctor", folder=tmp_path)
    assert answer.returncode == 0, answer.stdout
    for name in ("database", "RTP ports", "clock"):
        assert name in answer.stdout


def test_phone_add(tmp_path: Path) -> None:
    answer = run(*SANTRAL, "phone", "add", "201", folder=tmp_path, said="a password\n")
    assert answer.returncode == 0, answer.stderr
    assert '[phones."201"]' in (tmp_path / "var" / "phones.toml").read_text()


def test_load(stack: Stack, tmp_path: Path) -> None:
    """The very command, against the port of the system under test."""
    [command] = [command for command in COMMANDS if "loadtest" in command]
    words = command.replace(":5060", f":{stack.sip_port}").split()[1:]
    answer = run(*SANTRAL, *words, "--out", str(tmp_path / "load"), folder=tmp_path)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    summary = json.loads((tmp_path / "load" / "summary.json").read_text())
    assert (summary["placed"], summary["answered"], summary["ended_by_us"]) == (20, 20, 20)
    assert summary["rtp_received"] > 0, "the callers hear the greeting"
    rows = (tmp_path / "load" / "calls.csv").read_text().splitlines()
    callers = {row.split(",")[1] for row in rows[1:]}
    assert len(callers) == 20

    def all_over() -> bool:
        arrived = {
            record.event.call: record.event.caller
            for record in stack.events()
            if isinstance(record.event, CallArrived)
        }
        ours = {call for call, caller in arrived.items() if caller in callers}
        ended = {story.call for story in stack.stories() if getattr(story, "step", "") == "ended"}
        return len(ours) == 20 and ours <= ended

    stack.until(all_over, "every call of the load is over in the core")


def test_trace(stack: Stack, phone: Callable[..., Baresip], tmp_path: Path) -> None:
    caller = phone()
    caller.dial("186", "127.0.0.1", stack.sip_port)
    caller.wait_for("CALL_ESTABLISHED")
    call = call_of(stack, caller)
    caller.hang_up()

    def trace(id_: str) -> subprocess.CompletedProcess[str]:
        return run(
            *SANTRAL,
            "trace",
            id_,
            "--config",
            f"{stack.folder}/santral.toml",
            folder=tmp_path,
            SANTRAL_DATA_DIR=str(stack.config.data_path),
        )

    def whole() -> str:
        text = trace(call).stdout
        return text if "BYE" in text else ""

    ladder = str(stack.until(whole, "the trace of the call"))
    for step in ("INVITE", "100", "180", "200", "ACK", "CallArrived", "CallerHungUp"):
        assert step in ladder, f"{step} in\n{ladder}"
    unknown = trace("c-unknown")
    assert unknown.returncode == 1
    assert call in unknown.stderr, "the latest calls are listed"


def test_explain(stack: Stack, phone: Callable[..., Baresip], tmp_path: Path) -> None:
    caller = phone()
    caller.dial("186", "127.0.0.1", stack.sip_port)
    caller.wait_for("CALL_ESTABLISHED")
    call = call_of(stack, caller)

    def explain(id_: str) -> subprocess.CompletedProcess[str]:
        return run(
            *SANTRAL,
            "explain",
            id_,
            "--language",
            "en",
            "--config",
            f"{stack.folder}/santral.toml",
            folder=tmp_path,
            SANTRAL_DATA_DIR=str(stack.config.data_path),
        )

    live = str(
        stack.until(lambda: text if "Right now" in (text := explain(call).stdout) else "", "why it waits")
    )
    assert "The call arrived, dialling 186." in live
    assert "It has waited in" in live
    caller.hang_up()
    stack.until(lambda: "The call ended: the caller hung up." in explain(call).stdout, "the end of the story")
    unknown = explain("c-unknown")
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("santral: there is no call c-unknown; `santral trace c-unknown` lists")
