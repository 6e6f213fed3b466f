"""The city of the end-to-end tests: every prompt is a tone of its own, so that what a phone recorded tells what was played."""

from __future__ import annotations

from pathlib import Path

from tests.support.tones import tone_wav

GREETING_HZ = 1000
MENU_HZ = 1250
MUSIC_HZ = 600
LOST_HZ = 1600
OPERATORS = 6

_PLAN = """\
name = "Test city"
session_grace_ms = 20000

[[numbers]]
dialled = "185"
service = "Water hotline"
flow = "hotline"

[[numbers]]
dialled = "186"
service = "Straight to the queue"
flow = "direct"

[[numbers]]
dialled = "187"
service = "The crowd"
flow = "crowd"

[prompts.greeting]
wav = "greeting.wav"

[prompts.menu]
wav = "menu.wav"

[prompts.music]
wav = "music.wav"

[prompts.lost]
wav = "lost.wav"

[prompts.spoken.text]
tr = "Lütfen bekleyiniz."

[flows.hotline]
start = "greeting"

[flows.hotline.steps.greeting]
type = "play"
prompts = ["greeting"]
next = "menu"

[flows.hotline.steps.menu]
type = "menu"
prompts = ["menu"]
keys = { 1 = "wait" }
otherwise = "sorry"
timeout_ms = 8000
repeats = 1

[flows.hotline.steps.wait]
type = "queue"
queue = "faults"

[flows.hotline.steps.sorry]
type = "hang_up"
prompts = ["spoken"]

[flows.direct]
start = "wait"

[flows.direct.steps.wait]
type = "queue"
queue = "faults"

[flows.crowd]
start = "wait"

[flows.crowd.steps.wait]
type = "queue"
queue = "crowd"

[queues.crowd]
name = "Crowd"
offer_timeout_ms = 60000
wrap_up_ms = 60000

[queues.faults]
name = "Faults"
operator_lost = ["lost"]
offer_timeout_ms = 12000
wrap_up_ms = 60000
agent_grace_ms = 8000
"""


def write_city(folder: Path) -> tuple[Path, Path]:
    """Plan and roster below `folder`, with their tones."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, hz, length_s in (
        ("greeting", GREETING_HZ, 2.0),
        ("menu", MENU_HZ, 2.0),
        ("music", MUSIC_HZ, 3.0),
        ("lost", LOST_HZ, 1.5),
    ):
        tone_wav(folder / f"{name}.wav", hz, length_s)
    plan, roster = folder / "plan.toml", folder / "roster.toml"
    plan.write_text(_PLAN)
    roster.write_text(
        "".join(
            f'[agents.op{number:02}]\nname = "Operator {number}"\nqueues = ["faults", "crowd"]\nphone = "2{number:02}"\n\n'
            for number in range(1, OPERATORS + 1)
        )
    )
    return plan, roster
