"""Works out when calendars are open, so that the domain needs no time zone and no list of holidays.

For every day of the given years: the hours of its weekday, unless it is a holiday. Public holidays come from the library
`holidays`; a calendar's own outweigh them, also by opening on one. A holiday lasts from midnight to midnight but for the hours at
which it is open. Time zones are read from the package `tzdata` and not from the machine, so that the same plan gives the same
result on every machine that has the locked packages.

Local times follow RFC 5545, 3.3.5: one that a change of the clocks leaves out is read with the offset before the change, one
that comes twice means the first.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec

from acd_core.documents.values import minutes_of
from acd_core.domain.plan import Calendar, Plan

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DAY = dt.timedelta(days=1)
_MS = dt.timedelta(milliseconds=1)
_DAY_MIN = 24 * 60

Spans = list[tuple[int, int]]


@cache
def zones() -> frozenset[str]:
    """The names of all time zones."""
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


@cache
def countries() -> Mapping[str, frozenset[str]]:
    """Countries whose public holidays are known, and their parts."""
    import holidays  # slow to import; a plan without countries does without

    supported = holidays.list_supported_countries(include_aliases=False)
    return MappingProxyType({country: frozenset(parts) for country, parts in supported.items()})


def minutes_of_span(text: str) -> tuple[int, int] | None:
    """ "HH:MM-HH:MM" in minutes since midnight; None when it is no span of one day."""
    start, hyphen, end = text.partition("-")
    begins, ends = minutes_of(start), minutes_of(end)
    if not hyphen or begins is None or ends is None or begins >= ends:
        return None
    return begins, ends


def compiled(plan: Plan, years: range) -> Plan:
    """The plan with its calendars worked out for these years."""
    assert years.step == 1, "years in a row"
    assert years, "at least one year"
    zone = zone_of(plan)
    days = _days(years)
    midnights = tuple(_at_ms(day, 0, zone) for day in [*days, days[-1] + _DAY])
    return msgspec.structs.replace(
        plan,
        calendars={id_: _compiled(calendar, days, zone) for id_, calendar in plan.calendars.items()},
        midnights_ms=midnights,
        compiled_ms=(midnights[0], midnights[-1]),
    )


def _compiled(calendar: Calendar, days: list[dt.date], zone: ZoneInfo) -> Calendar:
    public = (
        _public_holidays(calendar.country, calendar.subdivision, days[0].year, days[-1].year)
        if calendar.country
        else frozenset()
    )
    own = {dt.date.fromisoformat(holiday.date): _minutes(holiday.open) for holiday in calendar.holidays}
    by_weekday = [_minutes(calendar.open.get(name, ())) for name in WEEKDAYS]
    is_open: Spans = []
    is_holiday: Spans = []
    for day in days:
        holds = own.get(day, [] if day in public else None)
        hours = by_weekday[day.weekday()] if holds is None else holds
        is_open.extend((_at_ms(day, start, zone), _at_ms(day, end, zone)) for start, end in hours)
        if holds is not None:
            is_holiday.extend(
                (_at_ms(day, start, zone), _at_ms(day, end, zone)) for start, end in _rest(holds)
            )
    return msgspec.structs.replace(calendar, open_ms=_merged(is_open), holiday_ms=_merged(is_holiday))


def _minutes(spans: Iterable[str]) -> Spans:
    return sorted(span for text in spans if (span := minutes_of_span(text)) is not None)


def _rest(hours: Spans) -> Spans:
    """What these hours leave of a day."""
    edges = [0, *(minute for span in hours for minute in span), _DAY_MIN]
    return [(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]


def _merged(spans: Spans) -> tuple[tuple[int, int], ...]:
    """In order, neighbours joined; what a change of the clocks turned round or left empty is gone."""
    merged: Spans = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return tuple(merged)


def _days(years: range) -> list[dt.date]:
    first, last = dt.date(years[0], 1, 1), dt.date(years[-1], 12, 31)
    return [first + number * _DAY for number in range((last - first).days + 1)]


def _at_ms(day: dt.date, minute: int, zone: ZoneInfo) -> int:
    days, rest = divmod(minute, _DAY_MIN)
    local = dt.datetime.combine(day + days * _DAY, dt.time(rest // 60, rest % 60), tzinfo=zone)
    return (local - _EPOCH) // _MS


def zone_of(plan: Plan) -> ZoneInfo:
    """The plan's time zone."""
    return _zone(plan.timezone)


@cache
def _zone(name: str) -> ZoneInfo:
    with resources.files("tzdata.zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@lru_cache(maxsize=64)
def _public_holidays(country: str, subdivision: str, first: int, last: int) -> frozenset[dt.date]:
    import holidays

    known = holidays.country_holidays(country, subdiv=subdivision or None, years=range(first, last + 1))
    return frozenset(known)
