"""When operators are there: over midnight, over changes of clocks, together and without end."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

from acd_core.domain.roster import Agent, Roster, Shift
from loadtest.sim.shifts import stays

WARSAW = ZoneInfo(
    "Europe/Warsaw"
)  # clocks go forward on 30 March 2025 at 02:00 and back on 26 October at 03:00


def ms(text: str, zone: ZoneInfo = WARSAW) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1000


def first(count: int, from_text: str, *shifts: Shift) -> list[tuple[int, int]]:
    known = {str(number): shift for number, shift in enumerate(shifts)}
    agent = Agent(name="A", shifts=tuple(known))
    roster = Roster(agents={"a": agent}, shifts=known)
    return list(islice(stays(roster, agent, WARSAW, ms(from_text)), count))


def test_a_day_shift_on_its_days() -> None:
    shift = Shift(start="08:00", end="16:00", days=("mon", "wed"))
    assert first(3, "2025-01-06T00:00", shift) == [
        (ms("2025-01-06T08:00"), ms("2025-01-06T16:00")),
        (ms("2025-01-08T08:00"), ms("2025-01-08T16:00")),
        (ms("2025-01-13T08:00"), ms("2025-01-13T16:00")),
    ]


def test_a_stay_that_goes_on_is_the_first_and_one_that_is_over_is_none() -> None:
    shift = Shift(start="08:00", end="16:00")
    assert first(1, "2025-01-06T15:59", shift) == [(ms("2025-01-06T08:00"), ms("2025-01-06T16:00"))]
    assert first(1, "2025-01-06T16:00", shift) == [(ms("2025-01-07T08:00"), ms("2025-01-07T16:00"))]


def test_over_midnight() -> None:
    shift = Shift(start="22:00", end="06:00", days=("fri",))
    assert first(1, "2025-01-11T03:00", shift) == [(ms("2025-01-10T22:00"), ms("2025-01-11T06:00"))]
    until_midnight = Shift(start="16:00", end="24:00", days=("fri",))
    assert first(1, "2025-01-06T00:00", until_midnight) == [(ms("2025-01-10T16:00"), ms("2025-01-11T00:00"))]


def test_the_same_start_and_end_is_a_whole_day() -> None:
    shift = Shift(start="06:00", end="06:00", days=("mon",))
    assert first(1, "2025-01-06T00:00", shift) == [(ms("2025-01-06T06:00"), ms("2025-01-07T06:00"))]


def test_the_nights_when_clocks_change() -> None:
    night = Shift(start="22:00", end="06:00")
    ((spring_begin, spring_end),) = first(1, "2025-03-29T22:00", night)
    assert spring_end - spring_begin == 7 * 3_600_000
    ((autumn_begin, autumn_end),) = first(1, "2025-10-25T22:00", night)
    assert autumn_end - autumn_begin == 9 * 3_600_000
    assert autumn_end == round(datetime(2025, 10, 26, 5, tzinfo=UTC).timestamp()) * 1000


def test_a_local_time_that_does_not_exist() -> None:
    ((begin, _),) = first(1, "2025-03-30T00:00", Shift(start="02:30", end="10:00"))
    assert (
        begin == round(datetime(2025, 3, 30, 1, 30, tzinfo=UTC).timestamp()) * 1000
    )  # 03:30 by the new clock


def test_shifts_that_overlap_or_touch_are_one_stay() -> None:
    shifts = (
        Shift(start="08:00", end="12:00", days=("mon",)),
        Shift(start="12:00", end="14:00", days=("mon",)),
        Shift(start="10:00", end="11:00", days=("mon",)),
        Shift(start="20:00", end="02:00", days=("mon",)),
        Shift(start="00:00", end="04:00", days=("tue",)),
    )
    assert first(2, "2025-01-06T00:00", *shifts) == [
        (ms("2025-01-06T08:00"), ms("2025-01-06T14:00")),
        (ms("2025-01-06T20:00"), ms("2025-01-07T04:00")),
    ]


def test_a_stay_without_end_is_told_in_parts_that_touch() -> None:
    parts = first(3, "2025-01-06T00:00", Shift(start="00:00", end="24:00"))
    assert parts[0][1] >= parts[1][0]
    assert parts[1][1] >= parts[2][0]


def test_no_days_no_stays() -> None:
    assert first(1, "2025-01-06T00:00", Shift(start="08:00", end="16:00", days=())) == []
