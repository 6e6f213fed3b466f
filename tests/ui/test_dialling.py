"""The operator calls a number: typed, by keyboard alone, or by a click on one that a page shows; how far it is, and why not."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from acd_core.domain import commands, events
from tests.ui.stage import AGENT, Stage
from tests.ui.test_looks import check
from tests.ui.window import GUARD_MS, Window
from tests.web.test_board import AGENT as ROW
from tests.web.test_board import CALL, CALLBACK, picture
from tests.web.world import desk_call, replace

NUMBER = "+903121234567"


def dialled(stage: Stage, dialling: commands.Dialling, **fields: object) -> commands.DeskCall:
    return commands.DeskCall(
        call="c-1-d7",
        caller=NUMBER,
        caller_name="",
        dialled=NUMBER,
        service="",
        queue="",
        queue_name="",
        arrived_ms=stage.now_ms(),
        answered_ms=0,
        outbound=True,
        dialling=dialling,
        **fields,  # type: ignore[arg-type]
    )


@pytest.fixture
def operator(stage: Stage, staged_window: Callable[..., Window]) -> Window:
    """An operator at their desk."""
    one = staged_window()
    one.log_in("ayse", "/desk")
    stage.operator_came()
    stage.show(state="ready")
    expect(one.find("agent-state")).to_have_attribute("data-state", "ready", timeout=GUARD_MS)
    expect(one.find("dial-number")).to_be_visible()
    return one


def test_a_number_is_called_with_the_keyboard_alone_and_taken_back(stage: Stage, operator: Window) -> None:
    operator.page.keyboard.press("Alt+c")
    expect(operator.find("dial-number")).to_be_focused()
    operator.page.keyboard.type("0312 123 45 67")
    operator.page.keyboard.press("Enter")
    asked = stage.heard(events.DialRequested)
    assert (asked.agent, asked.number) == (AGENT, "0312 123 45 67")
    stage.show(state="talking", call=dialled(stage, "dialled"))
    expect(operator.find("call-title")).to_have_text("Dialling …")
    expect(operator.find("call-caller")).to_have_text(NUMBER)
    expect(operator.find("call-panel")).to_contain_text("Outgoing call")
    expect(operator.find("agent-state")).to_have_text("Dialling …")
    expect(operator.find("dial")).to_have_attribute("aria-disabled", "true")
    expect(operator.find("dial-obstacle")).to_have_text("Finish the conversation first.")
    stage.show(state="talking", call=dialled(stage, "rings"))
    expect(operator.find("call-title")).to_have_text("It rings there")
    stage.show(state="talking", call=dialled(stage, "heard"))
    expect(operator.find("call-title")).to_have_text("Not answered yet, listen")
    expect(operator.find("hang-up")).to_contain_text("Cancel")
    operator.page.keyboard.press("Alt+h")
    assert stage.heard(events.HangUpRequested).call == "c-1-d7"
    stage.show(state="ready")
    # What was typed is still there to be called again.
    expect(operator.find("dial-number")).to_have_value("0312 123 45 67")


def test_the_key_leads_to_the_field_from_every_page(stage: Stage, operator: Window) -> None:
    operator.page.get_by_role("link", name="Work orders").click()
    expect(operator.find("desk-strip")).to_be_visible()
    operator.page.keyboard.press("Alt+c")
    expect(operator.find("dial-number")).to_be_focused()
    operator.page.keyboard.type("185")
    expect(operator.find("dial-number")).to_have_value("185")


def test_an_answered_call_is_a_conversation_with_a_work_order(stage: Stage, operator: Window) -> None:
    operator.find("dial-number").fill("0312 123 45 67")
    operator.find("dial").click()
    stage.heard(events.DialRequested)
    stage.show(state="talking", call=replace(dialled(stage, ""), answered_ms=stage.now_ms()))
    expect(operator.find("call-title")).to_have_text("Conversation")
    expect(operator.find("hang-up")).to_contain_text("Hang up")
    expect(operator.find("dial-number")).to_have_value("")
    expect(operator.find("order-form")).to_have_attribute("data-call", "c-1-d7")
    expect(operator.find("order-caller-phone")).to_have_value(NUMBER)


def test_a_barred_number_says_what_to_do_until_another_is_typed(stage: Stage, operator: Window) -> None:
    operator.find("dial-number").fill("0900 900 90 90")
    operator.find("dial").click()
    asked = stage.heard(events.DialRequested)
    stage.refuse(asked.request, "barred_premium")
    problem = operator.find("dial-problem")
    expect(problem).to_have_text(re.compile("Premium .* ask your supervisor"))
    expect(operator.find("dial-number")).to_have_attribute("aria-describedby", "dial-problem")
    expect(operator.find("dial-number")).to_have_attribute("aria-invalid", "true")
    check(operator.page)
    operator.find("dial-number").fill("0900 900 90 91")
    expect(problem).to_have_count(0)


def test_who_was_not_reached_is_told_beside_the_number(stage: Stage, operator: Window) -> None:
    operator.find("dial-number").fill("0312 123 45 67")
    operator.find("dial").click()
    asked = stage.heard(events.DialRequested)
    stage.show(state="talking", call=dialled(stage, "rings"))
    # However soon it is over: of several views the page may see the last one alone.
    stage.show(state="ready")
    stage.refuse(asked.request, "number_busy")
    expect(operator.find("dial-problem")).to_have_text("The number is busy. Try again in a moment.")
    # What has nothing to do with it is told where it always is.
    stage.refuse("", "phone_not_in_use")
    expect(operator.find("refused")).to_contain_text("choose your phone as audio first")


def test_without_audio_the_way_to_it_is_told(stage: Stage, operator: Window) -> None:
    stage.show(state="not_ready", audio="none")
    operator.find("dial-number").fill("0312 123 45 67")
    expect(operator.find("dial-obstacle")).to_have_text("Connect your audio first.")
    operator.find("dial").click(force=True)
    stage.refuse("", "no_phone")  # a word that comes after whatever the page said
    expect(operator.find("refused")).to_be_visible()
    stage.show(state="ready")
    operator.find("dial").click()
    assert stage.heard(events.DialRequested).request == "1"


def test_a_callers_number_is_called_back_by_a_click(stage: Stage, operator: Window) -> None:
    stage.show(state="wrap_up", call=desk_call(), deadline_ms=stage.now_ms() + 60_000)
    operator.find("call-number").click()
    assert stage.heard(events.DialRequested).number == desk_call().caller
    order = operator.order("dial-0001", caller_phone="+905321234567")
    stage.show(state="ready")
    operator.page.get_by_role("link", name="Work orders").click()
    operator.page.get_by_text(order["tracking_number"]).click()
    expect(operator.find("call-number")).to_have_attribute("aria-label", "Call +905321234567")
    check(operator.page)
    operator.find("call-number").click()
    assert stage.heard(events.DialRequested).number == "+905321234567"
    expect(operator.page).to_have_url(re.compile("/desk$"))
    expect(operator.find("dial-number")).to_have_value("+905321234567")


def test_a_supervisor_without_a_desk_sees_who_dials_and_calls_nobody(
    stage: Stage, staged_window: Callable[..., Window]
) -> None:
    one = staged_window()
    one.log_in("zeynep", "/board")
    board = picture(1)
    row = replace(CALL, outbound=True, state="dialling", service="", queue="")
    stage.picture(replace(board, calls=(row,), agents=(replace(ROW, dialled=2),), callbacks=(CALLBACK,)))
    expect(one.find("board-call")).to_contain_text("dialling")
    expect(one.find("board-call")).to_contain_text("Outgoing call")
    expect(one.find("board-agent-op01")).to_contain_text("Dialled: 2")
    expect(one.find("board-callback")).to_be_visible()
    expect(one.find("call-number")).to_have_count(0)


@pytest.mark.parametrize(
    ("language", "width", "theme"),
    [
        ("en", 1280, "light"),
        ("tr", 390, "dark"),
        ("tr", 1280, "dark"),
        ("pl", 390, "light"),
        ("zh", 940, "light"),
    ],
)
def test_the_desk_that_dials_fits_and_can_be_read(
    stage: Stage, staged_window: Callable[..., Window], language: str, width: int, theme: str
) -> None:
    operator = staged_window(width=width, language=language)
    operator.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    operator.log_in("ayse", "/desk")
    stage.operator_came()
    stage.show(state="ready")
    operator.find("dial-number").fill("0900 900 90 90")
    operator.find("dial").click()
    stage.refuse(stage.heard(events.DialRequested).request, "barred_premium")
    expect(operator.find("dial-problem")).to_be_visible()
    check(operator.page)
    for dialling in ("dialled", "rings", "heard"):
        stage.show(state="talking", call=dialled(stage, dialling))  # type: ignore[arg-type]
        expect(operator.find("hang-up")).to_be_visible()
        check(operator.page)
