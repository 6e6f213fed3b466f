"""A sound plan and roster that have something of every kind; bad ones are these with one thing changed.

The callers' numbers are those that Ofcom keeps free for drama.
The comments mark where a key can be added.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TypeAlias

from acd_core.documents import DocumentError, load_plan, load_roster
from acd_core.domain.plan import Plan

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "city-water"
BASE = Path("/nowhere")
YEARS = range(2026, 2027)

# What is replaced, by what, and what is said about it.
Bad: TypeAlias = tuple[str, str, str]

PLAN = """\
name = "P"
country = "GB"
# plan

[[numbers]]
dialled = "185"
service = "Water"
flow = "main"
# number

[[numbers]]
dialled = "186"
service = "Water"
flow = "main"

[prompts]
hello = { text = { tr = "Merhaba", en = "Hello" } }
music = { wav = "music.wav" }

[skills]
pipes = "Pipes"

[callers.hospital]
name = "Hospital"
numbers = ["020 7946 0018", "+44 20 7946 0019"]
# caller

[callers.school]
name = "School"
numbers = ["+442079460020"]

[calendars.office]
open = { mon = ["08:00-12:00", "13:00-17:00"] }
# calendar

[sites.north]
name = "North"
user = "north"
capacity = 10
# site

[sites.south]
name = "South"
user = "south"
capacity = 10

[outbound]
number = "02121850000"
# outbound

[not_ready_reasons.lunch]
paid = false
# reason

[flows.main]
start = "hello"

[flows.main.steps.hello]
type = "play"
prompts = ["hello"]
next = "menu"
# play

[flows.main.steps.menu]
type = "menu"
prompts = ["hello"]
keys = { "1" = "water", "2" = "bye" }
otherwise = "hours"
# menu

[flows.main.steps.hours]
type = "hours"
calendar = "office"
open = "water"
closed = "bye"
# hours

[flows.main.steps.water]
type = "queue"
queue = "water"
# queue step

[flows.main.steps.bye]
type = "hang_up"
# hang up

[flows.late]
start = "wait"

[flows.late.steps.wait]
type = "queue"
queue = "late"

[queues.water]
name = "Su"
# queue

[[queues.water.steps]]
after_ms = 10_000
lower_levels = 1
# step

[queues.water.steps.when]
waiting_over = 5
# condition

[[queues.water.steps]]
after_ms = 20_000
announce = ["hello"]
# second step

[queues.water.on_no_answer]
then = "ready"
pause_ms = 5_000
# offer

[queues.water.when_waited]
prompts = ["hello"]
# way out

[queues.late]
name = "Late"
# late
"""
ROSTER = """\
[teams.t]
name = "Team"
queues = ["late"]

[teams.empty]
name = "Nobody"

[shifts.day]
start = "08:00"
end = "16:00"

[agents.ann]
name = "Ann"
queues = ["water"]
phone = "201"
team = "t"
# agent

[agents.bob]
name = "Bob"
team = "t"
"""


def plan(text: str = PLAN, base: Path = BASE) -> Plan:
    """Read for one year only."""
    return load_plan(text, base, years=YEARS)


def changed(text: str, old: str, new: str) -> str:
    """The text with one thing changed."""
    assert old in text, f"{old!r} is no longer there"
    return text.replace(old, new, 1)


def with_key(text: str, mark: str, key: str, value: object) -> str:
    """The text with this key in the table that ends at this mark."""
    before, after = text.split(f"# {mark}\n", 1)
    table = before.rindex("\n\n") if "\n\n" in before else 0
    block, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", before[table:])
    line = "" if count else f"{key} = {value}\n"
    return f"{before[:table]}{block}{line}# {mark}\n{after}"


def fault(bad: Bad) -> DocumentError | None:
    """What is wrong with a plan of which this is changed."""
    old, new, _ = bad
    try:
        plan(changed(PLAN, old, new))
    except DocumentError as error:
        return error
    return None


def roster_fault(bad: Bad) -> DocumentError | None:
    """What is wrong with a roster of which this is changed; without a change in it, beside a plan of which it is."""
    old, new, _ = bad
    try:
        if old in ROSTER:
            load_roster(changed(ROSTER, old, new), plan())
        else:
            load_roster(ROSTER, plan(changed(PLAN, old, new)))
    except DocumentError as error:
        return error
    return None
