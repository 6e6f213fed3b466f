"""Calendars as spans of time: hours of the weekday, holidays of two kinds, clocks that change, days of counting."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core.documents import load_plan
from acd_core.documents.calendars import zone_of
from acd_core.domain.plan import Calendar, Plan
from tests.documents.base import PLAN, changed

EVERY_DAY = ", ".join(f'{day} = ["00:00-24:00"]' for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
HOUR_MS = 3_600_000


def compiled(calendar: str, timezone: str = "Europe/Istanbul", years: range = range(2026, 2027)) -> Plan:
    """The plan with this as its calendar."""
    text = changed(PLAN, 'open = { mon = ["08:00-12:00", "13:00-17:00"] }', calendar)
    return load_plan(
        text.replace('country = "GB"', f'country = "GB"\ntimezone = "{timezone}"'), Path("/"), years=years
    )


def office(calendar: str, timezone: str = "Europe/Istanbul", years: range = range(2026, 2027)) -> Calendar:
    """The same, the calendar alone."""
    return compiled(calendar, timezone, years).calendars["office"]


def at(text: str) -> int:
    """2026-03-01T10:00+03:00 in milliseconds."""
    return int(dt.datetime.fromisoformat(text).timestamp()) * 1000


def within(spans: tuple[tuple[int, int], ...], text: str) -> bool:
    return any(start <= at(text) < end for start, end in spans)


def test_hours_of_the_weekday() -> None:
    one = office('open = { mon = ["13:00-17:00", "08:00-12:00"] }')
    assert one.open_ms[:2] == (
        (at("2026-01-05T08:00+03:00"), at("2026-01-05T12:00+03:00")),
        (at("2026-01-05T13:00+03:00"), at("2026-01-05T17:00+03:00")),
    )
    assert len(one.open_ms) == 2 * 52
    assert one.holiday_ms == ()


def test_days_that_touch_are_one_span() -> None:
    whole = compiled(f"open = {{ {EVERY_DAY} }}", years=range(2025, 2029))
    assert whole.calendars["office"].open_ms == (whole.compiled_ms,)
    assert whole.compiled_ms == (at("2025-01-01T00:00+03:00"), at("2029-01-01T00:00+03:00"))
    night = office('open = { mon = ["22:00-24:00"], tue = ["00:00-06:00", "06:00-07:00"] }')
    assert night.open_ms[0] == (at("2026-01-05T22:00+03:00"), at("2026-01-06T07:00+03:00"))


def test_public_holidays_are_closed() -> None:
    one = office(f'country = "TR"\nopen = {{ {EVERY_DAY} }}')
    assert within(one.holiday_ms, "2026-10-29T00:00+03:00")
    assert within(one.holiday_ms, "2026-10-29T23:59+03:00")
    assert not within(one.open_ms, "2026-10-29T12:00+03:00")
    assert within(one.open_ms, "2026-10-28T23:59+03:00")
    assert within(one.open_ms, "2026-10-30T00:00+03:00")
    # Ramazan Bayramı of 2026: three days on end are one span.
    assert (at("2026-03-20T00:00+03:00"), at("2026-03-23T00:00+03:00")) in one.holiday_ms


def test_a_part_of_a_country_has_holidays_of_its_own() -> None:
    epiphany = "2026-01-06T12:00+01:00"
    germany = office('country = "DE"\nopen = {}', "Europe/Berlin")
    bavaria = office('country = "DE"\nsubdivision = "BY"\nopen = {}', "Europe/Berlin")
    assert not within(germany.holiday_ms, epiphany)
    assert within(bavaria.holiday_ms, epiphany)


def test_own_holidays_outweigh_public_ones() -> None:
    one = office(
        f"""country = "TR"
open = {{ {EVERY_DAY} }}
holidays = [
  {{ date = "2026-10-28", name = "Eve", open = ["08:00-13:00"] }},
  {{ date = "2026-10-29", open = ["09:00-10:00", "10:00-11:00"] }},
  {{ date = "2026-06-01" }},
  {{ date = "2040-06-01" }},
]"""
    )
    assert within(one.open_ms, "2026-10-28T12:59+03:00")
    assert not within(one.open_ms, "2026-10-28T13:00+03:00")
    assert within(one.holiday_ms, "2026-10-28T13:00+03:00")
    assert not within(one.holiday_ms, "2026-10-28T12:59+03:00"), "it is a holiday while it is not open"
    assert (at("2026-10-29T09:00+03:00"), at("2026-10-29T11:00+03:00")) in one.open_ms
    assert (at("2026-06-01T00:00+03:00"), at("2026-06-02T00:00+03:00")) in one.holiday_ms


def test_clocks_that_go_forward_and_back() -> None:
    """Berlin in 2026: 02:00 becomes 03:00 on 29 March, 03:00 becomes 02:00 on 25 October."""
    one = office('open = { sun = ["01:00-02:30", "02:45-04:00"] }', "Europe/Berlin")
    spring = [
        span for span in one.open_ms if at("2026-03-29T00:00+01:00") <= span[0] < at("2026-03-30T00:00+02:00")
    ]
    # 02:30 and 02:45 don't exist; with the offset before they are 03:30 and 03:45 (RFC 5545, 3.3.5).
    assert spring == [
        (at("2026-03-29T01:00+01:00"), at("2026-03-29T03:30+02:00")),
        (at("2026-03-29T03:45+02:00"), at("2026-03-29T04:00+02:00")),
    ]
    autumn = [
        span for span in one.open_ms if at("2026-10-25T00:00+02:00") <= span[0] < at("2026-10-26T00:00+01:00")
    ]
    assert autumn == [
        (at("2026-10-25T01:00+02:00"), at("2026-10-25T02:30+02:00")),
        (at("2026-10-25T02:45+02:00"), at("2026-10-25T04:00+01:00")),
    ]


def test_a_span_that_a_change_of_the_clocks_turns_round_is_gone() -> None:
    one = office('open = { sun = ["02:30-03:00"] }', "Europe/Berlin")
    day = [
        span for span in one.open_ms if at("2026-03-29T00:00+01:00") <= span[0] < at("2026-03-30T00:00+02:00")
    ]
    assert day == []


@pytest.mark.parametrize(
    "timezone", ["Europe/Istanbul", "Europe/Berlin", "Africa/Cairo", "Pacific/Apia", "America/Havana"]
)
def test_days_of_counting(timezone: str) -> None:
    """A day begins when the local date changes, also where the clock jumps over midnight (Cairo, Havana)."""
    read = compiled("open = {}", timezone, range(2025, 2028))
    assert len(read.midnights_ms) == 3 * 365 + 1
    assert (read.midnights_ms[0], read.midnights_ms[-1]) == read.compiled_ms
    lengths = {end - start for start, end in itertools.pairwise(read.midnights_ms)}
    assert lengths <= {23 * HOUR_MS, 24 * HOUR_MS, 25 * HOUR_MS}
    zone = zone_of(read)
    for number, midnight in enumerate(read.midnights_ms):
        begins = dt.datetime.fromtimestamp(midnight / 1000, zone)
        assert begins.date() == dt.date(2025, 1, 1) + dt.timedelta(days=number)
        assert dt.datetime.fromtimestamp(midnight / 1000 - 1, zone).date() < begins.date()


MINUTES = st.integers(0, 24 * 60)


@given(
    st.lists(st.tuples(MINUTES, MINUTES), max_size=4),
    st.sampled_from(["Europe/Istanbul", "Europe/Berlin", "America/Sao_Paulo", "Africa/Cairo"]),
)
def test_spans_are_in_order_and_apart(pairs: list[tuple[int, int]], timezone: str) -> None:
    spans = []
    before = 0
    for start, end in sorted((min(pair), max(pair)) for pair in pairs):
        if start < end and start >= before:
            spans.append(f'"{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}"')
            before = end
    days = ", ".join(f"{day} = [{', '.join(spans)}]" for day in ("sat", "sun", "mon"))
    one = office(f'country = "TR"\nopen = {{ {days} }}', timezone)
    edges = [edge for span in one.open_ms for edge in span]
    assert edges == sorted(set(edges))
    edges = [edge for span in one.holiday_ms for edge in span]
    assert edges == sorted(set(edges))
