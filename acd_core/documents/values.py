"""Rules that hold for values of one kind wherever they stand: ids, names, languages, skills, lists of references."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from acd_core.documents.ranges import check_range
from acd_core.documents.source import Place, Source
from acd_core.domain.limits import PROMPTS_A_PLAY_MAX
from acd_core.domain.plan import Plan
from acd_core.domain.roster import LEVEL_MAX, LEVEL_MIN

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)", re.ASCII)


def check_id(id_: str, place: Place, source: Source) -> None:
    """What others refer to, in documents, journals and addresses of pages."""
    if not _ID.fullmatch(id_):
        source.fail(place, f"{id_!r} is no id (letters, digits, dot, hyphen and underscore, at most 64)")


def check_name(name: str, place: Place, source: Source) -> None:
    """What people read."""
    if not name.strip():
        source.fail(place, "the name is empty")


def check_language(language: str, place: Place, source: Source) -> None:
    """A code of ISO 639-1."""
    if not _LANGUAGE.fullmatch(language):
        source.fail(place, f"{language!r} is no language (two letters: tr, en, pl, zh)")


def check_known(id_: str, known: Collection[str], what: str, place: Place, source: Source) -> None:
    """A reference to something that has to be there."""
    if id_ not in known:
        source.fail(place, f"there is no {what} {id_}")


def check_list(ids: tuple[str, ...], known: Collection[str], what: str, place: Place, source: Source) -> None:
    """References, none of them twice."""
    for index, id_ in enumerate(ids):
        check_known(id_, known, what, (*place, index), source)
    check_once(ids, place, source)


def check_once(values: tuple[str, ...], place: Place, source: Source) -> None:
    """A list in which a value that stands there twice is a slip."""
    if len(set(values)) < len(values):
        twice = next(value for index, value in enumerate(values) if value in values[:index])
        source.fail(place, f"{twice} is there twice")


def check_prompts(ids: tuple[str, ...], plan: Plan, place: Place, source: Source) -> None:
    """What is played one after the other; the same may be heard twice."""
    if len(ids) > PROMPTS_A_PLAY_MAX:
        source.fail(place, f"more than {PROMPTS_A_PLAY_MAX} prompts")
    for index, id_ in enumerate(ids):
        check_known(id_, plan.prompts, "prompt", (*place, index), source)


def check_skills(
    skills: Mapping[str, int], known: Collection[str] | None, place: Place, source: Source
) -> None:
    """Skills and levels; whether the skills exist is only asked when it is known which do."""
    for skill, level in skills.items():
        if known is not None:
            check_known(skill, known, "skill", (*place, skill), source)
        check_range(level, (LEVEL_MIN, LEVEL_MAX), (*place, skill), source)


def minutes_of(text: str) -> int | None:
    """Minutes since midnight of "HH:MM", 24:00 being the day's end; None when it is no time of day."""
    if text == "24:00":
        return 24 * 60
    match = _TIME.fullmatch(text)
    return int(match[1]) * 60 + int(match[2]) if match else None
