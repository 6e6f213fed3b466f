"""The texts of explanations, one table a language, all with the same keys and placeholders.

A text that goes by a count is a tuple of forms; which form a count takes is the language's rule (Unicode CLDR, plural rules).
Names of people and queues are put in unbent, so no text asks for a case or a suffix of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from acd_core.explain.texts.en import EN
from acd_core.explain.texts.pl import PL
from acd_core.explain.texts.tr import TR
from acd_core.explain.texts.zh import ZH

Language: TypeAlias = Literal["tr", "en", "pl", "zh"]
Text: TypeAlias = str | tuple[str, ...]

LANGUAGES: tuple[Language, ...] = ("tr", "en", "pl", "zh")
TEXTS: Mapping[Language, Mapping[str, Text]] = {"tr": TR, "en": EN, "pl": PL, "zh": ZH}


def _one_or_more(count: int) -> int:
    return 0 if count == 1 else 1


def _polish(count: int) -> int:
    if count == 1:
        return 0
    return 1 if count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14) else 2


def _the_same(count: int) -> int:
    return 0


FORMS: Mapping[Language, Callable[[int], int]] = {
    "tr": _the_same,
    "en": _one_or_more,
    "pl": _polish,
    "zh": _the_same,
}
FORMS_NUMBER: Mapping[Language, int] = {"tr": 1, "en": 2, "pl": 3, "zh": 1}
