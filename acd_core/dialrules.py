"""Which numbers may be dialled, and over which trunks: one text as typed and the dial rules in, one verdict out. Pure.

A number is brought to E.164 first; short and emergency numbers stay as dialled. The first rule whose prefix it begins with
decides: it names the trunks, and the kinds of numbers that it lets through. What is dear or dangerous (premium, emergency) is
let through by a rule that says so and by nothing else, and a number that no rule matches is not dialled at all.

The kinds come from the library phonenumbers, which knows national plans and ITU-T E.164.1, and are taken at their worst:

- A number that begins with a premium or shared-cost one is premium too: exchanges ignore digits dialled too many.
- What would reach an emergency service is an emergency number, also with digits behind it.
- Numbers of satellites (ITU country codes 870, 881 to 883) and of personal services (878) cost what premium ones do.
- What goes over the wire, after `strip` and `add`, is looked at as well, lest a rule turns a number into an emergency call.
"""

from __future__ import annotations

import functools
import re
from typing import TypeAlias

import msgspec
import phonenumbers
from phonenumbers import PhoneNumberType, shortnumberinfo

from acd_core import numbers
from acd_core.numbers import TEXT_CHARS_MAX, normalise
from acd_core.telephony import DialRule, NumberKind

NOT_A_NUMBER = "not_a_number"
NO_RULE = "no_dial_rule"
BARRED = "barred_"  # and the kind

SHORT_DIGITS_MAX = 6
_SATELLITES = frozenset({870, 878, 881, 882, 883})
_DEAR = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST})
_SHORT = re.compile(rf"[0-9]{{2,{SHORT_DIGITS_MAX}}}")
_BETWEEN = re.compile(r"[\s().\-\u00a0\u2010-\u2015]")
_VERDICTS_MAX = 4_096  # remembered; full: the one asked for longest ago is worked out again


class Dialled(msgspec.Struct, frozen=True):
    """This may be dialled: `number` in E.164 with a plus (short ones as they are), and what is `sent` to one of `trunks`."""

    number: str
    kind: NumberKind
    trunks: tuple[str, ...]
    sent: str


class Barred(msgspec.Struct, frozen=True):
    """This may not, for a reason that is a key of the pages' texts; `number` as far as it is one."""

    reason: str
    number: str = ""


Verdict: TypeAlias = Dialled | Barred


def judge(text: str, country: str, rules: tuple[DialRule, ...]) -> Verdict:
    """What becomes of a number as somebody typed it in `country` (ISO 3166). Never raises."""
    number, kind = _classified(text, country)
    if kind is None:
        return Barred(NOT_A_NUMBER)
    digits = number.removeprefix("+")
    rule = next((rule for rule in rules if digits.startswith(rule.prefix)), None)
    if rule is None:
        return Barred(NO_RULE, number)
    sent = rule.add + digits[rule.strip :]
    if not sent.strip("+"):
        return Barred(NO_RULE, number)
    if kind != "emergency" and _reaches_emergency(sent, country):
        kind = "emergency"
    if kind not in rule.allow:
        return Barred(BARRED + kind, number)
    return Dialled(number, kind, rule.trunks, sent)


def warm(country: str) -> None:
    """Read the country's rules now, or the first who dials would wait for it."""
    numbers.warm(country)
    _classified("112", country)


@functools.lru_cache(maxsize=_VERDICTS_MAX)
def _classified(text: str, country: str) -> tuple[str, NumberKind | None]:
    """The number and its kind; no kind for what is no number."""
    if len(text) > TEXT_CHARS_MAX:
        return "", None
    plain = _BETWEEN.sub("", text)
    if _SHORT.fullmatch(plain):
        if _reaches_emergency(plain, country):
            return plain, "emergency"
        if _is_short(plain, country):
            return plain, "premium" if _is_dear_short(plain, country) else "short"
    number = normalise(text, country)
    return (number, _kind(number, country)) if number else ("", None)


def _reaches_emergency(digits: str, country: str) -> bool:
    return shortnumberinfo.connects_to_emergency_number(digits, country)


def _is_short(digits: str, country: str) -> bool:
    parsed = _parsed(digits, country)
    return parsed is not None and shortnumberinfo.is_possible_short_number_for_region(parsed, country)


def _is_dear_short(digits: str, country: str) -> bool:
    parsed = _parsed(digits, country)
    assert parsed is not None
    cost = shortnumberinfo.expected_cost_for_region(parsed, country)
    return bool(cost == shortnumberinfo.ShortNumberCost.PREMIUM_RATE)


def _kind(number: str, country: str) -> NumberKind:
    parsed = _parsed(number, country)
    if (
        parsed is None
        or parsed.country_code is None
        or parsed.country_code in _SATELLITES
        or _is_dear(number, parsed)
    ):
        return "premium"
    # Countries share codes (+1), so the code alone does not say which country it is.
    region = phonenumbers.region_code_for_number(parsed)
    if region is None:
        regions = phonenumbers.region_codes_for_country_code(parsed.country_code)
        region = regions[0] if len(regions) == 1 else ""
    return "national" if region == country else "international"


def _is_dear(number: str, parsed: phonenumbers.PhoneNumber) -> bool:
    kind = phonenumbers.number_type(parsed)
    if kind in _DEAR:
        return True
    if kind != PhoneNumberType.UNKNOWN:
        return False
    code_digits = len(str(parsed.country_code)) + 1
    shorter = (_parsed(number[:end], "") for end in range(len(number) - 1, code_digits + 2, -1))
    return any(one is not None and phonenumbers.number_type(one) in _DEAR for one in shorter)


def _parsed(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country or None)
    except phonenumbers.NumberParseException:
        return None
