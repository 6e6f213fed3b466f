"""Browser legs and SIP phones of operators who are not in a conversation."""

from __future__ import annotations

import pytest

from acd_core.domain import devices
from acd_core.domain import events as ev
from acd_core.domain.commands import DropAudio, RequestRefused
from tests.domain.world import EDGE, PLAN, World


def test_audio_of_nobody_is_dropped() -> None:
    world = World()
    world.do(ev.AudioConnected(agent="eve", session="x", edge=EDGE, leg="l"))
    assert world.the(DropAudio).leg == "l"
    world.log_in("ann")
    world.do(ev.SessionClosed(agent="ann", session="ann-page"))
    world.do(ev.AudioConnected(agent="ann", session="ann-page", edge=EDGE, leg="l"))
    assert world.the(DropAudio).leg == "l"
    assert not world.agent("ann").leg


def test_a_ready_agent_without_audio_is_not_ready_and_comes_back_with_it() -> None:
    world = World()
    world.make_ready("ann")
    world.lose_audio("ann")
    assert world.who("ann") == "not_ready no_audio"
    world.connect_audio("ann", leg="again")
    assert world.who("ann") == "ready"


@pytest.mark.parametrize(("too_late_ms", "who"), [(0, "ready"), (1, "not_ready no_audio")])
def test_audio_back_after_the_grace_waits_for_the_operator(too_late_ms: int, who: str) -> None:
    world = World()
    world.make_ready("ann")
    world.lose_audio("ann")
    world.now_ms += PLAN.session_grace_ms - 10 + too_late_ms
    world.connect_audio("ann")
    assert world.who("ann") == who
    assert world.desk("ann").audio == "browser"


def test_audio_back_does_not_end_a_break() -> None:
    world = World()
    world.make_ready("ann")
    world.lose_audio("ann")
    world.ask(ev.NotReadyRequested, "ann", reason="break")
    world.connect_audio("ann")
    assert world.who("ann") == "not_ready break"


def test_page_and_audio_lost_and_back_within_the_grace() -> None:
    world = World()
    world.make_ready("ann")
    world.lose_page("ann")
    world.lose_audio("ann")
    world.log_in("ann", "second")
    world.connect_audio("ann", leg="second-leg")
    assert world.who("ann") == "ready"


def test_audio_lost_while_ringing_withdraws_the_offer() -> None:
    world = World()
    world.make_ready("ann", "bob")
    world.arrive("c1")
    world.lose_audio("ann")
    assert world.who("ann") == "not_ready no_audio"
    assert world.steps() == ["withdrawn", "offered"]
    assert world.agent("bob").call == "c1"


def test_audio_set_up_anew_while_ringing_is_what_is_joined() -> None:
    world = World()
    world.make_ready("ann")
    world.arrive("c1")
    world.connect_audio("ann", leg="second")
    world.accept("ann")
    assert world.call("c1").leg == "second"


def test_a_leg_that_is_no_longer_theirs_is_stale() -> None:
    world = World()
    world.make_ready("ann")
    world.do(ev.AudioLost(agent="ann", leg="old"))
    assert world.names() == ["StaleEvent"]
    world.do(ev.AudioLost(agent="eve", leg="old"))
    assert world.names() == ["StaleEvent"]


def test_phone_needs_to_exist_and_be_registered() -> None:
    world = World()
    world.log_in("cem")
    world.ask(ev.PhoneChosen, "cem")
    assert world.the(RequestRefused).reason == "no_phone"
    world.log_in("ann")
    world.ask(ev.PhoneChosen, "ann")
    assert world.the(RequestRefused).reason == "phone_not_registered"
    world.do(ev.PhoneRegistered(edge=EDGE, user="201"))
    assert world.desk("ann").phone_registered
    world.ask(ev.PhoneChosen, "ann")
    assert world.desk("ann").audio == "phone"


def test_a_phone_that_unregisters_makes_not_ready_and_comes_back() -> None:
    world = World()
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.do(ev.PhoneUnregistered(edge="edge2", user="201"))
    assert world.names() == ["StaleEvent"]
    world.do(ev.PhoneUnregistered(edge=EDGE, user="201"))
    assert world.who("ann") == "not_ready no_audio"
    world.do(ev.PhoneRegistered(edge=EDGE, user="201"))
    assert world.who("ann") == "ready"


def test_a_phone_that_unregisters_while_it_rings_may_still_answer() -> None:
    world = World()
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.arrive("c1")
    world.do(ev.PhoneUnregistered(edge=EDGE, user="201"))
    assert world.who("ann") == "ringing"
    world.hang_up("c1")
    assert world.who("ann") == "not_ready no_audio"


def test_registering_again_says_nothing_new() -> None:
    world = World()
    world.use_phone("ann")
    world.do(ev.PhoneRegistered(edge=EDGE, user="201"))
    assert not world.last


def test_back_to_the_browser() -> None:
    world = World()
    world.use_phone("ann")
    world.connect_audio("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.lose_audio("ann")
    assert world.who("ann") == "ready", "the phone is their audio"
    world.connect_audio("ann")
    world.ask(ev.PhoneChosen, "ann", use=False)
    assert world.who("ann") == "ready"
    assert world.desk("ann").audio == "browser"


def test_letting_go_of_the_only_audio() -> None:
    world = World()
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.ask(ev.PhoneChosen, "ann", use=False)
    assert world.who("ann") == "not_ready no_audio"


@pytest.mark.parametrize("state", ["ringing", "talking"])
def test_audio_is_not_exchanged_in_a_call(state: str) -> None:
    world = World()
    world.make_ready("ann")
    world.do(ev.PhoneRegistered(edge=EDGE, user="201"))
    world.arrive("c1")
    if state == "talking":
        world.accept("ann")
    world.ask(ev.PhoneChosen, "ann")
    assert world.the(RequestRefused).reason == "in_call"


def test_phones_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "AGENTS_MAX", 1)
    world = World()
    world.do(ev.PhoneRegistered(edge=EDGE, user="201"))
    world.do(ev.PhoneRegistered(edge=EDGE, user="202"))
    assert world.names() == ["StaleEvent"]
    world.do(ev.PhoneRegistered(edge="edge2", user="201"))
    assert world.state.phones == {"201": "edge2"}
