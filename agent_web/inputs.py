"""Reads what a request brings."""

from __future__ import annotations

from typing import TypeVar

import msgspec
from quart import request

from agent_web import wire
from agent_web.problems import RefusalError, bad_fields

_Asked = TypeVar("_Asked", bound=wire.Asked)

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


async def asked(kind: type[_Asked]) -> _Asked:
    """The request's body as this message."""
    try:
        return msgspec.json.decode(await body(), type=kind)
    except UNREADABLE as error:
        raise RefusalError(400, "bad_request", f"Not understood: {error}.") from error
