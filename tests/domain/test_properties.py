"""Invariants over whole histories of anything at all, and the same again from the journal or from a snapshot.

oracle.py judges each step; the big run of the same is soak.py.
"""

from __future__ import annotations

import random
import typing
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from acd_core.documents.plan_sense import check_plan
from acd_core.documents.roster_sense import check_roster
from acd_core.documents.source import Source
from acd_core.domain import events as ev
from acd_core.domain.agent import MOVES as AGENT_MOVES
from acd_core.domain.call import MOVES as CALL_MOVES
from acd_core.domain.commands import AnyCommand, CallStep, CallStory, Decided, DecisionKind, Reject
from acd_core.domain.invariants import check_index
from acd_core.domain.plan import Plan, Strategy
from tests.conftest import SEED
from tests.domain import soak
from tests.domain.chaos import LATER_MS, Chaos
from tests.domain.chaos_documents import PLANS, RICH, ROSTERS
from tests.domain.hearsay import Hearsay
from tests.domain.oracle import Oracle

KINDS = range(len(Chaos().kinds))
HISTORIES = 50
EVENTS = 5_000


@pytest.mark.parametrize("plan", PLANS, ids=[plan.name for plan in PLANS])
def test_the_plans_of_chaos_may_take_effect(plan: Plan) -> None:
    check_plan(plan, Source("", plan.name))


@pytest.mark.parametrize("number", range(len(ROSTERS)))
def test_the_rosters_of_chaos_may_take_effect(number: int) -> None:
    check_roster(ROSTERS[number], RICH, Source("", "roster"))


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.chaos = Chaos()
        self.oracle, self.hearsay = Oracle(self.chaos.state), Hearsay(self.chaos.state)

    @rule(
        kind=st.sampled_from(KINDS),
        chance=st.randoms(use_true_random=False),
        later_ms=st.sampled_from((0, 0, 1, 500, 20_000)),
    )
    def something_happens(self, kind: int, chance: random.Random, later_ms: int) -> None:
        soak.judged(self.chaos, self.oracle, self.hearsay, self.chaos.kinds[kind](chance), later_ms)

    @rule(chance=st.randoms(use_true_random=False), times=st.integers(2, 3))
    def something_happens_several_times(self, chance: random.Random, times: int) -> None:
        event = self.chaos.any_event(chance)
        for _ in range(times):
            soak.judged(self.chaos, self.oracle, self.hearsay, event, 0)

    @rule(chance=st.randoms(use_true_random=False), steps=st.integers(1, 30))
    def things_go_their_way(self, chance: random.Random, steps: int) -> None:
        for _ in range(steps):
            soak.judged(
                self.chaos, self.oracle, self.hearsay, self.chaos.any_event(chance), chance.choice(LATER_MS)
            )

    @rule()
    def the_process_restarts_from_a_snapshot(self) -> None:
        self.chaos.restore()

    @invariant()
    def the_lines_are_what_the_state_says(self) -> None:
        check_index(self.chaos.state, self.chaos.router.index)

    def teardown(self) -> None:
        soak.replay(self.chaos)


TestMachine = Machine.TestCase
TestMachine.settings = settings(stateful_step_count=50, max_examples=60)


@pytest.mark.parametrize("number", range(HISTORIES))
def test_a_long_history(number: int) -> None:
    """Deep where the machine is broad: thousands of events, restarts from snapshots under way, then all of it replayed."""
    state = soak.history(f"{SEED} {number}", EVENTS).state
    assert state.calls_arrived == len(state.calls) + state.calls_ended > 50


def test_chance_reaches_everything() -> None:
    """Long histories visit all states, tell all steps of a story, decide all there is to decide, else they would prove little."""
    wanted = {
        *CALL_MOVES,
        *AGENT_MOVES,
        *(f"step {step}" for step in typing.get_args(CallStep)),
        *(f"decides {kind}" for kind in typing.get_args(DecisionKind)),
        *(f"rejects {why}" for why in typing.get_args(Reject)),
        *(f"strategy {strategy}" for strategy in typing.get_args(Strategy)),
        *(f"event {kind.__name__}" for kind in typing.get_args(ev.AnyEvent)),
    }
    chance = random.Random(SEED)
    seen: set[str] = set()
    for _ in range(400):
        chaos = Chaos()
        for _ in range(1_500):
            chaos.tell(chaos.any_event(chance), chance.choice(LATER_MS))
            seen.update(call.state for call in chaos.state.calls.values())
            seen.update(agent.state for agent in chaos.state.agents.values())
            for command in chaos.commands:
                seen.update(_named(command))
        seen.update(f"event {type(event).__name__}" for event, _, _ in chaos.history)
        if seen >= wanted:
            return
    assert not wanted - seen


def _named(command: AnyCommand) -> list[str]:
    if isinstance(command, CallStory):
        return [f"step {command.step}"]
    if not isinstance(command, Decided):
        return []
    names = [f"decides {command.kind}", *(f"rejects {rejected.why}" for rejected in command.rejected)]
    return [*names, f"strategy {command.strategy}"] if command.kind == "offered" else names


def test_a_violation_is_written_down_to_be_looked_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the big run would do if it found something: here an event that the router never was told."""
    chaos = Chaos()
    event = ev.EdgeDown(edge="edge1")
    found = soak.ViolationError(7, event, chaos.now_ms, chaos, AssertionError("something is broken"))
    assert "event 7" in str(found)
    lines = soak.recorded("a title", chaos, event, chaos.now_ms).splitlines()
    assert [msgspec.json.decode(line).get("in", {}).get("type") for line in lines] == [
        None,
        "PlanChanged",
        "RosterChanged",
        "EdgeDown",
    ]
    assert soak.main(["--events", "1", "--out", str(tmp_path)]) == 0
    assert "nothing is broken" in capsys.readouterr().out
