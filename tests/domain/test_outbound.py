"""Calls that begin with us: none does yet, and whoever asks is told so."""

from __future__ import annotations

from acd_core.domain import events as ev
from acd_core.domain.commands import RefuseCall, RequestRefused
from tests.domain.world import EDGE, World


def dialled(call: str) -> ev.PhoneDialled:
    return ev.PhoneDialled(
        edge=EDGE, call=call, user="201", dialled="03121234567", at_ms=1, number="+903121234567"
    )


def test_a_phone_that_dials_is_refused_and_nothing_is_kept_of_it() -> None:
    world = World()
    world.do(dialled("d1"))
    assert world.names() == ["RefuseCall", "EntityGone"]
    assert world.the(RefuseCall).status == 403
    assert not world.state.calls
    assert world.state.calls_arrived == 0


def test_a_call_that_is_known_cannot_be_dialled_again() -> None:
    world = World()
    world.arrive("c1")
    world.do(dialled("c1"))
    assert world.names() == ["StaleEvent"]
    assert "c1" in world.state.calls


def test_a_page_that_wants_to_dial_is_refused() -> None:
    world = World()
    world.make_ready("ann")
    world.ask(ev.DialRequested, "ann", number="0312 123 45 67")
    assert world.the(RequestRefused).reason == "no_dialling"
