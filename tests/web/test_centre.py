"""What supervisors decide for the whole centre: who may, what is understood, how often, and what the core hears."""

from __future__ import annotations

from typing import Any

import pytest

from acd_core.config import Config
from acd_core.domain import events
from agent_web.limits import CENTRE_CHANGES_A_MINUTE
from agent_web.pace import Pace
from tests.web.world import run, world

MODE = ("PUT", "/api/mode", {"mode": "emergency"})
SETTLE = ("POST", "/api/callbacks/settle", {"callback": "c-17"})


@pytest.mark.parametrize("user", ["zeynep", "admin"])
def test_what_is_decided_for_the_centre_reaches_the_core_with_who_decided(config: Config, user: str) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in(user)
            for mode in ("emergency", "closed", "normal"):
                assert (await browser.ask("PUT", "/api/mode", {"mode": mode})).status == 204
                assert await here.core.heard.next(events.ModeChanged) == events.ModeChanged(
                    mode=mode, by=user
                )
            assert (await browser.ask(*SETTLE)).status == 204
            settled = await here.core.heard.next(events.CallbackSettled)
            assert settled == events.CallbackSettled(callback="c-17", by=user)

    run(story())


@pytest.mark.parametrize("asked", [MODE, SETTLE])
def test_only_supervisors_from_our_own_page_decide_for_the_centre(
    config: Config, asked: tuple[str, str, Any]
) -> None:
    async def story() -> None:
        async with world(config) as here:
            stranger = await here.browser().ask(*asked)
            assert (stranger.status, stranger.json["error"]) == (401, "not_logged_in")
            operator = await (await here.logged_in("ayse")).ask(*asked)
            assert (operator.status, operator.json["error"]) == (403, "not_allowed")
            browser = await here.logged_in("zeynep")
            for headers, error in (
                ({"X-CSRF-Token": ""}, "csrf"),
                ({"X-CSRF-Token": "wrong"}, "csrf"),
                ({"Origin": "https://evil.example"}, "foreign_origin"),
            ):
                refused = await browser.ask(*asked, headers=headers)
                assert (refused.status, refused.json["error"]) == (403, error)
            assert here.core.heard.untaken == []

    run(story())


@pytest.mark.parametrize(
    ("method", "path", "bodies"),
    [
        ("PUT", "/api/mode", [b"", b"{", b"\xff", {}, {"mode": "party"}, {"mode": "closed", "more": 1}, []]),
        (
            "POST",
            "/api/callbacks/settle",
            [b"", {}, {"callback": ""}, {"callback": "c\n17"}, {"callback": "c" * 65}, {"callback": 17}],
        ),
    ],
)
def test_what_is_not_understood_changes_nothing(
    config: Config, method: str, path: str, bodies: list[Any]
) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("zeynep")
            for body in bodies:
                answer = await browser.ask(method, path, body)
                assert (answer.status, answer.json["error"]) == (400, "bad_request"), body
            assert here.core.heard.untaken == []

    run(story())


def test_nothing_is_kept_for_a_core_that_is_away(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("zeynep")
            async with browser.socket("/ws/board") as board:
                await board.expect("core")
                await here.core.stop()
                await board.expect("core")
                for asked in (MODE, SETTLE):
                    answer = await browser.ask(*asked)
                    assert (answer.status, answer.json["error"]) == (503, "core_away")
                    assert answer.headers["Retry-After"]
                await here.core.start()
                await board.expect("core")
            await here.core.heard.next(events.WebInventory)
            assert here.core.heard.untaken == []

    run(story())


def test_one_user_changes_the_centre_only_so_often(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("zeynep")
            statuses = [(await browser.ask(*MODE)).status for _ in range(CENTRE_CHANGES_A_MINUTE + 1)]
            assert statuses == [204] * CENTRE_CHANGES_A_MINUTE + [429]
            other = await here.logged_in("admin")
            assert (await other.ask(*MODE)).status == 204

    run(story())


def test_a_pace_forgets_what_is_a_minute_old_and_who_was_quiet_longest() -> None:
    now_s = 0.0
    pace = Pace(2, 2, lambda: now_s)
    assert [pace.allows("a") for _ in range(3)] == [True, True, False]
    now_s = 60.0
    assert [pace.allows("a") for _ in range(3)] == [True, True, False]
    assert pace.allows("b")
    assert not pace.allows("a")
    assert pace.allows("c"), "and b is forgotten, who was quiet longer than a"
    assert [pace.allows("b") for _ in range(3)] == [True, True, False]
