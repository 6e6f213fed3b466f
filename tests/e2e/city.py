"""The city of the end-to-end tests, a number and a queue for each of them.

Every prompt is a tone of its own, so that what a phone recorded tells what was played.
"""

from __future__ import annotations

from pathlib import Path

from tests.support.tones import tone_wav

GREETING_HZ = 1000
MENU_HZ = 1250
MUSIC_HZ = 600
LOST_HZ = 1600
SORRY_HZ = 1450
CALLBACK_HZ = 1850
OPERATORS = 6
VIP = "05440000001"  # as they call; the plan writes it differently
RING_ALL, WIDENING, IN_ORDER, KNOWN, SHORT, CALLBACK, PATIENT = (
    "191",
    "192",
    "193",
    "194",
    "195",
    "196",
    "197",
)

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

[[numbers]]
dialled = "188"
service = "Free until somebody is there"
flow = "hotline"
answer = "when_connected"

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

[prompts.sorry]
wav = "sorry.wav"

[prompts.callback]
wav = "callback.wav"

[callers.mayor]
name = "The mayor"
numbers = ["+90 (544) 000 00 01"]
vip = true
priority = 50

[queues.ring_all]
name = "Ring all"
strategy = "ring_all"
ring_max = 3
offer_timeout_ms = 60000

[queues.widening]
name = "Widening"
offer_timeout_ms = 60000
[[queues.widening.steps]]
after_ms = 3000
add_teams = ["second"]

[queues.in_order]
name = "In order"
offer_timeout_ms = 60000

[queues.known]
name = "Known callers"
offer_timeout_ms = 60000
last_operator_ms = 600000
preferred_hold_ms = 60000

[queues.short]
name = "Short"
wait_max_ms = 2000
when_waited = { prompts = ["sorry"] }

[queues.callback]
name = "Called back"
[[queues.callback.steps]]
after_ms = 1000
offer_callback = ["callback"]

[queues.patient]
name = "Patient"
offer_timeout_ms = 90000
vanished_grace_ms = 60000

[queues.faults]
name = "Faults"
operator_lost = ["lost"]
offer_timeout_ms = 12000
wrap_up_ms = 60000
agent_grace_ms = 8000
"""


_NUMBER = """\

[[numbers]]
dialled = "{dialled}"
service = "{queue}"
flow = "{queue}"

[flows.{queue}]
start = "wait"

[flows.{queue}.steps.wait]
type = "queue"
queue = "{queue}"
"""

_QUEUES = {
    RING_ALL: "ring_all",
    WIDENING: "widening",
    IN_ORDER: "in_order",
    KNOWN: "known",
    SHORT: "short",
    CALLBACK: "callback",
    PATIENT: "patient",
}

_ROSTER = """\
[teams.first]
name = "First"
queues = ["faults", "crowd", "in_order", "patient", "short", "callback"]

[teams.second]
name = "Second"
queues = ["faults", "crowd"]

"""

_AGENT = """\
[agents.op{number:02}]
name = "Operator {number}"
team = "{team}"
queues = {queues}
phone = "2{number:02}"

"""


def write_city(folder: Path) -> tuple[Path, Path]:
    """Plan and roster below `folder`, with their tones."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, hz, length_s in (
        ("greeting", GREETING_HZ, 2.0),
        ("menu", MENU_HZ, 2.0),
        ("music", MUSIC_HZ, 3.0),
        ("lost", LOST_HZ, 1.5),
        ("sorry", SORRY_HZ, 1.5),
        ("callback", CALLBACK_HZ, 1.5),
    ):
        tone_wav(folder / f"{name}.wav", hz, length_s)
    plan, roster = folder / "plan.toml", folder / "roster.toml"
    numbers = (_NUMBER.format(dialled=dialled, queue=queue) for dialled, queue in _QUEUES.items())
    plan.write_text(_PLAN + "".join(numbers))
    roster.write_text(_ROSTER + "".join(_agent(number) for number in range(1, OPERATORS + 1)))
    return plan, roster


def _agent(number: int) -> str:
    """The first two operators know callers, the first three ring together, and the second is in a team of their own."""
    queues = ["ring_all"] * (number <= 3) + ["known"] * (number <= 2) + ["widening"] * (number == 1)
    team = "second" if number == 2 else "first"
    return _AGENT.format(number=number, team=team, queues=str(queues).replace("'", '"'))
