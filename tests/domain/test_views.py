"""The wallboard's picture."""

from __future__ import annotations

from acd_core import views
from acd_core.domain import events as ev
from acd_core.domain.router import Router
from acd_core.domain.state import State
from tests.domain.world import EDGE, PLAN, ROSTER, World


def test_an_empty_core() -> None:
    board = views.wallboard(State(), 7, 3)
    assert (board.at_ms, board.store_behind, board.calls_live) == (7, 3, 0)
    assert (board.queues, board.agents, board.calls, board.edges) == ((), (), (), ())


def test_queues_agents_and_calls() -> None:
    world = World()
    world.make_ready("ann", "bob")
    world.talk("c1", "ann")
    world.arrive("c2")
    world.arrive("c3")
    world.log_in("cem")
    world.arrive("c4", "185")
    board = views.wallboard(world.state, world.now_ms, 0)
    assert [row.queue for row in board.queues] == ["bills", "water"]
    water = board.queues[1]
    assert (water.name, water.waiting, water.talking, water.agents, water.ready) == ("Su", 2, 1, 2, 0)
    assert (water.answered, water.abandoned) == (1, 0)
    assert water.longest_since_ms == world.call("c2").queued_ms
    assert board.queues[0].longest_since_ms == 0
    assert board.queues[0].agents == 2
    agents = {row.agent: row for row in board.agents}
    assert list(agents) == ["ann", "bob", "cem"]
    assert (agents["ann"].state, agents["ann"].call, agents["ann"].audio) == ("talking", "c1", "browser")
    assert (agents["bob"].state, agents["cem"].reason) == ("ringing", "logged_in")
    assert [(row.call, row.state) for row in board.calls] == [
        ("c1", "talking"),
        ("c2", "ringing"),
        ("c3", "waiting"),
        ("c4", "playing"),
    ]
    assert board.edges == (EDGE,)
    assert board.not_ready_reasons == PLAN.not_ready_reasons


def test_ready_counts_those_who_could_have_a_call_now() -> None:
    world = World()
    world.make_ready("ann")
    assert views.wallboard(world.state, 0, 0).queues[1].ready == 1
    world.lose_page("ann")
    assert views.wallboard(world.state, 0, 0).queues[1].ready == 0
    world.log_in("ann")
    world.do(ev.EdgeDown(edge=EDGE))
    board = views.wallboard(world.state, 0, 0)
    assert board.queues[1].ready == 0
    assert board.edges == ()


def test_who_is_on_the_roster_is_shown_before_the_first_log_in() -> None:
    router = Router()
    router.apply(ev.RosterChanged(version=1, roster=ROSTER), 1)
    board = views.wallboard(router.state, 1, 0)
    assert [(row.name, row.state) for row in board.agents] == [
        ("Ann", "logged_out"),
        ("Bob", "logged_out"),
        ("Cem", "logged_out"),
    ]


def test_who_left_the_roster_is_shown_while_they_talk() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.do(ev.RosterChanged(version=2, roster=ROSTER.__class__(agents={})))
    (row,) = views.wallboard(world.state, 0, 0).agents
    assert (row.agent, row.name, row.queues) == ("ann", "ann", ())


def test_calls_shown_have_a_limit() -> None:
    world = World()
    for number in range(views.CALL_ROWS_MAX + 5):
        world.router.apply(
            ev.CallArrived(call=f"c{number:03}", edge=EDGE, caller="", dialled="185", at_ms=1_000 - number),
            world.now_ms,
        )
    board = views.wallboard(world.state, 0, 0)
    assert len(board.calls) == views.CALL_ROWS_MAX
    assert board.calls_live == views.CALL_ROWS_MAX + 5
    assert board.calls[0].call == "c204", "the one that arrived first"
