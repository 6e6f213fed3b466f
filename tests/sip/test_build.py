"""Making requests and responses (RFC 3261 8.1.1, 8.2.6)."""

from __future__ import annotations

import pytest

from gateways.sip.build import reason_phrase, respond
from gateways.sip.headers import NameAddr
from gateways.sip.parser import parse_message
from gateways.sip.uri import Uri
from tests.sip.support import request, wire_request


def test_response_copies_what_it_must() -> None:
    invite = wire_request(
        headers=[("Via", "SIP/2.0/UDP far;branch=z9hG4bKy"), ("Record-Route", "<sip:p;lr>")]
    )
    response = respond(
        invite, 200, to_tag="t", contact="<sip:185@192.0.2.2>", body=b"v=0", content_type="application/sdp"
    )
    again = parse_message(response.to_bytes())
    for name in ("Via", "From", "Call-ID", "CSeq", "Record-Route"):
        assert again.get_all(name) == invite.get_all(name)
    assert again.to.tag == "t"
    assert again.get("Server") == "santral"
    assert "BYE" in (again.get("Allow") or "")
    assert (again.content_type, again.body) == ("application/sdp", b"v=0")
    assert again.get("Max-Forwards") is None


@pytest.mark.parametrize(("status", "copied"), [(100, False), (180, True), (200, True), (486, False)])
def test_record_route_is_for_dialogs(status: int, copied: bool) -> None:
    """12.1.1"""
    response = respond(wire_request(headers=[("Record-Route", "<sip:p;lr>")]), status)
    assert (response.get("Record-Route") is not None) is copied


def test_a_registration_makes_no_dialog() -> None:
    """10.3: nor a route"""
    assert (
        respond(wire_request("REGISTER", headers=[("Record-Route", "<sip:p;lr>")]), 200).get("Record-Route")
        is None
    )


def test_tag_of_the_request_is_kept() -> None:
    assert respond(wire_request("BYE", to_tag="ours"), 200, to_tag="other").to.tag == "ours"


def test_timestamp_is_echoed_in_100() -> None:
    """8.2.6.1"""
    invite = wire_request(headers=[("Timestamp", "54")])
    assert respond(invite, 100).get("Timestamp") == "54"
    assert respond(invite, 180).get("Timestamp") is None


def test_options_tells_what_we_can() -> None:
    """11.2"""
    response = respond(wire_request("OPTIONS"), 200)
    assert response.get("Accept") == "application/sdp, multipart/mixed"
    assert "INVITE" in (response.get("Allow") or "")


@pytest.mark.parametrize(
    ("method", "told"), [("INVITE", True), ("UPDATE", True), ("BYE", False), ("PRACK", False)]
)
def test_what_we_can_is_told_where_a_session_is_agreed_on(method: str, told: bool) -> None:
    """13.2.1, RFC 3311 5.1"""
    assert (request(method).get("Allow") is not None) is told
    assert (respond(wire_request(method), 200).get("Allow") is not None) is told


def test_reason_phrases() -> None:
    assert respond(wire_request(), 486).reason == "Busy Here"
    assert respond(wire_request(), 486, "Meşgul").reason == "Meşgul"
    assert reason_phrase(499) == "Unknown"


def test_request_has_what_it_must() -> None:
    """8.1.1"""
    made = request(headers=[("X-Call", "c-1")], body=b"v=0")
    for name in ("To", "From", "CSeq", "Call-ID", "Max-Forwards", "Contact", "Allow", "User-Agent", "X-Call"):
        assert made.get(name), name
    assert made.get("Via") is None, "the transaction layer adds it"
    assert made.from_ == NameAddr(Uri.sip("ayse", "192.0.2.1"), "Ayşe", {"tag": "from"})
