"""Links that break, processes that restart, and what is found when they are back."""

from __future__ import annotations

import msgspec
import pytest

from acd_core.domain import events as ev
from acd_core.domain.commands import (
    AnswerCaller,
    DeskView,
    DropAudio,
    EndCall,
    EndPhone,
    EntityGone,
    Join,
    Part,
    Play,
    PlayMusic,
    PreparePrompts,
    RingPhone,
    SessionReplaced,
    SetDeadline,
)
from acd_core.domain.state import deadlines
from tests.domain.world import EDGE, PLAN, WEB, World


def inventory(world: World, instance: str = "e1", **kept: object) -> ev.EdgeInventory:
    """What the edge holds when it holds all that we think it does."""
    calls = tuple(
        ev.HeldCall(call=call.id, answered=True, agent=call.agent if call.state == "talking" else "")
        for call in world.state.calls.values()
        if call.edge == EDGE
    )
    legs = tuple(
        ev.BrowserLeg(agent=agent.id, leg=agent.leg)
        for agent in world.state.agents.values()
        if agent.leg_edge == EDGE
    )
    phones = tuple(world.state.phones)
    fields: dict[str, object] = {"calls": calls, "browser_legs": legs, "phones": phones} | kept
    return ev.EdgeInventory(edge=EDGE, instance=instance, **fields)  # type: ignore[arg-type]


def down_and_up(world: World, event: ev.EdgeInventory | None = None) -> None:
    world.do(ev.EdgeDown(edge=EDGE))
    world.do(event or inventory(world))


def test_the_plans_texts_are_prepared_on_every_inventory() -> None:
    world = World()
    world.do(inventory(world))
    prompts = world.the(PreparePrompts).prompts
    assert [(prompt.id, prompt.language) for prompt in prompts][:3] == [
        ("bye", "en"),
        ("bye", "pl"),
        ("full", "tr"),
    ]


def test_nothing_is_offered_while_the_edge_is_away() -> None:
    world = World()
    world.make_ready("ann")
    world.do(ev.EdgeDown(edge=EDGE))
    assert world.the(SetDeadline).at_ms == world.now_ms + PLAN.edge_grace_ms
    assert world.who("ann") == "ready"
    world.arrive("c1")
    assert world.call("c1").state == "waiting", "said before the link broke, heard after"
    world.do(inventory(world))
    assert world.agent("ann").call == "c1"


def test_agents_who_come_back_with_their_edge_are_still_in_order() -> None:
    world = World()
    world.make_ready("bob", "ann")
    world.do(ev.EdgeDown(edge=EDGE))
    world.arrive("c1")
    world.do(inventory(world))
    assert world.agent("bob").call == "c1", "idle longest, though not first by id"


def test_a_short_break_of_the_link_changes_nothing() -> None:
    world = World()
    world.make_ready("ann", "bob")
    world.talk("c1", "ann")
    world.arrive("c2", "185")
    world.arrive("c3")
    assert world.agent("bob").call == "c3"
    down_and_up(world)
    assert world.names() == ["ClearDeadline", "PreparePrompts"]


def test_an_edge_that_is_down_twice_is_stale() -> None:
    world = World()
    world.do(ev.EdgeDown(edge="edge9"))
    assert world.names() == ["StaleEvent"]
    world.do(ev.EdgeDown(edge=EDGE))
    world.do(ev.EdgeDown(edge=EDGE))
    assert world.names() == ["StaleEvent"]


def test_an_edge_that_stays_away_loses_its_calls_audio_and_phones() -> None:
    world = World()
    world.use_phone("bob")
    world.ask(ev.ReadyRequested, "bob")
    world.make_ready("ann")
    world.arrive("c1")
    world.talk("c2", "ann")
    world.arrive("c3", "185")
    world.do(ev.EdgeDown(edge=EDGE))
    world.deadline("edge", EDGE, "grace")
    assert not world.state.calls
    assert not world.state.phones
    assert not world.said(EndCall), "there is nobody to tell"
    assert world.who("ann") == "wrap_up"
    assert world.who("bob") == "not_ready no_audio"
    assert not world.agent("ann").leg
    assert {gone.id for gone in world.said(EntityGone)} == {"c1", "c2", "c3", EDGE}
    assert not world.state.edges
    world.do(
        ev.EdgeInventory(
            edge=EDGE, instance="e1", calls=(ev.HeldCall(call="c2", answered=True, agent="ann"),)
        )
    )
    assert world.the(EndCall).call == "c2"


def test_a_new_edge_process_holds_nothing() -> None:
    world = World()
    world.make_ready("ann", "bob")
    world.talk("c1", "ann")
    world.arrive("c2")
    world.arrive("c3", "185")
    down_and_up(world, ev.EdgeInventory(edge=EDGE, instance="e2"))
    assert not world.state.calls
    assert world.steps() == ["ended", "withdrawn", "ended", "ended"]
    assert world.who("ann") == "wrap_up"
    assert world.who("bob") == "not_ready no_audio"
    world.connect_audio("bob", leg="again")
    assert world.who("bob") == "ready"


def test_calls_nobody_knows_are_ended() -> None:
    world = World()
    world.do(inventory(world, calls=(ev.HeldCall(call="c9", answered=True),)))
    ended = world.the(EndCall)
    assert (ended.call, ended.cause) == ("c9", "unknown_call")


def test_a_call_of_another_edge_is_ended_here() -> None:
    world = World()
    world.arrive("c1", edge="edge2")
    world.do(inventory(world, calls=(ev.HeldCall(call="c1"),)))
    assert world.the(EndCall).edge == EDGE
    assert world.call("c1").edge == "edge2"


def test_one_that_is_not_joined_is_joined() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    down_and_up(world, inventory(world, calls=(ev.HeldCall(call="c1", answered=True),)))
    join = world.the(Join)
    assert (join.agent, join.part, join.leg) == ("ann", 1, "ann-leg")


def test_one_that_is_joined_but_should_not_be_is_parted_and_hears_music() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.lose_audio("ann")
    world.do(inventory(world, calls=(ev.HeldCall(call="c1", answered=True, agent="ann"),)))
    assert world.the(Part).agent == "ann"
    assert world.said(PlayMusic)


def test_one_that_is_not_answered_is_answered_and_hears_the_greeting() -> None:
    world = World()
    world.arrive("c1", "185")
    world.do(inventory(world, calls=(ev.HeldCall(call="c1"),)))
    assert world.said(AnswerCaller)
    assert world.the(Play).play == 2


def everything() -> World:
    """Calls in all states: c0 rings bob's phone, c1 talks to ann, c2 waits, c3 is greeted, c4 may press a key."""
    world = World()
    world.use_phone("bob")
    world.ask(ev.ReadyRequested, "bob")
    world.arrive("c0")
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.arrive("c2")
    world.arrive("c3", "185")
    world.arrive("c4", "185")
    world.played("c4")
    world.played("c4")
    return world


def test_a_restart_of_the_core_is_not_heard() -> None:
    world = everything()
    world.restart()
    world.do(ev.CoreStarted(code_version="2"))
    assert world.state.code_version == "2"
    assert not world.state.edges[EDGE].up
    assert not world.state.webs
    assert world.who("bob") == "ringing", "their phone rings on"
    world.do(inventory(world))
    assert world.names() == ["ClearDeadline", "PreparePrompts"]


def test_a_phone_that_rings_for_an_offer_of_the_past_is_ended() -> None:
    world = everything()
    ring = world.call("c0").ringing["bob"]
    held = ev.HeldCall(call="c0", answered=True, ringing=(ring.offer, 77))
    others = tuple(call for call in inventory(world).calls if call.call != "c0")
    down_and_up(world, inventory(world, calls=(held, *others)))
    ended = world.the(EndPhone)
    assert (ended.call, ended.offer) == ("c0", 77)
    assert world.who("bob") == "ringing"


def test_a_new_edge_process_that_holds_calls_nevertheless_is_told_what_should_be_heard() -> None:
    world = everything()
    down_and_up(world, inventory(world, instance="e2"))
    assert [music.call for music in world.said(PlayMusic)] == ["c0", "c2"]
    assert [play.call for play in world.said(Play)] == ["c3"], "c4 is only waiting for a key"
    assert not world.said(Join)
    assert world.the(RingPhone).call == "c0"


def test_what_rings_outlives_a_restart_of_the_core() -> None:
    world = World()
    world.make_ready("ann")
    world.arrive("c1")
    world.restart()
    world.do(ev.CoreStarted(code_version="2"))
    world.do(inventory(world))
    pages = (ev.OpenSession(agent="ann", session="ann-page"),)
    world.do(ev.WebInventory(web=WEB, instance="w1", sessions=pages))
    assert world.the(DeskView).offer is not None
    world.accept("ann")
    assert world.call("c1").state == "talking"


def test_what_a_page_asked_when_the_core_died_counts_before_the_inventory_that_says_it_is_there() -> None:
    world = World()
    world.make_ready("ann")
    world.arrive("c1")
    world.restart()
    world.do(ev.CoreStarted(code_version="2"))
    world.accept("ann")
    assert world.the(Join).call == "c1"
    world.do(inventory(world))
    assert not world.said(Part)
    world.do(
        ev.WebInventory(web=WEB, instance="w1", sessions=(ev.OpenSession(agent="ann", session="ann-page"),))
    )
    assert world.call("c1").state == "talking"


def test_the_time_the_core_was_away_counts_against_nobody() -> None:
    world = World()
    world.make_ready("ann", "bob")
    world.talk("c1", "ann")
    world.arrive("c2")
    world.hang_up("c1")
    world.arrive("c3", "185")
    before = {deadline.id: deadline.at_ms for deadline in deadlines(world.state)}
    last_ms = world.now_ms
    world.restart()
    world.do(ev.CoreStarted(code_version="2"), 3_600_000)
    moved = {deadline.id: deadline.at_ms for deadline in deadlines(world.state) if deadline.key != "session"}
    shift_ms = world.now_ms - last_ms
    assert {id_: moved[id_] - shift_ms for id_ in before} == before
    pages = (ev.OpenSession(agent="bob", session="bob-page"),)
    world.do(ev.WebInventory(web=WEB, instance="w1", sessions=pages))
    view = world.desk("bob")
    assert view.offer is not None
    assert view.deadline_ms == view.offer.deadline_ms == moved["bob"]


def test_what_rings_at_a_page_that_never_returns_is_withdrawn() -> None:
    world = World(plan=msgspec.structs.replace(PLAN, session_grace_ms=5_000))
    world.make_ready("ann")
    world.arrive("c1")
    world.do(ev.CoreStarted(code_version="2"))
    world.deadline("agent", "ann", "session")
    assert world.who("ann") == "logged_out"
    assert world.call("c1").state == "waiting"


def test_lost_legs_are_lost() -> None:
    world = World()
    world.make_ready("ann", "bob")
    world.talk("c1", "ann")
    down_and_up(world, inventory(world, browser_legs=()))
    assert world.call("c1").state == "held"
    assert world.who("bob") == "not_ready no_audio"


def test_legs_we_missed_are_taken_and_those_of_nobody_dropped() -> None:
    world = World()
    world.log_in("ann")
    legs = (
        ev.BrowserLeg(agent="ann", leg="missed"),
        ev.BrowserLeg(agent="bob", leg="not logged in"),
        ev.BrowserLeg(agent="eve", leg="unknown"),
    )
    world.do(inventory(world, browser_legs=legs))
    assert world.agent("ann").leg == "missed"
    assert [drop.leg for drop in world.said(DropAudio)] == ["not logged in", "unknown"]
    world.ask(ev.ReadyRequested, "ann")
    assert world.who("ann") == "ready"


def test_of_two_legs_the_one_we_know_stays() -> None:
    world = World()
    world.make_ready("ann")
    legs = (ev.BrowserLeg(agent="ann", leg="a"), ev.BrowserLeg(agent="ann", leg="ann-leg"))
    world.do(inventory(world, browser_legs=legs))
    assert world.the(DropAudio).leg == "a"
    assert world.agent("ann").leg == "ann-leg"


def test_phones_are_as_the_edge_says() -> None:
    world = World()
    world.use_phone("ann")
    world.do(inventory(world, phones=("202",)))
    assert world.state.phones == {"202": EDGE}
    assert world.desk("ann").audio == "none"


def test_a_web_that_is_down_loses_its_pages_for_a_while() -> None:
    world = World()
    world.make_ready("ann", "bob")
    world.talk("c1", "ann")
    world.do(ev.WebDown(web=WEB))
    assert [deadline.id for deadline in world.said(SetDeadline)] == ["ann", "bob"]
    world.do(ev.WebDown(web=WEB))
    assert world.names() == ["StaleEvent"]
    pages = (ev.OpenSession(agent="ann", session="ann-page"), ev.OpenSession(agent="bob", session="bob-page"))
    world.do(ev.WebInventory(web=WEB, instance="w2", sessions=pages))
    assert [view.agent for view in world.said(DeskView)] == ["ann", "bob"]
    assert world.call("c1").state == "talking"
    assert world.who("bob") == "ready"
    assert not world.said(DropAudio)


def test_an_unknown_web_that_is_down_is_stale() -> None:
    world = World()
    world.do(ev.WebDown(web="web9"))
    assert world.names() == ["StaleEvent"]


def test_pages_that_a_web_no_longer_has_are_lost() -> None:
    world = World()
    world.make_ready("ann", "bob")
    pages = (ev.OpenSession(agent="ann", session="ann-page"),)
    world.do(ev.WebInventory(web=WEB, instance="w1", sessions=pages))
    assert world.agent("ann").online
    assert not world.agent("bob").online


def test_pages_we_missed_are_opened() -> None:
    world = World()
    pages = (ev.OpenSession(agent="ann", session="x"), ev.OpenSession(agent="eve", session="y"))
    world.do(ev.WebInventory(web="web2", instance="w1", sessions=pages))
    assert world.agent("ann").web == "web2"
    assert world.names().count("RequestRefused") == 1


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_pages_the_one_they_worked_at_last_stays_theirs(order: int) -> None:
    world = World()
    world.log_in("ann", "first")
    world.log_in("ann", "second")
    world.connect_audio("ann")
    world.do(ev.WebDown(web=WEB))
    pages = (ev.OpenSession(agent="ann", session="first"), ev.OpenSession(agent="ann", session="second"))
    world.do(ev.WebInventory(web=WEB, instance="w1", sessions=pages[::order]))
    assert world.agent("ann").session == "second"
    assert world.agent("ann").leg == "ann-leg"
    assert not world.said(DropAudio)


def test_two_new_pages_of_one_agent_in_one_inventory() -> None:
    world = World()
    pages = (ev.OpenSession(agent="ann", session="first"), ev.OpenSession(agent="ann", session="second"))
    world.do(ev.WebInventory(web=WEB, instance="w1", sessions=pages))
    assert world.agent("ann").session == "second"
    assert world.the(SessionReplaced).session == "first"
