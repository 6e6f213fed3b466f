"""The agenda: whatever it is told, and however late it comes, what it tells the domain is what a plain model tells."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from acd_core.actors.agenda import DUE_AT_A_TIME, Agenda
from acd_core.actors.supervisor import Supervisor
from acd_core.domain.commands import ClearDeadline, EntityGone, SetDeadline
from acd_core.domain.events import DeadlinePassed

CALLS = ("c1", "c2")
KEYS = ("flow", "wait", "talk")
Key = tuple[str, str]  # call and key
Fired = list[tuple[int, Key, int]]  # when, which, generation


class World:
    """A clock, the deadlines in force as the domain would have them, and an agenda under a supervisor."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.force: dict[Key, SetDeadline] = {}
        self.fired: Fired = []
        self.generation = 0
        self.fails = 0  # how many times more the domain's side fails
        self.follows: dict[str, tuple[str, int]] = {}  # when this key passes, that one is set so much later
        self.clears: dict[str, str] = {}  # when this key passes, that one is cleared
        self.agenda = Agenda(lambda: list(self.force.values()), self.now_ms, self._due)
        Supervisor(nursery, restarts_max=100).start("agenda", self.agenda.run)

    def now_ms(self) -> int:
        return round(trio.current_time() * 1000)

    def set(self, call: str, key: str, in_ms: int) -> None:
        self.generation += 1
        deadline = SetDeadline(
            entity="call", id=call, key=key, generation=self.generation, at_ms=self.now_ms() + in_ms
        )
        self.force[call, key] = deadline
        self.agenda.set(deadline)

    def clear(self, call: str, key: str) -> None:
        self.force.pop((call, key), None)
        self.agenda.clear(ClearDeadline(entity="call", id=call, key=key))

    def gone(self, call: str) -> None:
        for key in KEYS:
            self.force.pop((call, key), None)
        self.agenda.gone(EntityGone(entity="call", id=call))

    def _due(self, event: DeadlinePassed) -> None:
        if self.fails:
            self.fails -= 1
            raise ValueError("not now")
        standing = self.force.get((event.id, event.key))
        assert standing is not None, "cleared, and told nevertheless"
        assert standing.generation == event.generation, "replaced, and told nevertheless"
        assert standing.at_ms <= self.now_ms(), "too early"
        del self.force[event.id, event.key]
        self.fired.append((self.now_ms(), (event.id, event.key), event.generation))
        if event.key in self.follows:
            self.set(event.id, *self.follows[event.key])
        if event.key in self.clears:
            self.clear(event.id, self.clears[event.key])


class Model:
    """The same without tasks: a step of time tells what is due, earliest first."""

    def __init__(self) -> None:
        self.now_ms = self.generation = 0
        self.force: dict[Key, tuple[int, int]] = {}
        self.fired: Fired = []

    def set(self, call: str, key: str, in_ms: int) -> None:
        self.generation += 1
        self.force[call, key] = (self.now_ms + in_ms, self.generation)

    def clear(self, call: str, key: str) -> None:
        self.force.pop((call, key), None)

    def gone(self, call: str) -> None:
        for key in KEYS:
            self.force.pop((call, key), None)

    def sleep(self, ms: int) -> None:
        end_ms = self.now_ms + ms
        while due := [(*standing, key) for key, standing in self.force.items() if standing[0] <= end_ms]:
            at_ms, generation, key = min(due)
            del self.force[key]
            self.now_ms = max(self.now_ms, at_ms)
            self.fired.append((self.now_ms, key, generation))
        self.now_ms = end_ms


# What happens, happens at even milliseconds, and deadlines are at odd ones: nothing is told and due at once.
_WHICH = (st.sampled_from(CALLS), st.sampled_from(KEYS))
ACTS = st.one_of(
    st.tuples(st.just("set"), *_WHICH, st.integers(0, 25).map(lambda half: 2 * half + 1)),
    st.tuples(st.just("clear"), *_WHICH, st.just(0)),
    st.tuples(st.just("gone"), *_WHICH, st.just(0)),
    st.tuples(st.just("sleep"), *_WHICH, st.integers(1, 30).map(lambda half: 2 * half)),
)


def simulate(steps: Callable[[World], Awaitable[None]]) -> World:
    """What the steps did to a world, in no time."""
    worlds: list[World] = []

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            worlds.append(World(nursery))
            await steps(worlds[0])
            nursery.cancel_scope.cancel()

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    return worlds[0]


@given(st.lists(ACTS, max_size=40))
@settings(deadline=None)
def test_any_sequence_tells_what_a_model_tells(acts: list[tuple[str, str, str, int]]) -> None:
    model = Model()

    async def steps(world: World) -> None:
        for act, call, key, ms in [*acts, ("sleep", "", "", 200)]:
            if act == "sleep":
                model.sleep(ms)
                await trio.sleep_until(model.now_ms / 1000)
            elif act == "set":
                world.set(call, key, ms)
                model.set(call, key, ms)
            else:
                for one in (world, model):
                    one.clear(call, key) if act == "clear" else one.gone(call)
            assert len(world.agenda) == len(world.force)
        assert not world.force, "all that is left was due"

    assert simulate(steps).fired == model.fired


def test_what_was_cleared_or_replaced_takes_no_room_for_long() -> None:
    async def steps(world: World) -> None:
        world.set("c1", "talk", 14_400_000)
        for number in range(10_000):
            world.set("c2", "wait", 60_000 + number)
            world.set("c2", "flow", 15_000)
            world.clear("c2", "flow")
        assert len(world.agenda) == 2
        assert len(world.agenda._heap) < 1_100
        world.gone("c2")

    assert not simulate(steps).fired


def test_what_a_passed_deadline_sets_is_waited_for() -> None:
    async def steps(world: World) -> None:
        world.follows = {"wait": ("talk", 5), "talk": ("wait", 7)}
        world.set("c1", "wait", 10)
        await trio.sleep(0.030)

    told = [(at_ms, which[1], generation) for at_ms, which, generation in simulate(steps).fired]
    assert told == [(10, "wait", 1), (15, "talk", 2), (22, "wait", 3), (27, "talk", 4)]


def test_what_a_passed_deadline_clears_is_not_told_though_it_was_due_too() -> None:
    async def steps(world: World) -> None:
        world.clears = {"flow": "wait"}
        world.set("c1", "flow", 10)
        world.set("c1", "wait", 10)
        await trio.sleep(1)

    assert [which[1] for _, which, _ in simulate(steps).fired] == ["flow"]


def test_an_agenda_that_failed_asks_the_state_and_begins_again() -> None:
    async def steps(world: World) -> None:
        world.fails = 3
        world.set("c1", "flow", 10)
        world.set("c2", "wait", 20)
        await trio.sleep(1)

    assert [which[1] for _, which, _ in simulate(steps).fired] == ["flow", "wait"]


def test_others_have_a_turn_while_very_many_are_due() -> None:
    turns: list[int] = []

    async def steps(world: World) -> None:
        async def other() -> None:
            while len(world.fired) < 10 * DUE_AT_A_TIME:
                turns.append(len(world.fired))
                await trio.lowlevel.checkpoint()

        for number in range(10 * DUE_AT_A_TIME):
            world.set(f"c{number}", "wait", 10)
        async with trio.open_nursery() as nursery:
            await trio.sleep(0.010)
            nursery.start_soon(other)

    assert not simulate(steps).force
    # In each pass of the loop every task that is ready has its turn, in any order.
    assert all(later - earlier <= 2 * DUE_AT_A_TIME for earlier, later in itertools.pairwise(turns))
    assert len(turns) >= 5
