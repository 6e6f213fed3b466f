"""The wallboard's picture, made whole."""

from __future__ import annotations

import msgspec

from acd_core import views
from acd_core.domain import events as ev
from acd_core.domain.roster import Agent as Entry
from acd_core.domain.roster import Roster, Team
from acd_core.domain.router import Router
from acd_core.link.signals import Wallboard
from tests.domain.world import EDGE, PLAN, ROSTER, World


def wallboard(router: Router, at_ms: int = 7, store_behind: int = 0) -> Wallboard:
    """A picture of a small centre is one message."""
    picture = views.Picture(router)
    picture.changes(at_ms, store_behind)
    while picture.pending:
        picture.changes(at_ms, store_behind)
    (whole,) = picture.whole(at_ms, store_behind)
    assert isinstance(whole, Wallboard)
    return whole


def test_an_empty_core() -> None:
    board = wallboard(Router(), 7, 3)
    assert (board.head.at_ms, board.head.store_behind, board.head.calls_live) == (7, 3, 0)
    assert (board.head.mode, board.head.callbacks_open, board.head.edges) == ("normal", 0, ())
    assert (board.queues, board.agents, board.calls, board.callbacks) == ((), (), (), ())


def test_queues_agents_and_calls() -> None:
    world = World()
    world.make_ready("ann", "bob")
    world.talk("c1", "ann")
    world.arrive("c2")
    world.arrive("c3")
    world.log_in("cem")
    world.arrive("c4", "185")
    board = wallboard(world.router)
    assert [row.queue for row in board.queues] == ["bills", "water"]
    water = board.queues[1]
    assert (water.name, water.waiting, water.talking, water.agents, water.ready) == ("Su", 2, 1, 2, 0)
    assert (water.entered, water.answered, water.abandoned) == (3, 1, 0)
    assert (water.service_level, water.service_level_ms, water.strategy) == (1.0, 20_000, "longest_idle")
    assert (water.asa_ms, water.aht_ms) == (10, None)
    assert water.longest_since_ms == world.call("c2").queued_ms
    assert board.queues[0].longest_since_ms == 0
    assert board.queues[0].agents == 2
    assert board.queues[0].service_level is board.queues[0].asa_ms is None, "nobody called"
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
    assert (board.calls[0].agent, board.calls[0].ringing) == ("ann", ())
    assert (board.calls[1].agent, board.calls[1].ringing) == ("", ("bob",))
    assert board.head.edges == (EDGE,)
    reasons = [(row.reason, row.paid, row.planned_ms) for row in board.not_ready_reasons]
    assert reasons == [(id_, entry.paid, entry.planned_ms) for id_, entry in PLAN.not_ready_reasons.items()]


def test_abandoned_calls_and_the_wait_of_those_who_are_left() -> None:
    world = World()
    world.arrive("c1")
    first_ms = world.call("c1").queued_ms
    world.arrive("c2")
    world.do(ev.CallerHungUp(call="c1"), after_ms=9_000)
    water = wallboard(world.router).queues[1]
    assert (water.abandoned, water.short_abandoned, water.service_level) == (1, 0, 0.0)
    assert water.longest_wait_ms == world.now_ms - first_ms
    assert water.longest_since_ms == world.call("c2").queued_ms


def test_teams_serve_queues() -> None:
    world = World()
    roster = Roster(
        agents={"ann": Entry(name="Ann", team="night")},
        teams={"night": Team(name="Night", queues=("bills",))},
    )
    world.do(ev.RosterChanged(version=2, roster=roster))
    world.make_ready("ann")
    board = wallboard(world.router)
    assert (board.agents[0].team, board.agents[0].queues) == ("Night", ("bills",))
    assert (board.queues[0].agents, board.queues[0].ready) == (1, 1)
    assert (board.queues[1].agents, board.queues[1].ready) == (0, 0)


def test_ready_counts_those_who_could_have_a_call_now() -> None:
    world = World()
    world.make_ready("ann")
    assert wallboard(world.router).queues[1].ready == 1
    world.lose_page("ann")
    assert wallboard(world.router).queues[1].ready == 0
    world.log_in("ann")
    world.do(ev.EdgeDown(edge=EDGE))
    board = wallboard(world.router)
    assert board.queues[1].ready == 0
    assert board.head.edges == ()


def test_the_mode_of_the_centre() -> None:
    world = World()
    world.do(ev.ModeChanged(mode="emergency", by="zeynep"))
    assert wallboard(world.router).head.mode == "emergency"


def test_who_is_on_the_roster_is_shown_before_the_first_log_in() -> None:
    router = Router()
    router.apply(ev.RosterChanged(version=1, roster=ROSTER), 1)
    board = wallboard(router)
    assert [(row.name, row.state, row.occupancy) for row in board.agents] == [
        ("Ann", "logged_out", None),
        ("Bob", "logged_out", None),
        ("Cem", "logged_out", None),
    ]


def test_who_left_the_roster_is_shown_while_they_talk() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.do(ev.RosterChanged(version=2, roster=ROSTER.__class__(agents={})))
    (row,) = wallboard(world.router).agents
    assert (row.agent, row.name, row.queues) == ("ann", "ann", ())


def test_calls_shown_have_a_limit() -> None:
    world = World()
    for number in range(views.CALL_ROWS_MAX + 5):
        world.router.apply(
            ev.CallArrived(call=f"c{number:03}", edge=EDGE, caller="", dialled="185", at_ms=1_000 - number),
            world.now_ms,
        )
    board = wallboard(world.router)
    assert len(board.calls) == views.CALL_ROWS_MAX
    assert board.head.calls_live == views.CALL_ROWS_MAX + 5
    assert {row.call for row in board.calls} == {f"c{number:03}" for number in range(5, 205)}, "the first"


def test_a_large_centre_is_told_in_parts() -> None:
    router = Router()
    agents = {
        f"a{number:04}": Entry(name="A", queues=("water",)) for number in range(2 * views.PART_ROWS + 1)
    }
    router.apply(ev.PlanChanged(version=1, plan=PLAN), 1)
    router.apply(ev.RosterChanged(version=1, roster=msgspec.structs.replace(ROSTER, agents=agents)), 1)
    picture = views.Picture(router)
    slices = [picture.changes(1, 0)]
    while picture.pending:
        slices.append(picture.changes(1, 0))
    assert max(len(change.agents) for change in slices if change is not None) == views.SLICE_ROWS
    assert [len(part.agents) for part in picture.whole(1, 0)] == [views.PART_ROWS, views.PART_ROWS, 1]
