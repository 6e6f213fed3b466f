"""The state as bytes, and what a new process needs of it."""

from __future__ import annotations

import random

import msgspec
import pytest

from acd_core.domain import state as states
from acd_core.domain.commands import SetDeadline
from acd_core.domain.state import SnapshotError, State, deadlines, decode_state, encode_state
from tests.domain.chaos import Chaos
from tests.domain.world import World


def test_an_empty_state_comes_back() -> None:
    assert decode_state(encode_state(State())) == State()


def test_any_state_comes_back_byte_for_byte(chance: random.Random) -> None:
    chaos = Chaos()
    for _ in range(400):
        chaos.tell(chaos.any_event(chance), chance.choice((0, 10, 400)))
    data = encode_state(chaos.state)
    again = decode_state(data)
    assert again == chaos.state
    assert encode_state(again) == data


def test_another_schema_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "SCHEMA", 99)
    data = encode_state(State())
    monkeypatch.undo()
    with pytest.raises(SnapshotError, match="schema 99"):
        decode_state(data)


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"garbage", encode_state(State())[:-3], msgspec.msgpack.encode({"schema": 1})]
)
def test_damaged_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(SnapshotError):
        decode_state(data)


def test_deadlines_in_force_are_those_that_were_set() -> None:
    world = World()
    world.make_ready("ann")
    world.arrive("c1")
    offer = world.the(SetDeadline)
    world.arrive("c2", "185")
    play = world.the(SetDeadline)
    in_force = list(deadlines(world.state))
    assert in_force[:1] == [play]
    assert [deadline.key for deadline in in_force[1:]] == ["login", "offer"]
    assert in_force[2] == offer
