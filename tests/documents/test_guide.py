"""docs/plan.md names every key with its default and an example that can be used."""

from __future__ import annotations

import re
import tomllib

import msgspec
import pytest

from acd_core.domain import plan, roster
from acd_core.domain.plan import COMPILED, Document
from tests.documents.base import ROOT

GUIDE = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
SECTIONS = {
    "Top of the plan": plan.Plan,
    "`[[numbers]]`": plan.Number,
    "`[prompts.ID]`": plan.PromptText,
    "`[flows.ID]`": plan.Flow,
    'Step `type = "play"`': plan.PlayStep,
    'Step `type = "menu"`': plan.MenuStep,
    'Step `type = "hours"`': plan.HoursStep,
    'Step `type = "queue"`': plan.QueueStep,
    'Step `type = "hang_up"`': plan.HangUpStep,
    "`[queues.ID]`": plan.Queue,
    "`[[queues.ID.steps]]`": plan.SearchStep,
    "Conditions of a step": plan.Condition,
    "Ways out": plan.WayOut,
    "Offers that failed": plan.OfferRule,
    "`[calendars.ID]`": plan.Calendar,
    "`[[calendars.ID.holidays]]`": plan.Holiday,
    "`[callers.ID]`": plan.Caller,
    "`[sites.ID]`": plan.Site,
    "`[outbound]`": plan.Outbound,
    "`[not_ready_reasons.ID]`": plan.NotReadyReason,
    "Top of the roster": roster.Roster,
    "`[agents.ID]`": roster.Agent,
    "`[teams.ID]`": roster.Team,
    "`[shifts.ID]`": roster.Shift,
}


def _rows(title: str) -> dict[str, tuple[str, str, str]]:
    """Key, and its default, meaning and example, of the table below this heading."""
    [section] = re.findall(rf"(?m)^##+ {re.escape(title)}\n((?:(?!#).*\n)*)", GUIDE + "\n")
    cells = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {key.strip("`"): (default, meaning, example) for key, default, meaning, example in cells}


def _default(kind: type[Document], key: str) -> str:
    [field] = [field for field in msgspec.structs.fields(kind) if field.encode_name == key]
    if field.required:
        return "**required**"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    if isinstance(value, msgspec.Struct) or (isinstance(value, dict) and value):
        return "see below"
    if isinstance(value, int):
        return f"`{str(value).lower() if isinstance(value, bool) else format(value, '_')}`"
    if isinstance(value, str):
        return f'`"{value}"`' if value else "empty"
    return f"`{msgspec.json.encode(value).decode()}`".replace(",", ", ") if value else "none"


@pytest.mark.parametrize("title", SECTIONS)
def test_the_guide_has_every_key(title: str) -> None:
    kind = SECTIONS[title]
    rows = _rows(title)
    fields = {
        field.encode_name: field
        for field in msgspec.structs.fields(kind)
        if field.name not in COMPILED.get(kind, ())
    }
    assert list(rows) == list(fields)
    for key, (default, meaning, example) in rows.items():
        assert default == _default(kind, key), key
        assert meaning
        given = tomllib.loads(example.strip("`"))
        assert list(given) == [key]
        msgspec.convert(given[key], fields[key].type, strict=True)


def test_the_guide_leaves_no_kind_out() -> None:
    documents = {
        kind
        for module in (plan, roster)
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Document) and kind is not Document
    }
    assert set(SECTIONS.values()) == documents


def test_the_guides_links_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-")
        for title in re.findall(r"(?m)^#+ (.*)$", GUIDE)
    }
    for target in re.findall(r"\]\(([^)]*)\)", GUIDE):
        if target.startswith("#"):
            assert target[1:] in headings, target
        else:
            assert (ROOT / "docs" / target).exists(), target
