"""Log-in: the way in, the way out, and what a log-in may see."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.e2e.stack import Stack
from tests.ui.test_looks import check
from tests.ui.window import GUARD_MS, Window


def test_a_wrong_password_is_said_and_the_right_one_leads_to_the_desk(
    window: Callable[..., Window], stack: Stack
) -> None:
    one = window()
    one.page.goto("/orders")
    expect(one.page).to_have_url(re.compile("/login$"))
    one.find("login-user").fill("op01")
    one.find("login-password").fill("wrong")
    one.find("login-submit").click()
    expect(one.find("login-problem")).to_have_text("User or password is wrong.")
    expect(one.find("login-user")).to_have_value("op01")
    one.find("login-password").fill(stack.logins()["op01"])
    one.find("login-submit").click()
    expect(one.page).to_have_url(re.compile("/desk$"))
    expect(one.find("agent-state")).to_have_attribute("data-state", "not_ready", timeout=GUARD_MS)
    one.page.reload()
    expect(one.find("agent-state")).to_have_attribute("data-state", "not_ready", timeout=GUARD_MS)
    one.find("log-out").click()
    expect(one.find("login-user")).to_be_visible()
    one.page.goto("/desk")
    expect(one.page).to_have_url(re.compile("/login$"))


def test_an_operator_has_no_wallboard_and_a_supervisor_no_desk(window: Callable[..., Window]) -> None:
    operator, supervisor = window(), window()
    operator.log_in("op02", "/board")
    expect(operator.page.get_by_text("Your log-in may not see this page.")).to_be_visible()
    supervisor.log_in("supervisor", "/desk")
    expect(supervisor.page.get_by_text("Your log-in may not see this page.")).to_be_visible()
    supervisor.page.goto("/")
    expect(supervisor.page).to_have_url(re.compile("/board$"))


def test_the_keyboard_alone_logs_in_and_goes_ready(window: Callable[..., Window], stack: Stack) -> None:
    one = window()
    one.page.goto("/login")
    expect(one.find("login-user")).to_be_focused()
    one.page.keyboard.type("op03")
    one.tab_to("login-password")
    one.page.keyboard.type(stack.logins()["op03"])
    one.page.keyboard.press("Enter")
    expect(one.find("audio-connect")).to_be_visible(timeout=GUARD_MS)
    expect(one.find("ready")).to_be_disabled()
    one.tab_to("audio-connect")
    one.page.keyboard.press("Enter")
    expect(one.find("audio-state")).to_have_attribute("data-state", "connected", timeout=GUARD_MS)
    one.page.evaluate("document.activeElement.blur()")
    one.tab_to("ready")
    one.page.keyboard.press("Enter")
    expect(one.find("agent-state")).to_have_attribute("data-state", "ready", timeout=GUARD_MS)
    one.page.keyboard.press("Alt+n")
    expect(one.find("agent-state")).to_have_attribute("data-state", "not_ready", timeout=GUARD_MS)
    one.find("log-out").click()
    expect(one.find("login-user")).to_be_visible()


def test_a_server_that_does_not_answer_is_asked_again_by_a_button(window: Callable[..., Window]) -> None:
    one = window(width=390)
    one.page.route("**/api/me", lambda route: route.fulfill(status=429, body="{}"))
    one.page.goto("/orders")
    expect(one.page.get_by_role("alert")).to_contain_text("The server can’t be reached.")
    check(one.page)
    one.page.unroute("**/api/me")
    one.page.get_by_role("button", name="Try again").click()
    expect(one.find("login-user")).to_be_visible()
