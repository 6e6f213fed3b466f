"""SIP, SIPS and tel URIs (RFC 3261 19.1, RFC 3966), parsed once and then shared.

A `Uri` is never changed after it was made, so parsed ones are kept in a bounded cache: one call repeats the
same few URIs in a dozen messages. Parts are kept as they came on the wire (still escaped), so writing one
gives back what was read.
"""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import quote_from_bytes, unquote_to_bytes

import msgspec

from gateways.sip.errors import SipParseError
from gateways.sip.limits import CACHED_CHARS_MAX, CACHED_MAX, URI_CHARS_MAX
from gateways.sip.scan import Params, Repeats, format_params, is_token, parse_number, parse_params

_HOST_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")
_FORBIDDEN_CHARS = frozenset(' \t"<>\\^`{|}')
# RFC 3261 25.1: unreserved and user-unreserved need no escape in the user part.
_USER_SAFE = "-_.!~*'()&=+$,;?/"
# RFC 3261 19.1.4: these parameters make two URIs different even when only one of them has it.
_DECISIVE_PARAMS = ("user", "ttl", "method", "maddr", "transport")


def bracket(host: str) -> str:
    """The host as it is written in a message: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _read_ipv6(host: str) -> ipaddress.IPv6Address | None:
    try:
        return ipaddress.IPv6Address(host)
    except ValueError:
        return None


_cached_ipv6 = lru_cache(maxsize=CACHED_MAX)(_read_ipv6)


def is_ipv6(host: str) -> bool:
    """An IPv6 address, written without brackets."""
    return ":" in host and len(host) <= CACHED_CHARS_MAX and _cached_ipv6(host) is not None


def same_host(one: str, other: str) -> bool:
    """Names in any case, IPv6 addresses in any of their forms (RFC 5954 4.2)."""
    if ":" in one and ":" in other:
        return _cached_ipv6(one) == _cached_ipv6(other)
    return one.lower() == other.lower()


def host_key(host: str) -> str:
    """The same for all spellings of a host that are `same_host`: to find it in a table."""
    read = _cached_ipv6(host) if ":" in host else None
    return host.lower() if read is None else str(read)


def parse_host_port(text: str, where: str) -> tuple[str, int | None]:
    """`host[:port]`; the brackets of an IPv6 reference are removed."""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or "%" in host or not is_ipv6(host):
            raise SipParseError("bad IPv6 reference", where)
        rest = rest.lstrip(" \t")
    else:
        host, colon, port = text.partition(":")
        host = host.rstrip(" \t")
        rest = colon + port
        if not host or not _HOST_CHARS.issuperset(host):
            raise SipParseError("bad host", where)
    if not rest:
        return host, None
    if rest[0] != ":":
        raise SipParseError("bad host", where)
    return host, parse_number(rest[1:].strip(" \t"), 65_535, where)


class Uri(msgspec.Struct, frozen=True, kw_only=True):
    """A URI, escaped as on the wire; a tel number or the rest of another scheme is in `user`."""

    scheme: str = "sip"
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: int | None = None
    params: Params = {}
    headers: str = ""  # what follows "?", escaped

    @classmethod
    def parse(cls, text: str, where: str = "URI", repeats: Repeats = "never") -> Uri:
        """The URI written in `text`, without angle brackets."""
        read = _cached if len(text) <= CACHED_CHARS_MAX else _parse
        return read(text, where, repeats)

    @classmethod
    def sip(cls, user: str | None, host: str, port: int | None = None, params: Params | None = None) -> Uri:
        """A sip URI made of plain text: the user is escaped where needed."""
        escaped = None if user is None else quote_from_bytes(user.encode(), safe=_USER_SAFE)
        return cls(user=escaped, host=host, port=port, params=params or {})

    @property
    def user_text(self) -> str:
        """The user part for people and databases: unescaped; a control character becomes U+FFFD."""
        if not self.user or "%" not in self.user:
            return self.user or ""
        text = unquote_to_bytes(self.user).decode("utf-8", "replace")
        return "".join(char if char >= " " and char != "\x7f" else "\ufffd" for char in text)

    @property
    def loose_router(self) -> bool:
        """RFC 3261 19.1.1: the `lr` parameter."""
        return "lr" in self.params

    def is_equivalent(self, other: Uri) -> bool:
        """RFC 3261 19.1.4 comparison."""
        if (self.scheme, self.port) != (other.scheme, other.port) or not same_host(self.host, other.host):
            return False
        if _unescape(self.user) != _unescape(other.user) or _unescape(self.password) != _unescape(
            other.password
        ):
            return False
        if sorted(self.headers.lower().split("&")) != sorted(other.headers.lower().split("&")):
            return False
        for name in self.params.keys() | other.params.keys():
            both = name in self.params and name in other.params
            if both and (self.params[name] or "").lower() != (other.params[name] or "").lower():
                return False
            if not both and name in _DECISIVE_PARAMS:
                return False
        return True

    def __str__(self) -> str:
        """The URI as it is written in a message."""
        out = f"{self.scheme}:"
        if self.user is not None:
            out += self.user if self.password is None else f"{self.user}:{self.password}"
            if self.host:
                out += "@"
        out += bracket(self.host)
        if self.port is not None:
            out += f":{self.port}"
        out += format_params(self.params)
        return f"{out}?{self.headers}" if self.headers else out


def _unescape(part: str | None) -> bytes | None:
    return None if part is None else unquote_to_bytes(part)


def _check_escapes(text: str, where: str) -> None:
    """Every percent sign begins an escape of two hex digits."""
    for piece in text.split("%")[1:]:
        if len(piece) < 2 or piece[0] not in _HEX or piece[1] not in _HEX:
            raise SipParseError("bad escape", where)


_HEX = frozenset("0123456789abcdefABCDEF")


def _parse(text: str, where: str, repeats: Repeats) -> Uri:
    if len(text) > URI_CHARS_MAX:
        raise SipParseError("URI too long", where, 414)
    if not _FORBIDDEN_CHARS.isdisjoint(text) or not text.isprintable():
        raise SipParseError("character not allowed in a URI", where)
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or not is_token(scheme) or not scheme[0].isalpha() or not rest:
        raise SipParseError("not a URI", where)
    if scheme in ("sip", "sips"):
        return _parse_sip(scheme, rest, where, repeats)
    if scheme == "tel":
        number, semicolon, params = rest.partition(";")
        if not number:
            raise SipParseError("no number in a tel URI", where)
        return Uri(scheme=scheme, user=number, params=parse_params(semicolon + params, where, repeats))
    return Uri(scheme=scheme, user=rest)


def _parse_sip(scheme: str, rest: str, where: str, repeats: Repeats) -> Uri:
    user: str | None = None
    password: str | None = None
    # The user part may hold ";" and "?", never an unescaped "@": what follows the only "@" is the host.
    before, at, after = rest.partition("@")
    if at:
        if not before or "@" in after:
            raise SipParseError("bad user part", where)
        user, colon, secret = before.partition(":")
        if not user:
            raise SipParseError("bad user part", where)
        if colon:
            password = secret
        if "%" in before:
            _check_escapes(before, where)
        rest = after
    rest, _, headers = rest.partition("?")
    host_port, semicolon, params = rest.partition(";")
    host, port = parse_host_port(host_port, where)
    return Uri(
        scheme=scheme,
        user=user,
        password=password,
        host=host,
        port=port,
        params=parse_params(semicolon + params, where, repeats),
        headers=headers,
    )


_cached = lru_cache(maxsize=CACHED_MAX)(_parse)
