"""Log-in as a browser sees it: wrong passwords, throttling, cookies, CSRF, foreign pages, roles, log-out."""

from __future__ import annotations

import pytest
import websockets

from acd_core.config import Config
from agent_web.limits import ACCOUNT_FAILURES_FREE
from tests.web.world import run, world


def test_a_user_logs_in_and_out(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = here.browser()
            assert (await browser.ask("GET", "/api/me")).status == 401
            answer = await browser.log_in("ayse")
            assert answer.status == 200
            cookie = answer.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
            me = (await browser.ask("GET", "/api/me")).json
            assert (me["user"], me["name"], me["roles"], me["agent"]) == (
                "ayse",
                "Ayşe Yılmaz",
                ["operator"],
                "agent-ayse",
            )
            assert me["csrf"] == browser.csrf
            stolen = dict(browser.cookies)
            assert (await browser.ask("POST", "/api/logout")).status == 204
            assert browser.cookies == {}
            browser.cookies = stolen
            assert (await browser.ask("GET", "/api/me")).status == 401

    run(story())


def test_a_wrong_password_and_an_unknown_user_are_refused_alike(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            wrong = await here.browser().log_in("ayse", "guess")
            unknown = await here.browser().log_in("nobody", "guess")
            assert wrong.status == unknown.status == 401
            assert wrong.text == unknown.text
            assert wrong.json["error"] == "wrong_password"

    run(story())


def test_guessing_is_slowed_down_and_says_for_how_long(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            answer = await here.browser().log_in("ayse", "guess")
            failures = 1
            # The waiting times double: however slow this machine is, one of them is longer than a check takes.
            while answer.status == 401:
                answer = await here.browser().log_in("ayse", "guess")
                failures += 1
            assert failures > ACCOUNT_FAILURES_FREE
            assert answer.status == 429
            assert answer.json["error"] == "too_many_attempts"
            assert int(answer.headers["Retry-After"]) >= 1
            assert (await here.browser().log_in("mehmet")).status == 200, "others are not held up"

    run(story())


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"{}", 400),
        (b'{"user":1,"password":"x"}', 400),
        (b"\xff\xfe", 400),
        (b'{"user":"a\\u0000","password":"x"}', 400),
        (b'{"user":"a\\n","password":"x"}', 400),
        (b"x" * 200_000, 413),
    ],
)
def test_a_log_in_that_is_none_is_refused(config: Config, body: bytes, status: int) -> None:
    async def story() -> None:
        async with world(config) as here:
            answer = await here.browser().ask("POST", "/api/login", body)
            assert answer.status == status
            assert answer.json["error"]

    run(story())


def test_a_change_without_the_sessions_token_is_refused(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            other = await here.logged_in("mehmet")
            for token in ("", "guess", other.csrf):
                answer = await browser.ask("POST", "/api/logout", headers={"X-CSRF-Token": token})
                assert (answer.status, answer.json["error"]) == (403, "csrf")
            assert (await browser.ask("GET", "/api/me")).status == 200

    run(story())


def test_a_foreign_page_can_neither_change_nor_listen(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            for origin in ("https://evil.example", "null", f"https://localhost:{browser.port}"):
                answer = await browser.ask("POST", "/api/logout", headers={"Origin": origin})
                assert (answer.status, answer.json["error"]) == (403, "foreign_origin")
            for path in ("/ws/desk", "/ws/orders", "/ws/call"):
                with pytest.raises(websockets.InvalidStatus) as refused:
                    async with browser.socket(path, origin="https://evil.example"):
                        pass
                assert refused.value.response.status_code == 403

    run(story())


def test_every_door_checks_the_role(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            nobody, operator = here.browser(), await here.logged_in("ayse")
            supervisor = await here.logged_in("zeynep")
            for path in ("/api/orders", "/api/catalogue", "/api/calls", "/api/me"):
                assert (await nobody.ask("GET", path)).status == 401, path
            assert (await operator.ask("GET", "/api/calls")).status == 403
            assert (await supervisor.ask("GET", "/api/calls")).status == 200
            for browser, path, status in (
                (nobody, "/ws/desk", 401),
                (nobody, "/ws/board", 401),
                (nobody, "/ws/orders", 401),
                (operator, "/ws/board", 403),
                (supervisor, "/ws/desk", 403),
            ):
                with pytest.raises(websockets.InvalidStatus) as refused:
                    async with browser.socket(path):
                        pass
                assert refused.value.response.status_code == status, path

    run(story())
