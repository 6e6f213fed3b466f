"""Arrivals by a traffic profile: how many, when, about what; and profiles that can't be used."""

from __future__ import annotations

import math
import tomllib
from collections import Counter
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from acd_core.documents import DocumentError, load_plan
from loadtest.sim.arrivals import AT_MS_MAX, Arrival
from loadtest.sim.generator import DAYS_MAX, Asked, Generator, GeneratorError, parse_storm
from loadtest.sim.traffic import Profile, load_profile
from tests.sim.city import PLAN

CITY = Path(__file__).resolve().parents[2] / "examples" / "city-water"
ISTANBUL = "Europe/Istanbul"
ZONE = ZoneInfo(ISTANBUL)
PROFILE = f"""
name = "small"
contacts_a_year = 365_000
hours = [{", ".join(["1"] * 8 + ["9"] * 12 + ["2"] * 4)}]
weekend_hours = [{", ".join(["1"] * 24)}]
weekdays = [1, 1, 1, 1, 1, 0.5, 0.25]
months = [{", ".join(["1"] * 12)}]
patience = {{ mean_ms = 120_000, shape = "exponential" }}
callers = {{ prefix = "+9053", digits = 8, withheld_share = 0.1, repeat_share = 0.2 }}
[categories.water]
count = 3
queue = "water"
talk = {{ mean_ms = 90_000, spread = 0.5 }}
wrap_up = {{ mean_ms = 10_000 }}
[categories.bills]
count = 1
queue = "bills"
talk = {{ mean_ms = 60_000, shape = "exponential" }}
wrap_up = {{ mean_ms = 5_000 }}
skills = {{ sewer = 2 }}
[channels.telephone]
count = 9
dialled = "185"
[channels.web]
count = 1
waits = true
"""


# What the hotline of a city of 16 million had in a year.
FAULTS = {
    "sewer_fault": 351_942,
    "water_fault": 229_020,
    "septic_tank_emptying": 90_764,
    "sewer_network_works": 74_845,
    "water_network_works": 43_300,
    "no_water": 36_720,
    "meter_fault": 33_825,
    "manhole_cover_missing": 6_985,
    "water_pollution": 6_594,
    "illegal_water_use": 5_524,
    "water_quality": 4_116,
    "hydrant_faulty": 1_036,
    "rain_flooding": 671,
    "fire_hydrant": 548,
    "tanker_request": 380,
    "new_hydrant_request": 10,
}
CONTACTS = {
    "information_request": 372_083,
    "suggestion_complaint": 25_011,
    "survey_call": 53_556,
    "regional_fault": 8_040,
    "enforcement_call": 5_334,
    "invoice_objection": 5_001,
}


def profile(text: str = PROFILE) -> Profile:
    return load_profile(text, PLAN, "traffic.toml")


def make(days: int = 7, **more: object) -> list[Arrival]:
    asked = Asked(first_day=date(2025, 1, 6), days=days, **more)  # type: ignore[arg-type]
    return list(Generator(profile(), asked, ISTANBUL))


def hour_of(arrival: Arrival) -> int:
    return datetime.fromtimestamp(arrival.at_ms / 1000, ZONE).hour


def test_as_many_as_asked_for_in_order_and_in_time() -> None:
    arrivals = make(contacts=10_000)
    assert abs(len(arrivals) - 10_000) < 4 * math.sqrt(10_000)
    times = [arrival.at_ms for arrival in arrivals]
    assert times == sorted(times)
    days = Counter(datetime.fromtimestamp(at_ms / 1000, ZONE).date().isoformat() for at_ms in times)
    assert sorted(days) == [f"2025-01-{day:02d}" for day in range(6, 13)]


def test_a_day_has_what_the_year_gives_it() -> None:
    weekdays = 1 + 1 + 1 + 1 + 1 + 0.5 + 0.25
    expected = 365_000 / 365 * 7 / weekdays  # of a Monday
    assert Generator(
        profile(), Asked(first_day=date(2025, 1, 6), days=1), ISTANBUL
    ).expected == pytest.approx(expected, rel=0.05)


def test_hours_follow_the_profile() -> None:
    """Chi-square over the hours of workdays; 23 degrees of freedom, 49.7 is exceeded once in a thousand."""
    generator = Generator(profile(), Asked(first_day=date(2025, 1, 6), days=5, contacts=20_000), ISTANBUL)
    seen = Counter(hour_of(arrival) for arrival in generator)
    expected = Counter[int]()
    for hour in range(generator.hours):
        expected[hour % 24] += generator.expected_in(hour)  # type: ignore[assignment]
    square = sum((seen[hour] - expected[hour]) ** 2 / expected[hour] for hour in range(24))
    assert square < 49.7
    assert expected[12] > 8 * expected[3]


def test_what_they_call_about() -> None:
    arrivals = make(contacts=10_000)
    water = [arrival for arrival in arrivals if arrival.category == "water"]
    assert len(water) / len(arrivals) == pytest.approx(0.75, abs=0.02)
    assert {arrival.queue for arrival in water} == {"water"}
    assert {arrival.skills for arrival in arrivals if arrival.category == "bills"} == {"sewer:2"}
    talks = [arrival.talk_ms or 0 for arrival in water]
    assert sum(talks) / len(talks) == pytest.approx(90_000, rel=0.03)
    assert sorted(talks)[len(talks) // 2] == pytest.approx(90_000 * math.exp(-0.125), rel=0.05)
    waits = [arrival for arrival in arrivals if arrival.patience_ms is None]
    assert len(waits) / len(arrivals) == pytest.approx(0.1, abs=0.015)
    assert {arrival.caller for arrival in waits} == {""}
    calls = [arrival for arrival in arrivals if arrival.patience_ms is not None]
    assert sum(not arrival.caller for arrival in calls) / len(calls) == pytest.approx(0.1, abs=0.015)


def test_callers_call_again_within_a_day() -> None:
    known: dict[str, int] = {}
    again = 0
    arrivals = [arrival for arrival in make(contacts=10_000) if arrival.caller]
    for arrival in arrivals:
        if arrival.caller in known:
            again += 1
            assert arrival.at_ms - known[arrival.caller] <= 25 * 3_600_000
        known[arrival.caller] = arrival.at_ms
    assert 0.08 < again / len(arrivals) < 0.25


def test_a_storm_is_heavier_and_leaves_the_others_alone() -> None:
    usual = make(days=2, contacts=4_000)
    stormy = make(days=2, contacts=4_000, storms=(parse_storm("2025-01-06T14:30+3h:x5", ISTANBUL),))
    begin_ms = round(datetime(2025, 1, 6, 14, 30, tzinfo=ZONE).timestamp()) * 1000
    end_ms = begin_ms + 3 * 3_600_000

    def inside(arrivals: list[Arrival]) -> int:
        return sum(begin_ms <= arrival.at_ms < end_ms for arrival in arrivals)

    assert inside(stormy) / inside(usual) == pytest.approx(5, rel=0.2)
    margin_ms = 3_600_000  # the hours that a storm begins and ends in are drawn anew
    outside = [
        [arrival for arrival in arrivals if not begin_ms - margin_ms <= arrival.at_ms < end_ms + margin_ms]
        for arrivals in (usual, stormy)
    ]
    assert outside[0] == outside[1]


def test_the_same_seed_the_same_calls() -> None:
    assert make(days=1) == make(days=1)
    assert make(days=1, seed=1) != make(days=1, seed=2)
    assert make(days=3)[: len(make(days=1)) - 40] == make(days=1)[:-40], (
        "a longer run begins as a shorter one"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2025-10-03",
        "2025-10-03T14:00+6h",
        "2025-13-03T14:00+6h:x2",
        "2025-10-03T14:00+0h:x2",
        "2025-10-03T14:00+6h:x2000",
    ],
)
def test_storms_that_are_none(text: str) -> None:
    with pytest.raises(GeneratorError, match="--storm"):
        parse_storm(text, ISTANBUL)


@pytest.mark.parametrize("begin", ["2025-01-04T12:00+12h", "2025-01-07T00:00+1h", "2024-01-06T14:00+6h"])
def test_a_storm_on_another_day_is_a_slip(begin: str) -> None:
    with pytest.raises(GeneratorError, match=r"--storm 202.*: not on any of the days"):
        make(days=1, storms=(parse_storm(f"{begin}:x5", ISTANBUL),))


@pytest.mark.parametrize("first_day", [date.min, date(1970, 12, 31), date(2089, 1, 1), date.max])
def test_days_that_no_simulation_reads(first_day: date) -> None:
    with pytest.raises(GeneratorError, match=r"--from .*: not between 1971 and 2088"):
        Generator(profile(), Asked(first_day=first_day, days=1), ISTANBUL)


@pytest.mark.parametrize("first_day", [date(1971, 1, 1), date(2088, 12, 31)])
def test_the_first_and_the_last_days_are_times_that_a_simulation_reads(first_day: date) -> None:
    asked = Asked(first_day=first_day, days=1 if first_day.year == 1971 else DAYS_MAX, contacts=50)
    times = [arrival.at_ms for arrival in Generator(profile(), asked, ISTANBUL)]
    assert min(times) > 0
    assert max(times) < AT_MS_MAX


@pytest.mark.parametrize(("days", "contacts"), [(0, None), (4_000, None), (1, 0), (1, 10**9)])
def test_out_of_range(days: int, contacts: int | None) -> None:
    with pytest.raises(GeneratorError, match=r"--days|--contacts"):
        make(days=days, contacts=contacts)


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('name = "small"', 'nam = "small"', r"line 2: nam: unknown key"),
        ("contacts_a_year = 365_000", "contacts_a_year = 0", r"line 3: contacts_a_year: 0 is below 1"),
        (
            "contacts_a_year = 365_000",
            "contacts_a_year = 100_000_001",
            r"contacts_a_year: 100000001 are more",
        ),
        ("[1, 1, 1, 1, 1, 0.5, 0.25]", "[1, 1]", r"line 6: weekdays: 2 weights instead of 7"),
        ("[1, 1, 1, 1, 1, 0.5, 0.25]", "[1, 1, 1, -1, 1, 1, 1]", r"line 6: weekdays\[4\]: -1.0 is no weight"),
        ("[1, 1, 1, 1, 1, 0.5, 0.25]", "[0, 0, 0, 0, 0, 0, 0]", r"line 6: weekdays: all weights are 0"),
        ("mean_ms = 120_000", "mean_ms = 0", r"patience.mean_ms: 0 is not within"),
        ("spread = 0.5", "spread = 9", r"categories.water.talk.spread: 9.0 is not within 0 to 3"),
        ('prefix = "+9053"', 'prefix = "9053"', r"callers.prefix: '9053' is not like \+9053"),
        ("digits = 8", "digits = 14", r"callers.digits: 14 is not within 4 to 11"),
        ("repeat_share = 0.2", "repeat_share = 2", r"callers.repeat_share: 2.0 is not within 0 to 1"),
        ('queue = "bills"', 'queue = "fire"', r"categories.bills.queue: there is no queue fire"),
        ("sewer = 2", "gas = 2", r"categories.bills.skills.gas: there is no skill gas"),
        ("sewer = 2", "sewer = 7", r"categories.bills.skills.sewer: 7 is not within 1 to 5"),
        ('dialled = "185"', 'dialled = "1"', r"channels.telephone.dialled: there is no number 1"),
        ("count = 9", "count = -9", r"channels.telephone.count: -9 is below 0"),
        (
            'shape = "exponential" }\nwrap',
            'shape = "normal" }\nwrap',
            r"'normal' is not one of lognormal, exponential",
        ),
    ],
)
def test_profiles_that_cannot_be_used(before: str, after: str, reason: str) -> None:
    assert before in PROFILE
    with pytest.raises(DocumentError, match=rf"traffic\.toml.*{reason}"):
        profile(PROFILE.replace(before, after))


def test_the_example_city_has_the_published_mix() -> None:
    plan = load_plan((CITY / "plan.toml").read_text(encoding="utf-8"), CITY)
    city = load_profile((CITY / "traffic.toml").read_text(encoding="utf-8"), plan)
    assert {id_: category.count for id_, category in city.categories.items()} == FAULTS | CONTACTS
    assert sum(FAULTS.values()) == 886_280
    assert sum((FAULTS | CONTACTS).values()) == city.contacts_a_year == 1_355_305
    known = tomllib.loads((CITY / "categories.toml").read_text(encoding="utf-8"))["categories"]
    for kind, counts in (("fault", FAULTS), ("contact", CONTACTS)):
        assert [entry["id"] for entry in known if entry["kind"] == kind] == list(counts), (
            "as in the orders' form"
        )
    channels = {id_: channel.count for id_, channel in city.channels.items()}
    assert channels.pop("telephone") + channels.pop("telephone_english") == 1_243_905
    assert channels == {"web": 27_727, "city_hall": 16_743}
    year = Generator(city, Asked(first_day=date(2025, 1, 1), days=365), plan.timezone)
    assert year.expected == pytest.approx(1_355_305, rel=0.001)
    arrivals = list(Generator(city, Asked(first_day=date(2025, 1, 6), days=2), plan.timezone))
    assert {arrival.queue for arrival in arrivals} <= set(plan.queues)
