"""Recorded histories: what goes in, what comes out, line by line.

A file of `tests/traces/` is one story: its first line says which, `load` puts documents of that folder in force, `in` is an
event at a time, `out` each command it gives (without its empty fields). A change that alters a story shows here as a difference
that somebody reads; when it is meant, `SANTRAL_REWRITE_TRACES=1` writes what comes out now. To record a new story, write its
`in` lines and rewrite.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from acd_core.documents import load_plan, load_roster
from acd_core.domain.events import AnyEvent, PlanChanged, RosterChanged
from acd_core.domain.invariants import check
from acd_core.domain.router import Router

FOLDER = Path(__file__).resolve().parents[1] / "traces"
FILES = sorted(FOLDER.glob("*.jsonl"))


class Line(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """One of: the story's title, documents to load, an event, a command."""

    story: str = ""
    at: int = 0
    load: tuple[str, ...] = ()
    event: AnyEvent | None = msgspec.field(name="in", default=None)
    command: dict[str, Any] = msgspec.field(name="out", default_factory=dict)


def told(path: Path) -> list[Line]:
    return [msgspec.json.decode(line, type=Line) for line in path.read_bytes().splitlines() if line.strip()]


def happens(lines: list[Line]) -> Iterator[Line]:
    """The same story as the router of today tells it."""
    router = Router()
    for line in lines:
        if line.story:
            yield line
        elif line.event is not None or line.load:
            yield line
            events = [line.event] if line.event is not None else [_load(router, name) for name in line.load]
            for event in events:
                for command in router.apply(event, line.at):
                    yield Line(command=_full(msgspec.to_builtins(command)))
                check(router.state)


def _full(value: Any) -> Any:
    """Without empty fields, for the reader's sake."""
    if isinstance(value, dict):
        return {key: _full(entry) for key, entry in value.items() if entry}
    if isinstance(value, list | tuple):
        return [_full(entry) for entry in value]
    return value


def _load(router: Router, name: str) -> AnyEvent:
    path = FOLDER / name
    text = path.read_text(encoding="utf-8")
    if name.startswith("plan"):
        return PlanChanged(version=router.state.plan_version + 1, plan=load_plan(text, path.parent, name))
    roster = load_roster(text, router.state.plan, name)
    return RosterChanged(version=router.state.roster_version + 1, roster=roster)


def written(lines: Iterator[Line]) -> bytes:
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_the_story_is_told_as_it_was_recorded(path: Path) -> None:
    now = written(happens(told(path)))
    if os.environ.get("SANTRAL_REWRITE_TRACES"):
        path.write_bytes(now)
    assert now.splitlines() == path.read_bytes().splitlines()
