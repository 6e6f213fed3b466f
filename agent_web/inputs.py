"""Reads what a request brings."""

from __future__ import annotations

import msgspec
from quart import request

from agent_web import wire
from agent_web.problems import bad_fields

# What decoding raises: no JSON, another shape, no UTF-8, or brackets nested deeper than anybody writes them.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_DIGITS_MAX = 18  # stays within 64 bits


def number(name: str, otherwise: int, highest: int) -> int:
    """A whole number of the query, at most `highest`."""
    text = request.args.get(name, "")
    if not text:
        return otherwise
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise bad_fields([wire.FieldError(field=name, reason="not_a_number")])
    return min(int(text), highest)


async def body() -> bytes:
    """The request's body as it came; the server limits its length."""
    data = await request.get_data()
    assert isinstance(data, bytes), "asked for bytes"
    return data
