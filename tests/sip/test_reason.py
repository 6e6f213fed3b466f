"""The Reason header (RFC 3326) and the telephone network's causes (RFC 3398, ITU-T Q.850)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.sip.build import REASONS
from gateways.sip.message import Request
from gateways.sip.reason import (
    COMPLETED_ELSEWHERE,
    Reason,
    read_reason,
    read_reasons,
    reason_header,
    reason_of_status,
)


def bye(*values: str) -> Request:
    return Request("BYE", "sip:a@b", [("Reason", value) for value in values])


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ('SIP ;cause=200 ;text="Call completed elsewhere"', COMPLETED_ELSEWHERE),
        ('Q.850 ;cause=16 ;text="Terminated"', Reason("Q.850", 16, "Terminated")),
        ("q.850;text=busy;cause=17", Reason("Q.850", 17, "busy")),
        ("X.1;cause=5;later=yes", Reason("X.1", 5)),
        ('Q.850;cause=16;text="a\\"b\x01 c"', Reason("Q.850", 16, 'a"b c')),
    ],
)
def test_reading(value: str, reason: Reason) -> None:
    assert read_reason(bye(value)) == reason


@pytest.mark.parametrize(
    "value",
    ["", "SIP", "SIP;cause", "SIP;cause=x", "Q 850;cause=1", 'Q.850;cause=1;text="x', "SIP;cause=1000", ","],
)
def test_what_cannot_be_read_says_nothing(value: str) -> None:
    assert read_reason(bye(value)) is None
    assert read_reason(bye()) is None


def test_the_telephone_network_knows_better() -> None:
    message = bye("SIP;cause=503, Q.850;cause=34", "X;cause=1")
    assert read_reasons(message) == (Reason("SIP", 503), Reason("Q.850", 34), Reason("X", 1))
    assert read_reason(message) == Reason("Q.850", 34)


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (404, 1),
        (486, 17),
        (480, 18),
        (403, 21),
        (484, 28),
        (503, 41),
        (504, 102),
        (600, 17),
        (603, 21),
        (487, 16),
    ],
)
def test_causes_of_statuses(status: int, cause: int) -> None:
    """RFC 3398 8.2.6.1"""
    assert reason_of_status(status) == Reason("Q.850", cause)


@pytest.mark.parametrize("status", [status for status in REASONS if status >= 300] + [499, 555, 699])
def test_every_refusal_has_a_cause(status: int) -> None:
    assert 0 < reason_of_status(status).cause < 128


@given(st.sampled_from(["SIP", "Q.850", "X"]), st.integers(0, 999), st.text(max_size=100))
def test_what_is_written_is_read_again(protocol: str, cause: int, text: str) -> None:
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    reason = Reason(protocol, cause, text)
    message = Request("BYE", "sip:a@b", [reason_header(reason)])
    assert message.to_bytes()
    assert read_reason(message) == reason


@given(st.text(max_size=60))
def test_anything_may_stand_there(value: str) -> None:
    read_reasons(bye(value))
