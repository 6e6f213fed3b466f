"""Finding the session description in a body: plain, wrapped, encoded, or not there (RFC 3261 7.4, RFC 5621)."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.sip.admission import Refusal
from gateways.sip.body import session_part
from gateways.sip.capabilities import ACCEPT
from gateways.sip.limits import BODY_PARTS_MAX
from gateways.sip.message import Request

SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\n"
WRONG_TYPE = Refusal(415, headers=(("Accept", ACCEPT),))
WRONG_ENCODING = Refusal(415, headers=(("Accept-Encoding", "identity"),))


def message(content_type: str, body: bytes, *headers: tuple[str, str]) -> Request:
    fields = [("Content-Type", content_type)] if content_type else []
    return Request("INVITE", "sip:a@b", [*fields, *headers], body)


def wrapped(*parts: tuple[str, bytes], kind: str = "mixed", boundary: str = "cut") -> Request:
    """Each part is its header text and its body."""
    body = b"preamble\r\n"
    for head, content in parts:
        body += b"--cut\r\n" + head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + content + b"\r\n"
    return message(f"multipart/{kind};boundary={boundary}", body + b"--cut--\r\nepilogue")


ISUP = (
    "Content-Type: application/ISUP;version=itu-t92+\nContent-Disposition: signal;handling=optional",
    b"\x01\r\n\x02",
)
LOCATION = ("Content-Type: application/pidf+xml\nContent-ID: <1@b>", b"<presence/>")
DESCRIBED = ("Content-Type: application/sdp", SDP)


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (message("application/sdp", SDP), SDP),
        (message("Application/SDP ; charset=utf-8", SDP), SDP),
        (message("application/sdp", b""), b""),
        (message("", b""), b""),
        (message("application/sdp", SDP, ("Content-Disposition", "session;handling=required")), SDP),
        (message("application/sdp", SDP, ("Content-Encoding", "identity")), SDP),
        (message("text/plain", b"hi", ("Content-Disposition", "render;handling=optional")), b""),
        (
            message(
                "application/sdp",
                b"\x1f\x8b",
                ("Content-Encoding", "gzip"),
                ("Content-Disposition", "session;handling=optional"),
            ),
            b"",
        ),
        (wrapped(DESCRIBED, ISUP), SDP),
        (wrapped(ISUP, DESCRIBED), SDP),
        (wrapped(ISUP), b""),
        (wrapped(DESCRIBED, boundary='"cut"'), SDP),
        (wrapped(DESCRIBED, kind="related"), SDP),
        (wrapped(("Content-Type: text/plain", b"hi"), DESCRIBED, kind="alternative"), SDP),
        (wrapped(("Content-Type: application/sdp", b"v=1"), DESCRIBED, kind="alternative"), SDP),
        (wrapped(DESCRIBED, ("Content-Type: application/sdp", b"v=1")), SDP),
        (
            wrapped(
                ("content-type: application/sdp\ncontent-transfer-encoding: base64", base64.b64encode(SDP))
            ),
            SDP,
        ),
        (wrapped(("Content-Type: application/sdp\nContent-Disposition:\n session", SDP)), SDP),
    ],
)
def test_found(request_: Request, found: bytes) -> None:
    assert session_part(request_) == found


@pytest.mark.parametrize(
    ("request_", "refusal"),
    [
        (message("text/plain", b"hi"), WRONG_TYPE),
        (message("", SDP), WRONG_TYPE),
        (message("application/sdp", SDP, ("Content-Disposition", "early-session")), WRONG_TYPE),
        (message("application/sdp", b"\x1f\x8b", ("e", "gzip")), WRONG_ENCODING),
        (message("multipart/mixed;boundary=cut", b"\x1f\x8b", ("e", "gzip")), WRONG_ENCODING),
        (wrapped(DESCRIBED, LOCATION), WRONG_TYPE),
        (wrapped(("Content-Type: text/plain", b"hi"), kind="alternative"), WRONG_TYPE),
        (
            wrapped(("Content-Type: application/sdp\nContent-Transfer-Encoding: quoted-printable", SDP)),
            WRONG_ENCODING,
        ),
    ],
)
def test_refused(request_: Request, refusal: Refusal) -> None:
    """RFC 3261 8.2.3: what is not marked as optional must be understood"""
    assert session_part(request_) == refusal


@pytest.mark.parametrize(
    "request_",
    [
        message("multipart/mixed", SDP),
        message("multipart/mixed;boundary=", SDP),
        message("multipart/mixed;boundary=cut", SDP),
        message("multipart/mixed;boundary=cut", b"--cut\r\n\r\nx"),
        message("multipart/mixed;boundary=cut", b"--cut x\r\n\r\nx\r\n--cut--"),
        message("multipart/mixed;boundary=cut", b"--cut\r\nno colon\r\n\r\nx\r\n--cut--"),
        wrapped(*[ISUP] * (BODY_PARTS_MAX + 1)),
        wrapped(("Content-Type: application/sdp\nContent-Transfer-Encoding: base64", b"x")),
        message("application/sdp;a;a", SDP),
    ],
)
def test_malformed(request_: Request) -> None:
    refusal = session_part(request_)
    assert isinstance(refusal, Refusal)
    assert refusal.status == 400


def test_parts_within_parts() -> None:
    inner = b"--in\r\nContent-Type: application/sdp\r\n\r\n" + SDP + b"\r\n--in--"
    assert session_part(wrapped(("Content-Type: multipart/mixed;boundary=in", inner), ISUP)) == SDP
    body = b"--b0\r\nContent-Type: application/sdp\r\n\r\n" + SDP + b"\r\n--b0--"
    for level in range(1, 5):
        cut = f"b{level}".encode()
        body = (
            b"--"
            + cut
            + b"\r\nContent-Type: multipart/mixed;boundary=b%d\r\n\r\n" % (level - 1)
            + body
            + b"\r\n--"
            + cut
            + b"--"
        )
    refusal = session_part(message("multipart/mixed;boundary=b4", body))
    assert isinstance(refusal, Refusal)
    assert refusal.reason is not None
    assert "too deep" in refusal.reason


PIECES = st.sampled_from(
    [
        b"--cut",
        b"--",
        b"\r\n",
        b"\r\n\r\n",
        b"Content-Type: ",
        b"application/sdp",
        b"multipart/mixed;boundary=cut",
        SDP,
        b";",
        b"\xff",
    ]
)


@given(st.lists(PIECES, max_size=20))
def test_anything_may_stand_there(pieces: list[bytes]) -> None:
    found = session_part(message("multipart/mixed;boundary=cut", b"".join(pieces)))
    assert isinstance(found, bytes) or found.status in (400, 415)
