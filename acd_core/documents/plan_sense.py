"""Whether a plan makes sense: all of it but queues, flows and calendars, which have files of their own."""

from __future__ import annotations

import re

from acd_core.documents.calendar_sense import check_calendar, check_timezone
from acd_core.documents.flow_sense import check_flow
from acd_core.documents.queue_sense import check_queue
from acd_core.documents.ranges import check_ranges
from acd_core.documents.source import Place, Source
from acd_core.documents.values import (
    check_id,
    check_known,
    check_language,
    check_name,
    check_prompts,
    check_skills,
)
from acd_core.documents.ways import check_ways
from acd_core.domain import agent as agents
from acd_core.domain.plan import Plan, PromptText
from acd_core.numbers import is_country, normalise

_DIALLED = re.compile(r"[A-Za-z0-9+*#][A-Za-z0-9+*#._-]{0,63}")
# The core says these itself; in a plan they would tell two things apart no more.
_OWN_REASONS = frozenset(
    {
        agents.LOGGED_IN,
        agents.LOGIN_OVER,
        agents.NO_ANSWER,
        agents.NO_AUDIO,
        agents.NOT_READY_TOO_LONG,
        agents.PAGE_LOST,
        agents.PHONE_UNREACHABLE,
        agents.REJECTED,
    }
)


def check_plan(plan: Plan, source: Source) -> None:
    """The first thing that is wrong raises `DocumentError`."""
    check_name(plan.name, ("name",), source)
    check_ranges(plan, (), source)
    if not is_country(plan.country):
        source.fail(("country",), f"{plan.country!r} is no country (two letters of ISO 3166: TR, PL)")
    check_timezone(plan.timezone, ("timezone",), source)
    for id_, entry in plan.prompts.items():
        _check_prompt(id_, entry, source)
    for id_, name in plan.skills.items():
        check_id(id_, ("skills", id_), source)
        check_name(name, ("skills", id_), source)
    for id_, calendar in plan.calendars.items():
        check_calendar(id_, calendar, source)
    for id_, queue in plan.queues.items():
        check_queue(id_, queue, plan, source)
    for id_, flow in plan.flows.items():
        check_flow(id_, flow, plan, source)
    check_ways(plan, source)
    _check_numbers(plan, source)
    _check_callers(plan, source)
    _check_sites(plan, source)
    _check_outbound(plan, source)
    _check_reasons(plan, source)


def _check_prompt(id_: str, entry: PromptText, source: Source) -> None:
    place: Place = ("prompts", id_)
    check_id(id_, place, source)
    if not entry.text and not entry.wav:
        source.fail(place, "a prompt needs a text or a wav")
    for language, text in entry.text.items():
        check_language(language, (*place, "text", language), source)
        if not text.strip():
            source.fail((*place, "text", language), "the text is empty")


def _check_numbers(plan: Plan, source: Source) -> None:
    if not plan.numbers:
        source.fail(("numbers",), "a plan needs at least one number")
    seen: set[str] = set()
    for index, number in enumerate(plan.numbers):
        place: Place = ("numbers", index)
        if not _DIALLED.fullmatch(number.dialled):
            source.fail((*place, "dialled"), f"{number.dialled!r} is nothing that can be dialled")
        if number.dialled in seen:
            source.fail((*place, "dialled"), f"{number.dialled} is there twice")
        seen.add(number.dialled)
        if not number.service.strip():
            source.fail((*place, "service"), "the pop-up needs a service to show")
        check_known(number.flow, plan.flows, "flow", (*place, "flow"), source)
        check_language(number.language, (*place, "language"), source)
        check_ranges(number, place, source)
        check_skills(number.skills, plan.skills, (*place, "skills"), source)


def _check_callers(plan: Plan, source: Source) -> None:
    owners: dict[str, str] = {}
    for id_, caller in plan.callers.items():
        place: Place = ("callers", id_)
        check_id(id_, place, source)
        check_name(caller.name, (*place, "name"), source)
        if not caller.numbers:
            source.fail((*place, "numbers"), "a caller is known by at least one number")
        for index, written in enumerate(caller.numbers):
            number = normalise(written, plan.country)
            if not number:
                source.fail((*place, "numbers", index), f"{written!r} is no number in {plan.country}")
            if number in owners:
                source.fail(
                    (*place, "numbers", index),
                    f"{written} ({number}) is a number of {owners[number]} already",
                )
            owners[number] = id_
        check_ranges(caller, place, source)
        check_skills(caller.skills, plan.skills, (*place, "skills"), source)


def _check_sites(plan: Plan, source: Source) -> None:
    users: dict[str, str] = {}
    for id_, site in plan.sites.items():
        place: Place = ("sites", id_)
        check_id(id_, place, source)
        check_name(site.name, (*place, "name"), source)
        check_id(site.user, (*place, "user"), source)
        if site.user in users:
            source.fail((*place, "user"), f"{site.user} is the user of {users[site.user]} already")
        users[site.user] = id_
        check_ranges(site, place, source)


def _check_outbound(plan: Plan, source: Source) -> None:
    outbound, place = plan.outbound, ("outbound",)
    if outbound.number and not _DIALLED.fullmatch(outbound.number):
        source.fail((*place, "number"), f"{outbound.number!r} is no number to be shown")
    check_ranges(outbound, place, source)
    if outbound.music:
        check_known(outbound.music, plan.prompts, "prompt", (*place, "music"), source)
    check_prompts(outbound.operator_lost, plan, (*place, "operator_lost"), source)
    if outbound.wrap_up_ms > outbound.wrap_up_max_ms:
        source.fail(
            (*place, "wrap_up_ms"),
            f"{outbound.wrap_up_ms} is more than wrap_up_max_ms = {outbound.wrap_up_max_ms}",
        )


def _check_reasons(plan: Plan, source: Source) -> None:
    for id_, reason in plan.not_ready_reasons.items():
        place: Place = ("not_ready_reasons", id_)
        check_id(id_, place, source)
        if id_ in _OWN_REASONS:
            source.fail(place, f"{id_} is a reason that the system gives itself")
        check_ranges(reason, place, source)
