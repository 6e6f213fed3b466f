"""Invariants over whole histories of anything at all, and the same again from the journal or from a snapshot."""

from __future__ import annotations

import random
import typing

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from acd_core.domain.agent import MOVES as AGENT_MOVES
from acd_core.domain.call import MOVES as CALL_MOVES
from acd_core.domain.commands import AnyCommand, CallStep, CallStory
from acd_core.domain.invariants import check, check_index
from acd_core.domain.router import Router
from acd_core.domain.state import encode_state
from tests.domain.chaos import Chaos

KINDS = range(len(Chaos().kinds))


def replayed(chaos: Chaos) -> Router:
    """A router that was told the same, without ever being interrupted."""
    router = Router()
    for event, now_ms, commands in chaos.history:
        assert msgspec.msgpack.encode(router.apply(event, now_ms)) == commands, event
    return router


class Machine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.chaos = Chaos()

    @rule(
        kind=st.sampled_from(KINDS),
        chance=st.randoms(use_true_random=False),
        later_ms=st.sampled_from((0, 0, 1, 500, 20_000)),
    )
    def something_happens(self, kind: int, chance: random.Random, later_ms: int) -> None:
        self.chaos.tell(self.chaos.kinds[kind][1](chance), later_ms)

    @rule(chance=st.randoms(use_true_random=False), times=st.integers(2, 3))
    def something_happens_several_times(self, chance: random.Random, times: int) -> None:
        event = self.chaos.any_event(chance)
        for _ in range(times):
            self.chaos.tell(event)

    @rule()
    def the_process_restarts_from_a_snapshot(self) -> None:
        self.chaos.restore()

    @invariant()
    def nothing_is_broken(self) -> None:
        check(self.chaos.state)
        check_index(self.chaos.state, self.chaos.router.index)

    def teardown(self) -> None:
        router = replayed(self.chaos)
        assert encode_state(router.state) == encode_state(self.chaos.state)


TestMachine = Machine.TestCase
TestMachine.settings = settings(stateful_step_count=60)


def test_a_long_history(chance: random.Random) -> None:
    """Deep where the machine is broad: thousands of events, restarts from snapshots under way, then all of it replayed."""
    chaos = Chaos()
    for number in range(6_000):
        chaos.tell(chaos.any_event(chance), chance.choice((0, 1, 10, 400)))
        if number % 10 == 0:
            check(chaos.state)
        if number % 500 == 0:
            check_index(chaos.state, chaos.router.index)
            chaos.restore()
    state = chaos.state
    assert state.calls_arrived == len(state.calls) + state.calls_ended > 100
    assert encode_state(replayed(chaos).state) == encode_state(state)


def test_chance_reaches_everything(chance: random.Random) -> None:
    """Long histories visit all states and tell all steps of a story, else they would prove little."""
    wanted = {*CALL_MOVES, *AGENT_MOVES, *typing.get_args(CallStep)}
    seen: set[str] = set()
    for _ in range(30):
        chaos = Chaos()
        for _ in range(1_000):
            chaos.tell(chaos.any_event(chance), chance.choice((0, 1, 10, 400)))
            seen.update(call.state for call in chaos.state.calls.values())
            seen.update(agent.state for agent in chaos.state.agents.values())
        for _, _, commands in chaos.history:
            for command in msgspec.msgpack.decode(commands, type=list[AnyCommand]):
                if isinstance(command, CallStory):
                    seen.add(command.step)
        if seen >= wanted:
            return
    assert seen >= wanted
