"""The whole line: a person dials the hotline, hears the greeting, presses a key, waits, talks to an operator who
writes a work order."""

from __future__ import annotations

import time
from collections.abc import Callable

from playwright.sync_api import expect

from tests.e2e.calls import (
    call_of,
    channels,
    order_of,
    phone_heard,
    seconds_heard,
    wait_played,
    wait_recordings,
    wait_steps,
)
from tests.e2e.city import GREETING_HZ, MENU_HZ, MUSIC_HZ
from tests.e2e.conftest import CALLER_HZ, OPERATOR_HZ
from tests.e2e.operator_page import Operator
from tests.e2e.phone import Baresip
from tests.e2e.stack import Stack

TALK_S = 4.0


def test_a_call_from_invite_to_work_order(
    stack: Stack, phone: Callable[..., Baresip], operator: Callable[..., Operator]
) -> None:
    caller = phone()
    caller.dial("185", "127.0.0.1", stack.sip_port)
    caller.wait_for("CALL_ESTABLISHED")
    call = call_of(stack, caller)
    wait_played(stack, call, 2)  # greeting and menu, to their ends
    caller.press("1")
    wait_steps(stack, call, "arrived", "answered", "queued")

    desk = operator("op01")
    expect(desk.find("offer-caller")).to_have_text(caller.name)
    expect(desk.find("offer-service")).to_contain_text("Water hotline")
    desk.accept()
    expect(desk.find("call-caller")).to_have_text(caller.name)
    time.sleep(TALK_S)
    assert abs(desk.heard_hz() - CALLER_HZ) < 15, "the operator hears the caller"
    caller.hang_up()
    desk.wait_state("wrap_up")

    desk.find("order-category").select_option("water_fault")
    desk.find("order-description").fill("Sokakta su borusu patladı")
    desk.find("order-address").fill("Moda Cad. 12, Kadıköy")
    desk.find("order-save").click()
    number = desk.find("order-saved-number").inner_text()
    desk.find("wrap-up-done").click()
    desk.wait_state("ready")
    desk.page.goto("/orders")
    row = desk.page.locator(f'[data-testid=orders-row][data-tracking="{number}"]')
    expect(row).to_be_visible()
    desk.page.reload()
    expect(row).to_be_visible()
    assert row.get_attribute("data-call") == call

    _check_what_the_caller_heard(caller)
    _check_recording(stack, call)
    _check_stories(stack, call, caller)


def _check_what_the_caller_heard(caller: Baresip) -> None:
    caller.close()
    heard = phone_heard(caller)
    assert order_of(heard, OPERATOR_HZ, MUSIC_HZ, MENU_HZ, GREETING_HZ) == [
        GREETING_HZ,
        MENU_HZ,
        MUSIC_HZ,
        OPERATOR_HZ,
    ]
    assert seconds_heard(heard, OPERATOR_HZ) > TALK_S - 1.5, "the caller hears the operator"


def _check_recording(stack: Stack, call: str) -> None:
    (recording,) = wait_recordings(stack, call, 1)
    left, right = channels(stack, recording)
    assert seconds_heard(left, CALLER_HZ) > TALK_S - 1.5
    assert seconds_heard(right, OPERATOR_HZ) > TALK_S - 1.5
    assert seconds_heard(left, OPERATOR_HZ) < 0.3, "one party per channel"
    assert seconds_heard(right, CALLER_HZ) < 0.3, "one party per channel"
    assert abs(len(left) / 8000 - recording["duration_ms"] / 1000) < 0.1
    talked_s = stack.sql(
        "select extract(epoch from ended_at - answered_at) as s from calls where call = $1", call
    )
    assert abs(len(left) / 8000 - float(talked_s[0]["s"])) < 1.0, "the recording has the right length"


def _check_stories(stack: Stack, call: str, caller: Baresip) -> None:
    """Journal and Postgres tell the same story, in order."""
    steps = stack.steps(call)
    stack.until(
        lambda: len(stack.sql("select 1 from call_steps where call = $1", call)) == len(steps),
        "the store has shipped the story",
    )
    rows = stack.sql("select step from call_steps where call = $1 order by seq, index", call)
    assert [row["step"] for row in rows] == steps
    assert steps[0] == "arrived"
    assert [step for step in steps if step in ("queued", "offered", "connected", "ended")] == [
        "queued",
        "offered",
        "connected",
        "ended",
    ]
    kinds = [
        type(record.event).__name__ for record in stack.events() if getattr(record.event, "call", "") == call
    ]
    rows = stack.sql("select kind from journal_events where call = $1 order by seq", call)
    assert [row["kind"] for row in rows] == kinds
    (row,) = stack.sql("select * from calls where call = $1", call)
    assert (row["caller"], row["dialled"], row["queue"], row["agent"]) == (
        caller.name,
        "185",
        "faults",
        "op01",
    )
    (order,) = stack.sql("select * from orders where call = $1", call)
    assert order["description"] == "Sokakta su borusu patladı"
