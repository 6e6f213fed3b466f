"""Which part of a body is the session description (RFC 3261 7.4, 8.2.3, 20.11; RFC 5621; RFC 2046 5.1).

Exchanges wrap SDP in `multipart/mixed` beside what belongs to their network (ISUP in SIP-I, a location for emergency
calls). A part that nobody here understands is passed over when its Content-Disposition says `handling=optional`, and
refused with 415 else: `required` is what silence means. So is a body that is encoded.
"""

from __future__ import annotations

import binascii

import msgspec

from gateways.sip.admission import Refusal
from gateways.sip.capabilities import ACCEPT
from gateways.sip.errors import SipParseError
from gateways.sip.limits import BODY_DEPTH_MAX, BODY_PARTS_MAX, HEADER_CHARS_MAX
from gateways.sip.message import Message
from gateways.sip.scan import Params, parse_params, unquote

SDP_TYPE = "application/sdp"

_WRONG_TYPE = Refusal(415, headers=(("Accept", ACCEPT),))
_WRONG_ENCODING = Refusal(415, headers=(("Accept-Encoding", "identity"),))
_IDENTITY = ("", "identity", "7bit", "8bit", "binary")


class _Part(msgspec.Struct, frozen=True):
    """A body, or a part of one; names in lower case."""

    content_type: str
    params: Params
    disposition: str
    optional: bool
    encoding: str  # Content-Encoding
    transfer: str  # Content-Transfer-Encoding
    body: bytes


def session_part(message: Message) -> bytes | Refusal:
    """The session description in a message; empty when it has none. What must not be passed over is refused."""
    if not message.body:
        return b""
    names = ("Content-Type", "Content-Disposition", "Content-Encoding")
    try:
        found = _find(_part({name.lower(): message.get(name) or "" for name in names}, message.body), 0)
    except SipParseError as error:
        return Refusal(400, f"Bad Request - {error}")
    return found if found is not None else b""


def _find(part: _Part, depth: int) -> bytes | Refusal | None:
    """The session description in this part; None: it holds none, and need not."""
    if part.content_type.startswith("multipart/"):
        if part.encoding not in _IDENTITY:
            return None if part.optional else _WRONG_ENCODING
        return _find_in_parts(part, depth)
    if part.content_type != SDP_TYPE or part.disposition not in ("", "session"):
        return None if part.optional else _WRONG_TYPE
    if part.encoding not in _IDENTITY:
        return None if part.optional else _WRONG_ENCODING
    if part.transfer in _IDENTITY:
        return part.body
    if part.transfer == "base64":
        try:
            return binascii.a2b_base64(part.body)
        except binascii.Error:
            raise SipParseError("bad base64", "body") from None
    return None if part.optional else _WRONG_ENCODING


def _find_in_parts(part: _Part, depth: int) -> bytes | Refusal | None:
    """RFC 2046 5.1: of alternatives the last that is understood; of others each that is not optional must be."""
    found: bytes | Refusal | None = None
    refused: Refusal | None = None
    for inner in _split(part, depth):
        one = _find(inner, depth + 1)
        if isinstance(one, Refusal):
            refused = refused or one
        elif one is not None and (found is None or part.content_type == "multipart/alternative"):
            found = one
    if part.content_type == "multipart/alternative":
        return found if found is not None else (None if part.optional else refused)
    return refused or found


def _split(part: _Part, depth: int) -> list[_Part]:
    if depth >= BODY_DEPTH_MAX:
        raise SipParseError("parts within parts too deep", "body")
    boundary = part.params.get("boundary") or ""
    if boundary.startswith('"'):
        boundary = unquote(boundary)
    if not 0 < len(boundary) <= 70:
        raise SipParseError("no boundary", "Content-Type")
    # The line break before a delimiter belongs to it; the first one may stand at the very start.
    pieces = (b"\r\n" + part.body).split(b"\r\n--" + boundary.encode())
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise SipParseError("boundary does not close", "body")
    if len(pieces) - 2 > BODY_PARTS_MAX:
        raise SipParseError("too many parts", "body")
    return [_part_of(piece) for piece in pieces[1:-1]]


def _part_of(piece: bytes) -> _Part:
    """RFC 2046 5.1: what is left of the delimiter's line, header lines, an empty line, the body."""
    blank, line_break, rest = piece.partition(b"\r\n")
    if not line_break or blank.strip(b" \t"):
        raise SipParseError("bad boundary", "body")
    head, _, body = (b"\r\n" + rest).partition(b"\r\n\r\n")
    headers: dict[str, str] = {}
    for line in (
        head.decode("utf-8", "replace").replace("\r\n ", " ").replace("\r\n\t", " ").split("\r\n")[1:]
    ):
        name, colon, value = line.partition(":")
        if not colon or len(line) > HEADER_CHARS_MAX:
            raise SipParseError("bad header line", "body")
        headers.setdefault(name.strip(" \t").lower(), value.strip(" \t"))
    return _part(headers, body)


def _part(headers: dict[str, str], body: bytes) -> _Part:
    content_type, semicolon, rest = headers.get("content-type", "").partition(";")
    params = parse_params(semicolon + rest, "Content-Type")
    disposition, semicolon, rest = headers.get("content-disposition", "").partition(";")
    handling = parse_params(semicolon + rest, "Content-Disposition").get("handling") or "required"
    return _Part(
        content_type=content_type.strip(" \t").lower(),
        params=params,
        disposition=disposition.strip(" \t").lower(),
        optional=handling.lower() == "optional",
        encoding=headers.get("content-encoding", "").strip(" \t").lower(),
        transfer=headers.get("content-transfer-encoding", "").strip(" \t").lower(),
        body=body,
    )
