"""One message as it came, made a `Request` or a `Response`.

Only what every message needs is read here: the start line, the limits, the lines of the header with each name spelt in its one
canonical way, the mandatory headers, CSeq, and where the body ends. The rest is parsed when it is asked for (`message.py`).

Text is UTF-8 (RFC 3261 7); octets that are not become U+FFFD instead of refusing the message.
"""

from __future__ import annotations

import re

from gateways.sip.errors import SipParseError
from gateways.sip.limits import MESSAGE_BYTES_MAX, URI_CHARS_MAX
from gateways.sip.message import Request, Response
from gateways.sip.scan import is_token, parse_number

# A line that begins with white space continues the one before. (White space in front of the line break
# is left to be stripped later: to look for it here would take quadratic time on a long run of blanks.)
_FOLD = re.compile(r"\r\n[ \t]+")

_MANDATORY = (
    "Via",
    "From",
    "To",
    "Call-ID",
    "CSeq",
)  # RFC 3261 8.1.1; Max-Forwards is often missing in practice


def parse_message(data: bytes) -> Request | Response:
    """One datagram as a message; a `SipParseError` carries the part that was understood."""
    if len(data) > MESSAGE_BYTES_MAX:
        raise SipParseError("message too long", "message", 513)
    data = data.lstrip(b"\r\n")  # RFC 3261 7.5
    end = data.find(b"\r\n\r\n")
    if end < 0:
        raise SipParseError("header does not end", "message")
    text = data[:end].decode("utf-8", "replace")
    if "\r\n " in text or "\r\n\t" in text:
        text = _FOLD.sub(" ", text)  # RFC 3261 7.3.1
    lines = text.split("\r\n")
    breaks = len(lines) - 1
    if text.count("\r") != breaks or text.count("\n") != breaks or "\0" in text:
        raise SipParseError("stray line break or NUL", "message")
    message, problem = _parse_start_line(lines[0])
    try:
        lengths, header_problem = message.read_headers(lines)
        problem = problem or header_problem
        if problem is not None:
            raise problem
        _check_mandatory(message)
        message.body = _cut_body(data, end + 4, lengths)
    except SipParseError as error:
        error.message = message
        raise
    return message


def _parse_start_line(line: str) -> tuple[Request | Response, SipParseError | None]:
    """The empty message, and what is wrong with its start line if it is still clear whom to answer."""
    if line[:8].upper() == "SIP/2.0 ":
        # RFC 3261 7.2: the reason may be empty or hold anything.
        code, _, reason = line[8:].partition(" ")
        if len(code) != 3 or not code.isascii() or not code.isdigit() or not "1" <= code[0] <= "6":
            raise SipParseError("bad status code", "start line")
        return Response(int(code), reason), None
    method, _, rest = line.strip(" ").partition(" ")
    uri, _, version = rest.rpartition(" ")
    version = version.upper()
    if not is_token(method) or not version.startswith("SIP/"):
        raise SipParseError("not a SIP message", "start line")
    problem: SipParseError | None = None
    if version != "SIP/2.0":
        problem = SipParseError("version not supported", "start line", 505)
    elif len(uri) > URI_CHARS_MAX:
        problem = SipParseError("URI too long", "Request-URI", 414)
    elif not uri or " " in uri or line[-1] == " ":
        problem = SipParseError("bad white space", "start line")  # RFC 3261 7.1: single spaces
    return Request(method, uri), problem


def _check_mandatory(message: Request | Response) -> None:
    for name in _MANDATORY:
        message.needed(name)
    if isinstance(message, Request) and message.cseq.method != message.method:
        raise SipParseError("is of another method", "CSeq")


def _cut_body(data: bytes, start: int, lengths: list[str]) -> bytes:
    """RFC 3261 18.3: in a datagram, octets beyond Content-Length are dropped, too few are an error."""
    if not lengths:
        return data[start:]
    length = parse_number(lengths[0], MESSAGE_BYTES_MAX, "Content-Length")
    if any(other != lengths[0] for other in lengths):
        raise SipParseError("given twice with different values", "Content-Length")
    if length > len(data) - start:
        raise SipParseError("body shorter than Content-Length", "Content-Length")
    return data[start : start + length]
