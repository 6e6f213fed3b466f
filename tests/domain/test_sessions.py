"""Operators' pages: log-in, reconnection, take-over, loss and grace, log-out."""

from __future__ import annotations

import pytest

from acd_core.domain import events as ev
from acd_core.domain.commands import (
    DeskView,
    DropAudio,
    EntityGone,
    Join,
    Part,
    RequestRefused,
    SessionReplaced,
    SetDeadline,
)
from tests.domain.world import PLAN, WEB, World


def test_log_in_is_not_ready_and_shows_the_desk() -> None:
    world = World()
    world.log_in("ann")
    assert world.who("ann") == "not_ready logged_in"
    view = world.the(DeskView)
    assert (view.web, view.session, view.audio, view.phone) == (WEB, "ann-page", "none", "201")
    assert not view.phone_registered


def test_an_unknown_agent_is_refused() -> None:
    world = World()
    world.log_in("eve", "eve-page")
    refused = world.the(RequestRefused)
    assert (refused.web, refused.session, refused.reason) == (WEB, "eve-page", "unknown_agent")
    assert not world.state.agents


def test_nobody_logs_in_before_there_is_a_plan() -> None:
    world = World(plan=None)
    world.log_in("ann")
    assert world.the(RequestRefused).reason == "no_plan"


def test_revisions_grow() -> None:
    world = World()
    world.make_ready("ann")
    revisions = [
        command.revision
        for _, _, commands in world.history
        for command in commands
        if isinstance(command, DeskView)
    ]
    assert revisions == sorted(set(revisions))


def test_a_page_that_reconnects_is_shown_its_desk_and_nothing_else() -> None:
    world = World()
    world.make_ready("ann")
    world.lose_page("ann")
    world.log_in("ann", web="web2")
    assert world.names() == ["ClearDeadline", "DeskView"]
    assert world.the(DeskView).web == "web2"
    world.log_in("ann", web="web2")
    assert world.names() == ["DeskView"]


def test_a_ready_agent_whose_page_blinks_is_offered_nothing_meanwhile() -> None:
    world = World()
    world.make_ready("ann")
    since_ms = world.agent("ann").idle_since_ms
    world.lose_page("ann")
    assert world.who("ann") == "ready"
    assert world.the(SetDeadline).at_ms == world.now_ms + PLAN.session_grace_ms
    world.arrive("c1")
    assert world.call("c1").state == "waiting"
    world.log_in("ann")
    assert world.agent("ann").call == "c1"
    assert world.agent("ann").idle_since_ms == since_ms


@pytest.mark.parametrize("state", ["ready", "not_ready", "wrap_up"])
def test_after_the_grace_the_agent_is_logged_out(state: str) -> None:
    world = World()
    if state == "not_ready":
        world.log_in("ann")
        world.connect_audio("ann")
    else:
        world.make_ready("ann")
    if state == "wrap_up":
        world.talk("c1", "ann")
        world.hang_up("c1")
    assert world.agent("ann").state == state
    world.lose_page("ann")
    world.deadline("agent", "ann", "session")
    assert world.who("ann") == "logged_out"
    assert world.the(DropAudio).leg == "ann-leg"
    assert not world.said(DeskView)
    assert world.the(EntityGone).id == "ann"


def test_a_page_lost_while_ringing_withdraws_the_offer() -> None:
    world = World()
    world.make_ready("ann", "bob")
    world.arrive("c1")
    world.lose_page("ann")
    assert world.who("ann") == "ringing", "the page may be back in a moment"
    world.deadline("agent", "ann", "vanish")
    assert world.who("ann") == "not_ready page_lost"
    assert world.steps() == ["withdrawn", "offered"]
    assert world.agent("bob").call == "c1"
    world.deadline("agent", "ann", "session")
    assert world.who("ann") == "logged_out"


def test_a_conversation_goes_on_without_the_page() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.lose_page("ann")
    assert world.call("c1").state == "talking"
    world.deadline("agent", "ann", "session")
    assert world.call("c1").state == "talking"
    assert world.who("ann") == "talking"
    world.hang_up("c1")
    assert world.who("ann") == "logged_out", "the log-out was only waiting for the end"


def test_a_page_back_after_the_grace_finds_its_conversation() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.lose_page("ann")
    world.deadline("agent", "ann", "session")
    world.log_in("ann")
    assert world.the(DeskView).state == "talking"
    world.hang_up("c1")
    assert world.who("ann") == "wrap_up"


def test_a_conversation_that_ends_within_the_grace_is_wrapped_up() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.lose_page("ann")
    world.hang_up("c1")
    assert world.who("ann") == "wrap_up"
    world.log_in("ann")
    assert world.the(DeskView).state == "wrap_up"


def test_wrap_up_that_ends_while_the_page_is_away() -> None:
    plan = World()
    plan.make_ready("ann")
    plan.talk("c1", "ann")
    plan.hang_up("c1")
    plan.do(ev.SessionLost(agent="ann", session="ann-page"), 45_000)
    plan.deadline("agent", "ann", "wrap_up")
    assert plan.who("ann") == "ready"
    plan.arrive("c2")
    assert plan.call("c2").state == "waiting"
    plan.deadline("agent", "ann", "session")
    assert plan.who("ann") == "logged_out"


def test_another_page_takes_over() -> None:
    world = World()
    world.make_ready("ann")
    world.log_in("ann", "second", "web2")
    replaced = world.the(SessionReplaced)
    assert (replaced.web, replaced.session) == (WEB, "ann-page")
    assert world.the(DropAudio).leg == "ann-leg"
    assert world.the(DeskView).session == "second"
    assert world.who("ann") == "not_ready no_audio"
    world.connect_audio("ann", leg="second-leg")
    assert world.who("ann") == "ready", "they asked for calls and did not take that back"


def test_the_page_that_lost_is_told_so_when_it_asks() -> None:
    world = World()
    world.log_in("ann")
    world.log_in("ann", "second", "web2")
    world.ask(ev.ReadyRequested, "ann", session="ann-page")
    refused = world.the(RequestRefused)
    assert (refused.web, refused.session, refused.reason) == (WEB, "ann-page", "not_your_session")
    world.do(ev.SessionLost(agent="ann", session="ann-page"))
    assert world.names() == ["StaleEvent"]
    world.ask(ev.ReadyRequested, "ann", session="ann-page")
    assert world.names() == ["StaleEvent"]


def test_a_take_over_in_mid_call_holds_it_until_the_new_page_has_audio() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.log_in("ann", "second")
    assert world.the(Part).part == 1
    assert world.call("c1").state == "held"
    world.do(ev.AudioConnected(agent="ann", session="ann-page", edge="edge1", leg="late"))
    assert world.the(DropAudio).leg == "late", "the old page's audio does not count"
    world.connect_audio("ann", leg="second-leg")
    assert world.the(Join).part == 2


def test_a_take_over_while_ringing_withdraws_the_offer() -> None:
    world = World()
    world.make_ready("ann", "bob")
    world.arrive("c1")
    world.log_in("ann", "second")
    assert world.who("ann") == "not_ready no_audio"
    assert world.agent("bob").call == "c1"


def test_a_take_over_leaves_a_phone_alone() -> None:
    world = World()
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.arrive("c1")
    world.log_in("ann", "second")
    assert world.the(DeskView).offer is not None
    world.do(ev.PhoneAnswered(agent="ann", call="c1", offer=1))
    assert world.call("c1").state == "talking"


def test_another_page_after_the_first_was_lost_brings_its_own_audio() -> None:
    world = World()
    world.make_ready("ann")
    world.lose_page("ann")
    world.log_in("ann", "second")
    assert not world.said(SessionReplaced)
    assert world.the(DropAudio).leg == "ann-leg"


def test_log_out() -> None:
    world = World()
    world.make_ready("ann")
    world.do(ev.SessionClosed(agent="ann", session="ann-page"))
    assert world.who("ann") == "logged_out"
    assert world.the(DropAudio).leg == "ann-leg"
    assert world.the(DeskView).state == "logged_out"
    assert world.names()[-1] == "EntityGone"
    world.do(ev.SessionClosed(agent="ann", session="ann-page"))
    assert world.names() == ["StaleEvent"]
    world.ask(ev.ReadyRequested, "ann")
    assert world.names() == ["StaleEvent"]
    world.make_ready("ann")


def test_log_out_while_ringing_withdraws_the_offer() -> None:
    world = World()
    world.make_ready("ann", "bob")
    world.arrive("c1")
    world.do(ev.SessionClosed(agent="ann", session="ann-page"))
    assert world.who("ann") == "logged_out"
    assert world.agent("bob").call == "c1"


def test_there_is_no_log_out_out_of_a_conversation() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.do(ev.SessionClosed(agent="ann", session="ann-page"))
    assert world.the(DeskView).state == "talking"
    assert world.call("c1").state == "talking"
    assert not world.agent("ann").online
    world.hang_up("c1")
    assert world.who("ann") == "wrap_up"
    world.deadline("agent", "ann", "session")
    assert world.who("ann") == "logged_out"


@pytest.mark.parametrize("kind", [ev.SessionLost, ev.SessionClosed])
def test_another_session_is_stale(kind: type[ev.SessionLost | ev.SessionClosed]) -> None:
    world = World()
    world.make_ready("ann")
    world.do(kind(agent="ann", session="other"))
    assert world.names() == ["StaleEvent"]
    assert world.agent("ann").online


def test_requests_of_nobody_are_stale() -> None:
    world = World()
    world.do(ev.ReadyRequested(agent="eve", session="x", request="r"))
    assert world.names() == ["StaleEvent"]


def test_not_ready_reasons_are_the_plans() -> None:
    world = World()
    world.make_ready("ann")
    world.ask(ev.NotReadyRequested, "ann", reason="nap")
    assert world.the(RequestRefused).reason == "bad_reason"
    world.ask(ev.NotReadyRequested, "ann", reason="lunch")
    assert world.who("ann") == "not_ready lunch"
    world.ask(ev.NotReadyRequested, "ann", reason="training")
    assert world.who("ann") == "not_ready training"


def test_no_ready_without_audio() -> None:
    world = World()
    world.log_in("ann")
    world.ask(ev.ReadyRequested, "ann")
    assert world.the(RequestRefused).reason == "no_audio"
    assert world.who("ann") == "not_ready logged_in"


def test_ready_twice_is_ready() -> None:
    world = World()
    world.make_ready("ann")
    since_ms = world.agent("ann").idle_since_ms
    world.ask(ev.ReadyRequested, "ann")
    assert world.names() == ["DeskView"]
    assert world.agent("ann").idle_since_ms == since_ms
