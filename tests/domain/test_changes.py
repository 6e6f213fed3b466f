"""Plans and rosters that change under way."""

from __future__ import annotations

import msgspec
import pytest

from acd_core.domain import events as ev
from acd_core.domain.commands import Part, Play, PlayMusic, PreparePrompts
from acd_core.domain.plan import Calendar, Condition, Plan, Queue, SearchStep, WayOut
from acd_core.domain.roster import Agent as Entry
from acd_core.domain.roster import Roster
from tests.domain.world import EDGE, PLAN, ROSTER, World


def without_water() -> Plan:
    return msgspec.structs.replace(
        PLAN,
        numbers=tuple(number for number in PLAN.numbers if number.flow == "closed"),
        flows={"closed": PLAN.flows["closed"]},
        prompts={"music": PLAN.prompts["music"]},
        queues={"bills": PLAN.queues["bills"]},
    )


def roster(**agents: Entry) -> Roster:
    return Roster(agents=dict(agents))


def test_an_old_plan_or_roster_is_stale() -> None:
    world = World()
    world.do(ev.PlanChanged(version=1, plan=without_water()))
    assert world.names() == ["StaleEvent"]
    world.do(ev.RosterChanged(version=1, roster=roster()))
    assert world.names() == ["StaleEvent"]
    assert (world.state.plan, world.state.roster) == (PLAN, ROSTER)


def test_a_new_plan_has_its_texts_prepared_where_an_edge_is_up() -> None:
    world = World()
    world.do(ev.EdgeInventory(edge="edge2", instance="x"))
    world.do(ev.EdgeDown(edge="edge2"))
    world.do(ev.PlanChanged(version=2, plan=PLAN))
    assert world.the(PreparePrompts).edge == EDGE


def test_waiting_calls_keep_their_places() -> None:
    world = World()
    world.arrive("c1")
    world.arrive("c2")
    queue = msgspec.structs.replace(PLAN.queues["water"], priority=7, offer_timeout_ms=1_000)
    plan = msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": queue})
    world.do(ev.PlanChanged(version=2, plan=plan))
    world.make_ready("ann")
    assert world.agent("ann").call == "c1"
    assert world.agent("ann").deadlines["offer"].at_ms == world.now_ms + 1_000


def test_a_queue_that_vanished_serves_its_calls_from_its_old_definition() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.arrive("c2")
    world.do(ev.PlanChanged(version=2, plan=without_water()))
    assert world.state.queues["water"].retired
    world.lose_audio("ann")
    assert world.said(Part)
    assert [prompt.text for prompt in world.the(PlayMusic).announce] == ["Kesildi"]
    world.connect_audio("ann")
    world.hang_up("c1")
    world.ask(ev.WrapUpFinished, "ann")
    assert world.agent("ann").call == "c2"
    world.do(ev.PlanChanged(version=3, plan=without_water()))
    assert "lost" in world.state.old_prompts
    world.accept("ann")
    world.hang_up("c2")
    assert "water" not in world.state.queues
    world.do(ev.PlanChanged(version=4, plan=without_water()))
    assert not world.state.old_prompts


def test_a_queue_that_comes_back_is_not_retired() -> None:
    world = World()
    world.arrive("c1")
    world.do(ev.PlanChanged(version=2, plan=without_water()))
    world.do(ev.PlanChanged(version=3, plan=PLAN))
    world.hang_up("c1")
    assert not world.state.queues["water"].retired


def test_an_empty_queue_that_vanished_is_gone() -> None:
    world = World()
    world.do(ev.PlanChanged(version=2, plan=without_water()))
    assert list(world.state.queues) == ["bills"]


def test_an_agent_given_another_queue_gets_its_calls() -> None:
    world = World()
    world.make_ready("cem")
    world.arrive("c1")
    assert world.who("cem") == "ready"
    new = Entry(name="Cem", queues=("bills", "water"))
    world.do(ev.RosterChanged(version=2, roster=Roster(agents=ROSTER.agents | {"cem": new})))
    assert world.agent("cem").call == "c1"


@pytest.mark.parametrize("state", ["not_ready", "ready", "ringing"])
def test_an_agent_who_is_removed_is_logged_out(state: str) -> None:
    world = World()
    world.log_in("ann")
    if state != "not_ready":
        world.make_ready("ann")
    if state == "ringing":
        world.arrive("c1")
    world.do(ev.RosterChanged(version=2, roster=roster(bob=ROSTER.agents["bob"])))
    assert world.who("ann") == "logged_out"
    assert world.desk("ann").state == "logged_out"
    if state == "ringing":
        assert world.call("c1").state == "waiting"
    world.do(ev.RosterChanged(version=3, roster=roster(bob=ROSTER.agents["bob"])))
    assert "ann" not in world.state.agents


def test_calls_of_removed_agents_go_on_in_order() -> None:
    world = World()
    both = Entry(name="Dee", queues=("water", "bills"))
    world.do(ev.RosterChanged(version=2, roster=Roster(agents=ROSTER.agents | {"dee": both})))
    world.make_ready("bob", "cem", "dee")
    world.arrive("c1")
    world.arrive("c2", "185")
    world.played("c2")
    world.press("c2", "2")
    assert (world.agent("bob").call, world.agent("cem").call) == ("c1", "c2")
    world.do(ev.RosterChanged(version=3, roster=roster(dee=both)))
    assert world.agent("dee").call == "c2", "its queue comes first, though it arrived later"


def test_a_newcomer_does_not_overtake_who_has_been_idle_longer() -> None:
    world = World()
    world.make_ready("ann", "bob", "cem")
    world.arrive("c1")
    assert world.agent("ann").call == "c1"
    new = {"bob": ROSTER.agents["bob"], "cem": Entry(name="Cem", queues=("water",))}
    world.do(ev.RosterChanged(version=2, roster=Roster(agents=new)))
    assert world.agent("bob").call == "c1", "the call and cem are new to the queue at once, bob is not"


def test_an_agent_who_is_removed_in_a_conversation_ends_it_first() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.do(ev.RosterChanged(version=2, roster=roster()))
    assert world.call("c1").state == "talking"
    world.hang_up("c1")
    assert world.who("ann") == "wrap_up"
    world.ask(ev.WrapUpFinished, "ann")
    assert world.who("ann") == "logged_out"


def test_an_agent_who_is_removed_while_held_is_logged_out_after_the_grace() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.lose_audio("ann")
    world.do(ev.RosterChanged(version=2, roster=roster()))
    world.deadline("call", "c1", "held")
    assert world.who("ann") == "logged_out"
    assert world.call("c1").state == "waiting"


def test_an_agent_whose_phone_is_taken_away_has_no_audio() -> None:
    world = World()
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    new = Entry(name="Ann", queues=("water",))
    world.do(ev.RosterChanged(version=2, roster=roster(ann=new)))
    assert world.who("ann") == "not_ready no_audio"


def test_day_counters_begin_anew_with_the_day() -> None:
    world = World()
    world.arrive("c1")
    world.hang_up("c1")
    assert world.state.queues["water"].day.abandoned == 1
    world.now_ms += 86_400_000
    world.arrive("c2")
    assert world.state.queues["water"].day.abandoned == 0


def city(name: str, **changes: object) -> Plan:
    """The plan with water as this queue."""
    queue = msgspec.structs.replace(PLAN.queues["water"], name=name, **changes)
    return msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": queue})


LOWER = SearchStep(after_ms=5_000, lower_levels=1)
NIGHT = SearchStep(after_ms=9_000, add_teams=("night",), announce=("wait",))
ON = SearchStep(after_ms=3_000, move_to="bills")


@pytest.mark.parametrize(
    ("steps", "taken"),
    [
        ((LOWER, NIGHT), (1,)),
        ((ON, msgspec.structs.replace(LOWER, after_ms=8_000)), (2,)),
        ((msgspec.structs.replace(LOWER, when=Condition(ready_at_most=0)), ON), (1,)),
        ((NIGHT, ON), ()),
        ((), ()),
        ((msgspec.structs.replace(LOWER, lower_levels=2),), ()),
        ((LOWER, msgspec.structs.replace(LOWER, after_ms=6_000)), (1,)),
    ],
    ids=["as before", "later", "on a condition", "gone", "none left", "further down", "twice"],
)
def test_a_step_of_the_new_plan_was_taken_by_who_took_one_that_does_the_same(
    steps: tuple[SearchStep, ...], taken: tuple[int, ...]
) -> None:
    world = World(city("Su", steps=(LOWER, NIGHT)))
    world.arrive("c1")
    world.deadline("call", "c1", "wait")
    assert world.call("c1").steps == (1,)
    world.do(ev.PlanChanged(version=2, plan=city("Su", steps=steps)))
    assert world.call("c1").steps == taken


def test_two_steps_that_do_the_same_stay_two() -> None:
    again = msgspec.structs.replace(LOWER, after_ms=6_000)
    world = World(city("Su", steps=(LOWER, again)))
    world.arrive("c1")
    world.deadline("call", "c1", "wait")
    world.deadline("call", "c1", "wait")
    assert world.call("c1").steps == (1, 2)
    world.do(ev.PlanChanged(version=2, plan=city("Su", steps=(NIGHT, LOWER, ON))))
    assert world.call("c1").steps == (2,)


def test_steps_that_change_places_stay_taken_and_other_queues_calls_are_left_alone() -> None:
    bills = msgspec.structs.replace(PLAN.queues["bills"], steps=(LOWER,))
    before, after = city("Su", steps=(LOWER, NIGHT)), city("Su", steps=(ON, NIGHT, LOWER))
    world = World(msgspec.structs.replace(before, queues=before.queues | {"bills": bills}))
    world.arrive("c1")
    world.arrive("b1", "185")
    world.played("b1")
    world.press("b1", "2")
    for call in ("c1", "b1", "c1"):
        world.deadline("call", call, "wait")
    assert (world.call("c1").steps, world.call("b1").steps) == ((1, 2), (1,))
    world.do(
        ev.PlanChanged(version=2, plan=msgspec.structs.replace(after, queues=after.queues | {"bills": bills}))
    )
    assert (world.call("c1").steps, world.call("b1").steps) == ((3, 2), (1,))


def test_a_new_first_step_comes_to_those_who_wait_already() -> None:
    """What a supervisor adds in a storm has to bite for the queue that is there."""
    world = World(city("Su", steps=(LOWER,)))
    world.arrive("c1")
    world.deadline("call", "c1", "wait")
    world.do(ev.PlanChanged(version=2, plan=city("Su", steps=(ON, LOWER))))
    assert world.call("c1").deadlines["wait"].at_ms == world.now_ms
    world.deadline("call", "c1", "wait")
    assert world.call("c1").queue == "bills"


def test_a_vanished_queue_asks_for_a_calendar_that_vanished_with_it() -> None:
    step = SearchStep(after_ms=5_000, lower_levels=1, when=Condition(during="office"))
    plan = msgspec.structs.replace(city("Su", steps=(step,)), calendars={"office": Calendar()})
    world = World(plan)
    world.arrive("c1")
    world.do(ev.PlanChanged(version=2, plan=without_water()))
    world.deadline("call", "c1", "wait")
    assert world.call("c1").steps == (1,), "what nobody knows keeps nobody waiting"


def test_a_vanished_queue_says_all_that_it_said() -> None:
    steps = (
        SearchStep(after_ms=1_000, announce=("wait",)),
        SearchStep(after_ms=2_000, offer_callback=("menu",)),
        SearchStep(after_ms=4_000, announce=("invalid",), move_to="over"),
    )
    over = Queue(
        name="Taşma",
        announce=("bye",),
        wait_max_ms=5_000,
        when_waited=WayOut(prompts=("greeting",), queue="bills"),
        when_unstaffed=WayOut(prompts=("lost",)),
    )
    plan = city("Su", steps=steps)
    world = World(msgspec.structs.replace(plan, queues=plan.queues | {"over": over}))
    world.arrive("o1")
    world.arrive("c1", number="+905551234567")
    for _ in range(3):
        world.deadline("call", "o1", "wait")
    assert world.call("o1").queue == "over", "so that it is there still"
    world.do(ev.PlanChanged(version=2, plan=without_water()))
    world.deadline("call", "c1", "wait")
    said = [prompt.id for music in world.said(PlayMusic) for prompt in music.announce]
    assert said == ["wait", "menu", "invalid", "bye"]
    world.deadline("call", "c1", "wait")
    assert [prompt.id for prompt in world.the(Play).prompts] == ["greeting"]
    assert "lost" in world.state.old_prompts, "which would be said if nobody were logged in"


def test_by_a_queue_that_is_gone_nothing_is_decided_as_after_a_restart() -> None:
    """Water's calls may be taken by those of bills, until bills is gone for good."""
    world = World(city("Su", steps=(SearchStep(after_ms=1_000, add_queues=("bills",)),)))
    world.arrive("b1", "185")
    world.played("b1")
    world.press("b1", "2")
    world.arrive("c1")
    world.deadline("call", "c1", "wait")
    plan = msgspec.structs.replace(without_water(), queues={"gas": Queue(name="Gaz")})
    world.do(ev.PlanChanged(version=2, plan=plan))
    world.hang_up("b1")
    assert list(world.state.queues) == ["water", "gas"]
    world.make_ready("cem")
    assert world.who("cem") == "ready"
    assert world.call("c1").state == "waiting"


def test_who_was_ready_is_ranked_when_a_queue_begins_to_ask_who_is_the_least_occupied() -> None:
    ranked = city("Su", strategy="least_occupied")
    world = World(ranked)
    world.make_ready("ann", "bob")
    world.talk("c1", "ann")
    world.now_ms += 600_000
    world.hang_up("c1")
    world.do(ev.PlanChanged(version=2, plan=PLAN))
    world.ask(ev.WrapUpFinished, "ann")
    world.talk("c2", "bob")
    world.hang_up("c2")
    world.ask(ev.WrapUpFinished, "bob")
    world.do(ev.PlanChanged(version=3, plan=ranked))
    world.arrive("c3")
    assert world.agent("bob").call == "c3", "ann was occupied for ten minutes, and is idle for longer"
