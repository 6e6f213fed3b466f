"""Telephone numbers in one form: what is written in many ways is one caller, what is no number is nobody."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core.numbers import REMEMBERED_MAX, is_country, normalise, warm


@pytest.mark.parametrize(
    "written",
    [
        "05321112233",
        "5321112233",
        "+905321112233",
        "00905321112233",
        "0532 111 22 33",
        "(0532) 111-22-33",
        "0532.111.22/33",
        "+90 532 111\u00a022\u201133",
        " 0532 111 22 33 ",
    ],
)
def test_one_number_in_many_ways(written: str) -> None:
    assert normalise(written, "TR") == "+905321112233"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "anonymous",
        "201",
        "185",
        "*21#",
        "alice",
        "line-05321112233",
        "0532FLOWERS",
        "+",
        "()",
        "05321112233;ext=1",
        "0" * 64,
        "5" * 65,
        "\u0000",
    ],
)
def test_what_is_no_number_of_a_subscriber(text: str) -> None:
    assert normalise(text, "TR") == ""


def test_the_country_decides_how_a_national_number_is_read() -> None:
    assert normalise("030 123456", "DE") == "+4930123456"
    assert normalise("02071234567", "GB") == "+442071234567"
    assert normalise("+4930123456", "TR") == "+4930123456"
    assert normalise("05321112233", "") == ""
    assert normalise("2015550123", "US") == "+12015550123"
    assert normalise("5550123", "US") == "", "without its area code it is many numbers"
    assert normalise("+905321112233", "") == "+905321112233"


def test_countries_are_known() -> None:
    assert is_country("TR")
    for code in ("", "tr", "XX", "TUR"):
        assert not is_country(code)
    warm("TR")
    warm("XX")


def test_what_is_remembered_is_bounded() -> None:
    for number in range(REMEMBERED_MAX + 10):
        normalise(str(number), "TR")
    assert normalise.cache_info().currsize == REMEMBERED_MAX


@given(st.text(max_size=100), st.sampled_from(["TR", "DE", "", "XX", "tr"]))
def test_any_text_is_a_number_in_one_form_or_none(text: str, country: str) -> None:
    number = normalise(text, country)
    assert number == "" or (number[0] == "+" and number[1:].isdecimal() and number.isascii())
    assert normalise(number, country) == number
