"""Small pieces of the SIP grammar (RFC 3261 25.1) that several header fields share.

Every function takes the common case first (no quotes, no brackets: one call of `str.split`) and walks
characters only when the text holds something that needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

from gateways.sip.errors import SipParseError
from gateways.sip.limits import LIST_ELEMENTS_MAX, PARAMS_MAX

Params = Mapping[str, str | None]  # never changed once made: parsed values are shared

_TOKEN_CHARS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~")


_DELIMITERS = frozenset(' \t"<>,')


def is_token(text: str) -> bool:
    """RFC 3261 25.1 `token`."""
    return (text.isalnum() and text.isascii()) or (text != "" and _TOKEN_CHARS.issuperset(text))


def parse_number(text: str, highest: int, where: str) -> int:
    """1*DIGIT up to `highest`. (`int` alone would take signs, spaces and other scripts' digits.)"""
    if not (text.isascii() and text.isdigit()) or len(text) > 12:
        raise SipParseError("not a number", where)
    number = int(text)
    if number > highest:
        raise SipParseError("number too large", where)
    return number


def quoted_end(text: str, start: int, where: str) -> int:
    """Index after the closing quote of the quoted string that opens at `start`."""
    i = start + 1
    while True:
        close = text.find('"', i)
        if close < 0:
            raise SipParseError("quoted string does not end", where)
        backslash = text.find("\\", i, close)
        if backslash < 0:
            return close + 1
        i = backslash + 2  # a backslash takes the next character with it


def unquote(quoted: str) -> str:
    """The text of a quoted string given with its quotes."""
    inner = quoted[1:-1]
    if "\\" not in inner:
        return inner
    out: list[str] = []
    i = 0
    while i < len(inner):
        if inner[i] == "\\" and i + 1 < len(inner):
            i += 1
        out.append(inner[i])
        i += 1
    return "".join(out)


def quote(text: str) -> str:
    """A quoted string that holds `text`; control characters, which it cannot hold, become blanks."""
    if not text.isprintable():
        text = "".join(char if char >= " " and char != "\x7f" else " " for char in text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _split_outside(text: str, separator: str, where: str) -> Iterator[str]:
    """Parts of `text` between separators that stand outside quotes and angle brackets."""
    start = i = 0
    in_brackets = False
    while i < len(text):
        char = text[i]
        if char == '"' and not in_brackets:
            i = quoted_end(text, i, where)
            continue
        if char == "<":
            in_brackets = True
        elif char == ">":
            in_brackets = False
        elif char == separator and not in_brackets:
            yield text[start:i]
            start = i + 1
        i += 1
    yield text[start:]


def split_list(text: str, where: str) -> list[str]:
    """Elements of a comma-separated header field value, stripped; an empty one is an error."""
    if "," not in text:
        parts = [text.strip(" \t")]
    elif '"' in text or "<" in text:
        parts = [part.strip(" \t") for part in _split_outside(text, ",", where)]
    else:
        parts = [part.strip(" \t") for part in text.split(",")]
    if "" in parts:
        raise SipParseError("empty element", where)
    if len(parts) > LIST_ELEMENTS_MAX:
        raise SipParseError("too many elements", where)
    return parts


# What a parameter does that comes again (RFC 3261 7.3.1 and 19.1.1: it must not): it is an error, it counts once if it says
# the same, or the first counts.
Repeats: TypeAlias = Literal["never", "alike", "first"]
_IDENTIFYING = frozenset(("branch", "tag"))  # of these nobody may choose between two


def parse_params(text: str, where: str, repeats: Repeats = "never") -> Params:
    """`;name=value;name` as a dict with lower-case names; the text begins with a semicolon or is empty.

    Quoted values keep their quotes, so that they are written again as they came.
    """
    params: dict[str, str | None] = {}
    text = text.strip(" \t")
    if not text:
        return params
    parts = text.split(";") if '"' not in text else list(_split_outside(text, ";", where))
    if parts[0].strip(" \t"):
        raise SipParseError("text before the parameters", where)
    if len(parts) > PARAMS_MAX:
        raise SipParseError("too many parameters", where)
    for part in parts[1:]:
        name, equals, value = part.partition("=")
        name = name.strip(" \t").lower()
        if not is_token(name):
            raise SipParseError("bad parameter name", where)
        read = _param_value(value.strip(" \t"), where) if equals else None
        if name in params:
            any_other = repeats == "first" and name not in _IDENTIFYING
            if repeats == "never" or (params[name] != read and not any_other):
                raise SipParseError(f"parameter {name} given twice", where)
        else:
            params[name] = read
    return params


def _param_value(value: str, where: str) -> str:
    """gen-value: token, host (an IPv6 reference has brackets and colons) or quoted string."""
    if value.startswith('"'):
        if quoted_end(value, 0, where) != len(value):
            raise SipParseError("text after a quoted value", where)
    elif not value or not _DELIMITERS.isdisjoint(value):
        raise SipParseError("bad parameter value", where)
    return value


def format_params(params: Params) -> str:
    """Parameters as they are written after a header field value or URI."""
    if not params:
        return ""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())
