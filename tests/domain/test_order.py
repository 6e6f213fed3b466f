"""The lines behind "who is next", against the plainest thing that could be right."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from acd_core.domain import events as ev
from acd_core.domain.order import Line
from tests.domain.world import PLAN, World

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
