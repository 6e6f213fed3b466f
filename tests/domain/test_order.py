"""The lines behind "who is next", against the plainest thing that could be right."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from acd_core.domain import events as ev
from acd_core.domain.order import Line
from tests.domain.world import EDGE, PLAN, ROSTER, World

MEMBERS = st.sampled_from("abcdef")


@given(st.lists(st.tuples(MEMBERS, st.integers(0, 5))))
def test_a_line_is_a_sorted_list(steps: list[tuple[str, int]]) -> None:
    line = Line()
    plain: dict[str, int] = {}
    for member, since_ms in steps:
        if member in plain:
            line.leave(member)
            del plain[member]
        else:
            line.join(since_ms, member)
            plain[member] = since_ms
        in_order = sorted((since_ms, member) for member, since_ms in plain.items())
        assert line.members() == in_order
        assert not in_order or line.first() == in_order[0]
        assert len(line) == len(plain)


def test_a_line_that_is_left_from_behind_does_not_grow() -> None:
    line = Line()
    line.join(0, "first")
    for number in range(10_000):
        line.join(number + 1, "other")
        line.leave("other")
    assert len(line.heap) < 100
    assert line.first() == (0, "first")


def test_two_hundred_callers_are_answered_in_order_of_arrival() -> None:
    queue = msgspec.structs.replace(PLAN.queues["water"], waiting_max=200)
    world = World(plan=msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": queue}))
    numbers = [(number * 617) % 200 for number in range(200)]
    for number in numbers:
        world.arrive(f"c{number:03}", at_ms=1_000 + number)
    world.make_ready("ann")
    answered = []
    while world.agent("ann").call:
        answered.append(world.agent("ann").call)
        world.accept("ann")
        world.hang_up(answered[-1])
        world.ask(ev.WrapUpFinished, "ann")
    assert answered == [f"c{number:03}" for number in range(200)]


def test_whoever_many_are_there_at_once_those_are_paired_who_are_each_others_first() -> None:
    """An edge is back, with calls and operators: Bob would have c1, c1 would go to Ann, but Ann has to take b1 first."""
    water = msgspec.structs.replace(PLAN.queues["water"], strategy="top_down")
    agents = {
        "ann": msgspec.structs.replace(ROSTER.agents["ann"], order=1),
        "bob": msgspec.structs.replace(ROSTER.agents["bob"], order=2),
    }
    plan = msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": water})
    world = World(plan, msgspec.structs.replace(ROSTER, agents=ROSTER.agents | agents))
    world.make_ready("bob", "ann")
    world.do(ev.EdgeDown(edge=EDGE))
    world.arrive("c1")
    world.arrive("b1", "185")
    world.played("b1")
    world.press("b1", "2")
    held = tuple(ev.HeldCall(call=call, answered=True) for call in ("b1", "c1"))
    legs = tuple(ev.BrowserLeg(agent=agent, leg=f"{agent}-leg") for agent in ("ann", "bob"))
    world.do(ev.EdgeInventory(edge=EDGE, instance="e1", calls=held, browser_legs=legs))
    assert (world.agent("ann").call, world.agent("bob").call) == ("b1", "c1")


def test_a_skill_that_a_call_brings_along_never_asks_for_less_than_its_queue() -> None:
    water = msgspec.structs.replace(PLAN.queues["water"], skills={"water": 3})
    plan = msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": water}, skills={"water": "Su"})
    skilled = {
        "ann": msgspec.structs.replace(ROSTER.agents["ann"], skills={"water": 2}),
        "bob": msgspec.structs.replace(ROSTER.agents["bob"], skills={"water": 3}),
        "cem": msgspec.structs.replace(ROSTER.agents["cem"], skills={"water": 4}, queues=("water",)),
    }
    world = World(plan, msgspec.structs.replace(ROSTER, agents=skilled))
    world.make_ready("ann", "bob", "cem")
    world.arrive("c1", skills={"water": 1})
    assert world.agent("bob").call == "c1", "the queue asks for 3"
    world.arrive("c2", skills={"water": 4})
    assert world.agent("cem").call == "c2", "the call asks for 4"
    world.arrive("c3", skills={"water": 5})
    assert world.call("c3").state == "waiting"
