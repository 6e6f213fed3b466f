"""docs/simulation.md names every column and option there is, and none else."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from loadtest.sim.arrivals import OPTIONAL, REQUIRED
from loadtest.sim.outcomes import CALL_COLUMNS, INTERVAL_COLUMNS
from santral.simulate import add_parsers

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "simulation.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("after", "columns"),
    [
        ("## Arrivals", (*REQUIRED, *OPTIONAL)),
        ("`calls.csv`, one line", CALL_COLUMNS),
        ("`intervals.csv`, one line", INTERVAL_COLUMNS),
    ],
)
def test_tables_have_the_columns_in_their_order(after: str, columns: tuple[str, ...]) -> None:
    [table] = re.findall(r"(?s)\A.*?\n\n((?:\|.*?\n)+)", GUIDE[GUIDE.index(after) :])
    first_cells = [row.split("|")[1] for row in table.splitlines()[2:]]
    assert [name for cell in first_cells for name in re.findall(r"`(\w+)`", cell)] == list(columns)


def test_options_that_are_named_exist() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers()
    add_parsers(commands)
    known = {
        option
        for command in commands.choices.values()
        for action in command._actions
        for option in action.option_strings
    }
    named = set(re.findall(r"--[a-z][a-z-]+", GUIDE))
    assert named <= known
    assert {"--answer-delay-ms", "--break-every-min", "--break-min", "--callback-share", "--seed"} <= named
