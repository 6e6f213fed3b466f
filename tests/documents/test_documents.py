"""Plans and rosters that are sound: what is made of them, what is only odd, and that large ones are read too."""

from __future__ import annotations

from pathlib import Path

import pytest

from acd_core.documents import DocumentError, load_plan, load_roster, warnings
from acd_core.domain.limits import AGENTS_MAX
from tests.documents.base import PLAN, ROSTER, changed, plan

DURING_2026_MS = 1_770_000_000_000


def test_a_plan_is_read_and_its_recordings_are_found(tmp_path: Path) -> None:
    read = plan(base=tmp_path)
    assert read.numbers[0].language == "tr"
    assert read.prompts["music"].wav == str(tmp_path / "music.wav")
    assert read.prompts["hello"].wav == ""
    assert read.queues["water"].offer_timeout_ms == 15_000
    assert read.queues["water"].steps[0].when.waiting_over == 5
    assert read.not_ready_reasons.keys() == {"lunch"}
    assert plan(changed(PLAN, "[not_ready_reasons.lunch]\npaid = false", "")).not_ready_reasons.keys() == {
        *("break", "lunch", "training", "back_office")
    }


def test_callers_are_known_by_their_numbers_in_international_form() -> None:
    read = plan()
    assert read.callers["hospital"].numbers == ("+442079460018", "+442079460019")
    assert read.callers["school"].numbers == ("+442079460020",)


def test_a_roster_is_read() -> None:
    roster = load_roster(ROSTER, plan())
    assert roster.agents["ann"].phone == "201"
    assert roster.agents["bob"].queues == ()
    assert roster.shifts["day"].days == ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def test_the_same_text_gives_the_same_plan() -> None:
    assert plan() == plan()
    assert load_plan(PLAN, Path("/nowhere")).compiled_ms != plan().compiled_ms, "of more years by default"


def test_a_document_is_called_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="my plan: the key queues is missing"):
        load_plan(PLAN[: PLAN.index("[queues")], tmp_path, "my plan")


def test_queues_in_a_chain_and_keys_that_lead_back_are_no_circle() -> None:
    text = changed(PLAN, "# way out\n", 'queue = "late"\n')
    text = changed(
        text,
        "# late\n",
        'when_full = { flow = "sorry" }\n[flows.sorry]\nstart = "a"\nsteps.a.type = "hang_up"\n',
    )
    text = changed(text, '"2" = "bye"', '"2" = "bye", "0" = "hello"')
    assert plan(text).queues["water"].when_waited.queue == "late"


def test_the_largest_roster_is_read() -> None:
    """Every line of it counts, so it is one line an agent."""
    lines = ["[agents]"]
    lines += [
        f'a{number:06} = {{ name = "A", queues = ["water"], skills = {{ pipes = {number % 5 + 1} }}, team = "t" }}'
        for number in range(AGENTS_MAX)
    ]
    roster = load_roster(
        "\n".join(lines) + ROSTER[: ROSTER.index("[agents")].replace("[teams.t]", "\n[teams.t]"), plan()
    )
    assert len(roster.agents) == AGENTS_MAX


# --- what is odd ------------------------------------------------------------------------------------------------------


def odd(text: str = PLAN, roster: str = ROSTER, base: Path = Path("/nowhere")) -> list[str]:
    """What is said, but for what is said of the plan and roster as they are."""
    usual = set(warnings(plan(base=base), load_roster(ROSTER, plan()), DURING_2026_MS))
    read = plan(text, base)
    return [line for line in warnings(read, load_roster(roster, read), DURING_2026_MS) if line not in usual]


def test_what_is_odd_in_the_usual_plan(tmp_path: Path) -> None:
    roster = load_roster(ROSTER, plan())
    assert warnings(plan(base=tmp_path), roster, DURING_2026_MS) == (
        f"prompts.music.wav: {tmp_path}/music.wav does not exist; and it has no text: its id is spoken",
        "flows.late: no number leads here",
        "queues.water.steps[1]: it admits nobody new",
        "skills.pipes: no agent has it",
        "skills.pipes: nothing asks for it",
        "teams.empty: no agent is in it",
        "shifts.day: no agent has it",
    )
    (tmp_path / "music.wav").touch()
    assert warnings(plan(base=tmp_path), now_ms=DURING_2026_MS) == ("flows.late: no number leads here",)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('{ wav = "music.wav" }', '{ wav = "music.wav", text.tr = "La" }', "its text is spoken instead"),
        ("# late\n", '[queues.spare]\nname = "S"\n', "queues.spare: no flow leads here"),
        ("# late\n", '[queues.spare]\nname = "S"\n', "queues.spare: no agent serves it"),
        (
            "# late\n",
            'when_unstaffed = { prompts = ["hello"] }\n',
            "queues.late.when_unstaffed: without unstaffed_max_ms nobody is ever sent there",
        ),
        (
            "# number\n",
            "early_media_max_ms = 9_000\n",
            'numbers[1].early_media_max_ms: without answer = "when_connected" there is no early media',
        ),
        ("# calendar\n", "[calendars.spare]\n", "calendars.spare: nothing asks for it"),
        ("# calendar\n", "[calendars.spare]\n", "calendars.spare: it is never open"),
    ],
)
def test_what_is_odd_in_a_plan(old: str, new: str, said: str) -> None:
    assert any(said in line for line in odd(changed(PLAN, old, new)))


def test_a_flow_that_a_queue_leads_to_is_reached() -> None:
    text = changed(PLAN, "# way out\n", 'flow = "late"\n')
    assert "flows.late: no number leads here" in warnings(plan())
    assert "flows.late: no number leads here" not in warnings(plan(text))


@pytest.mark.parametrize(
    ("mark", "key"),
    [
        ("# way out\n", 'queue = "spare"\n'),
        ("# step\n", 'add_queues = ["spare"]\n'),
        ("# step\n", 'move_to = "spare"\n'),
    ],
)
def test_a_queue_that_another_leads_to_is_reached(mark: str, key: str) -> None:
    text = changed(PLAN, "# late\n", '[queues.spare]\nname = "S"\n')
    assert "queues.spare: no flow leads here" in odd(text)
    assert "queues.spare: no flow leads here" not in odd(changed(text, mark, key))


def test_steps_after_all_calls_have_moved() -> None:
    text = changed(PLAN, "waiting_over = 5\n", "")
    text = changed(text, "# step\n", 'move_to = "late"\n')
    assert odd(text) == ["queues.water.steps[2]: all calls have moved to late before"]


def test_a_plan_whose_years_end_soon() -> None:
    [end] = set(warnings(plan(), now_ms=plan().compiled_ms[1] - 1)) - set(
        warnings(plan(), now_ms=DURING_2026_MS)
    )
    assert end == "calendars are known until 2026-12-31 only: load the plan again before"


SKILLED = changed(PLAN, 'name = "Su"\n', 'name = "Su"\nskills = { pipes = 3 }\n')


def test_levels_that_nobody_has() -> None:
    some = changed(ROSTER, "# agent\n", "skills = { pipes = 2 }\n")
    assert odd(SKILLED, some) == ["queues.water: no agent who serves it has its skills at their levels"]
    assert "queues.water.steps[1]: it admits nobody new" not in warnings(
        plan(SKILLED), load_roster(some, plan(SKILLED)), DURING_2026_MS
    )
    enough = changed(ROSTER, "# agent\n", "skills = { pipes = 3 }\n")
    assert odd(SKILLED, enough) == []


@pytest.mark.parametrize("wider", ['add_teams = ["t"]', 'add_queues = ["late"]'])
def test_a_step_that_admits_others(wider: str) -> None:
    text = changed(PLAN, "lower_levels = 1", wider)
    assert "queues.water.steps[1]: it admits nobody new" not in warnings(
        plan(text), load_roster(ROSTER, plan(text)), DURING_2026_MS
    )


def test_whom_a_roster_beside_another_plan_lacks() -> None:
    """A plan can be changed alone; then its teams and preferred agents are looked up in the roster in force."""
    text = changed(PLAN, "# caller\n", 'agent = "zoe"\n')
    text = changed(text, "# queue\n", 'teams = ["t", "x"]\n')
    text = changed(text, "# step\n", 'add_teams = ["y"]\n')
    found = warnings(plan(text), load_roster(ROSTER), DURING_2026_MS)
    assert [line for line in found if "the roster has no" in line] == [
        "queues.water: the roster has no team x",
        "queues.water: the roster has no team y",
        "callers.hospital.agent: the roster has no agent zoe",
    ]


def test_agents_of_a_queue_that_takes_a_whole_team() -> None:
    text = changed(PLAN, "# late\n", '[queues.new]\nname = "New"\nteams = ["t"]\n')
    assert odd(text) == ["queues.new: no flow leads here"]
