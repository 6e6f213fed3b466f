"""Each process killed once with `kill -9` while idle: it comes back by itself, the page recovers, the next call
works."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from acd_core.domain.events import SessionOpened
from tests.e2e.calls import wait_steps
from tests.e2e.city import PATIENT
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
    stack.until(lambda: _came_again(stack, killed_at), "the page is back")
    expect(desk.find("offer-caller")).to_have_text(caller.name)
    desk.accept()
    caller.hang_up()
    desk.wait_state("wrap_up")
    steps = wait_steps(stack, call, "offered", "connected", "ended")
    assert steps.count("offered") == 1, "the same offer, not another one"
    assert "withdrawn" not in steps


def _came_again(stack: Stack, seq: int) -> bool:
    return any(record.seq > seq and isinstance(record.event, SessionOpened) for record in stack.events())
