"""A browser window of one person, which notices everything that a page should never do."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

GUARD_MS = 30_000

# A browser reports every answer of 400 and above; these belong to the page's ordinary work.
_ORDINARY = re.compile(r"Failed to load resource: .* status of (401|404|409|422|429)")
_WATCH_POLICY = """
addEventListener('securitypolicyviolation', (event) => {
  console.error(`refused by the policy: ${event.violatedDirective} ${event.blockedURI}`);
});
"""


class Window:
    """One browser context; `problems` are errors of its pages."""

    def __init__(
        self, browser: Browser, url: str, logins: dict[str, str], *, width: int = 1280, language: str = "en"
    ) -> None:
        """`language` and `width` are those of the person's machine."""
        self._logins = logins
        self.problems: list[str] = []
        self.context: BrowserContext = browser.new_context(
            base_url=url,
            viewport={"width": width, "height": 800},
            permissions=["microphone"],
            locale={"en": "en-GB", "tr": "tr-TR", "pl": "pl-PL", "zh": "zh-CN"}[language],
        )
        self.context.add_init_script(_WATCH_POLICY)
        self.page = self.tab()

    def tab(self) -> Page:
        """A further tab."""
        page = self.context.new_page()
        page.set_default_timeout(GUARD_MS)
        page.on("pageerror", lambda error: self.problems.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._said(page, message))
        return page

    def _said(self, page: Page, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _ORDINARY.match(message.text):
            self.problems.append(f"{page.url}: {message.text}")

    def log_in(self, user: str, to: str = "/orders") -> Page:
        """Without the log-in page, then to a page; the tab that shows it."""
        answer = self.context.request.post("/api/login", data={"user": user, "password": self._logins[user]})
        assert answer.ok, answer.text()
        self.page.goto(to)
        return self.page

    def find(self, testid: str) -> Locator:
        """The element of this test id in the first tab."""
        return self.page.get_by_test_id(testid)

    def api(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """As the page asks, with its log-in."""
        csrf = self.context.request.get("/api/me").json()["csrf"]
        answer = self.context.request.fetch(path, method=method, data=body, headers={"X-CSRF-Token": csrf})
        assert answer.ok, answer.text()
        return answer.json()

    def order(self, key: str, **fields: str) -> Any:
        """A new work order, saved through the API."""
        form = {"key": f"form-{key}", "category": "water_fault", "description": f"Order {key}", **fields}
        return self.api("POST", "/api/orders", form)

    def connect_audio(self) -> None:
        """The operator's audio, as far as the core."""
        self.find("audio-connect").click()
        expect(self.find("audio-state")).to_have_attribute("data-state", "connected", timeout=GUARD_MS)

    def tab_to(self, testid: str, stops_max: int = 40) -> None:
        """With the Tab key alone to the element of this test id; where the focus is has to be seen."""
        for _ in range(stops_max):
            self.page.keyboard.press("Tab")
            focused = self.page.evaluate(
                "((one) => [one.dataset.testid, one === document.body || getComputedStyle(one).outlineStyle !== 'none'])"
                "(document.activeElement)"
            )
            assert focused[1], f"the focus can't be seen on {focused[0] or 'an element'}"
            if focused[0] == testid:
                return
        raise AssertionError(f"the Tab key does not reach {testid}")

    def close(self) -> None:
        """Close the window."""
        self.context.close()
