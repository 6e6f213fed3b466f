"""Who gets the call, with real callers and real pages: ring-all, widening, important callers, known callers, and the ways
out of a wait."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Browser, expect

from tests.e2e.calls import phone_heard, seconds_heard, wait_heard, wait_steps
from tests.e2e.city import CALLBACK, CALLBACK_HZ, IN_ORDER, KNOWN, RING_ALL, SHORT, SORRY_HZ, VIP, WIDENING
from tests.e2e.operator_page import GUARD_MS, Operator
from tests.e2e.phone import Baresip
from tests.e2e.stack import Stack
from tests.e2e.test_sip_operator import PHONE_HZ, registered_phone
from tests.e2e.test_unhappy_calls import cause_of, dial

MakePhone = Callable[..., Baresip]
MakeOperator = Callable[..., Operator]

# An answer that the page has given and that is still on its way. Only the desk's own socket is held up.
_HOLD_ANSWERS = """
() => {
  window.held = []
  const send = WebSocket.prototype.send
  WebSocket.prototype.send = function (data) {
    if (typeof data === 'string' && data.includes('"accept"')) window.held.push(() => send.call(this, data))
    else send.call(this, data)
  }
}
"""
_LET_GO = "() => { for (const say of window.held.splice(0)) say() }"


def test_three_ring_one_is_faster_and_the_others_stop(
    stack: Stack, phone: MakePhone, operator: MakeOperator
) -> None:
    desks = [operator(user) for user in ("op01", "op02", "op03")]
    caller = phone()
    call = dial(stack, caller, RING_ALL)
    for desk in desks:
        expect(desk.find("offer-caller")).to_have_text(caller.name)
        expect(desk.find("mark-shared")).to_be_visible()
    late, winner, idle = desks
    late.page.evaluate(_HOLD_ANSWERS)
    late.find("accept").click()
    winner.accept()
    for desk in (late, idle):
        expect(desk.find("offer")).to_be_hidden()
        desk.wait_state("ready")
    late.page.evaluate(_LET_GO)
    expect(late.find("refused")).to_contain_text("A colleague was faster")
    assert late.state() == "ready", "being slower is no reason for a break"
    caller.hang_up()
    winner.wait_state("wrap_up")
    steps = wait_steps(stack, call, "offered", "connected", "ended")
    assert steps.count("offered") == 3
    assert steps.count("connected") == 1


def test_pages_and_a_phone_ring_together(
    stack: Stack, phone: MakePhone, operator: MakeOperator, browser: Browser
) -> None:
    desk_phone = registered_phone(stack, phone, "203")
    third = Operator(browser, stack.url, "op03", stack.logins()["op03"])
    third.log_in()
    third.find("use-phone").click()
    third.wait_audio("phone")
    third.go_ready()
    desks = [operator(user) for user in ("op01", "op02")]
    caller = phone()
    dial(stack, caller, RING_ALL)
    desk_phone.wait_for("CALL_INCOMING")
    for desk in desks:
        expect(desk.find("offer")).to_be_visible()
    desks[0].accept()
    desk_phone.wait_for("CALL_CLOSED")
    third.wait_state("ready")
    caller.hang_up()
    caller.wait_for("CALL_CLOSED")
    desks[0].wait_state("wrap_up")
    call = dial(stack, caller, RING_ALL)
    desk_phone.wait_for("CALL_INCOMING")
    expect(desks[1].find("offer")).to_be_visible()
    desk_phone.accept()
    third.wait_state("talking")
    expect(desks[1].find("offer")).to_be_hidden()
    wait_heard(caller, PHONE_HZ, 0.5)
    caller.hang_up()
    desk_phone.wait_for("CALL_CLOSED")
    third.wait_state("wrap_up")
    assert wait_steps(stack, call, "offered", "connected", "ended").count("connected") == 1
    third.log_out()
    third.close()


def test_all_who_ring_decline_and_the_caller_keeps_waiting(
    stack: Stack, phone: MakePhone, operator: MakeOperator
) -> None:
    desks = [operator(user) for user in ("op01", "op02", "op03")]
    caller = phone()
    call = dial(stack, caller, RING_ALL)
    for desk in desks:
        expect(desk.find("offer")).to_be_visible()
    for desk in desks:
        desk.find("reject").click()
        desk.wait_state("not_ready")
    desks[1].go_ready()
    desks[1].accept()
    caller.hang_up()
    desks[1].wait_state("wrap_up")
    steps = wait_steps(stack, call, "rejected", "rejected", "rejected", "offered", "connected", "ended")
    assert steps.count("queued") == 1


def test_the_search_widens_to_another_team(stack: Stack, phone: MakePhone, operator: MakeOperator) -> None:
    desk = operator("op02")  # of the second team, which the queue asks after three seconds
    caller = phone()
    call = dial(stack, caller, WIDENING)
    expect(desk.find("offer-caller")).to_have_text(caller.name)
    desk.accept()
    caller.hang_up()
    desk.wait_state("wrap_up")
    wait_steps(stack, call, "queued", "widened", "offered", "connected", "ended")
    offered = [decision for decision in stack.decisions(call) if decision.kind == "offered"]
    assert [decision.agent for decision in offered] == ["op02"]
    assert offered[0].waited_ms >= 3_000
    assert offered[0].steps == (1,)


def test_an_important_caller_goes_before_those_who_came_earlier(
    stack: Stack, phone: MakePhone, operator: MakeOperator
) -> None:
    early, mayor = phone(), phone(name=VIP)
    for caller in (early, mayor):
        wait_steps(stack, dial(stack, caller, IN_ORDER), "queued")
    desk = operator("op01")
    expect(desk.find("offer-caller")).to_have_text(VIP)
    expect(desk.find("mark-vip")).to_be_visible()
    desk.accept()
    mayor.hang_up()
    desk.wait_state("wrap_up")
    desk.finish_wrap_up()
    expect(desk.find("offer-caller")).to_have_text(early.name)
    expect(desk.find("mark-vip")).to_be_hidden()
    early.hang_up()
    expect(desk.find("offer")).to_be_hidden()


def test_a_caller_who_calls_again_has_the_operator_of_before(
    stack: Stack, phone: MakePhone, operator: MakeOperator
) -> None:
    first, second = operator("op01"), operator("op02")
    caller = phone()
    dial(stack, caller, KNOWN)
    expect(first.find("offer-caller")).to_have_text(caller.name)  # idle for longer
    first.accept()
    caller.hang_up()
    caller.wait_for("CALL_CLOSED")
    first.wait_state("wrap_up")
    first.finish_wrap_up()
    first.wait_state("ready")
    call = dial(stack, caller, KNOWN)
    expect(first.find("offer-caller")).to_have_text(caller.name)
    expect(first.find("mark-kept")).to_be_visible()
    assert second.state() == "ready", "though idle for longer now"
    first.accept()
    caller.hang_up()
    first.wait_state("wrap_up")
    assert wait_steps(stack, call, "connected", "ended").count("offered") == 1


def test_nobody_waits_for_ever(stack: Stack, phone: MakePhone) -> None:
    caller = phone()
    call = dial(stack, caller, SHORT)
    caller.wait_for("CALL_CLOSED")
    assert cause_of(stack, call) == "waited_too_long"
    caller.close()
    assert seconds_heard(phone_heard(caller), SORRY_HZ) > 1.0, "told before it ended"


def test_a_caller_asks_to_be_called_back(stack: Stack, phone: MakePhone, browser: Browser) -> None:
    board = Operator(browser, stack.url, "supervisor", stack.logins()["supervisor"])
    caller = phone()
    call = dial(stack, caller, CALLBACK)
    wait_steps(stack, call, "queued", "callback_offered")
    wait_heard(caller, CALLBACK_HZ, 0.5)
    caller.press("1")
    caller.wait_for("CALL_CLOSED")
    wait_steps(stack, call, "callback_offered", "callback_asked", "ended")
    assert cause_of(stack, call) == "callback"
    board.page.goto("/login")
    board.find("login-user").fill(board.user)
    board.find("login-password").fill(board.password)
    board.find("login-submit").click()
    board.page.wait_for_url("**/board", timeout=GUARD_MS)
    row = board.page.locator(f'[data-testid=board-callback][data-callback="{call}"]')
    expect(row).to_contain_text(caller.name)
    board.page.on("dialog", lambda dialog: dialog.accept())
    row.get_by_test_id("callback-done").click()
    expect(row).to_be_hidden()
    wait_steps(stack, call, "callback_settled")
    assert board.errors == []
    board.close()
