"""Callers who are heard before they are answered."""

from __future__ import annotations

import msgspec

from acd_core.domain import events as ev
from acd_core.domain.commands import (
    AnswerCaller,
    EndCall,
    Join,
    PlayMusic,
    ProgressCaller,
    StaleEvent,
)
from tests.domain.test_inventory import inventory
from tests.domain.world import EDGE, PLAN, World

LATE = msgspec.structs.replace(
    PLAN,
    numbers=tuple(
        msgspec.structs.replace(number, answer="when_connected", early_media_max_ms=40_000)
        for number in PLAN.numbers
    ),
)


def test_a_caller_hears_the_queue_before_the_answer() -> None:
    world = World(LATE)
    world.arrive("c1")
    assert world.names()[:2] == ["CallStory", "ProgressCaller"]
    assert world.the(ProgressCaller).max_ms == 40_000
    assert world.the(PlayMusic)
    assert world.steps() == ["arrived", "flow", "queued"]


def test_who_is_connected_is_answered_first() -> None:
    world = World(LATE)
    world.make_ready("ann")
    world.arrive("c1")
    arrived_ms = world.now_ms
    world.accept("ann")
    names = world.names()
    assert names.index("AnswerCaller") < names.index("Join")
    assert world.steps() == ["answered", "connected"]
    assert world.desk("ann").call is not None
    assert world.state.queues["water"].day.answered_wait_ms == world.now_ms - arrived_ms
    world.lose_audio("ann")
    world.connect_audio("ann")
    assert world.said(Join)
    assert not world.said(AnswerCaller), "once"


def test_who_is_never_connected_is_never_answered() -> None:
    world = World(LATE)
    world.arrive("c1", "187")
    assert world.steps() == ["arrived", "flow", "ended"]
    assert world.the(EndCall).cause == "flow_ended"
    assert not world.said(AnswerCaller)


def test_who_gives_up_before_was_never_answered() -> None:
    world = World(LATE)
    world.arrive("c1")
    world.hang_up("c1")
    assert world.steps() == ["ended"]
    assert world.state.queues["water"].day.abandoned == 1


def test_an_edge_answers_by_itself_when_the_time_is_over() -> None:
    world = World(LATE)
    world.arrive("c1")
    world.do(ev.CallerAnswered(call="c1"))
    assert world.steps() == ["answered"]
    world.do(ev.CallerAnswered(call="c1"))
    assert world.the(StaleEvent).state == "answered"
    world.make_ready("ann")
    world.accept("ann")
    assert world.said(Join)
    assert not world.said(AnswerCaller)


def test_an_edge_that_answered_while_the_core_was_away_is_believed() -> None:
    world = World(LATE)
    world.arrive("c1")
    world.do(ev.EdgeDown(edge=EDGE))
    world.do(inventory(world))
    assert world.steps() == ["answered"]


def test_an_edge_that_did_not_hear_of_it_is_told_again() -> None:
    world = World(LATE)
    world.arrive("c1")
    world.do(ev.CoreStarted(code_version="2"))
    world.do(inventory(world, calls=(ev.HeldCall(call="c1"),)))
    assert world.the(ProgressCaller).max_ms == 40_000
    assert not world.said(AnswerCaller)
    assert not world.said(PlayMusic), "it plays already"


def test_a_new_plan_answers_nobody() -> None:
    world = World(LATE)
    world.arrive("c1")
    world.do(ev.PlanChanged(version=9, plan=PLAN))
    assert not world.said(AnswerCaller)
    assert world.call("c1").early_max_ms == 40_000
