"""Plans and rosters that change under way."""

from __future__ import annotations

import msgspec
import pytest

from acd_core.domain import events as ev
from acd_core.domain.commands import Part, PlayMusic, PreparePrompts
from acd_core.domain.plan import Plan
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
