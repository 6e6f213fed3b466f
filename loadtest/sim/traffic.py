"""The traffic of a centre as people write it: how many contacts, about what, when, how long, how patiently.

It is TOML, and checked like a plan: the first fault is a `DocumentError` with line, key and reason.
"""

from __future__ import annotations

from math import inf
from typing import Literal, TypeAlias

import msgspec

from acd_core.documents.source import Place, Source
from acd_core.documents.values import check_known, check_language, check_skills
from acd_core.domain.plan import Document, Plan
from loadtest.sim.arrivals import DURATION_MS_MAX, PRIORITY_MAX

Shape: TypeAlias = Literal["lognormal", "exponential"]

HOURS, WEEKDAYS, MONTHS = 24, 7, 12
SPREAD_MAX = 3.0
CONTACTS_MAX = 100_000_000


class Span(Document, frozen=True, kw_only=True):
    """A random length of time."""

    mean_ms: int
    shape: Shape = "lognormal"
    spread: float = 0.6  # of a lognormal one: the standard deviation of its logarithm


class Category(Document, frozen=True, kw_only=True):
    """What a contact is about."""

    count: int  # in a year; only the proportions matter
    queue: str
    talk: Span
    wrap_up: Span
    patience: Span | None = None  # none: as all callers
    priority: int = 0
    skills: dict[str, int] = msgspec.field(default_factory=dict)


class Channel(Document, frozen=True, kw_only=True):
    """The way a contact comes in."""

    count: int
    waits: bool = False  # for as long as it takes: a form, a forwarded letter
    dialled: str = ""


class Language(Document, frozen=True, kw_only=True):
    """What callers speak."""

    count: int
    skills: dict[str, int] = msgspec.field(default_factory=dict)


class Callers(Document, frozen=True, kw_only=True):
    """Who calls. `prefix` and so many `digits` make a number in international form."""

    prefix: str
    digits: int
    withheld_share: float = 0.0
    repeat_share: float = 0.0  # of the callers called before, in the last `repeat_within_hours`
    repeat_within_hours: int = 24


class Profile(Document, frozen=True, kw_only=True):
    """The whole of it. Weights say how much more there is at one time than at another; only their proportions matter."""

    name: str
    contacts_a_year: int
    hours: tuple[float, ...]  # of a working day, by local hour
    weekend_hours: tuple[float, ...]
    weekdays: tuple[float, ...]  # Monday first
    months: tuple[float, ...]
    patience: Span
    callers: Callers
    categories: dict[str, Category]
    channels: dict[str, Channel] = msgspec.field(default_factory=dict)
    languages: dict[str, Language] = msgspec.field(default_factory=dict)
    districts: dict[str, int] = msgspec.field(
        default_factory=dict
    )  # and how many of the contacts come from there


def load_profile(text: str, plan: Plan, name: str = "traffic") -> Profile:
    """The profile in this text, checked against the plan; raises `DocumentError`."""
    source = Source(text, name)
    profile = source.shape(Profile)
    for key, length in (
        ("hours", HOURS),
        ("weekend_hours", HOURS),
        ("weekdays", WEEKDAYS),
        ("months", MONTHS),
    ):
        _check_weights(getattr(profile, key), length, (key,), source)
    _check_least(profile.contacts_a_year, 1, ("contacts_a_year",), source)
    if profile.contacts_a_year > CONTACTS_MAX:
        source.fail(("contacts_a_year",), f"{profile.contacts_a_year} are more than {CONTACTS_MAX}")
    _check_span(profile.patience, ("patience",), source)
    _check_callers(profile.callers, source)
    if not profile.categories:
        source.fail(("categories",), "there are none")
    for id_, category in profile.categories.items():
        _check_category(category, plan, ("categories", id_), source)
    for id_, channel in profile.channels.items():
        _check_least(channel.count, 0, ("channels", id_, "count"), source)
        if channel.dialled:
            numbers = {number.dialled for number in plan.numbers}
            check_known(channel.dialled, numbers, "number", ("channels", id_, "dialled"), source)
    for id_, language in profile.languages.items():
        check_language(id_, ("languages", id_), source)
        _check_least(language.count, 0, ("languages", id_, "count"), source)
        check_skills(language.skills, plan.skills, ("languages", id_, "skills"), source)
    for id_, count in profile.districts.items():
        _check_least(count, 0, ("districts", id_), source)
    _check_sum(profile, source)
    return profile


def _check_category(category: Category, plan: Plan, place: Place, source: Source) -> None:
    _check_least(category.count, 0, (*place, "count"), source)
    check_known(category.queue, plan.queues, "queue", (*place, "queue"), source)
    check_skills(category.skills, plan.skills, (*place, "skills"), source)
    _check_span(category.talk, (*place, "talk"), source)
    _check_span(category.wrap_up, (*place, "wrap_up"), source)
    if category.patience is not None:
        _check_span(category.patience, (*place, "patience"), source)
    if abs(category.priority) > PRIORITY_MAX:
        source.fail(
            (*place, "priority"), f"{category.priority} is not within {-PRIORITY_MAX} to {PRIORITY_MAX}"
        )


def _check_callers(callers: Callers, source: Source) -> None:
    digits = callers.prefix.removeprefix("+")
    if digits == callers.prefix or not digits.isascii() or not digits.isdigit():
        source.fail(("callers", "prefix"), f"{callers.prefix!r} is not like +9053")
    if not 4 <= callers.digits <= 15 - len(digits):
        source.fail(("callers", "digits"), f"{callers.digits} is not within 4 to {15 - len(digits)} (E.164)")
    for key in ("withheld_share", "repeat_share"):
        if not 0 <= getattr(callers, key) <= 1:
            source.fail(("callers", key), f"{getattr(callers, key)} is not within 0 to 1")
    _check_least(callers.repeat_within_hours, 1, ("callers", "repeat_within_hours"), source)


def _check_weights(weights: tuple[float, ...], length: int, place: Place, source: Source) -> None:
    if len(weights) != length:
        source.fail(place, f"{len(weights)} weights instead of {length}")
    for index, weight in enumerate(weights):
        if not 0 <= weight < inf:
            source.fail((*place, index), f"{weight} is no weight (0 or more)")
    if not any(weights):
        source.fail(place, "all weights are 0")


def _check_span(span: Span, place: Place, source: Source) -> None:
    if not 1 <= span.mean_ms <= DURATION_MS_MAX:
        source.fail((*place, "mean_ms"), f"{span.mean_ms} is not within 1 to {DURATION_MS_MAX}")
    if not 0 <= span.spread <= SPREAD_MAX:
        source.fail((*place, "spread"), f"{span.spread} is not within 0 to {SPREAD_MAX:g}")


def _check_least(value: int, least: int, place: Place, source: Source) -> None:
    if value < least:
        source.fail(place, f"{value} is below {least}")


def _check_sum(profile: Profile, source: Source) -> None:
    counted: dict[str, list[int]] = {
        "categories": [entry.count for entry in profile.categories.values()],
        "channels": [entry.count for entry in profile.channels.values()],
        "languages": [entry.count for entry in profile.languages.values()],
        "districts": list(profile.districts.values()),
    }
    for key, counts in counted.items():
        if counts and not any(counts):
            source.fail((key,), "all counts are 0")
