"""A text, what TOML makes of it, where everything stands, and its shape.

msgspec checks types quickly but says neither lines nor, for tables with free keys, which entry it means. So a struct is first
converted whole; only when that fails it is walked key by key, to the place of the fault. Lines are looked up then, too: a sound
roster of a hundred thousand agents never pays for them.
"""

from __future__ import annotations

import tomllib
import types
import typing
from functools import cached_property
from typing import Any, Literal, NoReturn, TypeAlias, TypeVar

import msgspec

from acd_core.domain.plan import COMPILED, Document
from acd_core.toml_places import Path, Places

Place: TypeAlias = Path

D = TypeVar("D", bound=Document)


class DocumentError(Exception):
    """A plan or roster that can't be used; the text says where and why."""


class Source:
    """One text; its faults are raised here and nowhere else."""

    def __init__(self, text: str, name: str) -> None:
        """Raises `DocumentError` when it is no TOML; `name` is what errors call it."""
        self._name = name
        self._text = text
        try:
            self._document: Any = tomllib.loads(text)
        except ValueError as error:
            raise DocumentError(f"{name}: not valid TOML: {error}") from error
        except RecursionError as error:
            raise DocumentError(f"{name}: not valid TOML: nested too deeply") from error

    @cached_property
    def _places(self) -> Places:
        return Places(self._text)

    def fail(self, place: Place, reason: str) -> NoReturn:
        """Raise the error of this place."""
        line = self._places.line(place)
        where = f"{self._name}, line {line}" if line else self._name
        key = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
        raise DocumentError(f"{where}: {key}: {reason}" if key else f"{where}: {reason}")

    def shape(self, kind: type[D]) -> D:
        """The whole document as this type."""
        made = self._make_struct(self._document, kind, ())
        assert isinstance(made, kind)
        return made

    def _make(self, value: Any, kind: Any, place: Place) -> Any:
        origin, arguments = typing.get_origin(kind), typing.get_args(kind)
        if origin is dict and isinstance(value, dict):
            return {
                self._make(key, arguments[0], (*place, key)): self._make(entry, arguments[1], (*place, key))
                for key, entry in value.items()
            }
        if origin is tuple and isinstance(value, list):
            return tuple(
                self._make(entry, arguments[0], (*place, number)) for number, entry in enumerate(value)
            )
        if origin is Literal and value not in arguments:
            self.fail(place, f"{value!r} is not one of {', '.join(arguments)}")
        if origin in (types.UnionType, typing.Union):
            kind = self._step_kind(value, arguments, place)
        if isinstance(kind, type) and issubclass(kind, Document):
            return self._make_struct(value, kind, place)
        try:
            return msgspec.convert(value, kind, strict=True)
        except msgspec.ValidationError as error:
            self.fail(place, _lower(str(error)))

    def _make_struct(self, value: Any, kind: type[Document], place: Place) -> Document:
        if not isinstance(value, dict):
            self.fail(place, "expected a table")
        compiled = COMPILED.get(kind)
        if compiled is None:
            try:
                return msgspec.convert(value, kind, strict=True)
            except msgspec.ValidationError:
                pass  # the walk below finds out where
        fields = {
            field.encode_name: field
            for field in msgspec.structs.fields(kind)
            if field.name not in (compiled or ())
        }
        tag = kind.__struct_config__.tag_field
        for key in value:
            if key not in fields and key != tag:
                known = ", ".join(sorted(fields))
                self.fail((*place, key), f"unknown key (known here: {known})")
        given = {}
        for key, field in fields.items():
            if key in value:
                given[field.name] = self._make(value[key], field.type, (*place, key))
            elif field.required:
                self.fail(place, f"the key {key} is missing")
        return kind(**given)

    def _step_kind(self, value: Any, kinds: tuple[Any, ...], place: Place) -> Any:
        by_tag = {kind.__struct_config__.tag: kind for kind in kinds}
        tag = value.get("type") if isinstance(value, dict) else None
        if not isinstance(tag, str) or tag not in by_tag:
            self.fail(place, f"the type must be one of {', '.join(sorted(by_tag))}, not {tag!r}")
        return by_tag[tag]


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
