"""The operator's page between browser and core: takeover, reconnect, requests, audio, limits, a core that is
away.
"""

from __future__ import annotations

import contextlib

import msgspec
import pytest
import websockets

from acd_core.config import Config
from acd_core.domain import commands, events
from acd_core.link.signals import (
    BrowserAnswer,
    BrowserEnded,
    BrowserHangUp,
    BrowserOffer,
    ReasonRow,
    Wallboard,
    WallboardHead,
)
from acd_core.telephony import DialRule
from agent_web import page_audio
from agent_web.limits import MESSAGE_BURST
from tests.web.world import desk_call, offer, replace, run, view, world

SESSION = "tab-00000001.page-0001"


def test_a_page_opens_a_session_and_shows_what_the_core_says(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            async with here.desk(browser) as page:
                opened = await here.core.heard.next(events.SessionOpened)
                assert opened == events.SessionOpened(agent="agent-ayse", session=SESSION, web="web1")
                here.core.send(view(SESSION, state="ringing", offer=offer()))
                shown = await page.expect("view")
                assert shown["state"] == "ringing"
                assert shown["offer"]["caller"] == "05321234567"
                assert shown["call"] is None
                assert [shown[name] for name in ("paused", "overdue", "can_extend")] == [False] * 3
            lost = await here.core.heard.next(events.SessionLost)
            assert lost.session == SESSION

    run(story())


def test_what_is_special_about_a_call_and_a_state_is_shown(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here, here.desk(await here.logged_in("ayse")) as page:
            await here.core.heard.next(events.SessionOpened)
            marks = {"vip": True, "hazard": True, "repeat": 2}
            here.core.send(
                view(
                    SESSION,
                    state="ringing",
                    paused=True,
                    overdue=True,
                    can_extend=True,
                    deadline_ms=9,
                    offer=replace(offer(), **marks, kept=True, shared=4),
                    call=replace(desk_call(), **marks),
                )
            )
            shown = await page.expect("view")
            assert {
                **shown,
                "paused": True,
                "overdue": True,
                "can_extend": True,
                "deadline_ms": 9,
            } == shown
            assert {**shown["offer"], **marks, "kept": True, "shared": 4} == shown["offer"]
            assert {**shown["call"], **marks} == shown["call"]

    run(story())


def test_an_operator_whom_the_core_logs_out_is_told_why_and_does_not_come_back_by_themselves(
    config: Config,
) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            async with here.desk(browser) as page:
                await here.core.heard.next(events.SessionOpened)
                here.core.send(view(SESSION, state="logged_out", reason="not_ready_too_long"))
                assert (await page.expect("view"))["reason"] == "not_ready_too_long"
                assert await page.closed() == 4004
            # For a page that came back at that very moment, which the core took for a log-in.
            closed = await here.core.heard.next(events.SessionClosed)
            assert closed == events.SessionClosed(agent="agent-ayse", session=SESSION)
            async with here.desk(browser, page="page-0002"):
                await here.core.heard.next(events.SessionOpened)

    run(story())


def test_everything_an_operator_asks_for_reaches_the_core_in_order(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            async with here.desk(browser) as page:
                await here.core.heard.next(events.SessionOpened)
                await page.send(type="ready", request="1")
                await page.send(type="not_ready", reason="lunch", request="2")
                await page.send(type="accept", call="c-17", offer=3, request="3")
                await page.send(type="reject", call="c-17", offer=3)
                await page.send(type="hang_up", call="c-17")
                await page.send(type="wrap_up_done")
                await page.send(type="more_time", request="4")
                await page.send(type="phone", use=False)
                await page.send(type="dial", number="0312 123 45 67", request="5")
                await page.send(type="keys", call="c-17", keys="1*#", request="6")
                who = {"agent": "agent-ayse", "session": SESSION}
                for expected in (
                    events.ReadyRequested(**who, request="1"),
                    events.NotReadyRequested(**who, reason="lunch", request="2"),
                    events.OfferAccepted(**who, call="c-17", offer=3, request="3"),
                    events.OfferRejected(**who, call="c-17", offer=3),
                    events.HangUpRequested(**who, call="c-17"),
                    events.WrapUpFinished(**who),
                    events.WrapUpExtended(**who, request="4"),
                    events.PhoneChosen(**who, use=False),
                    events.DialRequested(**who, number="0312 123 45 67", request="5"),
                    events.KeysRequested(**who, call="c-17", keys="1*#", request="6"),
                ):
                    assert await here.core.heard.next(type(expected)) == expected
                here.core.send(
                    commands.RequestRefused(
                        web="web1", agent="agent-ayse", session=SESSION, request="1", reason="no_audio"
                    )
                )
                assert await page.expect("refused") == {
                    "type": "refused",
                    "request": "1",
                    "reason": "no_audio",
                }

    run(story())


def test_a_second_page_takes_over_and_the_first_says_so(config: Config) -> None:
    """Also a duplicated tab, whose sessionStorage is a copy: its page id is another."""

    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            async with here.desk(browser) as first:
                await here.core.heard.next(events.SessionOpened)
                async with here.desk(browser, page="page-0002") as second:
                    opened = await here.core.heard.next(events.SessionOpened)
                    assert opened.session == "tab-00000001.page-0002"
                    await first.expect("replaced")
                    assert await first.closed() == 4001
                    here.core.send(view(SESSION, revision=7))
                    here.core.send(view(opened.session, revision=8))
                    assert (await second.expect("view"))["revision"] == 8
                    assert here.core.heard.untaken == [], (
                        "a page that was taken over is not a page that was lost"
                    )

    run(story())


def test_a_page_at_another_server_takes_over(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            async with here.desk(await here.logged_in("ayse")) as page:
                await here.core.heard.next(events.SessionOpened)
                here.core.send(commands.SessionReplaced(web="web1", agent="agent-ayse", session=SESSION))
                await page.expect("replaced")
                assert await page.closed() == 4001
            assert here.core.heard.untaken == []

    run(story())


def test_the_same_page_that_reconnects_is_the_same_session(config: Config) -> None:
    """The new connection may come before the server knows that the old one is dead."""

    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            async with here.desk(browser) as first:
                await here.core.heard.next(events.SessionOpened)
                async with here.desk(browser) as again:
                    assert await first.closed() == 4000
                    assert (await here.core.heard.next(events.SessionOpened)).session == SESSION
                    here.core.send(view(SESSION))
                    await again.expect("view")
                    assert here.core.heard.untaken == []
            assert (await here.core.heard.next(events.SessionLost)).session == SESSION

    run(story())


def test_a_log_out_closes_the_desk_and_the_core_knows_that_it_was_meant(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            async with here.desk(browser) as page:
                await here.core.heard.next(events.SessionOpened)
                assert (await browser.ask("POST", "/api/logout")).status == 204
                assert await page.closed() == 4003
                assert (await here.core.heard.next(events.SessionClosed)).session == SESSION
            assert here.core.heard.untaken == []

    run(story())


def test_nobody_logs_out_of_a_conversation(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            async with here.desk(browser) as page:
                here.core.send(view(SESSION, state="talking"))
                await page.expect("view")
                answer = await browser.ask("POST", "/api/logout")
                assert (answer.status, answer.json["error"]) == (409, "in_conversation")
                assert (await browser.log_in("mehmet")).status == 409, "neither by another log-in"
                here.core.send(view(SESSION, state="wrap_up"))
                await page.expect("view")
                assert (await browser.ask("POST", "/api/logout")).status == 204

    run(story())


def test_an_offer_that_nobody_answers_is_given_up(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_audio, "AUDIO_ANSWER_TIMEOUT_S", 0.05)

    async def story() -> None:
        async with world(config) as here, here.desk(await here.logged_in("ayse")) as page:
            await here.core.heard.next(events.SessionOpened)
            await page.send(type="audio_offer", sdp="v=0 page")
            await here.core.heard.next(BrowserOffer)
            assert (await page.expect("audio_answer"))["error"] == "no_answer"
            assert (await here.core.heard.next(BrowserHangUp)).peer == SESSION
            here.core.signal(BrowserAnswer(web="web1", peer=SESSION, sdp="v=0 late"))
            here.core.signal(BrowserEnded(web="web1", peer=SESSION, cause="dropped"))
            await page.expect("audio_ended")

    run(story())


def test_audio_goes_to_the_edge_and_back(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here, here.desk(await here.logged_in("ayse")) as page:
            await here.core.heard.next(events.SessionOpened)
            await page.send(type="audio_offer", sdp="v=0 page")
            asked = await here.core.heard.next(BrowserOffer)
            assert (asked.purpose, asked.peer, asked.agent, asked.sdp) == (
                "agent",
                SESSION,
                "agent-ayse",
                "v=0 page",
            )
            here.core.signal(BrowserAnswer(web="web1", peer=SESSION, sdp="v=0 edge"))
            assert (await page.expect("audio_answer"))["sdp"] == "v=0 edge"
            here.core.signal(BrowserEnded(web="web1", peer=SESSION, cause="silent"))
            assert (await page.expect("audio_ended"))["cause"] == "silent"
            await page.send(type="audio_close")
            assert (await here.core.heard.next(BrowserHangUp)).peer == SESSION

    run(story())


def test_a_message_that_is_none_is_answered_and_the_socket_stays(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here, (await here.logged_in("ayse")).socket("/ws/desk") as page:
            await page.send(type="ready", request="early")
            assert await page.expect("error") == {
                "type": "error",
                "error": "hello_first",
                "text": "the first message is hello",
                "request": "early",
            }
            for bad in (
                "{",
                "[]",
                '{"type":"dance"}',
                '{"type":"ready","request":"7","more":1}',
                '{"type":"hello","tab":"a","page":"b"}',
                '{"type":"hello","tab":"tab-00000001\\n","page":"page-0001"}',
                '{"type":"not_ready","reason":"\\u0000"}',
                '{"type":"accept","call":"c-1","offer":36893488147419103232}',
                '{"type":"dance","steps":' + "[" * 90_000,
                b"\xff\x00",
            ):
                await page.connection.send(bad)
                error = await page.expect("error")
                assert error["error"] == "bad_message"
                assert error["request"] == ("7" if "more" in str(bad) else "")
            await page.send(type="hello", tab="tab-00000001", page="page-0001")
            await page.expect("welcome")

    run(story())


def test_what_a_page_says_forges_no_line_of_the_log(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with world(config) as here, here.browser().socket("/ws/call") as page:
            await page.expect("core")
            await page.send(type="pong", n=1, **{"x\n2026-01-01 web ERROR forged\x1b[2J" + "y" * 1_000: 1})
            assert len((await page.expect("error"))["text"]) <= 200

    run(story())
    said = [record.getMessage() for record in caplog.records if "no message" in record.getMessage()]
    assert said
    assert all("\n" not in text and "\x1b" not in text for text in said)


def test_a_page_that_says_too_much_is_closed(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            async with here.desk(browser) as page:
                with contextlib.suppress(websockets.ConnectionClosed):
                    for _ in range(MESSAGE_BURST * 20):
                        await page.connection.send('{"type":"ready"}')
                assert await page.closed() == 4008
            async with here.desk(browser) as page:
                await page.connection.send('"' + "x" * 200_000 + '"')
                assert await page.closed() == 1009

    run(story())


def test_a_page_that_does_not_read_is_closed_and_the_others_are_served(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            other = await here.logged_in("mehmet")
            async with other.socket("/ws/desk", deaf=True) as deaf, here.desk(browser) as page:
                await deaf.send(type="hello", tab="tab-00000001", page="page-0001")
                await here.core.heard.next(events.SessionOpened)
                await here.core.heard.next(events.SessionOpened)
                refusal = commands.RequestRefused(
                    web="web1",
                    agent="agent-mehmet",
                    session=SESSION,
                    request="x" * 50_000,
                    reason="busy",
                )
                for _ in range(600):
                    here.core.send(refusal)
                lost = await here.core.heard.next(events.SessionLost)
                assert lost.agent == "agent-mehmet"
                here.core.send(
                    commands.RequestRefused(
                        web="web1", agent="agent-ayse", session=SESSION, request="1", reason="no_audio"
                    )
                )
                assert (await page.expect("refused"))["request"] == "1"

    run(story())


def test_a_page_that_says_nothing_is_gone_after_ten_seconds(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("ayse")
            async with browser.socket("/ws/desk", deaf=True) as page:
                await page.send(type="hello", tab="tab-00000001", page="page-0001")
                await here.core.heard.next(events.SessionOpened)
                await here.core.heard.next(events.SessionLost)
                assert await page.closed() == 4009

    run(story())


def test_a_core_that_goes_away_is_told_and_finds_the_sessions_when_it_is_back(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here, here.desk(await here.logged_in("ayse")) as page:
            await here.core.heard.next(events.SessionOpened)
            await here.core.stop()
            assert (await page.expect("core"))["state"] == "away"
            await page.send(type="ready", request="9")
            error = await page.expect("error")
            assert (error["error"], error["request"]) == ("core_away", "9")
            await page.send(type="audio_offer", sdp="v=0")
            assert (await page.expect("audio_answer"))["error"] == "core_away"
            await here.core.start()
            assert (await page.expect("core"))["state"] == "up"
            inventory = await here.core.heard.next(events.WebInventory)
            assert inventory.sessions == (events.OpenSession(agent="agent-ayse", session=SESSION),)
            assert here.core.heard.untaken == [], "what was asked while the core was away is not asked later"

    run(story())


def test_the_plans_reasons_reach_the_desk(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here, here.desk(await here.logged_in("ayse")) as page:
            await here.core.heard.next(events.SessionOpened)
            pause = ReasonRow(reason="break", paid=True, planned_ms=900_000)
            lunch = ReasonRow(reason="lunch", paid=False, planned_ms=0)
            for reasons in ((pause,), (pause,), (pause, lunch)):
                here.core.signal(_picture(reasons))
            first = (await page.expect("reasons"))["not_ready_reasons"][0]
            assert first == {"reason": "break", "paid": True, "planned_ms": 900_000}
            here.core.signal(_picture((lunch,)))
            told = [{"reason": "lunch", "paid": False, "planned_ms": 0}]
            while (await page.expect("reasons"))["not_ready_reasons"] != told:
                pass
            other = await here.logged_in("mehmet")
            async with other.socket("/ws/desk") as late:
                await late.send(type="hello", tab="tab-00000002", page="page-0002")
                assert (await late.expect("welcome"))["not_ready_reasons"] == told

    run(story())


def _picture(reasons: tuple[ReasonRow, ...]) -> Wallboard:
    return Wallboard(
        head=WallboardHead(at_ms=0, calls_live=0, callbacks_open=0, mode="normal", store_behind=0, edges=()),
        queues=(),
        agents=(),
        calls=(),
        callbacks=(),
        not_ready_reasons=reasons,
    )


@pytest.mark.parametrize("dials", [True, False])
def test_a_page_learns_whether_numbers_can_be_dialled_at_all(config: Config, dials: bool) -> None:
    rules = (DialRule(trunks=("carrier",)),) if dials else ()

    async def story() -> None:
        async with world(msgspec.structs.replace(config, dial=rules)) as here:
            browser = await here.logged_in("ayse")
            async with browser.socket("/ws/desk") as page:
                await page.send(type="hello", tab="tab-00000001", page="page-0001")
                assert (await page.expect("welcome"))["dials"] is dials

    run(story())


def test_a_dialled_call_is_shown_as_far_as_it_is(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here, here.desk(await here.logged_in("ayse")) as page:
            await here.core.heard.next(events.SessionOpened)
            call = replace(desk_call(), outbound=True, dialling="rings", answered_ms=0)
            here.core.send(view(SESSION, state="talking", call=call))
            shown = (await page.expect("view"))["call"]
            assert (shown["outbound"], shown["dialling"], shown["answered_ms"]) == (True, "rings", 0)
            await page.send(type="dial", number="", request="9")
            assert (await page.expect("error"))["error"] == "bad_message"

    run(story())
