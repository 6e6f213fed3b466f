"""Structured header fields: `NameAddr` (From, To, Contact, Route, ...), `Via`, `CSeq`; and header names.

Values are immutable, and parsed ones are shared: the caches are bounded in entries and in the length of each.
`str(value)` writes a value as it goes on the wire.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from gateways.sip.errors import SipParseError
from gateways.sip.limits import CACHED_CHARS_MAX, CACHED_MAX, CSEQ_MAX
from gateways.sip.scan import (
    Params,
    Repeats,
    format_params,
    is_token,
    parse_number,
    parse_params,
    quote,
    quoted_end,
    unquote,
)
from gateways.sip.uri import Uri, bracket, parse_host_port

MAGIC_COOKIE = "z9hG4bK"  # RFC 3261 8.1.1.7: branches that begin so are unique in space and time

_COMPACT = {
    "a": "Accept-Contact",
    "b": "Referred-By",
    "c": "Content-Type",
    "d": "Request-Disposition",
    "e": "Content-Encoding",
    "f": "From",
    "i": "Call-ID",
    "j": "Reject-Contact",
    "k": "Supported",
    "l": "Content-Length",
    "m": "Contact",
    "n": "Identity-Info",
    "o": "Event",
    "r": "Refer-To",
    "s": "Subject",
    "t": "To",
    "u": "Allow-Events",
    "v": "Via",
    "x": "Session-Expires",
    "y": "Identity",
}
# Names that are not simply written With-Each-Word-Capitalised.
_IRREGULAR = (
    "Call-ID",
    "CSeq",
    "MIME-Version",
    "Min-SE",
    "RAck",
    "RSeq",
    "SIP-ETag",
    "SIP-If-Match",
    "WWW-Authenticate",
)
_names: dict[str, str] = {name.lower(): name for name in _IRREGULAR} | _COMPACT
_NAMES_CACHED_MAX = 2_048
_NAME_CACHED_CHARS_MAX = 64


def canonical_name(name: str) -> str:
    """The one spelling under which a header is kept: compact forms spelled out, case normalised."""
    known = _names.get(name)
    if known is not None:
        return known
    lowered = name.strip(" \t").lower()
    if not is_token(lowered):
        raise SipParseError("bad header name")
    canonical = _names.get(lowered) or "-".join(part.capitalize() for part in lowered.split("-"))
    # A flood of invented names must not grow it, nor fill it with long ones.
    if len(_names) < _NAMES_CACHED_MAX and len(name) <= _NAME_CACHED_CHARS_MAX:
        _names[name] = canonical
    return canonical


_DEFAULT_PORTS = {"TLS": 5061}  # RFC 3261 18.2.2; any other transport has 5060


def default_port(transport: str) -> int:
    """The port of a sent-by or an address that names none."""
    return _DEFAULT_PORTS.get(transport.upper(), 5060)


class CSeq(msgspec.Struct, frozen=True):
    """RFC 3261 20.16."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """The value of a CSeq header field."""
        parts = text.split()
        if len(parts) != 2 or not is_token(parts[1]):
            raise SipParseError("not a number and a method", "CSeq")
        return cls(parse_number(parts[0], CSEQ_MAX, "CSeq"), parts[1])

    def __str__(self) -> str:
        """The value as it is written."""
        return f"{self.number} {self.method}"


class NameAddr(msgspec.Struct, frozen=True):
    """A URI with an optional display name and header parameters (RFC 3261 20.10)."""

    uri: Uri
    display_name: str = ""
    params: Params = {}

    @classmethod
    def parse(cls, text: str, where: str = "address", repeats: Repeats = "never") -> NameAddr:
        """One element of From, To, Contact, Route or a header of that form."""
        read = _cached_name_addr if len(text) <= CACHED_CHARS_MAX else _parse_name_addr
        return read(text, where, repeats)

    @property
    def tag(self) -> str | None:
        """The tag parameter of From and To."""
        return self.params.get("tag")

    def with_params(self, **changes: str | None) -> NameAddr:
        """A copy with these parameters added or replaced."""
        return NameAddr(self.uri, self.display_name, {**self.params, **changes})

    def __str__(self) -> str:
        """The value as it is written, always with angle brackets."""
        name = f"{quote(self.display_name)} " if self.display_name else ""
        return f"{name}<{self.uri}>{format_params(self.params)}"


class Via(msgspec.Struct, frozen=True):
    """RFC 3261 20.42; `host` and `port` are the sent-by."""

    transport: str
    host: str
    port: int | None
    params: Params = {}

    @classmethod
    def parse(cls, text: str, repeats: Repeats = "never") -> Via:
        """One element of a Via header field."""
        read = _cached_via if len(text) <= CACHED_CHARS_MAX else _parse_via
        return read(text, repeats)

    @property
    def branch(self) -> str:
        """The branch parameter, or an empty string."""
        return self.params.get("branch") or ""

    @property
    def sent_by(self) -> str:
        """`host:port` in lower case, for comparing."""
        return f"{self.host.lower()}:{self.port or default_port(self.transport)}"

    def with_params(self, **changes: str | None) -> Via:
        """A copy with these parameters added or replaced."""
        return Via(self.transport, self.host, self.port, {**self.params, **changes})

    def __str__(self) -> str:
        """The value as it is written."""
        port = "" if self.port is None else f":{self.port}"
        return f"SIP/2.0/{self.transport} {bracket(self.host)}{port}{format_params(self.params)}"


def _parse_name_addr(text: str, where: str, repeats: Repeats) -> NameAddr:
    display_name = ""
    if text.startswith('"'):
        end = quoted_end(text, 0, where)
        display_name = unquote(text[:end])
        text = text[end:].lstrip(" \t")
        if not text.startswith("<"):
            raise SipParseError("no URI after the display name", where)
    open_at = text.find("<")
    if open_at < 0:
        # RFC 3261 20: without brackets, what follows a semicolon belongs to the header, and the URI
        # itself holds no comma and no question mark.
        uri_text, semicolon, params = text.partition(";")
        uri_text = uri_text.rstrip(" \t")
        if "?" in uri_text or "," in uri_text:
            raise SipParseError("URI needs angle brackets", where)
        uri = Uri.parse(uri_text, where, repeats)
        return NameAddr(uri, "", parse_params(semicolon + params, where, repeats))
    close_at = text.find(">", open_at)
    if close_at < 0:
        raise SipParseError("angle bracket does not close", where)
    if open_at > 0:
        # Phones do send names of several scripts without quotes; only what would be ambiguous is refused.
        display_name = text[:open_at].strip(" \t")
        if any(char in '",;:>' for char in display_name):
            raise SipParseError("display name needs quotes", where)
    return NameAddr(
        Uri.parse(text[open_at + 1 : close_at], where, repeats),
        display_name,
        parse_params(text[close_at + 1 :], where, repeats),
    )


def _parse_via(text: str, repeats: Repeats) -> Via:
    sent_protocol, semicolon, params = text.partition(";")
    if sent_protocol[:8] == "SIP/2.0/":
        rest = sent_protocol[8:]
    else:
        # RFC 3261 25.1 allows white space around the slashes.
        parts = sent_protocol.split("/", 2)
        if len(parts) != 3 or parts[0].strip().upper() != "SIP" or parts[1].strip() != "2.0":
            raise SipParseError("not SIP/2.0", "Via")
        rest = parts[2]
    words = rest.split(None, 1)
    if len(words) != 2 or not is_token(words[0]):
        raise SipParseError("no transport and sent-by", "Via")
    host, port = parse_host_port(words[1].strip(" \t"), "Via")
    return Via(words[0].upper(), host, port, parse_params(semicolon + params, "Via", repeats))


# One call writes the same From, To, Via and Contact into a dozen messages.
_cached_name_addr = lru_cache(maxsize=CACHED_MAX)(_parse_name_addr)
_cached_via = lru_cache(maxsize=CACHED_MAX)(_parse_via)
