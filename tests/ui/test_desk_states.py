"""The desk in states that a running centre is in seldom: wrap-up that is extended, pauses, breaks, special calls, a log-out."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from acd_core.domain import events
from acd_core.link.signals import ReasonRow
from tests.ui.stage import AGENT, Stage
from tests.ui.test_looks import check
from tests.ui.window import Window
from tests.web.test_board import picture
from tests.web.world import desk_call, offer, replace

MINUTE_MS = 60_000
BREAK = ReasonRow(reason="break", paid=True, planned_ms=15 * MINUTE_MS)
LUNCH = ReasonRow(reason="lunch", paid=False, planned_ms=0)
MARKED = {"vip": True, "hazard": True, "repeat": 3}


@pytest.fixture
def operator(stage: Stage, staged_window: Callable[..., Window]) -> Window:
    """An operator at their desk."""
    one = staged_window()
    one.log_in("ayse", "/desk")
    stage.operator_came()
    stage.picture(replace(picture(1), not_ready_reasons=(BREAK, LUNCH)))
    return one


def test_more_time_after_a_call_is_asked_for_by_button_and_by_key(stage: Stage, operator: Window) -> None:
    call = desk_call()
    stage.show(state="wrap_up", call=call, deadline_ms=stage.now_ms() + MINUTE_MS, can_extend=True)
    expect(operator.find("countdown")).to_have_text(re.compile(r"Wrap-up ends in (1:00|0:5\d)"))
    operator.tab_to("more-time")
    operator.page.keyboard.press("Enter")
    first = stage.heard(events.WrapUpExtended)
    assert first.agent == AGENT
    stage.show(state="wrap_up", call=call, deadline_ms=stage.now_ms() + 5 * MINUTE_MS, can_extend=True)
    expect(operator.find("countdown")).to_have_text(re.compile(r"Wrap-up ends in (5:00|4:\d\d)"))
    operator.page.keyboard.press("Alt+t")
    second = stage.heard(events.WrapUpExtended)
    assert second.request != first.request
    stage.refuse(second.request, "wrap_up_max")
    expect(operator.find("refused")).to_have_text("There is no more time for this call.")
    stage.show(state="wrap_up", call=call, deadline_ms=stage.now_ms() + MINUTE_MS)
    expect(operator.find("more-time")).to_have_count(0)
    expect(operator.find("wrap-up-done")).to_be_visible()


def test_a_pause_is_counted_down_here_and_on_other_pages(stage: Stage, operator: Window) -> None:
    stage.show(state="ready", paused=True, deadline_ms=stage.now_ms() + MINUTE_MS)
    expect(operator.find("agent-state")).to_have_attribute("data-state", "ready")
    expect(operator.find("countdown")).to_have_text(re.compile(r"Next call in (1:00|0:5\d)"))
    operator.page.get_by_role("link", name="Work orders").click()
    expect(operator.find("desk-strip")).to_contain_text("Next call in")
    operator.find("desk-strip").click()
    stage.show(state="ready")
    expect(operator.find("countdown")).to_have_count(0)
    expect(operator.find("not-ready")).to_be_visible()


def test_a_break_says_how_long_it_was_planned_and_that_it_is_overdue(stage: Stage, operator: Window) -> None:
    stage.show(state="ready")
    reasons = operator.find("not-ready-reason").locator("option")
    expect(reasons).to_have_text(["break · 15 min, paid", "lunch · unpaid"])
    operator.find("not-ready-reason").select_option("lunch")
    operator.find("not-ready").click()
    assert stage.heard(events.NotReadyRequested).reason == "lunch"

    stage.show(reason="break", deadline_ms=stage.now_ms() + 15 * MINUTE_MS)
    expect(operator.find("countdown")).to_have_text(re.compile(r"Planned time left: 1[45]:\d\d"))
    stage.show(reason="break", overdue=True, since_ms=stage.now_ms() - 20 * MINUTE_MS)
    expect(operator.find("countdown")).to_have_text(re.compile(r"5:\d\d longer than planned"))
    expect(operator.find("ready")).to_be_enabled()
    stage.show(reason="lunch", overdue=True)
    expect(operator.find("countdown")).to_have_text("Longer than planned")


@pytest.mark.parametrize(
    ("language", "width", "said"),
    [
        ("en", 1280, ["Hazard", "VIP", "Kept for you", "Called 3× before", "Rings for up to 4 more"]),
        ("tr", 390, ["Tehlike ihbarı", "VIP"]),
        ("pl", 390, ["Zagrożenie", "VIP"]),
        ("zh", 1280, ["险情", "重要来电者"]),
    ],
)
def test_the_pop_up_says_what_is_special_danger_first(
    stage: Stage, staged_window: Callable[..., Window], language: str, width: int, said: list[str]
) -> None:
    operator = staged_window(width=width, language=language)
    operator.page.emulate_media(color_scheme="dark" if width == 390 else "light")
    operator.log_in("ayse", "/desk")
    stage.operator_came()
    stage.show(
        state="ringing",
        deadline_ms=stage.now_ms() + MINUTE_MS,
        offer=replace(offer(), **MARKED, kept=True, shared=4, deadline_ms=stage.now_ms() + MINUTE_MS),
    )
    marks = operator.find("offer").get_by_role("listitem")
    expect(marks).to_have_count(5)
    assert marks.all_inner_texts()[: len(said)] == said
    check(operator.page)
    operator.page.keyboard.press("Alt+a")
    asked = stage.heard(events.OfferAccepted)
    stage.refuse(asked.request, "offer_gone")
    expect(operator.find("offer").get_by_role("alert")).to_be_visible()
    if language == "en":
        expect(operator.find("offer").get_by_role("alert")).to_contain_text("A colleague was faster")

    stage.show(state="talking", call=replace(desk_call(), **MARKED))
    expect(operator.find("call-panel").get_by_role("listitem")).to_have_text(
        [said[0], said[1], re.compile("3")]
    )
    check(operator.page)
    stage.show(state="ringing", deadline_ms=stage.now_ms() + MINUTE_MS, offer=offer())
    expect(operator.find("offer")).to_be_visible()
    expect(operator.find("offer").get_by_role("listitem")).to_have_count(0)


def test_a_call_that_rings_can_not_be_put_away(stage: Stage, operator: Window) -> None:
    stage.show(
        state="ringing",
        deadline_ms=stage.now_ms() + MINUTE_MS,
        offer=replace(offer(), deadline_ms=stage.now_ms() + MINUTE_MS),
    )
    expect(operator.find("accept")).to_be_focused()
    expect(operator.page.get_by_text("No call at the moment.")).to_have_count(0)
    for _ in range(2):
        operator.page.keyboard.press("Escape")
    expect(operator.find("accept")).to_be_visible()
    # Beyond the last button the focus is with the browser, and the page hears of no key.
    for _ in range(2):
        operator.page.keyboard.press("Tab")
    for _ in range(4):
        operator.page.keyboard.press("Escape")
    expect(operator.find("accept")).to_be_focused()
    operator.find("accept").click()
    stage.heard(events.OfferAccepted)
    stage.show(state="ready")
    expect(operator.find("offer")).to_have_count(0)


def test_whom_the_core_logs_out_reads_why_and_comes_back_by_themselves(
    stage: Stage, operator: Window
) -> None:
    stage.show(state="logged_out", reason="not_ready_too_long")
    expect(operator.find("let-go-notice")).to_contain_text(
        re.compile("not ready for too long", re.IGNORECASE)
    )
    check(operator.page)
    operator.page.get_by_role("link", name="Work orders").click()
    expect(operator.find("desk-strip")).to_have_text("You were logged out")
    operator.find("desk-strip").click()
    operator.find("come-back").click()
    before = stage.session
    stage.operator_came()
    assert stage.session != before
    stage.show(reason="logged_in")
    expect(operator.find("agent-state")).to_have_attribute("data-state", "not_ready")
