"""Every rule of validation has a bad plan or roster that breaks it, and says what is wrong and where."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from types import TracebackType

import msgspec
import pytest

import acd_core.documents
from acd_core.documents import DocumentError, load_roster
from acd_core.documents.ranges import RANGES
from acd_core.domain.plan import COMPILED, Document, Plan
from acd_core.domain.roster import Roster
from tests.documents.bad_plans import BAD_PLANS, MARKS
from tests.documents.bad_rosters import BAD_ROSTERS
from tests.documents.base import PLAN, ROSTER, Bad, fault, plan, roster_fault
from tests.documents.test_files import unreadable

PACKAGE = Path(acd_core.documents.__file__).parent
# What is missing altogether stands on no line.
WITHOUT_LINE = {"no TOML", "a date that is none", "nested for ever", "no queues"}


def test_what_the_bad_ones_are_made_of_is_sound() -> None:
    assert load_roster(ROSTER, plan()) == load_roster(ROSTER)


@pytest.mark.parametrize("case", BAD_PLANS)
def test_a_bad_plan_is_refused_with_place_and_reason(case: str) -> None:
    _says(fault(BAD_PLANS[case]), BAD_PLANS[case])
    if case not in WITHOUT_LINE:
        assert re.match(r"plan, line \d+: [a-z_]+", str(fault(BAD_PLANS[case])))


@pytest.mark.parametrize("case", BAD_ROSTERS)
def test_a_bad_roster_is_refused_with_place_and_reason(case: str) -> None:
    _says(roster_fault(BAD_ROSTERS[case]), BAD_ROSTERS[case])
    assert re.match(r"roster, line \d+: [a-z_]+", str(roster_fault(BAD_ROSTERS[case])))


def _says(error: DocumentError | None, bad: Bad) -> None:
    assert error is not None, "it is taken for a good one"
    assert bad[2] in str(error)


def test_a_roster_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acd_core.documents.roster_sense.AGENTS_MAX", 1)
    with pytest.raises(DocumentError, match="line 12: agents: 2 agents are more than 1"):
        load_roster(ROSTER)


def test_every_bad_document_has_a_message_of_its_own() -> None:
    faults = [fault(bad) for bad in BAD_PLANS.values()] + [roster_fault(bad) for bad in BAD_ROSTERS.values()]
    messages = [str(error) for error in faults]
    twice = {message for message in messages if messages.count(message) > 1}
    assert twice == set()


def test_no_rule_is_without_a_bad_document(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every line of the package that refuses, and every use that is made of a rule, is on the way to some error."""
    errors = [fault(bad) for bad in BAD_PLANS.values()] + [roster_fault(bad) for bad in BAD_ROSTERS.values()]
    errors.extend(unreadable(tmp_path))
    monkeypatch.setattr("acd_core.documents.roster_sense.AGENTS_MAX", 1)
    errors.append(roster_fault(("[teams.t]", "[teams.t]", "")))
    hit = {place for error in errors if error is not None for place in _places(error.__traceback__)}
    missed = [
        f"{path.name}:{node.lineno}: {ast.unparse(node)}"
        for path in sorted(PACKAGE.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise | ast.Call)
        and _refuses(node)
        and not any((path, line) in hit for line in range(node.lineno, (node.end_lineno or node.lineno) + 1))
    ]
    assert missed == []


def _places(traceback: TracebackType | None) -> set[tuple[Path, int]]:
    found = set()
    while traceback is not None:
        found.add((Path(traceback.tb_frame.f_code.co_filename), traceback.tb_lineno))
        traceback = traceback.tb_next
    return found


def _refuses(node: ast.Raise | ast.Call) -> bool:
    """The package's habit: what may refuse is called `fail` or `check_…`."""
    if isinstance(node, ast.Raise):
        return True
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    return name == "fail" or name.lstrip("_").startswith("check_")


def test_no_number_is_without_a_range() -> None:
    for kind in _documents(Plan) | _documents(Roster):
        numbers = {
            field.name
            for field in msgspec.structs.fields(kind)
            if field.type is int and field.name not in COMPILED.get(kind, ())
        }
        assert numbers == set(RANGES.get(kind, {})), kind


def test_every_range_has_a_bad_document() -> None:
    """Of the roster's only number there are two in the table above."""
    assert {kind.__name__ for kind in RANGES} == {kind.__name__ for kind in MARKS} | {"Agent"}


def _documents(kind: object) -> set[type[Document]]:
    """All structs that a document consists of."""
    if isinstance(kind, type) and issubclass(kind, Document):
        return {kind}.union(*(_documents(field.type) for field in msgspec.structs.fields(kind)))
    return set().union(*(_documents(argument) for argument in getattr(kind, "__args__", ())))


def test_the_texts_of_this_test_are_what_they_seem() -> None:
    for mark in MARKS.values():
        assert PLAN.count(f"# {mark}\n") == 1
