"""Browser audio over several edges: evenly, and back to where one's conversation is."""

from __future__ import annotations

from acd_core.actors.spread import COMES_WITHIN_MS, SHUNNED_MS, Spread
from acd_core.domain.agent import Agent
from acd_core.domain.call import Call
from acd_core.domain.state import State

EDGES = ("edge1", "edge2", "edge3")


def state(*legs: str, **more: Agent) -> State:
    agents = {f"a{number}": Agent(id=f"a{number}", leg_edge=edge) for number, edge in enumerate(legs)}
    return State(agents=agents | more)


def test_many_at_once_are_spread_although_none_of_them_stands_yet() -> None:
    spread, empty = Spread(lambda: 0), state()
    chosen = [spread.choose(empty, EDGES, f"new{number}") for number in range(9)]
    assert [chosen.count(edge) for edge in EDGES] == [3, 3, 3]


def test_the_edge_with_the_fewest_is_filled_first() -> None:
    spread, uneven = Spread(lambda: 0), state("edge1", "edge1", "edge2")
    assert [spread.choose(uneven, EDGES, "") for _ in range(4)] == ["edge3", "edge2", "edge3", "edge1"]


def test_what_stands_or_failed_is_no_longer_coming() -> None:
    spread = Spread(lambda: 0)
    assert spread.choose(state(), EDGES, "x") == "edge1"
    spread.settled("edge1")
    assert spread.choose(state(), EDGES, "x") == "edge1"
    spread.settled("edge1")
    spread.settled("edge1")
    assert [spread.choose(state(), EDGES, "x") for _ in range(2)] == ["edge1", "edge2"], "never below none"


def test_an_edge_that_began_anew_has_nothing_coming() -> None:
    spread = Spread(lambda: 0)
    for _ in range(6):
        spread.choose(state(), EDGES, "")
    spread.began("edge3")
    assert [spread.choose(state(), EDGES, "") for _ in range(2)] == ["edge3", "edge3"]


def test_who_is_in_a_conversation_comes_back_to_its_edge() -> None:
    talking = Agent(id="ayse", call="c1")
    busy = state("edge3", "edge3", "edge3", ayse=talking)
    call = {"id": "c1", "edge": "edge3", "caller": "1", "caller_name": "", "dialled": "185", "service": ""}
    busy.calls["c1"] = Call(**call, language="tr", via="sip", arrived_ms=0)
    spread = Spread(lambda: 0)
    assert spread.choose(busy, EDGES, "ayse") == "edge3"
    assert spread.choose(busy, ("edge1", "edge2"), "ayse") == "edge1", "unless that edge is away"


def test_nobody_is_sent_where_audio_failed_a_moment_ago_unless_it_failed_everywhere() -> None:
    now_ms = 1_000
    spread, uneven = Spread(lambda: now_ms), state("edge2", "edge2", "edge3")
    assert spread.choose(uneven, EDGES, "x") == "edge1"
    spread.failed("edge1")
    assert spread.choose(uneven, EDGES, "x") == "edge3"
    assert spread.choose(uneven, ("edge1",), "x") == "edge1"
    now_ms += SHUNNED_MS
    assert spread.choose(uneven, EDGES, "x") == "edge1"
    spread.failed("edge1")
    spread.began("edge1")
    assert spread.choose(uneven, EDGES, "x") == "edge1", "it is new"


def test_who_is_in_a_conversation_is_not_sent_back_to_where_audio_failed() -> None:
    busy = state(ayse=Agent(id="ayse", call="c1"))
    call = {"id": "c1", "edge": "edge3", "caller": "1", "caller_name": "", "dialled": "185", "service": ""}
    busy.calls["c1"] = Call(**call, language="tr", via="sip", arrived_ms=0)
    spread = Spread(lambda: 0)
    spread.failed("edge3")
    assert spread.choose(busy, EDGES, "ayse") == "edge1"


def test_a_page_that_let_go_of_its_offer_is_not_waited_for() -> None:
    now_ms = 1_000
    spread = Spread(lambda: now_ms)
    for _ in range(3):
        assert spread.choose(state(), ("edge1",), "x") == "edge1"
    now_ms += COMES_WITHIN_MS - 1
    assert spread.choose(state("edge2"), ("edge1", "edge2"), "y") == "edge2"
    now_ms += 1
    assert spread.choose(state("edge2"), ("edge1", "edge2"), "y") == "edge1"
