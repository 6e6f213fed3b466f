"""Messages (RFC 3261 7 and 20): reading, changing, writing."""

from __future__ import annotations

import pytest

from gateways.sip.errors import SipParseError
from gateways.sip.limits import HEADER_CHARS_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX, URI_CHARS_MAX
from gateways.sip.message import Request, Response
from gateways.sip.parser import parse_message

INVITE = (
    b"INVITE sip:185@192.0.2.2 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bKb, SIP/2.0/TCP [2001:db8::1]:5061;branch=z9hG4bKa\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0\r\n"
    b"MAX-FORWARDS: 70\r\n"
    b'f: "Ay\xc5\x9fe \\"the first\\"" <sip:ayse@192.0.2.1;x=y>;tag=1928301774\r\n'
    b"To:sip:185@192.0.2.2\r\n"
    b"i: a84b4c76e66710\r\n"
    b"CSeq: 314159 INVITE\r\n"
    b"m: <sip:ayse@192.0.2.1:5062>;q=0.5, sip:ayse@[2001:db8::1];expires=60\r\n"
    b"Subject: first\r\n"
    b"  second,\r\n"
    b"\tthird\r\n"
    b"x-unknown-thing: kept\r\n"
    b"c: Application/SDP;charset=utf-8\r\n"
    b"l: 4\r\n"
    b"\r\n"
    b"v=0\n"
)


def replaced(old: bytes, new: bytes) -> bytes:
    assert old in INVITE
    return INVITE.replace(old, new)


def refusal(data: bytes) -> SipParseError:
    with pytest.raises(SipParseError) as caught:
        parse_message(data).check()
    return caught.value


def test_request_is_read() -> None:
    message = parse_message(INVITE)
    assert isinstance(message, Request)
    message.check()
    assert (message.method, message.uri, message.request_uri.user) == ("INVITE", "sip:185@192.0.2.2", "185")
    assert (message.via.host, message.via.port, message.via.branch) == ("192.0.2.9", 5062, "z9hG4bKb")
    assert [via.host for via in message.vias] == ["192.0.2.9", "2001:db8::1", "192.0.2.1"]
    assert message.from_.display_name == 'Ayşe "the first"'
    assert message.from_.tag == "1928301774"
    assert message.from_.uri.params == {"x": "y"}
    assert message.to.tag is None
    assert (message.cseq.number, message.cseq.method) == (314159, "INVITE")
    assert [str(contact.uri) for contact in message.contacts] == [
        "sip:ayse@192.0.2.1:5062",
        "sip:ayse@[2001:db8::1]",
    ]
    # RFC 3261 20.10: without brackets the parameter is the header's
    assert message.contacts[1].params == {"expires": "60"}
    assert message.get("subject") == "first second, third"
    assert message.get("X-UNKNOWN-THING") == "kept"
    assert message.max_forwards == 70
    assert message.expires_s is None
    assert message.content_type == "application/sdp"
    assert message.body == b"v=0\n"


def test_what_was_read_is_written_again() -> None:
    first = parse_message(INVITE)
    again = parse_message(first.to_bytes())
    assert again.headers == first.headers
    assert again.body == first.body
    assert again.to_bytes() == first.to_bytes()


@pytest.mark.parametrize(
    ("vias", "one"),
    [
        (["SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0"], True),
        (['SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0;x="a, b"'], True),
        (["SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0, SIP/2.0/UDP 192.0.2.2"], False),
        (["SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0", "SIP/2.0/UDP 192.0.2.2"], False),
    ],
)
def test_one_via_is_told_from_several(vias: list[str], one: bool) -> None:
    message = Response(200, "OK", [("Via", via) for via in vias])
    assert message.has_one_via is one
    assert len(message.vias) == (1 if one else 2)


def test_header_names_have_one_spelling() -> None:
    names = [name for name, _ in parse_message(INVITE).headers]
    assert names[:6] == ["Via", "Via", "Max-Forwards", "From", "To", "Call-ID"]
    assert "X-Unknown-Thing" in names
    assert "Content-Length" not in names, "computed when written"


def test_response_is_read() -> None:
    data = INVITE.replace(b"INVITE sip:185@192.0.2.2 SIP/2.0", b"sip/2.0 180 Ringing  now")
    message = parse_message(data)
    assert isinstance(message, Response)
    assert (message.status, message.reason, message.is_final) == (180, "Ringing  now", False)
    empty_reason = parse_message(data.replace(b" Ringing  now", b""))
    assert isinstance(empty_reason, Response)
    assert empty_reason.reason == ""


def test_leading_line_ends_are_skipped() -> None:
    assert parse_message(b"\r\n\r\n" + INVITE).call_id == "a84b4c76e66710"


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (b"CSeq: 314159 INVITE", b"CSeq: 314159 BYE", "CSeq"),
        (b"CSeq: 314159 INVITE", b"CSeq: 2147483648 INVITE", "CSeq"),
        (b"CSeq: 314159 INVITE", b"CSeq: -1 INVITE", "CSeq"),
        (b"CSeq: 314159 INVITE", b"CSeq: INVITE", "CSeq"),
        (b"CSeq: 314159 INVITE\r\n", b"", "CSeq"),
        (b"i: a84b4c76e66710\r\n", b"", "Call-ID"),
        (b"i: a84b4c76e66710", b"i:", "Call-ID"),
        (b"To:sip:185@192.0.2.2\r\n", b"", "To"),
        (b"To:sip:185@192.0.2.2", b"To:", "To"),
        (b"To:sip:185@192.0.2.2", b"To:sip:185@192.0.2.2\r\nTo: sip:b@b", "To"),
        (b"To:sip:185@192.0.2.2", b"To: <sip:185@192.0.2.2", "To"),
        (b"To:sip:185@192.0.2.2", b'To: "never ends <sip:185@192.0.2.2>', "To"),
        (b"To:sip:185@192.0.2.2", b"To: Bell, Alexander <sip:a@b>", "To"),
        (b"To:sip:185@192.0.2.2", b"To: <sip:a@b>;tag=1;tag=2", "To"),
        (b"To:sip:185@192.0.2.2", b"To: <sip:a@b> tag", "To"),
        (b"m: <sip:ayse", b"m: <>, <sip:ayse", "Contact"),
        (b"m: <sip:ayse", b"m: , <sip:ayse", "Contact"),
        (b"m: <sip:ayse@192.0.2.1:5062>;q=0.5, sip", b"m: sip:a@b?Route=%3Csip:c%3E, sip", "Contact"),
        (b"MAX-FORWARDS: 70", b"MAX-FORWARDS: 256", "Max-Forwards"),
        (b"MAX-FORWARDS: 70", b"Expires: 4294967296", "Expires"),
        (b"v: SIP/2.0/UDP 192.0.2.9:5062", b"v: SIP/2.0/UDP 192.0.2.9:70000", "Via"),
        (b"v: SIP/2.0/UDP 192.0.2.9:5062", b"v: SIP/1.0/UDP 192.0.2.9:5062", "Via"),
        (b"v: SIP/2.0/UDP 192.0.2.9:5062", b"v: SIP/2.0/UDP", "Via"),
        (b"[2001:db8::1]:5061;branch", b"[2001:db8::1:5061;branch", "Via"),
        (b"l: 4", b"l: 5", "Content-Length"),
        (b"l: 4", b"l: -4", "Content-Length"),
        (b"l: 4", b"l: 4\r\nContent-Length: 3", "Content-Length"),
        (b"sip:185@192.0.2.2 SIP", b"sip:185@ SIP", "Request-URI"),
        (b"sip:185@192.0.2.2 SIP", b"185 SIP", "Request-URI"),
        (b"sip:185@192.0.2.2 SIP", b"<sip:185@192.0.2.2> SIP", "Request-URI"),
        (b"sip:185@192.0.2.2 SIP", b"sip:185@192.0.2.2; lr SIP", "start line"),
        (b"sip:185@192.0.2.2 SIP/2.0", b" sip:185@192.0.2.2 SIP/2.0", "start line"),
        (b"sip:185@192.0.2.2 SIP/2.0", b"sip:185@192.0.2.2 SIP/2.0 ", "start line"),
        (b"x-unknown-thing: kept", b"x unknown thing: kept", ""),
        (b"x-unknown-thing: kept", b"no colon here", ""),
        (b"m: <sip:ayse@192.0.2.1:5062>;q=0.5, sip:ayse@[2001:db8::1];expires=60", b"m: *", "Contact"),
    ],
)
def test_faults_are_named_and_can_be_answered(old: bytes, new: bytes, where: str) -> None:
    error = refusal(replaced(old, new))
    assert (error.status, error.where) == (400, where)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"INVITE sip:a@b\r\n\r\n",
        b"SIP/2.0 4294967301 big\r\n\r\n",
        b"SIP/2.0 20 short\r\n\r\n",
        b"SIP/2.0 700 high\r\n\r\n",
        INVITE.replace(b"\r\n\r\n", b"\r\n"),
        INVITE.replace(b"x-unknown-thing: kept", b"x: a\rb"),
        INVITE.replace(b"x-unknown-thing: kept", b"x: a\nb"),
        INVITE.replace(b"x-unknown-thing: kept", b"x: a\x00b"),
    ],
)
def test_what_is_no_message_has_nobody_to_answer(data: bytes) -> None:
    assert refusal(data).message is None


def test_unsupported_version_can_be_answered() -> None:
    error = refusal(replaced(b"SIP/2.0\r\nv:", b"SIP/7.0\r\nv:"))
    assert error.status == 505
    assert error.message is not None
    assert error.message.call_id == "a84b4c76e66710"


def test_limits() -> None:
    long_uri = b"sip:" + b"1" * URI_CHARS_MAX + b"@b"
    assert refusal(replaced(b"sip:185@192.0.2.2 SIP", long_uri + b" SIP")).status == 414
    assert refusal(replaced(b"kept", b"k" * HEADER_CHARS_MAX)).reason == "header too long"
    many = b"".join(b"X-%d: 1\r\n" % i for i in range(HEADERS_MAX))
    error = refusal(replaced(b"x-unknown-thing: kept\r\n", many))
    assert error.reason == "too many headers"
    assert error.message is not None
    assert error.message.call_id, "it can still be answered"
    assert refusal(INVITE + b"x" * MESSAGE_BYTES_MAX).reason == "message too long"
    vias = b", ".join([b"SIP/2.0/UDP h;branch=z9hG4bKx"] * 65)
    assert refusal(replaced(b"SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0", vias)).reason == "too many elements"


def test_body_of_a_datagram() -> None:
    """RFC 3261 18.3: extra octets are dropped; without Content-Length the body is all that follows."""
    assert parse_message(INVITE + b"extra").body == b"v=0\n"
    assert parse_message(replaced(b"l: 4\r\n", b"") + b"extra").body == b"v=0\nextra"


def test_octets_that_are_no_utf8_do_not_refuse_the_message() -> None:
    message = parse_message(replaced(b"Ay\xc5\x9fe", b"Ay\xfee"))
    assert message.from_.display_name == 'Ay\ufffde "the first"'


def test_headers_are_changed() -> None:
    message = parse_message(INVITE)
    message.set("call-id", "other")
    assert message.call_id == "other"
    assert [name for name, _ in message.headers].index("Call-ID") == 5, "in its place"
    message.add("Route", "<sip:a;lr>")
    message.add("route", "<sip:b;lr>, <sip:c>")
    assert [hop.uri.host for hop in message.route] == ["a", "b", "c"]
    message.remove("ROUTE")
    assert message.route == []
    message.set("f", "<sip:x@y>;tag=z")
    assert message.from_.tag == "z", "what was parsed before is forgotten"
    message.replace_top_via(message.via.with_params(received="192.0.2.77"))
    assert [via.params.get("received") for via in message.vias] == ["192.0.2.77", None, None]


@pytest.mark.parametrize("text", ["a\r\nRoute: <sip:evil>", "a\nb", "a\rb"])
def test_no_header_is_smuggled_into_a_value(text: str) -> None:
    for message in (parse_message(INVITE), Response(200, text), Request("BYE", f"sip:{text}")):
        if message.get("Subject") is not None:
            message.set("Subject", text)
        with pytest.raises(ValueError, match="line break"):
            message.to_bytes()


def test_copy_is_independent() -> None:
    message = parse_message(INVITE)
    assert isinstance(message, Request)
    twin = message.copy()
    twin.set("Call-ID", "other")
    assert message.call_id == "a84b4c76e66710"


def test_a_flood_of_invented_names_is_not_remembered() -> None:
    from gateways.sip import headers

    for number in range(3 * headers._NAMES_CACHED_MAX):
        headers.canonical_name(f"x-flood-{number}")
    assert len(headers._names) <= headers._NAMES_CACHED_MAX
    assert headers.canonical_name("X-FLOOD-5999") == "X-Flood-5999"


def test_long_names_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    from gateways.sip import headers

    known: dict[str, str] = {}
    monkeypatch.setattr(headers, "_names", known)
    assert headers.canonical_name("x" * 65) == "X" + "x" * 64
    assert headers.canonical_name("x" * 64) == "X" + "x" * 63
    assert list(known) == ["x" * 64]


def test_messages_show_what_they_are() -> None:
    message = parse_message(INVITE)
    assert "INVITE sip:185@192.0.2.2 call_id=a84b4c76e66710 cseq=314159 INVITE" in repr(message)
    assert "486 Busy Here" in repr(Response(486, "Busy Here"))
    with pytest.raises(SipParseError, match="Via: missing"):
        Response(486, "Busy Here").replace_top_via(message.via)


RESPONSE = (
    b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP us.example;branch=z9hG4bK1;rport\r\nFrom: <sip:a@us.example>;tag=a\r\n"
    b"To: <sip:b@them.example>;tag=b\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContact: <sip:b@them.example>\r\n"
    b"Record-Route: <sip:them.example;lr>\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b";rport", b";rport;received=192.0.2.1;rport=5062;received=192.0.2.2"),
        (b";tag=b", b";tag=b;tag=b"),
        (b"<sip:b@them.example>\r\nRecord", b"<sip:b@them.example;ob;ob>;q=1;q=1\r\nRecord"),
        (b";lr>", b";lr;transport=udp;lr;transport=udp>;r2=on;r2=on"),
        (b"Expires: 60", b"Expires: 60\r\nExpires: 60"),
    ],
)
def test_who_answers_may_say_the_same_twice_and_who_asks_may_not(old: bytes, new: bytes) -> None:
    assert old in RESPONSE
    message = parse_message(RESPONSE.replace(old, new))
    message.check()
    assert message.via.branch == "z9hG4bK1"
    assert message.to.tag == "b"
    asked = RESPONSE.replace(b"SIP/2.0 200 OK", b"INVITE sip:b@them.example SIP/2.0").replace(old, new)
    with pytest.raises(SipParseError, match="given twice"):
        parse_message(asked).check()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b";branch=z9hG4bK1", b";branch=z9hG4bK1;branch=z9hG4bK2"),
        (b";tag=b", b";tag=b;tag=c"),
        (b";lr>", b";lr;transport=udp;transport=tcp>"),
        (b"Expires: 60", b"Expires: 60\r\nExpires: 61"),
    ],
)
def test_of_two_that_differ_nobody_chooses(old: bytes, new: bytes) -> None:
    with pytest.raises(SipParseError, match="given twice"):
        parse_message(RESPONSE.replace(old, new)).check()
