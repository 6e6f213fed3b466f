"""What calendars say of a moment, and where a step of hours leads."""

from __future__ import annotations

import msgspec
import pytest

from acd_core.domain.calendars import day_span, hours, is_open
from acd_core.domain.plan import Calendar, HoursStep
from tests.domain.world import PLAN

DAY_MS = 86_400_000
# Open from 8 to 12 and from 13 to 17 of a day of 1970; the day after is a holiday, with two hours in the morning.
OFFICE = Calendar(
    open_ms=((8, 12), (13, 17), (34, 36)),
    holiday_ms=((24, 48),),
)
CITY = msgspec.structs.replace(
    PLAN, calendars={"office": OFFICE}, compiled_ms=(0, 100), midnights_ms=(0, 24, 48)
)
FULL = HoursStep(calendar="office", open="open", closed="closed", holiday="holiday", emergency="emergency")
SPARE = HoursStep(calendar="office", open="open", closed="closed")


@pytest.mark.parametrize(
    ("at_ms", "is_open_then"),
    [
        (7, False),
        (8, True),
        (11, True),
        (12, False),
        (13, True),
        (16, True),
        (17, False),
        (35, True),
        (36, False),
    ],
)
def test_a_span_begins_with_its_start_and_is_over_at_its_end(at_ms: int, is_open_then: bool) -> None:
    assert is_open(CITY, "office", at_ms) is is_open_then


def test_beyond_what_was_compiled_and_where_nobody_knows_the_calendar_it_is_open() -> None:
    assert not is_open(CITY, "office", 99)
    assert is_open(CITY, "office", 100)
    assert is_open(CITY, "office", -1)
    assert is_open(CITY, "gone", 7)


@pytest.mark.parametrize(
    ("mode", "at_ms", "full", "spare"),
    [
        ("normal", 9, "open", "open"),
        ("normal", 7, "closed", "closed"),
        ("normal", 30, "holiday", "closed"),
        ("normal", 35, "open", "open"),
        ("closed", 9, "closed", "closed"),
        ("closed", 30, "closed", "closed"),
        ("emergency", 9, "emergency", "open"),
        ("emergency", 7, "emergency", "closed"),
        ("emergency", 30, "emergency", "closed"),
    ],
)
def test_emergency_before_closed_before_holiday_before_the_hours(
    mode: str, at_ms: int, full: str, spare: str
) -> None:
    """A branch that a step does not have is as if there were no such thing."""
    assert hours(CITY, FULL, mode, at_ms) == full
    assert hours(CITY, SPARE, mode, at_ms) == spare


def test_the_day_of_counting_is_the_plans_and_beyond_its_years_that_of_utc() -> None:
    assert day_span(CITY, 0) == (0, 24)
    assert day_span(CITY, 23) == (0, 24)
    assert day_span(CITY, 24) == (24, 48)
    assert day_span(CITY, 48) == day_span(None, 48) == (0, DAY_MS)
    assert day_span(None, DAY_MS) == (DAY_MS, 2 * DAY_MS)
