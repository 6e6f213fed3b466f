"""Which numbers may be dialled: kinds, rules in their order, and that nothing dear or dangerous goes out unasked."""

from __future__ import annotations

import typing

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core.dialrules import Barred, Dialled, judge
from acd_core.numbers import normalise
from acd_core.telephony import DialRule, NumberKind

KINDS: tuple[NumberKind, ...] = typing.get_args(NumberKind)
ALL = (DialRule(trunks=("carrier",), allow=KINDS),)
USUAL = (
    DialRule(prefix="90", trunks=("carrier",), strip=2, add="0", allow=("national",)),
    DialRule(prefix="", trunks=("abroad", "carrier"), add="00", allow=("international",)),
)


def dialled(text: str, rules: tuple[DialRule, ...] = ALL, country: str = "TR") -> Dialled:
    verdict = judge(text, country, rules)
    assert isinstance(verdict, Dialled), verdict
    return verdict


def barred(text: str, rules: tuple[DialRule, ...] = USUAL, country: str = "TR") -> str:
    verdict = judge(text, country, rules)
    assert isinstance(verdict, Barred), verdict
    return verdict.reason


@pytest.mark.parametrize(
    ("text", "number", "kind"),
    [
        ("0312 123 45 67", "+903121234567", "national"),
        ("+90 (532) 111-22-33", "+905321112233", "national"),
        ("444 0 444", "+904440444", "national"),
        ("+44 20 7946 0000", "+442079460000", "international"),
        ("00442079460000", "+442079460000", "international"),
        ("+1 876 555 1234", "+18765551234", "international"),
        ("0900 900 90 90", "+909009009090", "premium"),
        ("0888 123 45 67", "+908881234567", "premium"),
        ("+44 909 876 5432", "+449098765432", "premium"),
        ("+979 123456789", "+979123456789", "premium"),
        ("+881 612345678", "+881612345678", "premium"),
        ("+49 900 1234567 89", "+49900123456789", "premium"),  # digits too many behind a premium number
        ("112", "112", "emergency"),
        ("1 5 5", "155", "emergency"),
        ("1123", "1123", "emergency"),  # the exchange connects after the third digit
        ("185", "185", "short"),
        ("11818", "11818", "short"),
    ],
)
def test_a_number_and_its_kind(text: str, number: str, kind: NumberKind) -> None:
    verdict = dialled(text)
    assert (verdict.number, verdict.kind, verdict.sent) == (number, kind, number.removeprefix("+"))


def test_countries_that_share_a_code_are_foreign_to_each_other() -> None:
    assert dialled("+18765551234", country="US").kind == "international"
    assert dialled("212 555 12 34", country="US").kind == "national"


@pytest.mark.parametrize(
    "text", ["", "+", "hotline", "*100#", "0312 123 45 67 89 01", "12;ext=4", "5" * 65, "1", "+90112"]
)
def test_what_is_no_number(text: str) -> None:
    assert barred(text, ALL) == "not_a_number"


def test_the_first_rule_that_matches_decides() -> None:
    verdict = dialled("0312 123 45 67", USUAL)
    assert (verdict.sent, verdict.trunks) == ("03121234567", ("carrier",))
    verdict = dialled("+442079460000", USUAL)
    assert (verdict.sent, verdict.trunks) == ("00442079460000", ("abroad", "carrier"))
    # The rule of the country comes first, and does not let premium numbers through, whatever a later one may.
    generous = (*USUAL, *ALL)
    assert barred("0900 900 90 90", generous) == "barred_premium"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("0900 900 90 90", "barred_premium"),
        ("+44 909 876 5432", "barred_premium"),
        ("112", "barred_emergency"),
        ("185", "barred_short"),
    ],
)
def test_barred_unless_allowed(text: str, reason: str) -> None:
    assert barred(text, USUAL) == reason


def test_no_rule_no_call() -> None:
    assert barred("0312 123 45 67", ()) == "no_dial_rule"
    assert barred("+442079460000", USUAL[:1]) == "no_dial_rule"
    assert barred("185", (DialRule(prefix="1", trunks=("t",), strip=3, allow=("short",)),)) == "no_dial_rule"


def test_no_rule_makes_an_emergency_call_of_another_number() -> None:
    """Germany's 0112…: without its trunk prefix a number of a town would be the emergency number."""
    stripping = (DialRule(prefix="4930", trunks=("t",), strip=4, allow=("national",)),)
    assert barred("030 112 34 567", stripping, country="DE") == "barred_emergency"


# --- properties ---

DIGITS = st.text("0123456789+ ()-", max_size=20)
PREFIXES = st.text("0123456789", max_size=3)
RULES = st.builds(
    DialRule,
    trunks=st.just(("carrier",)),
    prefix=PREFIXES,
    strip=st.integers(0, 4),
    add=st.sampled_from(("", "0", "00", "+", "9")),
    allow=st.sets(st.sampled_from(KINDS)).map(tuple),
)


@given(DIGITS, st.lists(RULES, max_size=4).map(tuple), st.sampled_from(("TR", "DE", "PL", "CN", "US", "GB")))
def test_what_is_dialled_is_a_number_that_a_rule_allows(
    text: str, rules: tuple[DialRule, ...], country: str
) -> None:
    verdict = judge(text, country, rules)
    if isinstance(verdict, Barred):
        return
    digits = verdict.number.removeprefix("+")
    first = next(rule for rule in rules if digits.startswith(rule.prefix))
    assert verdict.kind in first.allow
    assert verdict.trunks == first.trunks
    assert verdict.sent == first.add + digits[first.strip :]
    assert digits.isdigit()
    assert verdict.number.startswith("+") == (normalise(verdict.number, country) == verdict.number)


@given(DIGITS, st.sampled_from(("TR", "DE", "PL", "CN", "US")))
def test_the_same_number_is_judged_the_same_however_it_is_written(text: str, country: str) -> None:
    verdict = judge(text, country, ALL)
    if isinstance(verdict, Dialled):
        assert judge(verdict.number, country, ALL) == verdict


@given(st.sampled_from(sorted(phonenumbers.SUPPORTED_REGIONS)), st.integers(0, 3))
def test_premium_and_emergency_numbers_of_every_country_are_barred(region: str, more: int) -> None:
    plain: tuple[NumberKind, ...] = ("national", "international", "short")
    rules = (DialRule(trunks=("carrier",), allow=plain),)
    premium = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.PREMIUM_RATE)
    if premium is not None:
        number = phonenumbers.format_number(premium, phonenumbers.PhoneNumberFormat.E164) + "0" * more
        verdict = judge(number, region, rules)
        # Only Russian ones lose a digit in between, which is read as the trunk prefix: another number, and not a dear one.
        assert isinstance(verdict, Barred) or not number.startswith(verdict.number), number
    for emergency in ("112", "911", "999", "110"):
        if phonenumbers.is_emergency_number(emergency, region):
            assert barred(emergency, rules, region) == "barred_emergency"
