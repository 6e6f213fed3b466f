"""Where in a TOML text a key stands, which `tomllib` does not say.

Reads a text that `tomllib` has accepted already, so it only has to find headers, keys and the ends of values; keys inside of an
inline table or an array share the line on which that value begins.
"""

from __future__ import annotations

import re
import tomllib
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_KEY = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)\s*(\.?)""")
# What matters inside of a value: comments, strings of four kinds, brackets, the end of the line.
_TOKEN = re.compile(
    r'''\#[^\n]*|"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[\[{]|[\]}]|\n''',
    re.DOTALL,
)


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
            line = self._line
            if text.startswith("[", self._at):
                key = table = self._header()
            else:
                key = table + self._keys()
                self._skip_value()
            for length in range(1, len(key) + 1):
                self._lines.setdefault(key[:length], line)

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

    def _skip_value(self) -> None:
        depth = 0
        while match := _TOKEN.search(self._text, self._at):
            token = match[0]
            self._at = match.end()
            self._line += token.count("\n")
            if token in ("[", "{"):
                depth += 1
            elif token in ("]", "}"):
                depth -= 1
            elif token == "\n" and depth == 0:
                return
        self._at = len(self._text)
