"""Whatever is written, it is a plan or a roster, or a `DocumentError` with a reason: nothing else ever comes out."""

from __future__ import annotations

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from acd_core.documents import DocumentError, load_roster, warnings
from tests.documents.base import PLAN, ROSTER, plan

# What people mistype, and what breaks programs.
VALUES = st.one_of(
    st.sampled_from(
        ['"water"', '"late"', '"main"', '"t"', '"office"', '"ann"', "[]", "{}", "true", "1979-05-27", "nan"]
    ),
    st.integers().map(str),
    st.sampled_from(["9" * 5_000, "-0", "1_0", "0x7f", "1e400", "[[[]]]", "{ a = { b = 1 } }"]),
    # JSON's strings are TOML's, but for half a character.
    st.text(max_size=20).map(lambda text: json.dumps(text, ensure_ascii=False)),
    st.lists(st.sampled_from(["water", "late", "hello", "x", "mon"]), max_size=3).map(json.dumps),
)


@st.composite
def mistyped(draw: st.DrawFn, text: str) -> str:
    """Lines left out, doubled, put elsewhere, and values replaced."""
    lines = text.splitlines()
    for _ in range(draw(st.integers(1, 3))):
        index = draw(st.integers(0, len(lines) - 1))
        change = draw(st.sampled_from(["out", "twice", "move", "value", "value", "value"]))
        if change == "out":
            del lines[index]
        elif change == "twice":
            lines.insert(index, lines[index])
        elif change == "move":
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(index))
        elif " = " in lines[index]:
            lines[index] = f"{lines[index].split(' = ')[0]} = {draw(VALUES)}"
    return "\n".join(lines)


@given(mistyped(PLAN))
def test_a_plan_or_an_error(text: str) -> None:
    with contextlib.suppress(DocumentError):
        assert all(isinstance(line, str) for line in warnings(plan(text)))


@given(mistyped(ROSTER))
def test_a_roster_or_an_error(text: str) -> None:
    with contextlib.suppress(DocumentError):
        assert all(isinstance(line, str) for line in warnings(PLAN_READ, load_roster(text, PLAN_READ)))


PLAN_READ = plan()
