"""The small plan and roster of `documents`, as files."""

from __future__ import annotations

from pathlib import Path

PLAN_TOML = """\
name = "test"
edge_grace_ms = 3000
session_grace_ms = 3000

[[numbers]]
dialled = "185"
service = "Water"
flow = "main"

[prompts.hello]
text.tr = "Merhaba"

[prompts.music]
text.tr = "la la la"

[flows.main]
start = "hello"

[flows.main.steps.hello]
type = "play"
prompts = ["hello"]
next = "wait"

[flows.main.steps.wait]
type = "queue"
queue = "water"

[queues.water]
name = "Water"
offer_timeout_ms = 2000
"""

ROSTER_TOML = """\
[agents.ada]
name = "Ada"
queues = ["water"]
"""


def write_documents(folder: Path) -> tuple[Path, Path]:
    """Plan and roster as TOML files below `folder`."""
    plan, roster = folder / "plan.toml", folder / "roster.toml"
    plan.write_text(PLAN_TOML)
    roster.write_text(ROSTER_TOML)
    return plan, roster
