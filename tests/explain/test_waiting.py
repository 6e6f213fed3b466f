"""Why a call waits now, asked of the real router; asking changes nothing."""

from __future__ import annotations

import msgspec

from acd_core.domain import events as ev
from acd_core.domain.commands import CallStory, Decided
from acd_core.domain.plan import Condition, Queue, SearchStep, WayOut
from acd_core.domain.roster import Agent, Roster, Team
from acd_core.domain.state import encode_state
from acd_core.explain.clock import wall_clock
from acd_core.explain.explainer import explain
from acd_core.explain.keeper import Keeper
from acd_core.explain.sentences import tell, tell_waiting
from acd_core.explain.story import Told
from tests.domain.world import PLAN, World

WATER = Queue(
    name="Su",
    skills={"canal": 3},
    aging_per_min=1,
    aging_max=10,
    steps=(SearchStep(after_ms=20_000, lower_levels=1), SearchStep(after_ms=60_000, add_teams=("night",))),
    wait_max_ms=600_000,
    when_waited=WayOut(),
    unstaffed_max_ms=300_000,
)
HERE = msgspec.structs.replace(
    PLAN,
    queues={**PLAN.queues, "water": WATER},
    skills={"canal": "Kanal", "english": "English"},
    timezone="UTC",
)
PEOPLE = Roster(
    agents={
        "ann": Agent(name="Ann", queues=("water", "bills"), skills={"canal": 3}),
        "bob": Agent(name="Bob", queues=("water",), skills={"canal": 2}),
        "cem": Agent(name="Cem", team="night", skills={"canal": 5}),
    },
    teams={"night": Team(name="Night")},
)


class Watched(World):
    """A world whose stories are kept as the core keeps them."""

    def __init__(self, *steps: SearchStep, full: WayOut | None = None, preferred: bool = False) -> None:
        """With these steps instead of the usual ones, where there are any; `full`: the way out of a queue with room for one.

        With `preferred`, whoever calls again within a minute is kept for whom they spoke with.
        """
        water = msgspec.structs.replace(WATER, steps=steps or WATER.steps)
        if preferred:
            water = msgspec.structs.replace(water, last_operator_ms=60_000, wrap_up_ms=60_000)
        if full is not None:
            water = msgspec.structs.replace(water, waiting_max=1, when_full=full)
        super().__init__(msgspec.structs.replace(HERE, queues={**HERE.queues, "water": water}), PEOPLE)

    def explain(self, call: str) -> Told | None:
        kept = Keeper()
        for _, _, commands in self.history:
            for command in commands:
                if isinstance(command, CallStory | Decided):
                    kept.add(command)
        return explain(self.router, kept, call, self.now_ms)

    def now(self, call: str) -> tuple[str, ...]:
        before = encode_state(self.state)
        told = self.explain(call)
        assert told is not None
        assert told.waiting is not None
        assert encode_state(self.state) == before
        return tell_waiting(told.waiting, told.names, "en", wall_clock(told.names.timezone))

    def said(self, call: str) -> list[str]:  # type: ignore[override]
        told = self.explain(call)
        assert told is not None
        assert told.whole
        return [line.text for line in tell(told, "en", wall_clock(told.names.timezone))]


def clock(world: World, after_ms: int, call: str) -> str:
    return wall_clock("UTC")(world.call(call).queued_ms + after_ms)


def test_who_could_not_have_it_and_what_comes() -> None:
    world = Watched()
    world.make_ready("ann", "bob", "cem")
    world.talk("c1", "ann")
    world.arrive("c2")
    world.arrive("c3")
    assert world.now("c3") == (
        "It has waited in ‘Su’ for 0 s. 1 call goes first.",
        "Nobody can take it: 1 lacks the level asked for (Bob); 1 is in a team that is not let in yet (Cem); 1 talking (Ann).",
        "Asked for: Kanal 3.",
        f"Step 1 comes at {clock(world, 20_000, 'c3')}: the levels asked for go down by 1.",
        f"At {clock(world, 600_000, 'c3')} at the latest it leaves the queue.",
    )
    assert world.explain("c1") is not None
    assert world.explain("c1").waiting is None  # type: ignore[union-attr]
    assert world.explain("c-unknown") is None


def test_a_step_lets_somebody_in_and_the_story_says_so() -> None:
    world = Watched()
    world.make_ready("ann", "bob")
    world.talk("c1", "ann")
    world.arrive("c2")
    world.deadline("call", "c2", "wait")
    assert world.agent("bob").call == "c2"
    told = world.said("c2")
    assert told[-2] == "Step 1: the levels asked for go down by 1."
    assert told[-1].startswith("1 operator was free. Bob was chosen: idle longest (20 s).")
    assert "The others: 1 talking (Ann)." in told[-1]
    assert any(
        text.startswith("Nobody could take it: 1 lacks the level asked for (Bob); 1 talking (Ann).")
        for text in told
    )


def test_a_step_whose_condition_does_not_hold_hides_no_later_one() -> None:
    world = Watched(
        SearchStep(after_ms=10_000, when=Condition(waiting_over=1), add_teams=("night",)),
        SearchStep(after_ms=60_000, lower_levels=1),
    )
    world.make_ready("bob")
    world.arrive("c1")
    world.deadline("call", "c1", "wait")
    held = "Step 1 is due, but what it depends on does not hold yet (these teams may take it too: Night)."
    later = f"Step 2 comes at {clock(world, 60_000, 'c1')}: the levels asked for go down by 1."
    assert world.now("c1")[3:5] == (held, later)
    world.arrive("c2")
    next_look = wall_clock("UTC")(world.call("c1").deadlines["wait"].at_ms)
    assert f"Step 1 comes at {next_look}: these teams may take it too: Night." in world.now("c1")
    assert held not in world.now("c1")
    world.deadline("call", "c1", "wait")
    assert "Step 1: these teams may take it too: Night." in world.said("c1")


def test_what_comes_next_comes_later_by_the_time_without_a_core() -> None:
    world = Watched()
    world.make_ready("bob")
    world.arrive("c1")
    came = clock(world, 20_000, "c1")
    away_ms = 300_000
    world.do(ev.CoreStarted(code_version="next"), away_ms)
    (step,) = [text for text in world.now("c1") if text.startswith("Step 1 comes at")]
    assert came not in step
    assert wall_clock("UTC")(world.call("c1").deadlines["wait"].at_ms) in step
    assert f"At {clock(world, 600_000 + away_ms, 'c1')} at the latest it leaves the queue." in world.now("c1")


def test_what_is_asked_for_is_also_what_the_call_brings_along() -> None:
    world = Watched()
    world.make_ready("ann")
    world.arrive("c1", skills={"english": 2})
    (why,) = [text for text in world.said("c1") if text.startswith("Nobody could take it")]
    assert why.startswith(
        "Nobody could take it: 1 lacks the level asked for (Ann). Asked for: Kanal 3, English 2. Step 1"
    )
    assert "Asked for: Kanal 3, English 2." in world.now("c1")
    world.deadline("call", "c1", "wait")
    assert "Asked for: Kanal 2, English 1." in world.said("c1")[-1]


def test_who_it_is_kept_for_is_named_with_what_keeps_them() -> None:
    world = Watched(preferred=True)
    world.make_ready("ann", "cem")
    world.arrive("c1", number="+905551234567")
    world.accept("ann")
    world.hang_up("c1")
    world.arrive("c2", number="+905551234567")
    (kept,) = [text for text in world.said("c2") if text.startswith("The call is kept for Ann, who knows")]
    assert kept.endswith(f"until {clock(world, 20_000, 'c2')} at the latest.")
    (why,) = [text for text in world.said("c2") if text.startswith("Nobody could take it")]
    assert "1 in wrap-up (Ann)" in why
    assert kept in world.now("c2")
    assert kept not in why


def test_a_full_queue_sends_the_call_on_and_says_why() -> None:
    world = Watched(full=WayOut(queue="bills"))
    world.arrive("c1")
    world.arrive("c2")
    assert world.said("c2")[-3:-1] == [
        "The queue ‘Su’ was full; the call could not wait there. 1 call waits in the queue.",
        "The call entered the queue ‘Fatura’.",
    ]


def test_an_empty_centre_says_when_callers_are_let_go() -> None:
    world = Watched()
    world.arrive("c1")
    texts = world.now("c1")
    assert texts[1] == "Nobody is there who serves the queue ‘Su’."
    assert f"Unless somebody logs in, it leaves the queue at {clock(world, 300_000, 'c1')}." in texts
    world.log_in("ann")
    assert "Nobody can take it: 1 not ready (Ann)." in world.now("c1")
    world.do(ev.CallerHungUp(call="c1"))
    ended = world.explain("c1")
    assert ended is not None
    assert (ended.live, ended.waiting) == (False, None)
    assert world.said("c1")[-1] == "The call ended: the caller hung up."


def test_every_cause_and_detail_of_these_stories_has_words() -> None:
    world = Watched()
    world.make_ready("ann")
    for call in ("c1", "c2", "c3"):
        world.arrive(call)
    world.accept("ann")
    world.lose_audio("ann")
    world.deadline("call", "c1", "held")
    world.do(ev.SessionClosed(agent="ann", session=world.agent("ann").session))
    for call in ("c1", "c2", "c3"):
        if call in world.state.calls:
            world.hang_up(call)
        for text in world.said(call):
            assert "_" not in text, text
