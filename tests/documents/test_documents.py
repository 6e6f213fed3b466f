"""Plan and roster as written: what is refused, where it says so, what is only odd, and the example."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd_core.documents import DocumentError, load_plan, load_roster, warnings
from acd_core.toml_places import Places

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "city-water"

PLAN = """\
name = "P"

[[numbers]]
dialled = "185"
service = "Water"
flow = "main"

[[numbers]]
dialled = "186"
service = "Water"
flow = "main"

[prompts]
hello = { text = { tr = "Merhaba", en = "Hello" } }
music = { wav = "music.wav" }

[flows.main]
start = "hello"

[flows.main.steps.hello]
type = "play"
prompts = ["hello"]
next = "menu"

[flows.main.steps.menu]
type = "menu"
prompts = ["hello"]
keys = { "1" = "water", "2" = "bye" }
otherwise = "water"

[flows.main.steps.water]
type = "queue"
queue = "water"

[flows.main.steps.bye]
type = "hang_up"

[queues.water]
name = "Su"
"""
ROSTER = """\
[teams.t]
name = "Team"

[agents.ann]
name = "Ann"
queues = ["water"]
phone = "201"
team = "t"

[agents.bob]
name = "Bob"
queues = ["water"]
"""


def test_a_plan_is_read_and_its_recordings_are_found(tmp_path: Path) -> None:
    plan = load_plan(PLAN, tmp_path)
    assert plan.numbers[0].language == "tr"
    assert plan.prompts["music"].wav == str(tmp_path / "music.wav")
    assert plan.prompts["hello"].wav == ""
    assert plan.queues["water"].offer_timeout_ms == 15_000


def test_a_roster_is_read(tmp_path: Path) -> None:
    roster = load_roster(ROSTER, load_plan(PLAN, tmp_path))
    assert roster.agents["ann"].phone == "201"
    assert load_roster(ROSTER) == roster, "and without a plan too"


# What is changed in the plan above, and what is said about it.
BAD_PLANS = {
    "no TOML": ('name = "P"', "name = ", "plan: not valid TOML"),
    "unknown key at the top": ('name = "P"', 'name = "P"\nnmae = "Q"', "plan, line 2: nmae: unknown key"),
    "unknown key in a queue": (
        'name = "Su"',
        'name = "Su"\nwrapup = 1',
        "line 40: queues.water.wrapup: unknown key",
    ),
    "unknown key in a step": (
        'otherwise = "water"',
        'otherwise = "water"\nwait = 1',
        "line 30: flows.main.steps.menu.wait",
    ),
    "missing key": (
        'service = "Water"\nflow = "main"\n\n[prompts]',
        'flow = "main"\n\n[prompts]',
        "line 8: numbers[2]: the key service is missing",
    ),
    "wrong type": ('name = "Su"', "name = 7", "line 39: queues.water.name: expected `str`, got `int`"),
    "a table that is none": (
        'music = { wav = "music.wav" }',
        'music = "music.wav"',
        "line 15: prompts.music: expected a table",
    ),
    "no table of tables": (
        "[queues.water]",
        "[queues]\nwater = 1\n[queues.b]",
        "line 39: queues.water: expected a table",
    ),
    "unknown type of step": (
        'type = "hang_up"',
        'type = "hangup"',
        "line 35: flows.main.steps.bye: the type must be one of",
    ),
    "step without a type": (
        'type = "hang_up"',
        "",
        "flows.main.steps.bye: the type must be one of hang_up, hours, menu, play, queue, not None",
    ),
    "no number": ("185", "", "line 4: numbers[1].dialled: '' is nothing that can be dialled"),
    "number with a space": ('"185"', '"1 85"', "line 4: numbers[1].dialled: '1 85' is nothing"),
    "number twice": ('"186"', '"185"', "line 9: numbers[2].dialled: 185 is there twice"),
    "number without a service": (
        'service = "Water"\nflow = "main"\n\n[[',
        'service = ""\nflow = "main"\n\n[[',
        "line 5: numbers[1].service",
    ),
    "number to no flow": (
        'flow = "main"\n\n[prompts]',
        'flow = "mian"\n\n[prompts]',
        "line 11: numbers[2].flow: there is no flow mian",
    ),
    "number in no language": (
        'flow = "main"\n\n[prompts]',
        'flow = "main"\nlanguage = "turkish"\n\n[prompts]',
        "line 12: numbers[2].language: 'turkish' is no language",
    ),
    "prompt without anything": (
        '{ wav = "music.wav" }',
        "{}",
        "line 15: prompts.music: a prompt needs a text or a wav",
    ),
    "prompt in no language": (
        'en = "Hello"',
        'english = "Hello"',
        "line 14: prompts.hello.text.english: 'english' is no language",
    ),
    "prompt with an empty text": (
        'en = "Hello"',
        'en = " "',
        "line 14: prompts.hello.text.en: the text is empty",
    ),
    "bad name": ("music = { wav", '"mu sic" = { wav', "prompts.mu sic: 'mu sic' is no id"),
    "no such start": (
        'start = "hello"',
        'start = "hallo"',
        "line 18: flows.main.start: there is no step hallo",
    ),
    "no such next": (
        'next = "menu"',
        'next = "mneu"',
        "line 23: flows.main.steps.hello.next: there is no step mneu",
    ),
    "no such key target": ('"2" = "bye"', '"2" = "by"', "flows.main.steps.menu.keys.2: there is no step by"),
    "no such otherwise": (
        'otherwise = "water"',
        'otherwise = "wasser"',
        "line 29: flows.main.steps.menu.otherwise",
    ),
    "no key of a phone": ('"2" = "bye"', '"12" = "bye"', "keys.12: '12' is no key of a telephone"),
    "menu without keys": (
        'keys = { "1" = "water", "2" = "bye" }',
        "keys = {}",
        "line 28: flows.main.steps.menu.keys: a menu needs at least one key",
    ),
    "no such prompt": (
        'prompts = ["hello"]\nnext',
        'prompts = ["hallo"]\nnext',
        "line 22: flows.main.steps.hello.prompts[1]: there is no prompt hallo",
    ),
    "nothing to say": (
        'prompts = ["hello"]\nnext',
        "prompts = []\nnext",
        "line 22: flows.main.steps.hello.prompts: there is nothing to say",
    ),
    "too much to say": (
        'prompts = ["hello"]\nnext',
        f"prompts = {['hello'] * 17}\nnext",
        "more than 16 prompts",
    ),
    "too much to say after a wrong key": (
        'otherwise = "water"',
        f"otherwise = 'water'\ninvalid_prompts = {['hello'] * 16}",
        "line 30: flows.main.steps.menu.invalid_prompts: more than 16",
    ),
    "menu without time": (
        'otherwise = "water"',
        'otherwise = "water"\ntimeout_ms = 0',
        "timeout_ms: 0 is not within 1 to 86400000",
    ),
    "menu that repeats backwards": (
        'otherwise = "water"',
        'otherwise = "water"\nrepeats = -1',
        "repeats: -1 is not within 0 to 100",
    ),
    "no such queue": (
        'queue = "water"',
        'queue = "wtaer"',
        "line 33: flows.main.steps.water.queue: there is no queue wtaer",
    ),
    "step nobody reaches": (
        '"2" = "bye"',
        '"2" = "water"',
        "line 35: flows.main.steps.bye: no other step leads here",
    ),
    "speech without end": (
        'otherwise = "water"',
        'otherwise = "hello"',
        "line 23: flows.main.steps.hello.next: whoever presses nothing goes round in flows.main.steps.hello, "
        "flows.main.steps.menu and never gets out",
    ),
    "no such music": (
        'name = "Su"',
        'name = "Su"\nmusic = "jazz"',
        "line 40: queues.water.music: there is no prompt jazz",
    ),
    "no such announcement": (
        'name = "Su"',
        'name = "Su"\nannounce = ["jazz"]',
        "line 40: queues.water.announce[1]: there is no prompt jazz",
    ),
    "queue without a name": ('name = "Su"', 'name = ""', "line 39: queues.water.name: the name is empty"),
    "queue without room": (
        'name = "Su"',
        'name = "Su"\nwaiting_max = 0',
        "waiting_max: 0 is not within 1 to 20000",
    ),
    "offer without time": (
        'name = "Su"',
        'name = "Su"\noffer_timeout_ms = 0',
        "offer_timeout_ms: 0 is not within",
    ),
    "wrap-up of two days": (
        'name = "Su"',
        'name = "Su"\nwrap_up_ms = 172800000',
        "wrap_up_ms: 172800000 is not within",
    ),
    "grace backwards": (
        'name = "P"',
        'name = "P"\nedge_grace_ms = -1',
        "line 2: edge_grace_ms: -1 is not within",
    ),
    "reason with a space": (
        'name = "P"',
        'name = "P"\nnot_ready_reasons."a b" = {}',
        "line 2: not_ready_reasons.a b: 'a b' is no id",
    ),
    "reason of the core's own": (
        'name = "P"',
        'name = "P"\nnot_ready_reasons.no_audio = {}',
        "a reason that the system gives itself",
    ),
}


@pytest.mark.parametrize("case", BAD_PLANS)
def test_a_bad_plan_is_refused_with_place_and_reason(case: str, tmp_path: Path) -> None:
    old, new, reason = BAD_PLANS[case]
    assert old in PLAN
    with pytest.raises(DocumentError) as caught:
        load_plan(PLAN.replace(old, new, 1), tmp_path)
    assert reason in str(caught.value)


def test_a_plan_without_numbers(tmp_path: Path) -> None:
    text = "numbers = []\n" + PLAN.replace(PLAN[PLAN.index("[[numbers]]") : PLAN.index("[prompts]")], "")
    with pytest.raises(DocumentError, match="line 1: numbers: a plan needs at least one number"):
        load_plan(text, tmp_path)


def test_a_whole_section_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="my plan: the key queues is missing"):
        load_plan(PLAN[: PLAN.index("[queues")], tmp_path, "my plan")


BAD_ROSTERS = {
    "unknown key": ('name = "Bob"', 'name = "Bob"\nskill = 3', "line 12: agents.bob.skill: unknown key"),
    "bad id": ("[agents.bob]", '[agents."b b"]', "line 10: agents.b b: 'b b' is no id"),
    "no name": ('name = "Bob"', 'name = ""', "line 11: agents.bob.name: the name is empty"),
    "no queue": (
        'queues = ["water"]\nphone',
        "queues = []\nphone",
        "line 6: agents.ann.queues: an agent serves at least one",
    ),
    "queue twice": (
        'queues = ["water"]\nphone',
        'queues = ["water", "water"]\nphone',
        "agents.ann.queues: water is there twice",
    ),
    "no such queue": (
        'queues = ["water"]\nphone',
        'queues = ["wtaer"]\nphone',
        "agents.ann.queues[1]: there is no queue wtaer",
    ),
    "phone twice": (
        'name = "Bob"',
        'name = "Bob"\nphone = "201"',
        "line 12: agents.bob.phone: 201 is the phone of ann already",
    ),
    "bad phone": ('"201"', '"2 01"', "agents.ann.phone: '2 01' is no id"),
    "no such team": ('team = "t"', 'team = "x"', "line 8: agents.ann.team: there is no team x"),
}


@pytest.mark.parametrize("case", BAD_ROSTERS)
def test_a_bad_roster_is_refused_with_place_and_reason(case: str, tmp_path: Path) -> None:
    old, new, reason = BAD_ROSTERS[case]
    assert old in ROSTER
    with pytest.raises(DocumentError) as caught:
        load_roster(ROSTER.replace(old, new, 1), load_plan(PLAN, tmp_path))
    assert reason in str(caught.value)


def test_a_roster_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acd_core.documents.roster_sense.AGENTS_MAX", 1)
    with pytest.raises(DocumentError, match="line 4: agents: 2 agents are more than 1"):
        load_roster(ROSTER)


def test_what_is_odd_is_a_warning(tmp_path: Path) -> None:
    extra = '\n[queues.spare]\nname = "Spare"\n\n[flows.spare]\nstart = "x"\nsteps = { x = { type = "hang_up" } }\n'
    plan = load_plan(PLAN + extra, tmp_path)
    odd = warnings(plan, load_roster(ROSTER, plan))
    assert odd == (
        f"prompts.music.wav: {tmp_path}/music.wav does not exist; and it has no text: its id is spoken",
        "flows.spare: no number leads here",
        "queues.spare: no flow leads here",
        "queues.spare: no agent serves it",
    )
    (tmp_path / "music.wav").touch()
    assert warnings(load_plan(PLAN, tmp_path)) == ()


def test_the_example_is_sound() -> None:
    plan = load_plan((EXAMPLE / "plan.toml").read_text(encoding="utf-8"), EXAMPLE)
    roster = load_roster((EXAMPLE / "roster.toml").read_text(encoding="utf-8"), plan)
    assert [line for line in warnings(plan, roster) if "music.wav" not in line] == []
    assert plan.numbers[0].dialled == "185"
    assert len(plan.queues) == 3
    assert len(roster.agents) == 10
    for entry in plan.prompts.values():
        assert set(entry.text) == {"tr", "en"}


def test_the_examples_categories_have_all_names() -> None:
    document = tomllib.loads((EXAMPLE / "categories.toml").read_text(encoding="utf-8"))
    categories = document["categories"]
    assert len([entry for entry in categories if entry["kind"] == "fault"]) == 16
    assert len({entry["id"] for entry in categories}) == len(categories) == 22
    for entry in categories:
        assert set(entry["names"]) == {"tr", "en", "pl", "zh"}


TRICKY = '''\
# a = 1
a = "x # no comment \\" ]"  # comment
'b c' = """
[not.a.header]
d = 1
"""
e = [
  1, # ]
  "]",
  { f = """
  g = 1""" },
]
h.i.j = 1
[k."l.m"]  # comment
n = \'\'\'
o = 1\'\'\'
p = 2
[[q]]
r = 1
[[q]]
r = 2
[q.s]
t = 3
[[q.u]]
v = 4
[[q.u]]
v = 5
'''


def test_places_in_a_tricky_text() -> None:
    assert tomllib.loads(TRICKY)["q"][1]["u"][1]["v"] == 5
    places = Places(TRICKY)
    lines: dict[tuple[str | int, ...], int] = {
        ("a",): 2,
        ("b c",): 3,
        ("d",): 0,
        ("e",): 7,
        ("e", 2, "f"): 7,
        ("h",): 13,
        ("h", "i", "j"): 13,
        ("k", "l.m"): 14,
        ("k", "l.m", "n"): 15,
        ("k", "l.m", "p"): 17,
        ("q", 0, "r"): 19,
        ("q", 1): 20,
        ("q", 1, "r"): 21,
        ("q", 1, "s", "t"): 23,
        ("q", 1, "u", 0, "v"): 25,
        ("q", 1, "u", 1, "v"): 27,
        ("unknown",): 0,
    }
    assert {path: places.line(path) for path in lines} == lines


@given(st.text(alphabet="ab=[]{}\"'#\n. 1,\\", max_size=60))
def test_places_can_be_read_of_whatever_is_toml(text: str) -> None:
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    places = Places(text)
    for key in document:
        assert places.line((key,)) > 0
