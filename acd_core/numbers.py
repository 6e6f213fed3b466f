"""Telephone numbers as people and exchanges write them, brought to the one form they are compared in: E.164 with a plus.

A number without a country code is read as one dialled in the configured country. What can't be a number of a
subscriber gives an empty text: extensions, short codes, names, a withheld number. Whether a number is *possible* is
asked, not whether it is assigned: carriers use new ranges before any table knows them.

The rules of a country (ITU-T E.164, national plans) come from the library phonenumbers, which reads each country's on
first use; `warm` has that done before the first call.
"""

from __future__ import annotations

import functools
import re

import phonenumbers

TEXT_CHARS_MAX = 64  # a longer text is no number
REMEMBERED_MAX = 4_096  # results; full: the one asked for longest ago is worked out again
# Digits and what people put between them. The library would also pick a number out of words, or read letters as keys.
_WRITTEN = re.compile(r"\s*\+?[\d\s()./\-\u00a0\u2010-\u2015]+")


@functools.lru_cache(maxsize=REMEMBERED_MAX)
def normalise(text: str, country: str) -> str:
    """The number in E.164 (`+905321112233`), read as in `country` (ISO 3166); empty for what is none. Never raises."""
    if len(text) > TEXT_CHARS_MAX or not _WRITTEN.fullmatch(text):
        return ""
    try:
        number = phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return ""
    # One that is only possible within a town lacks its area code, and would be another's elsewhere.
    if phonenumbers.is_possible_number_with_reason(number) != phonenumbers.ValidationResult.IS_POSSIBLE:
        return ""
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def is_country(code: str) -> bool:
    """Whether numbers of this country can be read."""
    return code in phonenumbers.SUPPORTED_REGIONS


def warm(country: str) -> None:
    """Read the country's rules now."""
    example = phonenumbers.example_number(country)
    if example is not None:
        normalise(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.NATIONAL), country)
