"""REFER, Replaces and NOTIFY (RFC 3515, 3891, 3892, 4488)."""

from __future__ import annotations

import contextlib
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.sip.errors import SipParseError
from gateways.sip.headers import NameAddr
from gateways.sip.message import Request
from gateways.sip.refer import (
    Refer,
    Replaces,
    notify_headers,
    parse_refer,
    replaces_of,
    sipfrag,
)
from gateways.sip.uri import Uri


def refer(*headers: tuple[str, str]) -> Request:
    return Request("REFER", "sip:a@b", headers)


def test_blind() -> None:
    assert parse_refer(refer(("Refer-To", "<sip:185@192.0.2.2;user=phone>"))) == Refer(
        Uri.parse("sip:185@192.0.2.2;user=phone")
    )
    assert parse_refer(
        refer(("r", "sip:185@192.0.2.2"), ("b", "<sip:a@b>"), ("Refer-Sub", "FALSE;x=1"))
    ) == Refer(Uri.parse("sip:185@192.0.2.2"), None, NameAddr.parse("<sip:a@b>"), wants_notify=False)


def test_attended() -> None:
    """RFC 3891 7, RFC 5589 7: the dialog to replace stands escaped in the URI; other headers there are left out."""
    value = (
        "<sip:bob@b.example;method=INVITE?Subject=x&Replaces=090459243588173445%3B"
        "to-tag%3D7743%3Bfrom-tag%3D6472%3Bearly-only&Route=%3Csip:evil%3E>"
    )
    assert parse_refer(refer(("Refer-To", value))) == Refer(
        Uri.parse("sip:bob@b.example"), Replaces("090459243588173445", "7743", "6472", early_only=True)
    )


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([], 400),
        ([("Refer-To", "<sip:a@b>"), ("Refer-To", "<sip:c@d>")], 400),
        ([("Refer-To", "<sip:a@b>, <sip:c@d>")], 400),
        ([("Refer-To", "<sip:")], 400),
        ([("Refer-To", "<http://a/>")], 416),
        ([("Refer-To", "<sip:a@b;method=SUBSCRIBE>")], 501),
        ([("Refer-To", "<sip:a@b?Replaces=x>")], 400),
        ([("Refer-To", "<sip:a@b?Replaces=x%3Bto-tag%3D1>")], 400),
        ([("Refer-To", "<sip:a@b?Replaces=x%3Bto-tag%3D1%3Bfrom-tag%3D2&Replaces=y>")], 400),
        ([("Refer-To", "<sip:a@b>"), ("Referred-By", "nobody")], 400),
    ],
)
def test_what_is_not_to_be_carried_out(headers: list[tuple[str, str]], status: int) -> None:
    """RFC 3515 2.4.2"""
    with pytest.raises(SipParseError) as caught:
        parse_refer(refer(*headers))
    assert caught.value.status == status


def test_replaces_of_an_invite() -> None:
    """RFC 3891 3"""
    replaces = Replaces("a@b", "1", "2")
    assert replaces_of(Request("INVITE", "sip:a@b")) is None
    assert replaces_of(Request("INVITE", "sip:a@b", [("Replaces", "a@b ;from-tag=2;to-tag=1")])) == replaces
    for bad in ("", "a;to-tag=1", ";to-tag=1;from-tag=2", "a b;to-tag=1;from-tag=2", "a;to-tag;from-tag=2"):
        with pytest.raises(SipParseError):
            replaces_of(Request("INVITE", "sip:a@b", [("Replaces", bad)]))
    with pytest.raises(SipParseError, match="Join"):
        replaces_of(Request("INVITE", "sip:a@b", [("Replaces", str(replaces)), ("Join", "x")]))


def test_notify() -> None:
    """RFC 3515 2.4.4 to 2.4.6"""
    assert notify_headers(final=False) == [("Event", "refer"), ("Subscription-State", "active;expires=60")]
    assert notify_headers(final=True, refer_cseq=7) == [
        ("Event", "refer;id=7"),
        ("Subscription-State", "terminated;reason=noresource"),
    ]
    assert sipfrag(100) == b"SIP/2.0 100 Trying\r\n"
    assert sipfrag(603, "No") == b"SIP/2.0 603 No\r\n"


TOKEN = st.text("abcXYZ019-.!%*_+'~", min_size=1, max_size=12)
CALL_ID = st.text("abcXYZ019-.!%*_+'~()<>:\\/[]?{}@", min_size=1, max_size=20)


@given(CALL_ID, TOKEN, TOKEN, st.booleans())
def test_what_is_written_is_read_again(call_id: str, to_tag: str, from_tag: str, early: bool) -> None:
    replaces = Replaces(call_id, to_tag, from_tag, early)
    assert Replaces.parse(str(replaces)) == replaces
    target = Uri.sip("185", "192.0.2.2", 5060)
    escaped = quote(str(replaces), safe="")
    assert parse_refer(refer(("Refer-To", f"<{target}?Replaces={escaped}>"))) == Refer(target, replaces)


@given(st.text(max_size=60))
def test_anything_may_stand_there(value: str) -> None:
    for name in ("Refer-To", "Referred-By", "Replaces", "Refer-Sub"):
        with contextlib.suppress(SipParseError):
            parse_refer(refer(("Refer-To", f"<sip:a@b?Replaces={value}>"), (name, value)))
        with contextlib.suppress(SipParseError):
            replaces_of(refer((name, value)))
