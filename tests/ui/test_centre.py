"""The wallboard of a busy centre: its mode, callbacks, marks of calls and operators, service levels, orders to read it in."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, expect

from acd_core.domain import events
from acd_core.domain.commands import AgentState
from acd_core.link.signals import AgentRow, CallbackRow, CallRow, QueueRow, Wallboard, WallboardHead
from tests.ui.stage import Stage
from tests.ui.test_looks import CASES, check
from tests.ui.window import Window
from tests.web.world import replace

QUEUES, OPERATORS, CALLS = 9, 120, 60
STATES: tuple[AgentState, ...] = ("ready", "talking", "not_ready", "ringing", "wrap_up", "logged_out")
LONG = "Muvaffakiyetsizleştiricileştiriveremeyebileceklerimizden Karahasanoğlu"


def queue(number: int, at_ms: int) -> QueueRow:
    """Every third above its target, every third below, every third without a call."""
    level = (0.91, 0.62, None)[number % 3]
    return QueueRow(
        queue=f"q{number}",
        name=("Arızalar", "Doğal gaz kaçağı", "Fatura, abonelik ve sayaç işlemleri")[number % 3],
        strategy="longest_idle",
        priority=number,
        aging_per_min=1,
        aging_max=10,
        waiting=number,
        longest_since_ms=at_ms - 45_000 if number else 0,
        talking=3,
        agents=12,
        ready=2,
        entered=1_274,
        answered=1_100,
        abandoned=174,
        short_abandoned=number,
        service_level=level,
        service_level_ms=20_000,
        asa_ms=None if level is None else 7_400,
        aht_ms=None if level is None else 185_000,
        longest_wait_ms=300_000,
    )


def agent(number: int, at_ms: int) -> AgentRow:
    """Every state in turn."""
    state = STATES[number % len(STATES)]
    return AgentRow(
        agent=f"op{number:03}",
        name=LONG if number == 7 else f"Ayşe Yılmaz {number:03}",
        team=f"Ekip {number % 4}",
        state=state,
        reason="break" if state == "not_ready" else "",
        since_ms=at_ms - number * 1_000,
        audio="none" if state == "logged_out" else "browser",
        call="",
        queues=("q1",),
        calls=number,
        dialled=number % 3,
        occupancy=None if number == 0 else number / OPERATORS,
        overdue=state == "not_ready",
        paused=state == "ready",
    )


def call(number: int, at_ms: int) -> CallRow:
    """The last one to arrive is a hazard, the next to last is kept for an operator."""
    state = "waiting" if number >= CALLS - 3 else ("talking", "ringing", "menu")[number % 3]
    return CallRow(
        call=f"c-{number}",
        caller=f"0532{number:07}",
        outbound=False,
        service="187 Doğal gaz acil",
        state=state,
        since_ms=at_ms - 5_000,
        arrived_ms=at_ms - 600_000 + number * 1_000,
        queue="q1",
        agent="op001" if state == "talking" else "",
        ringing=("op003", "op009") if state == "ringing" else (),
        vip=number == CALLS - 2,
        hazard=number == CALLS - 1,
        repeat=2 if number == CALLS - 2 else 0,
        only="op002" if number == CALLS - 2 else "",
        priority=0,
        steps=(1, 2) if number == CALLS - 3 else (),
    )


def callback(number: int, at_ms: int) -> CallbackRow:
    return CallbackRow(
        id=f"cb-{number}",
        caller=f"0533{number:07}",
        number=f"+90533{number:07}",
        queue="q1",
        asked_at_ms=at_ms - 3_600_000,
        arrived_ms=at_ms - 3_900_000,
    )


def centre(at_ms: int) -> Wallboard:
    """A large evening."""
    return Wallboard(
        head=WallboardHead(
            at_ms=at_ms, calls_live=CALLS, callbacks_open=2, mode="normal", store_behind=0, edges=("edge1",)
        ),
        queues=tuple(queue(number, at_ms) for number in range(QUEUES)),
        agents=tuple(agent(number, at_ms) for number in range(OPERATORS)),
        calls=tuple(call(number, at_ms) for number in range(CALLS)),
        callbacks=(callback(1, at_ms), callback(2, at_ms)),
        not_ready_reasons=(),
    )


@pytest.fixture
def board(stage: Stage, staged_window: Callable[..., Window]) -> Window:
    """A supervisor before a large centre."""
    stage.picture(centre(stage.now_ms()))
    one = staged_window()
    one.log_in("zeynep", "/board")
    expect(one.find("board-agent-op119")).to_be_visible()
    return one


def test_a_supervisor_changes_the_mode_with_the_keyboard_alone(stage: Stage, board: Window) -> None:
    expect(board.find("board-mode")).to_have_text("Mode: Normal")
    board.tab_to("mode-change")
    board.page.keyboard.press("Enter")
    expect(board.find("mode-normal")).to_be_focused()
    expect(board.find("mode-apply")).to_be_disabled()
    board.page.keyboard.press("Escape")
    expect(board.find("mode-dialog")).to_have_count(0)
    expect(board.find("mode-change")).to_be_focused()

    board.page.keyboard.press("Enter")
    expect(board.find("mode-normal")).to_be_focused()
    board.page.keyboard.press("ArrowUp")
    expect(board.find("mode-emergency")).to_be_checked()
    board.tab_to("mode-apply")
    board.page.keyboard.press("Enter")
    assert stage.heard(events.ModeChanged) == events.ModeChanged(mode="emergency", by="zeynep")
    expect(board.find("mode-dialog")).to_have_count(0)
    told = centre(stage.now_ms())
    stage.picture(replace(told, head=replace(told.head, mode="emergency")))
    expect(board.find("board-mode")).to_have_text("Mode: Emergency")
    expect(board.find("banner")).to_contain_text("New calls go the way that the plan has for an emergency.")
    check(board.page)


def test_a_change_of_mode_that_fails_says_so_and_can_be_repeated(stage: Stage, board: Window) -> None:
    board.page.route(re.compile("/api/mode"), lambda route: route.fulfill(status=429, json=_TOO_FAST))
    board.find("mode-change").click()
    board.find("mode-closed").check()
    board.find("mode-apply").click()
    expect(board.find("mode-problem")).to_have_text("That was too fast; wait a moment and try again.")
    board.page.unroute(re.compile("/api/mode"))
    board.find("mode-apply").click()
    assert stage.heard(events.ModeChanged).mode == "closed"
    expect(board.find("mode-dialog")).to_have_count(0)


_TOO_FAST = {"error": "too_fast", "text": "", "errors": []}


def test_a_callback_is_called_and_taken_off_the_list(stage: Stage, board: Window) -> None:
    first = board.page.locator("[data-callback=cb-1]")
    expect(board.find("board-callback")).to_have_count(2)
    expect(first.get_by_role("link")).to_have_attribute("href", "tel:+905330000001")
    expect(first).to_contain_text("1:00:0")
    asked: list[str] = []

    def answer(yes: bool) -> None:
        def say(dialog: Dialog) -> None:
            asked.append(dialog.message)
            if yes:
                dialog.accept()
            else:
                dialog.dismiss()

        board.page.once("dialog", say)
        first.get_by_role("button", name="Done: 05330000001").click()

    answer(False)
    answer(True)
    assert stage.heard(events.CallbackSettled) == events.CallbackSettled(callback="cb-1", by="zeynep")
    assert asked == ["Take 05330000001 off the list of callbacks?"] * 2
    told = centre(stage.now_ms())
    stage.picture(replace(told, callbacks=told.callbacks[1:], head=replace(told.head, callbacks_open=12)))
    expect(board.find("board-callback")).to_have_count(1)
    expect(board.find("board-callbacks")).to_contain_text("Not shown: 11.")
    stage.picture(replace(told, callbacks=(), head=replace(told.head, callbacks_open=0)))
    expect(board.find("board-callbacks")).to_have_count(0)


def test_queues_tell_their_day_and_whether_it_is_good_enough(stage: Stage, board: Window) -> None:
    good, bad, none = (board.find(f"board-queue-q{number}") for number in range(3))
    level = "[data-field=service_level]"
    expect(good.locator(level)).to_have_text(re.compile(r"91%\s*on target · 80% in 20\ss"))
    expect(bad.locator(level)).to_have_text(re.compile(r"62%\s*below target"))
    expect(bad.locator(level)).to_have_attribute("data-level", "bad")
    expect(none.locator(level)).to_have_text(re.compile("^–"))
    expect(good.locator("[data-field=entered]")).to_have_text("1,274")
    expect(bad.locator("[data-field=abandoned]")).to_have_text(re.compile(r"174\s*1 short"))
    expect(good.locator("[data-field=asa]")).to_have_text("0:07")
    expect(good.locator("[data-field=aht]")).to_have_text("3:05")
    expect(none.locator("[data-field=aht]")).to_have_text("–")
    expect(bad.locator("[data-field=longest]")).to_have_attribute("data-level", "warn")


def test_calls_stand_by_who_is_next_with_what_is_special(stage: Stage, board: Window) -> None:
    rows = board.find("board-call")
    expect(rows).to_have_count(CALLS)
    first, second = rows.nth(0), board.page.locator(f"[data-call=c-{CALLS - 2}]")
    expect(first).to_have_attribute("data-call", f"c-{CALLS - 1}")
    expect(first.get_by_test_id("mark-hazard")).to_have_text("Hazard")
    expect(rows.last).to_contain_text(re.compile("talking|menu"))
    expect(second.get_by_role("listitem")).to_have_text(["VIP", "Called 2× before"])
    expect(second).to_contain_text("Kept for Ayşe Yılmaz 002")
    expect(board.page.locator(f"[data-call=c-{CALLS - 3}]")).to_contain_text("Search widened 2×")
    expect(board.page.locator("[data-call=c-1]")).to_contain_text("Ayşe Yılmaz 003, Ayşe Yılmaz 009")


def test_operators_show_their_work_and_stand_in_the_order_that_is_asked_for(
    stage: Stage, board: Window
) -> None:
    ready, on_break = board.find("board-agent-op012"), board.find("board-agent-op002")
    expect(ready.get_by_test_id("mark-paused")).to_have_text("paused")
    expect(ready.locator("[data-field=work]")).to_have_text("Calls: 12 · Occupancy: 10%")
    expect(on_break.get_by_test_id("mark-overdue")).to_have_text("overdue")
    expect(on_break).to_contain_text("Ekip 2")
    operators = board.page.locator(".operators:not(.away) .operator")
    for order, first in (("calls", "op118"), ("occupancy", "op118"), ("team", "op000"), ("state", "op003")):
        board.find("board-sort").select_option(order)
        expect(operators.first).to_have_attribute("data-testid", f"board-agent-{first}")
        expect(operators.last).not_to_have_attribute("data-state", "logged_out")
    calls, away = board.find("board-call").last.bounding_box(), board.find("board-away").bounding_box()
    assert calls
    assert away
    assert calls["y"] < away["y"], "who is not there stands below all that goes on"


@pytest.mark.parametrize(("width", "language", "theme"), CASES)
def test_a_large_centre_fits_and_can_be_read(
    stage: Stage, staged_window: Callable[..., Window], width: int, language: str, theme: str
) -> None:
    told = centre(stage.now_ms())
    stage.picture(replace(told, head=replace(told.head, mode="closed")))
    one = staged_window(width=width, language=language)
    one.page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    one.log_in("zeynep", "/board")
    expect(one.find("board-agent-op119")).to_be_visible()
    check(one.page)
    one.find("mode-change").click()
    check(one.page)


def test_a_centre_without_a_plan_says_so_on_its_board(
    stage: Stage, staged_window: Callable[..., Window]
) -> None:
    one = staged_window()
    one.log_in("zeynep", "/board")
    at_ms = stage.now_ms()
    full = centre(at_ms)
    head = replace(full.head, calls_live=0, callbacks_open=0)
    empty = replace(full, head=head, queues=(), agents=(), calls=(), callbacks=())
    stage.picture(empty)
    expect(one.page.get_by_text("There is no queue yet: no plan is loaded.")).to_be_visible()
    expect(one.page.get_by_text("Nobody is on the roster yet.")).to_be_visible()
    expect(one.page.get_by_text("No calls.")).to_be_visible()
    check(one.page)
    stage.picture(replace(empty, agents=(replace(agent(5, at_ms), state="logged_out"),)))
    expect(one.page.get_by_text("No operator is logged in.")).to_be_visible()
