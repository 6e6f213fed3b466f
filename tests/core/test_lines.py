"""A trunk's lines among several edges: all used, never more than there are, whatever is lost on the way and whoever dies."""

from __future__ import annotations

import random
from collections import deque

import pytest

from acd_core.actors.lines import GONE_MS, SETTLES_MS, Lines
from acd_core.link.signals import LinesGiven, TrunkLines

CAPACITY = 10


class Edge:
    """As `gateways/edge/trunk_lines.py` keeps to it."""

    def __init__(self, lines: int = 0) -> None:
        self.live, self.lines, self.number = 0, lines, 0
        self.said: deque[LinesGiven] = deque()  # on its way here

    def row(self) -> TrunkLines:
        return TrunkLines(trunk="carrier", live=self.live, lines=self.lines, capacity=CAPACITY)


class Centre:
    """A core and its edges, with all that is on its way between them."""

    def __init__(self, *names: str) -> None:
        self.now_ms = 1_000
        self.edges = {name: Edge() for name in names}
        self.connected = set(names)
        self.slow: set[str] = set()  # read so little of late that nothing more can be told to them
        self.heard: deque[tuple[str, TrunkLines, int]] = deque()  # on its way to the core
        self.begin()

    def begin(self) -> None:
        """A new core."""
        self.lines = Lines(lambda: self.now_ms, self.say)

    def say(self, name: str, message: LinesGiven) -> bool:
        if name in self.connected and name not in self.slow:
            self.edges[name].said.append(message)
            return True
        return False

    def tell(self, name: str) -> None:
        if name in self.connected:
            self.heard.append((name, self.edges[name].row(), self.edges[name].number))

    def step(self, name: str) -> None:
        """The edge hears one word and says what it keeps to."""
        edge = self.edges[name]
        if edge.said:
            given = edge.said.popleft()
            edge.lines, edge.number = given.lines["carrier"], given.number
            self.tell(name)

    def hear(self) -> None:
        """The core hears one word."""
        if self.heard:
            name, row, number = self.heard.popleft()
            self.lines.held(name, [row], number)

    def disconnect(self, name: str) -> None:
        self.connected.discard(name)
        self.edges[name].said.clear()
        self.heard = deque(word for word in self.heard if word[0] != name)
        self.lines.gone(name)

    def connect(self, name: str, *, fresh: bool = False) -> None:
        if fresh:
            self.edges[name] = Edge()
        self.connected.add(name)
        self.lines.came(name, fresh=fresh)
        self.tell(name)

    def connect_anew(self, name: str) -> None:
        """The edge is there again before its first connection was noticed to have ended."""
        self.edges[name].said.clear()
        self.heard = deque(word for word in self.heard if word[0] != name)
        self.lines.came(name, fresh=False)
        self.tell(name)

    def settle(self) -> None:
        """Everybody says what there is until nobody has anything new to say."""
        for _ in range(5):
            for name in self.edges:
                self.tell(name)
            while self.heard or any(edge.said for edge in self.edges.values()):
                self.hear()
                for name in self.edges:
                    self.step(name)
            self.now_ms += SETTLES_MS

    def check(self) -> None:
        assert sum(max(edge.lines, edge.live) for edge in self.edges.values()) <= CAPACITY

    def have(self) -> list[int]:
        return [edge.lines for edge in self.edges.values()]


def test_lines_are_given_evenly_and_follow_who_uses_them() -> None:
    centre = Centre("edge1", "edge2", "edge3")
    centre.settle()
    assert centre.have() == [4, 3, 3]
    centre.edges["edge2"].live = 3
    centre.settle()
    assert centre.have() == [3, 5, 2]
    centre.edges["edge2"].live = 5
    centre.edges["edge1"].live = 1
    centre.settle()
    assert centre.have() == [3, 6, 1]
    centre.edges["edge2"].live = centre.edges["edge1"].live = 0
    centre.settle()
    assert centre.have() == [4, 3, 3]


def test_one_alone_has_all_and_one_that_went_keeps_its_own_for_a_minute() -> None:
    centre = Centre("edge1", "edge2")
    centre.edges["edge2"].live = 4
    centre.settle()
    assert centre.have() == [3, 7]
    centre.disconnect("edge2")
    centre.settle()
    assert centre.have() == [3, 7], "its calls may go on"
    centre.now_ms += GONE_MS
    centre.edges["edge2"].live = centre.edges["edge2"].lines = 0
    centre.settle()
    assert centre.have() == [10, 0]
    centre.connect("edge2", fresh=True)
    centre.settle()
    assert centre.have() == [5, 5]


def test_a_new_core_gives_nothing_before_all_have_come_back() -> None:
    centre = Centre("edge1", "edge2")
    centre.settle()
    centre.begin()
    centre.lines.held("edge1", [centre.edges["edge1"].row()], centre.edges["edge1"].number)
    assert not centre.edges["edge1"].said, "the other one may hold all the rest"
    centre.settle()
    assert centre.have() == [5, 5]


def test_an_edge_that_comes_again_is_given_nothing_before_its_first_word() -> None:
    centre = Centre("edge1", "edge2", "edge3")
    centre.settle()
    centre.disconnect("edge3")
    centre.now_ms += GONE_MS
    centre.edges["edge3"].live = centre.edges["edge3"].lines = 0
    centre.connect_anew("edge1")
    centre.lines.held("edge2", [centre.edges["edge2"].row()], centre.edges["edge2"].number)
    centre.step("edge2")
    centre.edges["edge2"].live = centre.edges["edge2"].lines
    centre.tell("edge2")
    centre.heard.rotate(-1)  # connections keep no order between each other
    while centre.heard:
        centre.hear()
    centre.step("edge1")
    centre.step("edge2")
    centre.check()
    centre.edges["edge2"].live = 0
    centre.settle()
    assert centre.have() == [5, 5, 0]


def test_an_edge_that_could_not_be_told_is_told_again() -> None:
    centre = Centre("edge1", "edge2")
    centre.slow.add("edge1")
    centre.settle()
    assert centre.have() == [0, 5]
    centre.slow.clear()
    centre.settle()
    assert centre.have() == [5, 5]


@pytest.mark.parametrize("history", range(200))
def test_never_more_than_there_are_whatever_happens(chance: random.Random, history: int) -> None:
    chance = random.Random(chance.random() + history)
    centre = Centre("edge1", "edge2", "edge3")
    if history % 2:
        centre.now_ms += SETTLES_MS
    for _ in range(300):
        name = chance.choice(list(centre.edges))
        edge = centre.edges[name]
        match chance.randrange(10):
            case 0 | 1:
                centre.tell(name)
            case 2 if chance.random() < 0.5:  # what the core says is slow to arrive
                centre.step(name)
            case 3 | 4 | 5:
                centre.hear()
            case 6:
                edge.live = chance.randint(edge.live, max(edge.live, edge.lines))
            case 7:
                edge.live = chance.randint(0, edge.live)
            case 8 if name in centre.connected and chance.random() < 0.3:
                chance.choice((centre.disconnect, centre.connect_anew))(name)
            case 8 if name not in centre.connected:
                centre.connect(name, fresh=chance.random() < 0.5)
            case 9 if chance.random() < 0.05:
                centre.begin()
                for other in sorted(centre.connected):
                    centre.edges[other].said.clear()
                    centre.lines.came(other, fresh=False)
                centre.heard.clear()
            case _:
                centre.now_ms += chance.randrange(50)
        centre.check()
    for name in centre.edges:
        if name not in centre.connected:
            centre.connect(name)
    centre.settle()
    centre.check()
    assert sum(centre.have()) == CAPACITY, "none lies idle"
