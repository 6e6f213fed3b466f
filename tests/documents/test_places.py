"""Where in a TOML text a key stands."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from acd_core.toml_places import Path, Places

TRICKY = '''\
# a = 1
a = "x # no comment \\" ]"  # comment
'b c' = """
[not.a.header]
d = 1
"""
e = [
  1, # ]
  "]",
  { f = """
  g = 1""" },
]
h.i.j = 1
[k."l.m"]  # comment
n = \'\'\'
o = 1\'\'\'
p = 2
[[q]]
r = 1
[[q]]
r = 2
[q.s]
t = 3
[[q.u]]
v = 4
[[q.u]]
v = 5
[w]
x = { y = 1979-05-27 07:32:00, z."a b" = [
  [],
  ["", '', {}], # comment
  [1.5, true,
   """
]""", -inf, ],
] }
x2 = []
'''


def test_places_in_a_tricky_text() -> None:
    assert tomllib.loads(TRICKY)["q"][1]["u"][1]["v"] == 5
    places = Places(TRICKY)
    lines: dict[tuple[str | int, ...], int] = {
        ("a",): 2,
        ("b c",): 3,
        ("d",): 0,
        ("e",): 7,
        ("e", 0): 8,
        ("e", 1): 9,
        ("e", 2, "f"): 10,
        ("h",): 13,
        ("h", "i", "j"): 13,
        ("k", "l.m"): 14,
        ("k", "l.m", "n"): 15,
        ("k", "l.m", "p"): 17,
        ("q", 0, "r"): 19,
        ("q", 1): 20,
        ("q", 1, "r"): 21,
        ("q", 1, "s", "t"): 23,
        ("q", 1, "u", 0, "v"): 25,
        ("q", 1, "u", 1, "v"): 27,
        ("w", "x", "y"): 29,
        ("w", "x", "z", "a b"): 29,
        ("w", "x", "z", "a b", 1): 31,
        ("w", "x", "z", "a b", 2, 1): 32,
        ("w", "x", "z", "a b", 2, 2): 33,
        ("w", "x", "z", "a b", 2, 3): 34,
        ("w", "x2"): 36,
        ("unknown",): 0,
    }
    assert {path: places.line(path) for path in lines} == lines


@given(st.text(alphabet="ab=[]{}\"'#\n. 1,\\", max_size=60))
def test_places_can_be_read_of_whatever_is_toml(text: str) -> None:
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    places = Places(text)
    _check_all(document, (), places, text)


def _check_all(value: Any, path: Path, places: Places, text: str) -> None:
    """Each key stands on the line that is said."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for part, entry in inner:
        at = (*path, part)
        line = places.line(at)
        if isinstance(part, str) and part.isalnum():
            assert part in text.split("\n")[line - 1]
        assert line > 0
        _check_all(entry, at, places, text)
