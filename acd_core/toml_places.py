"""Where in a TOML text a key stands, which `tomllib` does not say.

Reads a text that `tomllib` has accepted already, so it only has to find headers, keys and the ends of values.
"""

from __future__ import annotations

import re
import tomllib
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_KEY = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*(\.?)""")
_STRING = re.compile(
    r'''"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*\'''', re.DOTALL
)
# A number, a date or a truth value; a date may have a space within.
_BARE = re.compile(r"[^\s,\]}#]+(?: \d\d:[^\s,\]}#]+)?")


class Places:
    """The lines of a text's keys."""

    def __init__(self, text: str) -> None:
        """Read the whole text once."""
        self._lines: dict[Path, int] = {}
        self._lengths: dict[Path, int] = {}  # of arrays of tables
        self._text = text
        self._at = 0
        self._line = 1
        table: Path = ()
        while self._skip_blank():
            if text.startswith("[", self._at):
                table = self._header()
                self._note(table, 0)
            else:
                key = table + self._keys()
                self._note(key, 0)
                self._skip_equals()
                self._value(key)

    def line(self, path: Path) -> int:
        """The line of this key, or of the nearest thing around it; 0 when nothing of it is in the text."""
        for length in range(len(path), 0, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 0

    def _skip_blank(self) -> bool:
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == "#":
                end = self._text.find("\n", self._at)
                self._at = len(self._text) if end < 0 else end
            elif char.isspace():
                self._line += char == "\n"
                self._at += 1
            else:
                return True
        return False

    def _keys(self) -> Path:
        keys: list[str | int] = []
        while match := _KEY.match(self._text, self._at):
            self._at = match.end()
            raw = match[1]
            keys.append(tomllib.loads(f"key = {raw}")["key"] if raw[0] in "\"'" else raw)
            if not match[2]:
                break
        return tuple(keys)

    def _header(self) -> Path:
        array = self._text.startswith("[[", self._at)
        self._at += 2 if array else 1
        written = self._keys()
        self._skip_line()
        path: Path = ()
        for number, key in enumerate(written):
            path += (key,)
            if path in self._lengths or (array and number == len(written) - 1):
                if array and number == len(written) - 1:
                    self._lengths[path] = self._lengths.get(path, 0) + 1
                path += (self._lengths[path] - 1,)
        return path

    def _skip_line(self) -> None:
        end = self._text.find("\n", self._at)
        self._at = len(self._text) if end < 0 else end

    def _value(self, path: Path) -> None:
        """What stands behind a key or in an array, with the places of all that is in it."""
        opening = self._text[self._at]
        if opening not in "[{":
            self._skip_scalar()
            return
        self._at += 1
        number = 0
        while self._skip_blank() and self._text[self._at] not in "]}":
            if opening == "[":
                inner: Path = (*path, number)
                self._note(inner, len(path))
            else:
                inner = path + self._keys()
                self._note(inner, len(path))
                self._skip_equals()
            self._value(inner)
            number += 1
            if self._skip_blank() and self._text[self._at] == ",":
                self._at += 1
        self._at += 1

    def _skip_equals(self) -> None:
        self._at = self._text.index("=", self._at) + 1
        self._skip_blank()

    def _skip_scalar(self) -> None:
        match = _STRING.match(self._text, self._at) or _BARE.match(self._text, self._at)
        assert match is not None, "tomllib has read it"
        self._line += match[0].count("\n")
        self._at = match.end()

    def _note(self, path: Path, known: int) -> None:
        """All of this path but its beginning stands on this line, unless it was met before."""
        for length in range(known + 1, len(path) + 1):
            self._lines.setdefault(path[:length], self._line)
