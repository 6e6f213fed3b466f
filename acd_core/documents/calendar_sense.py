"""Whether a calendar makes sense: weekdays, hours, holidays, country, time zone."""

from __future__ import annotations

import datetime as dt
import itertools
import re

from acd_core.documents.calendars import WEEKDAYS, countries, minutes_of_span, zones
from acd_core.documents.source import Place, Source
from acd_core.documents.values import check_id, check_known
from acd_core.domain.plan import Calendar

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def check_timezone(name: str, place: Place, source: Source) -> None:
    """A name of the time zone database."""
    check_known(name, zones(), "time zone", place, source)


def check_calendar(id_: str, calendar: Calendar, source: Source) -> None:
    """One calendar."""
    place: Place = ("calendars", id_)
    check_id(id_, place, source)
    for day, spans in calendar.open.items():
        if day not in WEEKDAYS:
            source.fail((*place, "open", day), f"{day!r} is no weekday ({', '.join(WEEKDAYS)})")
        _check_spans(spans, (*place, "open", day), source)
    if calendar.country:
        known = countries()
        check_known(calendar.country, known, "list of public holidays of", (*place, "country"), source)
        if calendar.subdivision:
            check_known(
                calendar.subdivision,
                known[calendar.country],
                f"part of {calendar.country} called",
                (*place, "subdivision"),
                source,
            )
    elif calendar.subdivision:
        source.fail((*place, "subdivision"), "a part of no country")
    seen: set[str] = set()
    for index, holiday in enumerate(calendar.holidays):
        at: Place = (*place, "holidays", index)
        if not _is_date(holiday.date):
            source.fail((*at, "date"), f"{holiday.date!r} is no date (2026-10-29)")
        if holiday.date in seen:
            source.fail((*at, "date"), f"{holiday.date} is there twice")
        seen.add(holiday.date)
        _check_spans(holiday.open, (*at, "open"), source)


def _check_spans(spans: tuple[str, ...], place: Place, source: Source) -> None:
    known: list[tuple[int, int, str]] = []
    for index, text in enumerate(spans):
        span = minutes_of_span(text)
        if span is None:
            source.fail(
                (*place, index), f"{text!r} is no span of a day (08:00-17:00, at the latest to 24:00)"
            )
        known.append((*span, text))
    known.sort()
    for (_, end, before), (start, _, after) in itertools.pairwise(known):
        if start < end:
            source.fail(place, f"{before} and {after} overlap")


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True
