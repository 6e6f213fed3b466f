"""The desk beside other pages: calls ring everywhere, a look at the register ends nothing, text stays."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import expect

from tests.ui.window import GUARD_MS, Window

# Somebody who is writing hits the space bar at the moment the pop-up takes the focus.
_WRITE_WHEN_IT_RINGS = """
() => {
  const watcher = new MutationObserver(() => {
    const accept = document.querySelector('dialog[open] [data-testid=accept]')
    if (!accept) return
    watcher.disconnect()
    globalThis.answered_by_writing = accept.dispatchEvent(
      new KeyboardEvent('keydown', { key: ' ', bubbles: true, cancelable: true }),
    )
  })
  watcher.observe(document.body, { childList: true, subtree: true, attributes: true })
}
"""


# The countdown of the wrap-up, which only ever falls, shows more than it did.
_LATER = """
(before) => document.querySelector('[data-testid=countdown]').innerText.padStart(40) > before.padStart(40)
"""


def test_a_call_rings_on_every_page_and_goes_on_whatever_is_looked_at(window: Callable[..., Window]) -> None:
    operator, citizen = window(), window()
    operator.log_in("op05", "/desk")
    operator.connect_audio()
    operator.find("ready").click()
    expect(operator.find("agent-state")).to_have_attribute("data-state", "ready", timeout=GUARD_MS)
    menu = operator.page.get_by_role("navigation")
    menu.get_by_role("link", name="Work orders").click()
    expect(operator.find("desk-strip")).to_contain_text("Ready")

    operator.find("orders-text").focus()
    operator.page.evaluate(_WRITE_WHEN_IT_RINGS)

    citizen.page.goto("/call")
    citizen.find("call-number").fill("186")
    citizen.find("call-own").fill("05320000001")
    citizen.find("call-dial").click()
    expect(operator.find("offer-caller")).to_have_text("05320000001", timeout=GUARD_MS)
    expect(operator.find("accept")).to_be_focused()
    assert operator.page.evaluate("answered_by_writing") is False
    for _ in range(3):
        operator.page.keyboard.press("Escape")
    expect(operator.find("accept")).to_be_visible()
    operator.page.keyboard.press("Alt+r")
    expect(operator.find("offer")).to_have_count(0)
    expect(operator.find("orders-text")).to_be_focused()
    operator.page.keyboard.press("Alt+n")
    expect(operator.find("accept")).to_be_focused(timeout=GUARD_MS)
    operator.page.keyboard.press("Alt+a")
    expect(operator.find("call-panel")).to_be_visible(timeout=GUARD_MS)
    expect(operator.page).to_have_url(re.compile("/desk$"))
    operator.find("order-description").fill("Burst pipe, water everywhere")

    operator.find("mute").click()
    menu.get_by_role("link", name="Work orders").click()
    expect(operator.find("desk-strip")).to_contain_text("In conversation")
    operator.page.reload()
    expect(operator.find("desk-strip")).to_contain_text("In conversation", timeout=GUARD_MS)
    operator.find("desk-strip").click()
    expect(operator.find("audio-state")).to_have_attribute("data-state", "connected", timeout=GUARD_MS)
    expect(operator.find("order-description")).to_have_value("Burst pipe, water everywhere")
    expect(operator.find("mute")).to_have_attribute("aria-pressed", "true")

    operator.find("log-out").click()
    expect(operator.find("log-out-problem")).to_contain_text("Finish the conversation first")
    operator.find("hang-up").click()
    expect(operator.find("wrap-up-done")).to_be_visible(timeout=GUARD_MS)
    expect(operator.find("log-out-problem")).to_have_count(0)
    expect(operator.find("countdown")).to_contain_text("Wrap-up ends in")
    before = operator.find("countdown").inner_text()
    operator.find("more-time").click()
    operator.page.wait_for_function(_LATER, arg=before)
    operator.find("order-save").click()
    expect(operator.find("order-error-category")).to_have_text("is needed")
    expect(operator.find("order-category")).to_be_focused()
    operator.find("order-category").select_option("water_fault")
    operator.find("wrap-up-done").click()
    expect(operator.find("agent-state")).to_have_attribute("data-state", "ready", timeout=GUARD_MS)
    operator.find("order-save").click()
    number = operator.find("order-saved-number")
    expect(number).to_have_text(re.compile(r"^\d{4}-\d{6}$"))
    tracking = number.inner_text()
    number.click()
    expect(operator.find("order")).to_have_attribute("data-tracking", tracking)
    operator.find("desk-strip").click()
    expect(operator.find("order-saved-number")).to_have_text(tracking)
    expect(operator.find("order-form")).to_have_count(0)
    operator.find("log-out").click()
    expect(operator.find("login-user")).to_be_visible()
    expect(citizen.find("call-state")).to_have_attribute("data-state", "ended")


def test_a_second_tab_takes_over_and_the_first_can_take_back(window: Callable[..., Window]) -> None:
    operator = window()
    operator.log_in("op06", "/desk")
    expect(operator.find("agent-state")).to_have_attribute("data-state", "not_ready", timeout=GUARD_MS)
    second = operator.tab()
    second.goto("/desk")
    expect(second.get_by_test_id("agent-state")).to_have_attribute(
        "data-state", "not_ready", timeout=GUARD_MS
    )
    expect(operator.find("replaced-notice")).to_be_visible(timeout=GUARD_MS)
    operator.find("take-back").click()
    expect(operator.find("agent-state")).to_have_attribute("data-state", "not_ready", timeout=GUARD_MS)
    expect(second.get_by_test_id("replaced-notice")).to_be_visible(timeout=GUARD_MS)
    operator.find("log-out").click()
    expect(operator.find("login-user")).to_be_visible()
