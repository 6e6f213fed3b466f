"""Each process killed once with `kill -9` while idle: it comes back by itself, the page recovers, the next call
works."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.e2e.calls import wait_steps
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
