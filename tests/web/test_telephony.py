"""The telephony page's server side: what edges tell, what they are asked for, bans that are lifted, calls that are watched."""

from __future__ import annotations

import pytest

from acd_core.config import Config
from acd_core.domain import events
from acd_core.link.signals import (
    BanLifted,
    EdgePicture,
    PictureWanted,
    SourceRow,
    TraceLines,
    TraceWanted,
    TrunkRow,
)
from acd_core.link.trace_lines import TraceMessage, TraceParty
from agent_web.limits import CENTRE_CHANGES_A_MINUTE
from tests.web.world import run, world

LIFT = ("POST", "/api/telephony/lift", {"source": "198.51.100.7"})
PICTURE = EdgePicture(
    edge="edge1",
    at_ms=1_000,
    calls=3,
    step=1,
    counters={"malformed": 5},
    trunks=(
        TrunkRow(trunk="carrier", up=False, live=0, capacity=30, refused=2, reason="no answer", since_ms=500),
    ),
    sources=(
        SourceRow(source="198.51.100.7", kinds={"scanner": 1}, banned_until_ms=9_000, scanner="sipcli"),
    ),
)


def test_the_picture_is_wanted_while_a_page_is_open_and_told_to_it(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("zeynep")
            async with browser.socket("/ws/telephony") as page:
                assert (await page.expect("core"))["state"] == "up"
                assert (await page.expect("edges"))["edges"] == []
                assert await here.core.heard.next(PictureWanted) == PictureWanted(web="", on=True)
                here.core.signal(PICTURE)
                (edge,) = (await page.expect("edges"))["edges"]
                assert (edge["edge"], edge["calls"], edge["step"]) == ("edge1", 3, 1)
                assert edge["trunks"][0]["reason"] == "no answer"
                assert edge["sources"][0] == {
                    "source": "198.51.100.7",
                    "kinds": {"scanner": 1},
                    "banned_until_ms": 9_000,
                    "last_ms": 0,
                    "scanner": "sipcli",
                }
                async with browser.socket("/ws/telephony") as second:
                    await second.expect("core")
                    assert (await second.expect("edges"))["edges"] == [edge]
                    await here.core.heard.next(PictureWanted)
                assert (await here.core.heard.next(TraceWanted)).call == ""
            assert (await here.core.heard.next(TraceWanted)).call == ""
            assert await here.core.heard.next(PictureWanted) == PictureWanted(web="", on=False)

    run(story())


def test_a_core_that_comes_back_is_asked_again(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("zeynep")
            async with browser.socket("/ws/telephony") as page:
                await page.expect("core")
                await page.expect("edges")
                await here.core.heard.next(PictureWanted)
                await here.core.stop()
                assert (await page.expect("core"))["state"] == "away"
                answer = await browser.ask(*LIFT)
                assert (answer.status, answer.json["error"]) == (503, "core_away")
                await here.core.start()
                assert (await page.expect("core"))["state"] == "up"
                await here.core.heard.next(events.WebInventory)
                assert (await here.core.heard.next(PictureWanted)).on

    run(story())


def test_a_call_is_watched_and_its_messages_are_told_to_that_page_alone(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("zeynep")
            async with browser.socket("/ws/telephony") as other, browser.socket("/ws/telephony") as page:
                for one in (other, page):
                    await one.expect("core")
                    await one.expect("edges")
                    await here.core.heard.next(PictureWanted)
                await page.send(type="watch_call", call="c-1")
                wanted = await here.core.heard.next(TraceWanted)
                assert wanted.call == "c-1"
                message = TraceMessage(7, False, "192.0.2.1", 5060, "INVITE …", lost=2, transport="TLS")
                party = TraceParty(7, "c-1", "caller", "")
                here.core.signal(TraceLines(web="web1", peer=wanted.peer, lines=(party, message)))
                here.core.signal(TraceLines(web="web1", peer="gone", lines=(party, message)))
                assert await page.expect("trace") == {
                    "type": "trace",
                    "call": "c-1",
                    "lines": [
                        {
                            "at_ms": 7,
                            "party": "caller",
                            "sent": False,
                            "peer": "192.0.2.1:5060",
                            "transport": "TLS",
                            "text": "INVITE …",
                            "lost": 2,
                        }
                    ],
                }
                await page.send(type="watch_call", call="")
                assert (await here.core.heard.next(TraceWanted)).call == ""
                here.core.signal(PICTURE)
                await page.expect("edges")
                await other.expect("edges")
                await page.send(type="watch_call", call="x" * 257)
                assert (await page.expect("error"))["error"] == "bad_message"

    run(story())


@pytest.mark.parametrize("user", ["zeynep", "admin"])
def test_a_supervisor_lifts_a_ban_so_often_a_minute(config: Config, user: str) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in(user)
            for _ in range(CENTRE_CHANGES_A_MINUTE):
                assert (await browser.ask(*LIFT)).status == 204
                assert await here.core.heard.next(BanLifted) == BanLifted(source="198.51.100.7")
            answer = await browser.ask(*LIFT)
            assert (answer.status, answer.json["error"]) == (429, "too_fast")

    run(story())


def test_nobody_else_lifts_bans_or_looks(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            assert (await here.browser().ask(*LIFT)).status == 401
            operator = await here.logged_in("ayse")
            assert (await operator.ask(*LIFT)).json["error"] == "not_allowed"
            browser = await here.logged_in("zeynep")
            for headers, error in (
                ({"X-CSRF-Token": "wrong"}, "csrf"),
                ({"Origin": "https://evil.example"}, "foreign_origin"),
            ):
                assert (await browser.ask(*LIFT, headers=headers)).json["error"] == error
            for body in ({}, {"source": ""}, {"source": "a\nb"}, {"source": 1}, {"source": "a", "more": 1}):
                assert (await browser.ask("POST", LIFT[1], body)).json["error"] == "bad_request"
            assert here.core.heard.untaken == []

    run(story())
