"""Why a call went where it went: asked of the core, of the database, or of both."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from acd_core.config import Config
from acd_core.domain.commands import CallStory, Rejected
from acd_core.explain.story import Told
from acd_core.journal.records import EventRecord, Record, StoryRecord
from acd_core.link.signals import ExplainAsked, Explained
from agent_web import limits
from agent_web.calls.explanation import Explanations
from agent_web.database import Database, DatabaseAwayError
from persistence.pool import open_pool
from persistence.postgres import PostgresStore
from persistence.store import Position
from tests.explain.stories import NAMES, decided, offered, step, waiting
from tests.persistence.histories import call_records
from tests.web.world import Answer, World, run, world

PATH = "/api/calls/c1/explanation?language="
LIVE = Told(
    call="c1",
    live=True,
    whole=True,
    reasons=(step("arrived", detail="185"), decided("waits", rejected=(Rejected(why="talking", count=2),))),
    names=NAMES,
    waiting=waiting(),
)


async def ask(here: World, told: Told | None, language: str = "en") -> Answer:
    """A supervisor asks; the core says this."""
    browser = await here.logged_in("zeynep")
    asking = asyncio.create_task(browser.ask("GET", PATH + language))
    assert await here.core.heard.next(ExplainAsked) == ExplainAsked(call="c1")
    here.core.signal(Explained(call="c1", told=told))
    return await asking


async def store(config: Config, records: list[Record]) -> None:
    async with await open_pool(config, "test") as pool:
        await PostgresStore(pool).append("00000000000000aa", Position(), records)


def stored(*steps: CallStory) -> list[Record]:
    [arrival] = [one for one in call_records(1, 1)[:1] if isinstance(one, EventRecord)]
    return [arrival, StoryRecord(seq=1, stories=steps)]


def test_what_the_core_knows_is_told_in_the_language_of_the_page(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            english = await ask(here, LIVE)
            assert english.status == 200
            assert english.json["live"]
            assert english.json["timezone"] == "Europe/Istanbul"
            assert english.json["lines"][0] == {
                "at_ms": LIVE.reasons[0].at_ms,
                "clock": "14:30:00",
                "text": "The call arrived, dialling 185.",
            }
            assert english.json["now"][0] == "It has waited in ‘Arıza’ for 45 s. 2 calls go first."
            turkish = await ask(here, LIVE, "tr")
            assert turkish.json["lines"][0]["text"] == "Çağrı geldi, aranan numara 185."

    run(story())


class Port:
    """A link that stands; what is said on it is kept."""

    connected = True

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.asked = asyncio.Event()

    def send(self, message: Any) -> None:
        raise AssertionError(f"{message} is nothing that has to arrive")

    def signal(self, message: Any) -> bool:
        self.said.append(message)
        self.asked.set()
        return True


def test_one_question_to_the_core_serves_all_who_ask_meanwhile(config: Config) -> None:
    async def story() -> None:
        port = Port()
        explanations = Explanations(port, Database(config, "test"))
        asking = [asyncio.create_task(explanations.of("c1", "en")) for _ in range(5)]
        await port.asked.wait()
        explanations.answered(Explained(call="c1", told=LIVE))
        assert all(await asyncio.gather(*asking))
        explanations.answered(Explained(call="c1", told=LIVE))  # for nobody
        assert port.said == [ExplainAsked(call="c1")]

    run(story())


def test_a_silent_core_counts_as_away_and_is_asked_anew(config: Config) -> None:
    async def story() -> None:
        port = Port()
        explanations = Explanations(port, Database(config, "test"), patience_s=0.001)
        for _ in range(2):
            with pytest.raises(DatabaseAwayError):
                await explanations.of("c1", "en")
        assert port.said == [ExplainAsked(call="c1")] * 2

    run(story())


def test_more_questions_than_the_core_is_asked_go_to_the_database(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent_web.calls.explanation.EXPLANATIONS_ASKED_MAX", 1)

    async def story() -> None:
        port = Port()
        explanations = Explanations(port, Database(config, "test"))
        first = asyncio.create_task(explanations.of("c1", "en"))
        await port.asked.wait()
        with pytest.raises(DatabaseAwayError):
            await explanations.of("c2", "en")
        explanations.answered(Explained(call="c1", told=LIVE))
        assert await first
        assert port.said == [ExplainAsked(call="c1")]

    run(story())


def test_what_the_core_forgot_comes_from_the_database(config: Config) -> None:
    async def story() -> None:
        await store(config, stored(step("arrived", detail="185"), step("ended", 9, detail="caller_hung_up")))
        async with world(config) as here:
            unknown = await ask(here, None)
            assert [line["text"] for line in unknown.json["lines"]] == [
                "The call arrived, dialling 185.",
                "The call ended: the caller hung up.",
            ]
            assert unknown.json["now"] == []
            part = Told(call="c1", live=True, whole=False, reasons=(offered("random", 0),), names=NAMES)
            both = await ask(here, part)
            assert [line["text"].partition(".")[0] for line in both.json["lines"]] == [
                "The call arrived, dialling 185",
                "The call ended: the caller hung up",
                "3 operators were free",
            ]

    run(story())


def test_without_the_core_the_database_is_asked(config: Config) -> None:
    async def story() -> None:
        await store(config, stored(step("arrived", detail="185")))
        async with world(config, core_up=False) as here:
            browser = await here.logged_in("admin")
            answer = await browser.ask("GET", PATH + "zh")
            assert [line["text"] for line in answer.json["lines"]] == ["来电到达，所拨号码为185。"]

    run(story())


def test_who_may_ask_for_what(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            assert (await here.browser().ask("GET", PATH + "en")).status == 401
            operator = await here.logged_in("ayse")
            assert (await operator.ask("GET", PATH + "en")).status == 403
            supervisor = await here.logged_in("zeynep")
            bad = await supervisor.ask("GET", PATH + "xx")
            assert (bad.status, bad.json["errors"]) == (422, [{"field": "language", "reason": "unknown"}])
            long = "c" * (limits.CALL_ID_MAX_CHARS + 1)
            assert (await supervisor.ask("GET", f"/api/calls/{long}/explanation")).status == 404
            assert not [one for one in here.core.heard.untaken if isinstance(one, ExplainAsked)]
            missing = await ask(here, None)
            assert (missing.status, missing.json["error"]) == (404, "not_found")

    run(story())
