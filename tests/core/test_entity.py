"""The actor of one entity: whatever it is told, and however late it comes, what it fires is what a plain model fires."""

from __future__ import annotations

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from acd_core.actors.entity import EntityActor
from acd_core.actors.supervisor import Supervisor
from acd_core.domain.commands import SetDeadline
from acd_core.domain.events import DeadlinePassed

KEYS = ("flow", "wait", "talk")
Fired = list[tuple[int, str, int]]  # when, key, generation


def deadline(key: str, generation: int, at_ms: int) -> SetDeadline:
    return SetDeadline(entity="call", id="c1", key=key, generation=generation, at_ms=at_ms)


class World:
    """A clock, the deadlines in force as the domain would have them, and one actor under a supervisor."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.force: dict[str, SetDeadline] = {}
        self.fired: Fired = []
        self.starts = self.generation = 0
        self.fails = 0  # how many times more the domain's side fails
        self.follows: dict[str, tuple[str, int]] = {}  # when this key passes, that one is set so much later
        self._supervisor = Supervisor(nursery, restarts_max=100)
        self.actor = EntityActor(lambda: list(self.force.values()), self.now_ms, self._due, self._start)

    def now_ms(self) -> int:
        return round(trio.current_time() * 1000)

    def set(self, key: str, in_ms: int) -> None:
        self.generation += 1
        self.force[key] = deadline(key, self.generation, self.now_ms() + in_ms)
        self.actor.set(self.force[key])

    def clear(self, key: str) -> None:
        if self.force.pop(key, None) is not None:
            self.actor.clear(key)

    def _start(self, actor: EntityActor) -> None:
        self.starts += 1
        self._supervisor.start("call c1", actor.run, restart="transient")

    def _due(self, event: DeadlinePassed) -> None:
        if self.fails:
            self.fails -= 1
            raise ValueError("not now")
        standing = self.force.get(event.key)
        assert standing is not None, "cleared, and fired nevertheless"
        assert standing.generation == event.generation, "replaced, and fired nevertheless"
        del self.force[event.key]
        self.fired.append((self.now_ms(), event.key, event.generation))
        if event.key in self.follows:
            self.set(*self.follows[event.key])


class Model:
    """The same without tasks: a step of time fires what is due, earliest first."""

    def __init__(self) -> None:
        self.now_ms = self.generation = 0
        self.force: dict[str, tuple[int, int]] = {}
        self.fired: Fired = []

    def set(self, key: str, in_ms: int) -> None:
        self.generation += 1
        self.force[key] = (self.now_ms + in_ms, self.generation)

    def clear(self, key: str) -> None:
        self.force.pop(key, None)

    def sleep(self, ms: int) -> None:
        end_ms = self.now_ms + ms
        while due := [(at_ms, key) for key, (at_ms, _) in self.force.items() if at_ms <= end_ms]:
            at_ms, key = min(due)
            self.now_ms = max(self.now_ms, at_ms)
            self.fired.append((self.now_ms, key, self.force.pop(key)[1]))
        self.now_ms = end_ms


# What happens, happens at even milliseconds, and deadlines are at odd ones: nothing is told and due at once.
ACTS = st.one_of(
    st.tuples(st.just("set"), st.sampled_from(KEYS), st.integers(0, 25).map(lambda half: 2 * half + 1)),
    st.tuples(st.just("clear"), st.sampled_from(KEYS), st.just(0)),
    st.tuples(st.just("sleep"), st.just(""), st.integers(1, 30).map(lambda half: 2 * half)),
)


@given(st.lists(ACTS, max_size=30))
@settings(deadline=None)
def test_any_sequence_fires_what_a_model_fires(acts: list[tuple[str, str, int]]) -> None:
    model = Model()
    fired: Fired = []

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            world = World(nursery)
            for act, key, ms in [*acts, ("sleep", "", 200)]:
                if act == "set":
                    world.set(key, ms)
                    model.set(key, ms)
                elif act == "clear":
                    world.clear(key)
                    model.clear(key)
                else:
                    model.sleep(ms)
                    await trio.sleep_until(model.now_ms / 1000)
            fired.extend(world.fired)
            assert not world.force, "all that is left was due"

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    assert fired == model.fired


def simulate(steps: object) -> World:
    worlds: list[World] = []

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            worlds.append(World(nursery))
            await steps(worlds[0])  # type: ignore[operator]
            nursery.cancel_scope.cancel()

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    return worlds[0]


def test_offers_accepted_one_after_the_other_take_one_task_that_sleeps_on() -> None:
    async def steps(world: World) -> None:
        for _ in range(100):
            world.set("offer", 15_000)
            await trio.sleep(0.01)
            world.clear("offer")
        world.set("talk", 60_000)

    world = simulate(steps)
    assert world.starts == 1
    assert not world.fired


def test_a_task_that_finds_nothing_left_ends_and_the_next_deadline_begins_another() -> None:
    async def steps(world: World) -> None:
        world.set("offer", 10)
        world.clear("offer")
        await trio.sleep(1)
        world.set("offer", 10)
        await trio.sleep(1)

    world = simulate(steps)
    assert world.starts == 2
    assert [key for _, key, _ in world.fired] == ["offer"]


def test_what_a_passed_deadline_sets_is_waited_for() -> None:
    async def steps(world: World) -> None:
        world.follows = {"wait": ("talk", 5), "talk": ("wait", 7)}
        world.set("wait", 10)
        await trio.sleep(0.030)

    world = simulate(steps)
    assert world.fired[:4] == [(10, "wait", 1), (15, "talk", 2), (22, "wait", 3), (27, "talk", 4)]
    assert world.starts == 1


def test_what_a_passed_deadline_clears_is_not_fired_though_it_was_due_too() -> None:
    async def steps(world: World) -> None:
        world.set("flow", 10)
        world.set("wait", 10)
        cleared = world.actor._due

        def due(event: DeadlinePassed) -> None:
            cleared(event)
            world.clear("wait")

        world.actor._due = due
        await trio.sleep(1)

    assert [key for _, key, _ in simulate(steps).fired] == ["flow"]


def test_an_actor_that_failed_asks_the_state_and_begins_again() -> None:
    async def steps(world: World) -> None:
        world.fails = 3
        world.set("flow", 10)
        world.set("wait", 20)
        await trio.sleep(1)

    world = simulate(steps)
    assert [key for _, key, _ in world.fired] == ["flow", "wait"]
    assert world.starts == 1, "the supervisor begins it again, nobody else"


def test_a_gone_entity_leaves_no_task() -> None:
    async def steps(world: World) -> None:
        world.set("talk", 14_400_000)
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        world.force.clear()
        world.actor.gone()
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == before - 1
        world.set("talk", 1)
        world.force.clear()
        world.actor.gone()  # before its task has taken a step
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == before - 1

    assert not simulate(steps).fired
