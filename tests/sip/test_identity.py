"""Who calls: From, and what a trusted network knows better (RFC 3323, 3325, 5806, 7044)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.sip.headers import NameAddr
from gateways.sip.identity import (
    ANONYMOUS,
    Diversion,
    Identity,
    assert_identity,
    from_address,
    read_identity,
)
from gateways.sip.limits import DIVERSIONS_MAX
from gateways.sip.message import Request

HIDDEN = ("From", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1')
SHOWN = ("From", '"Ayşe" <sip:+902125550100@carrier.example;user=phone>;tag=1')
ASSERTED = ("P-Asserted-Identity", '"Ayşe Yılmaz" <sip:+905320000001@carrier.example;user=phone>')


def invite(*headers: tuple[str, str]) -> Request:
    return Request("INVITE", "sip:185@b", headers)


def test_without_a_network_to_trust_from_counts() -> None:
    """RFC 3325 7: anybody can write P-Asserted-Identity"""
    assert read_identity(invite(SHOWN, ASSERTED), trusted=False) == Identity("+902125550100", "Ayşe")
    assert read_identity(invite(HIDDEN, ASSERTED), trusted=False) == Identity("", private=True)


def test_a_trusted_network_knows() -> None:
    """RFC 3325 9.1"""
    known = Identity("+905320000001", "Ayşe Yılmaz", asserted=True)
    assert read_identity(invite(SHOWN, ASSERTED), trusted=True) == known
    hidden = Identity("+905320000001", "Ayşe Yılmaz", asserted=True, private=True)
    assert read_identity(invite(HIDDEN, ASSERTED, ("Privacy", "id")), trusted=True) == hidden
    assert read_identity(invite(SHOWN, ASSERTED, ("Privacy", "none")), trusted=True) == known
    assert read_identity(invite(SHOWN), trusted=True) == Identity("+902125550100", "Ayşe")


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("<tel:+90-532-000-00-01>, <sip:+905320000001@b>", "+90-532-000-00-01"),
        ("<sip:carrier.example>, <tel:+905320000001>", "+905320000001"),
        ("<mailto:a@b>", ""),
        ("<sip:", ""),
        ("tel:+905320000001", "+905320000001"),
        ("<sip:5320000001;phone-context=+90@b>", "5320000001"),
    ],
)
def test_which_assertion(value: str, number: str) -> None:
    identity = read_identity(invite(HIDDEN, ("P-Asserted-Identity", value)), trusted=True)
    assert (identity.number, identity.asserted) == (number, bool(number))


@pytest.mark.parametrize(
    ("sender", "privacy", "private"),
    [
        (SHOWN[1], "id", True),
        (SHOWN[1], "header;id", True),
        (SHOWN[1], "user,critical", True),
        (SHOWN[1], "session", False),
        (SHOWN[1], "none", False),
        ('"Anonymous" <sip:185@carrier.example>;tag=1', "", True),
        ("<sip:carrier.example>;tag=1", "", True),
    ],
)
def test_privacy(sender: str, privacy: str, private: bool) -> None:
    """RFC 3323 4.2"""
    fields = [("Privacy", privacy)] if privacy else []
    assert read_identity(invite(("From", sender), *fields), trusted=False).private is private


@pytest.mark.parametrize(
    ("headers", "diversions"),
    [
        (
            [
                ("Diversion", '"Desk" <sip:+902125550185@c>;reason=user-busy;counter=2;screen=no'),
                ("Diversion", '<tel:+902125550199>;reason="no-answer";privacy=full'),
            ],
            (
                Diversion("+902125550185", "Desk", "user-busy", 2),
                Diversion("+902125550199", "", "no-answer", private=True),
            ),
        ),
        ([("Diversion", "<sip:1@c>;counter=many;privacy=off")], (Diversion("1"),)),
        ([("Diversion", "<sip:1@c")], ()),
        (
            [
                ("History-Info", "<sip:1@c?Reason=SIP%3Bcause%3D302>;index=1"),
                ("History-Info", "<sip:2@c?Reason=SIP%3Bcause%3D486>;index=1.1;rc=1"),
                ("History-Info", "<sip:3@c>;index=1.2;mp=1"),
            ],
            (Diversion("2", reason="user-busy"), Diversion("1", reason="unconditional")),
        ),
        (
            [
                (
                    "History-Info",
                    "<sip:1@c?Privacy=history>;index=1, <sip:2@c;cause=408>;index=1.1, <sip:2@d>;index=1.1.1",
                )
            ],
            (Diversion("1", reason="no-answer", private=True),),
        ),
        ([("History-Info", "<sip:1@c?Reason=Q.850%3Bcause%3D17>;index=1,<sip:2@c>;index=1.1;rc=1")], ()),
        ([("History-Info", "<sip:1@c>;index=1, <sip:2@c>;index=1.1;mp=1")], (Diversion("1"),)),
        ([("History-Info", "<sip:1@c?Reason=SIP%3Bcause%3D302>;index=1")], ()),
    ],
)
def test_diversions(headers: list[tuple[str, str]], diversions: tuple[Diversion, ...]) -> None:
    """The latest first (RFC 5806 5; RFC 7044 has them in the order of time)"""
    assert read_identity(invite(SHOWN, *headers), trusted=False).diversions == diversions


def test_diversions_are_bounded() -> None:
    many = [("Diversion", f"<sip:{number}@c>") for number in range(DIVERSIONS_MAX + 1)]
    assert len(read_identity(invite(SHOWN, *many), trusted=False).diversions) == DIVERSIONS_MAX


def test_what_we_tell() -> None:
    """RFC 3325 5: the number of one who would not be known is for trusted networks"""

    def told(*, private: bool, trusted: bool) -> list[tuple[str, str]]:
        return assert_identity("+902125550185", "Santral", host="h", private=private, trusted=trusted)

    asserted = ("P-Asserted-Identity", '"Santral" <sip:+902125550185@h;user=phone>')
    assert told(private=False, trusted=True) == [asserted]
    assert told(private=True, trusted=True) == [asserted, ("Privacy", "id")]
    assert told(private=True, trusted=False) == [("Privacy", "id")]
    assert told(private=False, trusted=False) == []
    assert assert_identity("", "", host="h", private=False, trusted=True) == []
    assert (
        str(from_address("+902125550185", "", host="h", private=False)) == "<sip:+902125550185@h;user=phone>"
    )
    assert str(from_address("ayse", "A", host="h", private=False)) == '"A" <sip:ayse@h>'
    assert from_address("185", "", host="h", private=True) == ANONYMOUS
    assert from_address("", "", host="h", private=False) == ANONYMOUS


@given(st.sampled_from(["+905320000001", "185", "ayse"]), st.booleans(), st.booleans())
def test_what_we_tell_is_read_by_one_like_us(number: str, private: bool, trusted: bool) -> None:
    sender = from_address(number, "Name", host="h", private=private).with_params(tag="1")
    fields = assert_identity(number, "Name", host="h", private=private, trusted=trusted)
    identity = read_identity(invite(("From", str(sender)), *fields), trusted=trusted)
    known = trusted or not private
    assert identity == Identity(
        number if known else "", "Name" if known else "", asserted=trusted, private=private
    )


@given(st.sampled_from(["P-Asserted-Identity", "Diversion", "History-Info", "Privacy"]), st.text(max_size=40))
def test_anything_may_stand_there(name: str, value: str) -> None:
    read_identity(invite(SHOWN, (name, value), (name, f"<sip:1@c?{value}>;{value}")), trusted=True)
    NameAddr.parse(SHOWN[1])
