"""Each process killed once with `kill -9` while idle: it comes back by itself, the page recovers, the next call
works."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from acd_core.domain.events import EdgeDown, EdgeInventory, Event, SessionOpened, WebDown, WebInventory
from tests.e2e.calls import channels, seconds_heard, wait_heard, wait_recordings, wait_steps
from tests.e2e.city import PATIENT
from tests.e2e.conftest import CALLER_HZ, OPERATOR_HZ
from tests.e2e.operator_page import Operator
from tests.e2e.phone import Baresip
from tests.e2e.stack import PROCESSES, Stack
from tests.e2e.test_unhappy_calls import dial


@pytest.mark.parametrize("name", PROCESSES)
def test_a_killed_process_comes_back_and_the_next_call_works(
    stack: Stack, phone: Callable[..., Baresip], operator: Callable[..., Operator], name: str
) -> None:
    desk = operator("op01")
    killed = stack.kill(name)
    stack.until(lambda: stack.pid(name) not in (0, killed), f"{name} is back")
    if name in ("edge", "media", "webrtc"):
        # The page notices by itself that its audio is gone, and mends it; a caller of now would only wait meanwhile.
        desk.page.wait_for_timeout(3_000)
    desk.wait_audio("connected")
    desk.go_ready()
    caller = phone()
    call = dial(stack, caller)
    desk.accept()
    time.sleep(1.0)
    caller.hang_up()
    desk.wait_state("wrap_up")
    wait_steps(stack, call, "queued", "connected", "ended")
    query = "select 1 from calls where call = $1 and ended_at is not null"
    stack.until(lambda: stack.sql(query, call), "the call is in the database")


def test_a_call_goes_on_ringing_while_the_pages_come_back(
    stack: Stack, phone: Callable[..., Baresip], operator: Callable[..., Operator]
) -> None:
    desk = operator("op01")
    caller = phone()
    call = dial(stack, caller, PATIENT)
    expect(desk.find("offer-caller")).to_have_text(caller.name)
    killed_at = stack.events()[-1].seq
    killed = stack.kill("web")
    stack.until(lambda: stack.pid("web") not in (0, killed), "web is back")
    stack.until(lambda: _since(stack, killed_at, SessionOpened), "the page is back")
    expect(desk.find("offer-caller")).to_have_text(caller.name)
    desk.accept()
    caller.hang_up()
    desk.wait_state("wrap_up")
    steps = wait_steps(stack, call, "offered", "connected", "ended")
    assert steps.count("offered") == 1, "the same offer, not another one"
    assert "withdrawn" not in steps


@pytest.mark.parametrize(
    ("name", "away", "back"), [("edge", EdgeDown, EdgeInventory), ("web", WebDown, WebInventory)]
)
def test_a_stopped_process_is_noticed_and_goes_on_when_it_runs_again(
    stack: Stack,
    phone: Callable[..., Baresip],
    operator: Callable[..., Operator],
    name: str,
    away: type[Event],
    back: type[Event],
) -> None:
    pid, before = stack.pid(name), stack.events()[-1].seq
    os.kill(pid, signal.SIGSTOP)
    try:
        gone = stack.until(lambda: _since(stack, before, away), f"{name} is noticed to be away")
    finally:
        os.kill(pid, signal.SIGCONT)
    stack.until(lambda: _since(stack, gone, back), f"{name} is back")
    assert stack.pid(name) == pid
    desk = operator("op01")
    caller = phone()
    call = dial(stack, caller)
    desk.accept()
    caller.hang_up()
    desk.wait_state("wrap_up")
    wait_steps(stack, call, "queued", "connected", "ended")


def test_a_conversation_that_an_edges_death_cut_off_is_recorded(
    stack: Stack, phone: Callable[..., Baresip], operator: Callable[..., Operator]
) -> None:
    desk = operator("op01")
    caller = phone()
    call = dial(stack, caller)
    desk.accept()
    wait_heard(caller, OPERATOR_HZ, 1.0)
    killed = stack.kill("edge")
    stack.until(lambda: stack.pid("edge") not in (0, killed), "edge is back")
    desk.wait_state("wrap_up")
    wait_steps(stack, call, "connected", "ended", "recorded")
    (recording,) = wait_recordings(stack, call, 1)
    assert recording["agent"] == "op01"
    left, right = channels(stack, recording)
    assert seconds_heard(left, CALLER_HZ) > 0.5
    assert seconds_heard(right, OPERATOR_HZ) > 0.5
    desk.wait_audio("connected")


def _since(stack: Stack, seq: int, kind: type[Event]) -> int:
    """The number of the first event of this kind behind that one; 0 when there is none."""
    return next((one.seq for one in stack.events() if one.seq > seq and isinstance(one.event, kind)), 0)
