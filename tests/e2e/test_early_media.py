"""A call that costs nothing until somebody is there: all is heard and a key taken before the answer."""

from __future__ import annotations

from collections.abc import Callable

from acd_core.domain.events import CallerAnswered
from tests.e2e.calls import (
    call_of,
    channels,
    order_of,
    phone_heard,
    seconds_heard,
    wait_heard,
    wait_played,
    wait_recordings,
    wait_steps,
)
from tests.e2e.city import GREETING_HZ, MENU_HZ, MUSIC_HZ
from tests.e2e.conftest import CALLER_HZ, OPERATOR_HZ
from tests.e2e.operator_page import Operator
from tests.e2e.phone import Baresip
from tests.e2e.stack import Stack


def test_a_caller_hears_all_and_is_answered_when_the_operator_comes(
    stack: Stack, phone: Callable[..., Baresip], operator: Callable[..., Operator]
) -> None:
    caller = phone()
    caller.dial("188", "127.0.0.1", stack.sip_port)
    caller.wait_for("CALL_PROGRESS")
    call = call_of(stack, caller)
    wait_played(stack, call, 2)
    caller.press("1")
    assert "answered" not in wait_steps(stack, call, "arrived", "queued")
    wait_heard(caller, MUSIC_HZ, 0.5)
    killed = stack.kill("core")  # the edge and the audio go on, and nobody is answered for it
    stack.until(lambda: stack.pid("core") not in (0, killed), "core is back")
    desk = operator("op01")
    desk.accept()
    caller.wait_for("CALL_ESTABLISHED")
    wait_heard(caller, OPERATOR_HZ, 1.5)
    caller.hang_up()
    desk.wait_state("wrap_up")
    story = wait_steps(stack, call, "queued", "offered", "answered", "connected", "ended")
    assert story.count("answered") == 1
    assert not [record for record in stack.events() if isinstance(record.event, CallerAnswered)]
    caller.close()
    assert order_of(phone_heard(caller), OPERATOR_HZ, MUSIC_HZ, MENU_HZ, GREETING_HZ) == [
        GREETING_HZ,
        MENU_HZ,
        MUSIC_HZ,
        OPERATOR_HZ,
    ]
    (recording,) = wait_recordings(stack, call, 1)
    left, right = channels(stack, recording)
    assert seconds_heard(left, CALLER_HZ) > 1.0
    assert seconds_heard(right, OPERATOR_HZ) > 1.0
    (row,) = stack.sql("select picked_up_at, queued_at, answered_at from calls where call = $1", call)
    assert row["queued_at"] < row["picked_up_at"] == row["answered_at"]
