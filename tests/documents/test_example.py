"""The example city: sound, of the size of a city's hotline, and what `make run` and the README rely on."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections import Counter

import pytest

from acd_core.documents import load_plan, load_roster, warnings
from acd_core.documents.calendars import WEEKDAYS, zone_of
from acd_core.documents.values import minutes_of
from acd_core.domain.plan import HoursStep, MenuStep, PlayStep, QueueStep
from acd_core.domain.roster import Shift
from agent_web.demo import DEMO_OPERATORS_MAX
from tests.documents.base import EXAMPLE
from tests.domain.world import World

PLAN_TEXT = (EXAMPLE / "plan.toml").read_text(encoding="utf-8")
PLAN = load_plan(PLAN_TEXT, EXAMPLE)
ROSTER = load_roster((EXAMPLE / "roster.toml").read_text(encoding="utf-8"), PLAN)
HOURS_A_WEEK = 7 * 24


def serve(queue: str) -> set[str]:
    """Who may have a call of this queue before anything has widened."""
    wanted = PLAN.queues[queue]
    return {
        id_
        for id_, agent in ROSTER.agents.items()
        if (queue in agent.queues or queue in ROSTER.teams[agent.team].queues or agent.team in wanted.teams)
        and all(agent.skills.get(skill, 0) >= level for skill, level in wanted.skills.items())
    }


def hours_of(shift: Shift) -> set[int]:
    """The hours of the week that a shift covers, Monday's first being 0."""
    start, end = minutes_of(shift.start), minutes_of(shift.end)
    assert start is not None
    assert end is not None
    length = (end - start) % (24 * 60) or 24 * 60
    return {
        (WEEKDAYS.index(day) * 24 + start // 60 + hour) % HOURS_A_WEEK
        for day in shift.days
        for hour in range(length // 60)
    }


def test_nothing_about_it_is_odd() -> None:
    assert [line for line in warnings(PLAN, ROSTER) if "music.wav" not in line] == []
    for entry in PLAN.prompts.values():
        assert set(entry.text) == {"tr", "en"}


def test_it_is_of_the_size_of_a_city() -> None:
    assert list(ROSTER.agents) == [f"op{number:02}" for number in range(1, 121)]
    assert len({agent.name for agent in ROSTER.agents.values()}) == 120
    assert len(ROSTER.teams) == 4
    assert len(PLAN.sites) == 70
    assert len([site for site in PLAN.sites.values() if site.order == 10]) == 27
    assert len({queue.strategy for queue in PLAN.queues.values()}) == len(PLAN.queues) == 7


def test_key_1_leads_to_the_operators_of_the_demo() -> None:
    assert PLAN.numbers[0].dialled == "185"
    flow = PLAN.flows[PLAN.numbers[0].flow]
    greeting = flow.steps[flow.start]
    assert isinstance(greeting, PlayStep)
    menu = flow.steps[greeting.next]
    assert isinstance(menu, MenuStep)
    hours = flow.steps[menu.keys["1"]]
    assert isinstance(hours, HoursStep)
    assert PLAN.calendars[hours.calendar].open_ms == (PLAN.compiled_ms,), "around the clock"
    faults = flow.steps[hours.open]
    assert isinstance(faults, QueueStep)
    assert faults.queue == "faults"
    assert {"op01", "op02", "op03"} <= serve("faults")
    assert (ROSTER.agents["op01"].phone, ROSTER.agents["op02"].phone) == ("201", "202")


@pytest.mark.parametrize("queue", PLAN.queues)
def test_the_demos_operators_serve_every_queue(queue: str) -> None:
    demo = set(list(ROSTER.agents)[:DEMO_OPERATORS_MAX])
    assert serve(queue) & demo


def speak_english() -> set[str]:
    """Who may have a call that came in on the English number, as far as that goes."""
    [english] = [number for number in PLAN.numbers if number.language == "en"]
    return {
        id_
        for id_, agent in ROSTER.agents.items()
        if agent.skills.get("english", 0) >= english.skills["english"]
    }


def at_work(people: set[str]) -> Counter[int]:
    """How many of them are there in each hour of the week."""
    return Counter(
        hour
        for id_ in people
        for hour in set().union(*(hours_of(ROSTER.shifts[shift]) for shift in ROSTER.agents[id_].shifts))
    )


def test_english_is_spoken() -> None:
    for queue in PLAN.queues:
        assert serve(queue) & speak_english(), queue


@pytest.mark.parametrize("queue", ["faults", "hazards", "sewer", "information", "meters"])
def test_somebody_is_there_at_every_hour_of_the_week(queue: str) -> None:
    english = at_work(serve(queue) & speak_english())
    assert [hour for hour in range(HOURS_A_WEEK) if not english[hour]] == [], (
        "also for who speaks English only"
    )
    there = at_work(serve(queue))
    assert [hour for hour in range(HOURS_A_WEEK) if not there[hour]] == []
    by_night, by_day = (min(there[day * 24 + hour] for day in range(7)) for hour in (3, 13))
    assert by_day > by_night


def test_everybody_works_five_days() -> None:
    for id_, agent in ROSTER.agents.items():
        assert len({day for shift in agent.shifts for day in ROSTER.shifts[shift].days}) == 5, id_


def test_the_examples_categories_have_all_names() -> None:
    document = tomllib.loads((EXAMPLE / "categories.toml").read_text(encoding="utf-8"))
    categories = document["categories"]
    assert len([entry for entry in categories if entry["kind"] == "fault"]) == 16
    assert len({entry["id"] for entry in categories}) == len(categories) == 22
    for entry in categories:
        assert set(entry["names"]) == {"tr", "en", "pl", "zh"}


A_WEDNESDAY = dt.datetime(2026, 6, 3, 10, tzinfo=zone_of(PLAN))
REPUBLIC_DAY = dt.datetime(2026, 10, 29, 10, tzinfo=zone_of(PLAN))


def dialled(key: str, number: str = "185", at: dt.datetime = A_WEDNESDAY) -> World:
    """The demo's operators are ready, somebody calls, presses this key at the menu and listens to what follows."""
    city = World(load_plan(PLAN_TEXT, EXAMPLE, years=range(2026, 2027)), ROSTER)
    city.now_ms = int(at.timestamp()) * 1000
    city.make_ready(*list(ROSTER.agents)[:DEMO_OPERATORS_MAX])
    city.arrive("c1", number)
    city.played("c1")
    city.press("c1", key)
    while "c1" in city.state.calls and not city.call("c1").ringing:
        city.played("c1")
    return city


@pytest.mark.parametrize("number", ["185", "1850"])
@pytest.mark.parametrize(
    ("key", "queue"),
    [
        *(("1", "faults"), ("2", "sewer"), ("3", "meters"), ("4", "invoices")),
        *(("5", "information"), ("6", "complaints"), ("9", "hazards")),
    ],
)
def test_every_key_reaches_an_operator_of_the_demo(key: str, queue: str, number: str) -> None:
    call = dialled(key, number).call("c1")
    assert call.queue == queue
    assert set(call.ringing) <= serve(queue)


def test_the_invoice_desk_is_closed_on_a_public_holiday() -> None:
    assert "c1" not in dialled("4", at=REPUBLIC_DAY).state.calls
    assert dialled("1", at=REPUBLIC_DAY).call("c1").queue == "faults"
