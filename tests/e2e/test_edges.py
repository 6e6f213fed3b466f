"""Two edges: callers come to the one, operators are at the other, with a browser or with a phone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.calls import call_of, channels, phone_heard, seconds_heard, wait_heard, wait_recordings
from tests.e2e.city import write_city
from tests.e2e.conftest import CALLER_HZ, OPERATOR_HZ
from tests.e2e.operator_page import Operator
from tests.e2e.phone import Baresip
from tests.e2e.stack import ROOT, Stack
from tests.e2e.test_sip_operator import PHONE_HZ, dial

HEARD_S = 1.5


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A system of its own, with two edges."""
    folder = Path(tempfile.mkdtemp(prefix="santral-"))
    folder.chmod(0o711)
    plan, roster = write_city(folder / "city")
    categories = ROOT / "examples" / "city-water" / "categories.toml"
    system = Stack(folder, plan=plan, roster=roster, categories=categories, edges=2)
    try:
        system.start()
        yield system
    finally:
        code = system.stop()
    assert code == 0, system.output()
    shutil.rmtree(folder)


def traced(stack: Stack, call: str) -> str:
    """What `santral trace` tells of the call."""
    command = [sys.executable, "-m", "santral", "trace", call, "--config", str(stack.folder / "santral.toml")]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def recorded(stack: Stack, call: str, operator_hz: int) -> None:
    """Both sides, where the call was."""
    (recording,) = wait_recordings(stack, call, 1)
    left, right = channels(stack, recording)
    assert seconds_heard(left, CALLER_HZ) > 1.0
    assert seconds_heard(right, operator_hz) > 1.0


def test_a_browser_at_one_edge_has_the_calls_of_the_other(
    stack: Stack, phone: Callable[..., Baresip], operator: Callable[..., Operator]
) -> None:
    """The first browser that comes is at the first edge."""
    desk = operator("op01")
    caller = phone()
    caller.dial("186", "127.0.0.1", stack.config.sip_port_of(2))
    caller.wait_for("CALL_ESTABLISHED")
    call = call_of(stack, caller)
    desk.accept()
    wait_heard(caller, OPERATOR_HZ, HEARD_S)
    assert abs(desk.heard_hz() - CALLER_HZ) < 15, "the operator hears the caller"
    caller.hang_up()
    desk.wait_state("wrap_up")
    ladder = traced(stack, call)
    assert "edge1 leg" in ladder, "what the call's edge said to the operator's"
    assert "from edge2" in ladder, "and what that one heard"
    recorded(stack, call, OPERATOR_HZ)


def test_a_phone_at_the_other_edge_is_rung_and_heard(
    stack: Stack, phone: Callable[..., Baresip], browser: object, operator: Callable[..., Operator]
) -> None:
    rows = (stack.config.data_path / "demo-phones.txt").read_text().splitlines()
    password = {row.split("\t")[0]: row.split("\t")[1] for row in rows}["206"]
    registrar = f"127.0.0.1:{stack.config.sip_port_of(2)}"
    account = f"<sip:206@{registrar}>;auth_user=206;auth_pass={password};regint=60"
    desk_phone = phone(tone_hz=PHONE_HZ, account=account)
    desk_phone.until(lambda: "[1 binding]" in desk_phone.log_tail())
    desk = Operator(browser, stack.url, "op06", stack.logins()["op06"])  # type: ignore[arg-type]
    desk.log_in()
    desk.find("use-phone").click()
    desk.wait_audio("phone")
    desk.go_ready()
    caller = phone()
    call = dial(stack, caller)
    incoming = desk_phone.wait_for("CALL_INCOMING")
    assert caller.name in incoming["peeruri"], "the phone shows who calls"
    desk_phone.accept()
    desk.wait_state("talking")
    wait_heard(caller, PHONE_HZ, HEARD_S)
    desk_phone.hang_up()
    caller.wait_for("CALL_CLOSED")
    desk.wait_state("wrap_up")
    desk.log_out()
    desk.close()
    desk_phone.close()
    assert seconds_heard(phone_heard(desk_phone), CALLER_HZ) > 1.0
    ladder = traced(stack, call)
    assert "phone 206" in ladder, "the phone's own messages, of the edge that rang it"
    assert "edge2 phone 206" in ladder, "and those between the edges"
    recorded(stack, call, PHONE_HZ)
