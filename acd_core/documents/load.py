"""From a text to a plan or roster that may take effect."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec

from acd_core.documents import calendars
from acd_core.documents.plan_sense import check_plan
from acd_core.documents.roster_sense import check_roster
from acd_core.documents.source import Source
from acd_core.domain.plan import Plan
from acd_core.domain.roster import Roster
from acd_core.numbers import normalise


def load_plan(text: str, base: Path, name: str = "plan", years: range | None = None) -> Plan:
    """The plan in this text; recordings are relative to `base`, the text is called `name` in errors.

    Calendars are worked out for `years`, by default from last year to the year after next.
    """
    source = Source(text, name)
    plan = source.shape(Plan)
    check_plan(plan, source)
    prompts = {
        id_: msgspec.structs.replace(entry, wav=str((base / entry.wav).absolute())) if entry.wav else entry
        for id_, entry in plan.prompts.items()
    }
    callers = {
        id_: msgspec.structs.replace(
            entry, numbers=tuple(normalise(number, plan.country) for number in entry.numbers)
        )
        for id_, entry in plan.callers.items()
    }
    plan = msgspec.structs.replace(plan, prompts=prompts, callers=callers)
    return calendars.compiled(plan, years or _years_around(dt.datetime.now(dt.UTC).year))


def load_roster(text: str, plan: Plan | None = None, name: str = "roster") -> Roster:
    """The roster in this text, checked against the plan when there is one."""
    source = Source(text, name)
    roster = source.shape(Roster)
    check_roster(roster, plan, source)
    return roster


def _years_around(year: int) -> range:
    return range(year - 1, year + 3)
