"""The servers of one trunk: in which order calls try them, and what becomes of those that fail."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from acd_core.telephony import Trunk
from gateways.edge.clock import Clock
from gateways.edge.trunk_places import PASSED_OVER_MS, PASSED_OVER_MS_MAX, PLACES_MAX
from gateways.edge.trunks import WAYS_MAX, Trunks, TrunkState
from gateways.sip.events import Flow
from gateways.sip.locate import Server


def trunk(chance: random.Random, *servers: Server) -> TrunkState:
    """One named `carrier.test`, which stands for these."""
    config = Trunk(host="carrier.test", transport="TCP", health_s=0)
    trunks = Trunks("edge1", {"t1": config}, Path, Clock(), lambda event: None, chance=chance)
    [state] = trunks
    assert state.address == ""
    state.places.found(servers, 0)
    return state


def server(host: str, *, priority: int = 10, weight: int = 1) -> Server:
    return Server(priority, weight, 5070, (host,))


def test_calls_are_shared_by_weight_and_the_next_priority_comes_last(chance: random.Random) -> None:
    state = trunk(
        chance,
        server("192.0.2.9", priority=20),
        server("192.0.2.1", weight=30),
        server("192.0.2.2", weight=10),
    )
    ways = [state.ways(0) for _ in range(4_000)]
    assert {way[-1] for way in ways} == {Flow("TCP", "192.0.2.9", 5070)}
    first = Counter(way[0].host for way in ways)
    assert 2_800 < first["192.0.2.1"] < 3_200
    assert first["192.0.2.1"] + first["192.0.2.2"] == 4_000


def test_who_failed_goes_last_for_a_while_and_all_that_failed_are_tried_all_the_same(
    chance: random.Random,
) -> None:
    state = trunk(chance, server("192.0.2.1"), server("192.0.2.2", priority=20))
    best, next_best = ("192.0.2.1", 5070), ("192.0.2.2", 5070)
    assert state.flow.address == best
    assert state.places.failed(best, 0)
    assert state.flow.address == next_best
    assert state.places.draw(PASSED_OVER_MS - 1) == [next_best, best]
    assert state.places.draw(PASSED_OVER_MS) == [best, next_best]
    assert state.flow.address == next_best, "what is registered there stays there"
    # Retry-After is kept to, within limits.
    assert state.places.failed(best, 0, 10**9)
    assert state.places.draw(PASSED_OVER_MS_MAX - 1) == [next_best, best]
    assert state.places.draw(PASSED_OVER_MS_MAX) == [best, next_best]
    assert not state.places.failed(next_best, 1), "none is left that did not fail"
    assert state.places.draw(2) == [best, next_best]
    state.places.worked(next_best)
    assert state.places.draw(2) == [next_best, best]


def test_a_name_that_moves_keeps_what_it_can(chance: random.Random) -> None:
    state = trunk(chance, server("192.0.2.1"), server("192.0.2.2", priority=20))
    state.places.failed(("192.0.2.1", 5070), 0)
    state.places.found([server("192.0.2.3"), server("192.0.2.2", priority=20)], 1)
    assert state.flow.address == ("192.0.2.2", 5070)
    assert state.is_at("192.0.2.3")
    assert not state.is_at("192.0.2.1")
    state.places.found([server("192.0.2.4")], 2)
    assert state.flow.address == ("192.0.2.4", 5070)


def test_one_server_alone_is_never_passed_over(chance: random.Random) -> None:
    state = trunk(chance, server("192.0.2.1"))
    assert not state.places.failed(("192.0.2.1", 5070), 0)
    assert [way.host for way in state.ways(1)] == ["192.0.2.1"]


def test_there_is_an_end_to_servers(chance: random.Random) -> None:
    state = trunk(chance, *(server(f"10.0.0.{number}") for number in range(200)))
    assert len(state.places.all) == PLACES_MAX
    assert len(state.places.draw(0)) == PLACES_MAX
    assert len(state.ways(0)) == WAYS_MAX
