"""The citizen's test call from the page, and the list of past calls."""

from __future__ import annotations

import contextlib

import asyncpg

from acd_core.config import Config
from acd_core.link.signals import BrowserAnswer, BrowserEnded, BrowserHangUp, BrowserKey, BrowserOffer
from agent_web.limits import CALL_PAGES_A_SOURCE_MAX, CALLS_A_SOURCE_A_MINUTE
from tests.web.world import run, world


def test_a_citizen_calls_presses_keys_and_hangs_up_without_a_log_in(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here, here.browser().socket("/ws/call") as page:
            await page.expect("core")
            await page.send(type="key", key="1")
            assert (await page.expect("error"))["error"] == "no_call"
            await page.send(type="call_offer", dialled="185", caller="05321234567", sdp="v=0 page")
            asked = await here.core.heard.next(BrowserOffer)
            assert (asked.purpose, asked.dialled, asked.caller, asked.agent) == (
                "citizen",
                "185",
                "05321234567",
                "",
            )
            here.core.signal(BrowserAnswer(web="web1", peer=asked.peer, sdp="v=0 edge", call="c-1"))
            answer = await page.expect("audio_answer")
            assert (answer["sdp"], answer["call"], answer["error"]) == ("v=0 edge", "c-1", "")
            await page.send(type="call_offer", dialled="185", sdp="v=0 page")
            assert (await page.expect("error"))["error"] == "call_is_on"
            await page.send(type="key", key="*")
            assert await here.core.heard.next(BrowserKey) == BrowserKey(peer=asked.peer, key="*")
            await page.send(type="hang_up")
            assert (await here.core.heard.next(BrowserHangUp)).peer == asked.peer

    run(story())


def test_a_page_that_closes_hangs_up(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            async with here.browser().socket("/ws/call") as page:
                await page.send(type="call_offer", dialled="185", sdp="v=0")
                asked = await here.core.heard.next(BrowserOffer)
            assert (await here.core.heard.next(BrowserHangUp)).peer == asked.peer

    run(story())


def test_a_call_that_is_refused_or_ends_makes_room_for_the_next(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here, here.browser().socket("/ws/call") as page:
            await page.expect("core")
            await page.send(type="call_offer", dialled="999", sdp="v=0")
            asked = await here.core.heard.next(BrowserOffer)
            here.core.signal(BrowserAnswer(web="web1", peer=asked.peer, error="unknown_number"))
            assert (await page.expect("audio_answer"))["error"] == "unknown_number"
            await page.send(type="call_offer", dialled="185", sdp="v=0")
            again = await here.core.heard.next(BrowserOffer)
            assert again.peer != asked.peer
            here.core.signal(BrowserEnded(web="web1", peer=again.peer, cause="done"))
            assert (await page.expect("audio_ended"))["cause"] == "done"
            await page.send(type="hang_up")
            await page.send(type="key", key="1")
            assert (await page.expect("error"))["error"] == "no_call"
            assert here.core.heard.untaken == []

    run(story())


def test_bad_numbers_and_keys_are_refused_before_anybody_sees_them(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here, here.browser().socket("/ws/call") as page:
            await page.expect("core")
            for bad in (
                {"type": "call_offer", "dialled": "sip:evil@example", "sdp": "v=0"},
                {"type": "call_offer", "dialled": "185", "caller": "<script>", "sdp": "v=0"},
                {"type": "call_offer", "dialled": "185\n", "sdp": "v=0"},
                {"type": "call_offer", "dialled": "185", "caller": "0532\n", "sdp": "v=0"},
                {"type": "call_offer", "dialled": "185", "sdp": "x" * 70_000},
                {"type": "key", "key": "11"},
            ):
                await page.send(**bad)
                assert (await page.expect("error"))["error"] == "bad_message"
            assert here.core.heard.untaken == []

    run(story())


def test_one_address_may_not_call_without_end(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            async with here.browser().socket("/ws/call") as page:
                await page.expect("core")
                for _ in range(CALLS_A_SOURCE_A_MINUTE):
                    await page.send(type="call_offer", dialled="185", sdp="v=0")
                    await here.core.heard.next(BrowserOffer)
                    await page.send(type="hang_up")
                    await here.core.heard.next(BrowserHangUp)
                await page.send(type="call_offer", dialled="185", sdp="v=0")
                assert (await page.expect("error"))["error"] == "too_fast"
            async with contextlib.AsyncExitStack() as stack:
                for _ in range(CALL_PAGES_A_SOURCE_MAX):
                    await (await stack.enter_async_context(here.browser().socket("/ws/call"))).expect("core")
                async with here.browser().socket("/ws/call") as one_more:
                    assert await one_more.closed() == 4013

    run(story())


def test_a_call_while_the_core_is_away_says_so(config: Config) -> None:
    async def story() -> None:
        async with world(config, core_up=False) as here, here.browser().socket("/ws/call") as page:
            assert (await page.expect("core"))["state"] == "away"
            await page.send(type="call_offer", dialled="185", sdp="v=0")
            assert (await page.expect("audio_answer"))["error"] == "core_away"

    run(story())


def test_past_calls_are_listed_newest_first_with_their_order(config: Config) -> None:
    async def story() -> None:
        connection = await asyncpg.connect(config.database.dsn)
        await connection.execute(
            """
            INSERT INTO calls (call, caller, dialled, queue, agent, arrived_at, answered_at, ended_at, outcome, cause)
            VALUES ('c-1', '0532', '185', 'faults', 'op01', '2026-03-01 10:00Z', '2026-03-01 10:00:05Z',
                    '2026-03-01 10:02Z', 'answered', 'caller_hung_up'),
                   ('c-2', '0533', '185', NULL, NULL, '2026-03-01 11:00Z', NULL, NULL, NULL, NULL)
            """
        )
        await connection.close()
        async with world(config) as here:
            operator = await here.logged_in("ayse")
            order = {"key": "k" * 8, "category": "water_fault", "description": "x", "call": "c-1"}
            saved = (await operator.ask("POST", "/api/orders", order)).json
            supervisor = await here.logged_in("zeynep")
            live, past = (await supervisor.ask("GET", "/api/calls")).json["calls"]
            assert (live["call"], live["answered_ms"], live["order"]) == ("c-2", 0, "")
            assert (past["call"], past["agent"], past["order"]) == ("c-1", "op01", saved["tracking_number"])
            assert past["answered_ms"] - past["arrived_ms"] == 5000
            older = (await supervisor.ask("GET", f"/api/calls?before={live['arrived_ms']}&limit=1")).json[
                "calls"
            ]
            assert [call["call"] for call in older] == ["c-1"]

    run(story())
