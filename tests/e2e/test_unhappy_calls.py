"""Callers who hang up early, operators who don't take the call, pages that vanish: nobody is lost, nobody is stuck."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect

from tests.e2e.calls import (
    call_of,
    channels,
    order_of,
    phone_heard,
    seconds_heard,
    wait_recordings,
    wait_steps,
)
from tests.e2e.city import LOST_HZ, MUSIC_HZ
from tests.e2e.conftest import CALLER_HZ, OPERATOR_HZ, SECOND_OPERATOR_HZ
from tests.e2e.operator_page import Operator, browser_with_tone
from tests.e2e.phone import Baresip
from tests.e2e.stack import Stack

MakePhone = Callable[..., Baresip]
MakeOperator = Callable[..., Operator]


def dial(stack: Stack, phone: Baresip, number: str = "186") -> str:
    """Call a number (186: straight into the queue) and wait for the answer; the call."""
    phone.dial(number, "127.0.0.1", stack.sip_port)
    phone.wait_for("CALL_ESTABLISHED")
    return call_of(stack, phone)


def cause_of(stack: Stack, call: str) -> str:
    """Why the call ended, once the database has it."""
    query = "select cause from calls where call = $1 and ended_at is not null"
    rows = stack.until(lambda: stack.sql(query, call), f"the end of {call} in the database")
    return str(rows[0]["cause"])


def test_the_caller_hangs_up_in_the_greeting(stack: Stack, phone: MakePhone) -> None:
    caller = phone()
    call = dial(stack, caller, "185")
    caller.hang_up()
    steps = wait_steps(stack, call, "arrived", "ended")
    assert "queued" not in steps
    assert cause_of(stack, call) == "caller_hung_up"


def test_the_caller_hangs_up_in_the_queue(stack: Stack, phone: MakePhone) -> None:
    caller = phone()
    call = dial(stack, caller)
    wait_steps(stack, call, "queued")
    caller.hang_up()
    assert "offered" not in wait_steps(stack, call, "queued", "ended")
    assert cause_of(stack, call) == "caller_hung_up"


def test_the_caller_hangs_up_while_it_rings(stack: Stack, phone: MakePhone, operator: MakeOperator) -> None:
    desk = operator("op01")
    caller = phone()
    call = dial(stack, caller)
    expect(desk.find("offer")).to_be_visible()
    caller.hang_up()
    expect(desk.find("offer")).to_be_hidden()
    desk.wait_state("ready")
    assert "connected" not in wait_steps(stack, call, "offered", "withdrawn", "ended")


def test_a_rejected_call_goes_to_the_next_operator_at_once(
    stack: Stack, phone: MakePhone, operator: MakeOperator
) -> None:
    first, second = operator("op01"), operator("op02")
    caller = phone()
    call = dial(stack, caller)
    expect(first.find("offer")).to_be_visible()  # idle for longer
    assert not second.find("offer").is_visible(), "one call rings at one operator"
    first.find("reject").click()
    first.wait_state("not_ready")
    expect(second.find("offer-caller")).to_have_text(caller.name)
    second.accept()
    caller.hang_up()
    second.wait_state("wrap_up")
    wait_steps(stack, call, "offered", "rejected", "offered", "connected", "ended")


def test_an_unanswered_call_keeps_its_place_and_goes_on(
    stack: Stack, phone: MakePhone, operator: MakeOperator
) -> None:
    first = operator("op01")
    early, late = phone(), phone()
    call = dial(stack, early)
    expect(first.find("offer")).to_be_visible()
    dial(stack, late)
    first.wait_state("not_ready")  # nobody pressed anything
    steps = wait_steps(stack, call, "offered", "no_answer")
    assert "ended" not in steps
    first.go_ready()
    expect(first.find("offer-caller")).to_have_text(early.name)
    first.accept()
    early.hang_up()
    first.wait_state("wrap_up")
    first.finish_wrap_up()
    expect(first.find("offer-caller")).to_have_text(late.name)
    late.hang_up()


def test_an_operator_who_comes_back_in_time_has_the_call_again(
    stack: Stack, phone: MakePhone, operator: MakeOperator
) -> None:
    desk = operator("op01")
    caller = phone()
    call = dial(stack, caller)
    desk.accept()
    time.sleep(2.0)
    desk.page.reload()  # the page closes in mid-call, and comes back with its audio by itself
    wait_steps(stack, call, "connected", "held", "resumed")
    desk.wait_audio("connected")
    desk.wait_state("talking")
    expect(desk.find("call-caller")).to_have_text(caller.name)
    time.sleep(2.5)
    desk.find("hang-up").click()
    caller.wait_for("CALL_CLOSED")
    desk.wait_state("wrap_up")
    caller.close()
    heard = phone_heard(caller)
    assert order_of(heard, LOST_HZ, OPERATOR_HZ) == [OPERATOR_HZ, LOST_HZ], "the caller is told"
    parts = wait_recordings(stack, call, 2)
    for part in parts:
        left, right = channels(stack, part)
        assert seconds_heard(left, CALLER_HZ) > 0.8
        assert seconds_heard(right, OPERATOR_HZ) > 0.8


def test_a_caller_whose_operator_does_not_come_back_is_first_in_line_again(
    stack: Stack,
    phone: MakePhone,
    operator: MakeOperator,
    playwright: Playwright,
    tmp_path: Path,
) -> None:
    desk = operator("op01")
    early, late = phone(), phone()
    call = dial(stack, early)
    desk.accept()
    dial(stack, late)
    time.sleep(1.5)
    desk.page.close()
    wait_steps(stack, call, "connected", "held", "requeued")
    with browser_with_tone(playwright, tmp_path, SECOND_OPERATOR_HZ) as other:
        second = operator("op02", other)
        expect(second.find("offer-caller")).to_have_text(early.name)
        second.accept()
        time.sleep(2.5)
        early.hang_up()
        second.wait_state("wrap_up")
        late.hang_up()
        second.log_out()
    early.close()
    heard = phone_heard(early)
    assert order_of(heard, SECOND_OPERATOR_HZ, LOST_HZ, OPERATOR_HZ) == [
        OPERATOR_HZ,
        LOST_HZ,
        SECOND_OPERATOR_HZ,
    ]
    assert seconds_heard(heard, MUSIC_HZ) > 1.0, "music while nobody is there"


def test_a_second_page_of_the_same_operator_takes_over(
    stack: Stack, phone: MakePhone, operator: MakeOperator
) -> None:
    desk = operator("op01")
    first = desk.page
    desk.page = desk.open_page()
    desk.page.goto("/desk?processing=off")
    expect(first.get_by_test_id("replaced-notice")).to_be_visible()
    desk.connect_audio()
    desk.wait_state("not_ready", "ready")
    if desk.state() == "not_ready":
        desk.go_ready()
    caller = phone()
    dial(stack, caller)
    desk.accept()
    caller.hang_up()
    desk.wait_state("wrap_up")
    first.get_by_test_id("take-back").click()
    expect(desk.find("replaced-notice")).to_be_visible()
    desk.page = first
    desk.wait_state("wrap_up")


def test_two_operators_talk_to_two_callers_apart(
    stack: Stack,
    phone: MakePhone,
    operator: MakeOperator,
    playwright: Playwright,
    tmp_path: Path,
) -> None:
    with browser_with_tone(playwright, tmp_path, SECOND_OPERATOR_HZ) as other:
        first, second = operator("op01"), operator("op02", other)
        one, two = phone(), phone(tone_hz=520)
        calls = [dial(stack, one), dial(stack, two)]
        first.accept()
        second.accept()
        time.sleep(3.0)
        assert abs(first.heard_hz() - CALLER_HZ) < 15
        assert abs(second.heard_hz() - 520) < 15
        one.hang_up()
        second.find("hang-up").click()
        two.wait_for("CALL_CLOSED")
        for desk in (first, second):
            desk.wait_state("wrap_up")
        second.log_out()
    for phone_, mine, theirs in (
        (one, OPERATOR_HZ, SECOND_OPERATOR_HZ),
        (two, SECOND_OPERATOR_HZ, OPERATOR_HZ),
    ):
        phone_.close()
        heard = phone_heard(phone_)
        assert seconds_heard(heard, mine) > 1.5
        assert seconds_heard(heard, theirs) < 0.3
    for call in calls:
        wait_recordings(stack, call, 1)


def test_a_citizen_calls_from_the_browser(stack: Stack, browser: Browser, operator: MakeOperator) -> None:
    desk = operator("op01")
    context = browser.new_context(permissions=["microphone"], base_url=stack.url)
    page = context.new_page()
    page.goto("/call?processing=off")
    page.get_by_test_id("call-number").fill("185")
    page.get_by_test_id("call-dial").click()
    expect(page.locator("[data-testid=call-state][data-state=connected]")).to_be_visible(timeout=20_000)
    time.sleep(3.0)
    page.get_by_test_id("key-1").click()
    desk.accept()
    time.sleep(2.0)
    assert abs(desk.heard_hz() - OPERATOR_HZ) < 15, "both microphones of this browser say the same tone"
    desk.find("hang-up").click()
    expect(page.locator("[data-testid=call-state][data-state=ended]")).to_be_visible(timeout=20_000)
    desk.wait_state("wrap_up")
    context.close()


@pytest.mark.parametrize("number", ["999", "0090532"])
def test_an_unknown_number_is_refused(stack: Stack, phone: MakePhone, number: str) -> None:
    caller = phone()
    caller.dial(number, "127.0.0.1", stack.sip_port)
    closed = caller.wait_for("CALL_CLOSED")
    assert "404" in closed["param"]
