"""Checks what a page sends as a work order. Every bad field is named, not only the first; nothing is cut or
corrected silently.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from agent_web import wire
from agent_web.inputs import UNREADABLE
from agent_web.problems import RefusalError, bad_fields

PRIORITIES: tuple[wire.Priority, ...] = ("low", "normal", "high", "urgent")
DESCRIPTION_MAX_CHARS = 8_000

_PHONE = re.compile(r"\+?[0-9][0-9 ()/-]{1,24}")
_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
# Line ends and tabs are text; other control characters are not, and PostgreSQL's text can't hold U+0000.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_T = TypeVar("_T")
_Check = Callable[[str], str]


def _text(max_chars: int) -> _Check:
    def check(value: str) -> str:
        if len(value) > max_chars:
            return "too_long"
        return "bad_characters" if _CONTROL.search(value) else ""

    return check


def _phone(value: str) -> str:
    return "" if not value or _PHONE.fullmatch(value) else "not_a_phone_number"


def _key(value: str) -> str:
    return "" if _KEY.fullmatch(value) else "not_a_key"


def _one_of(values: tuple[str, ...]) -> _Check:
    return lambda value: "" if value in values else "unknown"


_CHECKS: dict[str, _Check] = {
    "key": _key,
    "category": _text(64),
    "description": _text(DESCRIPTION_MAX_CHARS),
    "call": _text(64),
    "caller_phone": _phone,
    "citizen_name": _text(120),
    "address": _text(400),
    "district": _text(80),
    "priority": _one_of(PRIORITIES),
}
_REQUIRED = ("key", "category", "description")


def read_new(data: bytes, categories: set[str]) -> wire.NewOrder:
    """A new order as sent; `RefusalError` naming every bad field."""
    document = _object(data)
    errors: list[wire.FieldError] = []
    for name, value in document.items():
        if name not in _CHECKS:
            reason = "unknown"
        elif not isinstance(value, str):
            reason = "not_text"
        else:
            reason = _CHECKS[name](value)
        if reason:
            errors.append(wire.FieldError(field=name[:64], reason=reason))
    named = {error.field for error in errors}
    for name in _REQUIRED:
        if name not in named and not str(document.get(name, "")).strip():
            errors.append(wire.FieldError(field=name, reason="required"))
            named.add(name)
    if "category" not in named and document["category"] not in categories:
        errors.append(wire.FieldError(field="category", reason="unknown"))
    if errors:
        raise bad_fields(errors)
    return _convert(document, wire.NewOrder)


def read_patch(data: bytes) -> wire.OrderPatch:
    """A change as sent; `RefusalError` naming every bad field."""
    document = _object(data)
    errors: list[wire.FieldError] = []
    checks = {"status": lambda value: "", "description": _CHECKS["description"]}
    for name, value in document.items():
        if name == "version":
            reason = "" if isinstance(value, int) and not isinstance(value, bool) else "not_a_number"
        elif name not in checks:
            reason = "unknown"
        elif value is None:
            reason = ""
        elif not isinstance(value, str):
            reason = "not_text"
        else:
            reason = checks[name](value) or ("" if value.strip() else "required")
        if reason:
            errors.append(wire.FieldError(field=name[:64], reason=reason))
    if "version" not in document:
        errors.append(wire.FieldError(field="version", reason="required"))
    if errors:
        raise bad_fields(errors)
    return _convert(document, wire.OrderPatch)


def digest(form: wire.NewOrder) -> bytes:
    """Tells whether the same key came with the same form."""
    return hashlib.sha256(msgspec.json.encode(form)).digest()


def _object(data: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(data, type=dict[str, Any])
    except UNREADABLE as error:
        raise RefusalError(400, "bad_request", f"Not a JSON object: {error}.") from error


def _convert(document: dict[str, Any], kind: type[_T]) -> _T:
    return msgspec.convert(document, kind)
