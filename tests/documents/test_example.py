"""The example city: sound, of the size of a city's hotline, and what `make run` and the README rely on."""

from __future__ import annotations

import tomllib

from acd_core.documents import load_plan, load_roster, warnings
from tests.documents.base import EXAMPLE

PLAN = load_plan((EXAMPLE / "plan.toml").read_text(encoding="utf-8"), EXAMPLE)
ROSTER = load_roster((EXAMPLE / "roster.toml").read_text(encoding="utf-8"), PLAN)


def test_the_example_is_sound() -> None:
    assert [line for line in warnings(PLAN, ROSTER) if "music.wav" not in line] == []
    for entry in PLAN.prompts.values():
        assert set(entry.text) == {"tr", "en"}


def test_the_examples_categories_have_all_names() -> None:
    document = tomllib.loads((EXAMPLE / "categories.toml").read_text(encoding="utf-8"))
    categories = document["categories"]
    assert len([entry for entry in categories if entry["kind"] == "fault"]) == 16
    assert len({entry["id"] for entry in categories}) == len(categories) == 22
    for entry in categories:
        assert set(entry["names"]) == {"tr", "en", "pl", "zh"}
