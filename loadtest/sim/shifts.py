"""When operators are there, by the roster's shifts, in milliseconds since 1970.

Shifts are local to the plan's time zone, so the night when clocks change is an hour shorter or longer. A local time that does
not exist is taken as it would have been without the change, and of one that exists twice the first is meant (PEP 495, fold=0).
Shifts of one operator that overlap or touch are one stay, which is told in parts when it is longer than a month.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from acd_core.domain.roster import Agent, Roster, Shift

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MIDNIGHT = "24:00"
_HORIZON = date(9_000, 1, 1)
_PART_MAX_MS = 31 * 86_400_000


def stays(roster: Roster, agent: Agent, timezone: ZoneInfo, from_ms: int) -> Iterator[tuple[int, int]]:
    """When this operator comes and goes, in order and without end, beginning with the stay that goes on after `from_ms`."""
    shifts = [roster.shifts[id_] for id_ in agent.shifts if roster.shifts[id_].days]
    if not shifts:
        return
    begin_ms = end_ms = -1
    # A stay that began two days ago may still go on: it ends at most a day after its beginning.
    day = datetime.fromtimestamp(from_ms / 1000, timezone).date() - timedelta(days=2)
    while day < _HORIZON:
        for start_ms, stop_ms in sorted(_of_day(shifts, day, timezone)):
            if start_ms <= end_ms and end_ms - begin_ms < _PART_MAX_MS:
                end_ms = max(end_ms, stop_ms)
                continue
            if end_ms > from_ms:
                yield begin_ms, end_ms
            begin_ms, end_ms = start_ms, stop_ms
        day += timedelta(days=1)


def _of_day(shifts: list[Shift], day: date, timezone: ZoneInfo) -> Iterator[tuple[int, int]]:
    weekday = DAYS[day.weekday()]
    for shift in shifts:
        if weekday in shift.days:
            start, end = _clock(shift.start), _clock(shift.end)
            end_day = day if end > start else day + timedelta(days=1)
            begin_ms, end_ms = _local_ms(day, start, timezone), _local_ms(end_day, end, timezone)
            if end_ms > begin_ms:
                yield begin_ms, end_ms


def _clock(text: str) -> time:
    hours, _, minutes = text.partition(":")
    return time(0) if text == _MIDNIGHT else time(int(hours), int(minutes))


def _local_ms(day: date, at: time, timezone: ZoneInfo) -> int:
    return round(datetime.combine(day, at, timezone).timestamp()) * 1000
