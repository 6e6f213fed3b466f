"""Conversations: ended by either side, held while the operator is away, resumed or given back, recorded in parts."""

from __future__ import annotations

import pytest

from acd_core.domain import ending
from acd_core.domain import events as ev
from acd_core.domain.commands import (
    CallStory,
    DropAudio,
    EndCall,
    EndPhone,
    EntityGone,
    Join,
    Part,
    PlayMusic,
    RequestRefused,
    SetDeadline,
)
from tests.domain.world import EDGE, World


def recording(call: str, part: int) -> ev.RecordingFinished:
    return ev.RecordingFinished(
        call=call,
        part=part,
        agent="ann",
        path=f"2024/{call}-{part}.wav",
        started_at_ms=1,
        duration_ms=2,
        size_bytes=3,
        sha256="00",
    )


def test_the_caller_hangs_up_and_the_agent_wraps_up() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.hang_up("c1")
    assert not world.said(EndCall)
    assert world.the(CallStory).step == "ended"
    assert world.the(CallStory).agent == "ann"
    assert world.who("ann") == "wrap_up"
    assert world.the(SetDeadline).at_ms == world.now_ms + 60_000
    desk = world.desk("ann")
    assert desk.call is not None
    assert desk.call.ended_ms == world.now_ms
    assert [gone.id for gone in world.said(EntityGone)] == ["c1"]


def test_wrap_up_ends_by_deadline_or_by_the_operator() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.hang_up("c1")
    world.arrive("c2")
    world.deadline("agent", "ann", "wrap_up")
    assert world.agent("ann").call == "c2"
    world.accept("ann")
    world.hang_up("c2")
    world.ask(ev.WrapUpFinished, "ann")
    assert world.who("ann") == "ready"
    assert world.desk("ann").call is None


def test_ready_in_wrap_up_finishes_it_and_takes_back_a_break() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.ask(ev.NotReadyRequested, "ann", reason="lunch")
    assert world.desk("ann").next_reason == "lunch"
    world.hang_up("c1")
    world.ask(ev.ReadyRequested, "ann")
    assert world.who("ann") == "ready"


@pytest.mark.parametrize("when", ["talking", "wrap_up"])
def test_a_break_asked_for_begins_after_the_wrap_up(when: str) -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    if when == "talking":
        world.ask(ev.NotReadyRequested, "ann", reason="lunch")
    world.hang_up("c1")
    if when == "wrap_up":
        world.ask(ev.NotReadyRequested, "ann", reason="lunch")
    assert world.who("ann") == "wrap_up"
    world.deadline("agent", "ann", "wrap_up")
    assert world.who("ann") == "not_ready lunch"
    assert not world.desk("ann").next_reason


def test_ready_while_talking_takes_a_break_back() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.ask(ev.NotReadyRequested, "ann", reason="lunch")
    world.ask(ev.ReadyRequested, "ann")
    world.hang_up("c1")
    world.ask(ev.WrapUpFinished, "ann")
    assert world.who("ann") == "ready"


def test_the_operator_hangs_up() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.ask(ev.HangUpRequested, "ann")
    assert world.the(EndCall).cause == "agent_hung_up"
    assert not world.said(EndPhone)
    assert world.who("ann") == "wrap_up"


def test_hanging_up_another_call_is_refused() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.ask(ev.HangUpRequested, "ann", call="c0")
    assert world.the(RequestRefused).reason == "not_in_call"


def phone_talk() -> World:
    world = World()
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.arrive("c1")
    world.do(ev.PhoneAnswered(agent="ann", call="c1", offer=1))
    return world


def test_both_legs_end_when_the_page_hangs_up_a_phone_conversation() -> None:
    world = phone_talk()
    world.ask(ev.HangUpRequested, "ann")
    assert world.the(EndPhone).offer == 1
    assert world.the(EndCall).call == "c1"


def test_the_phone_hangs_up() -> None:
    world = phone_talk()
    world.do(ev.PhoneHungUp(agent="ann", call="c9"))
    assert world.names() == ["StaleEvent"]
    world.do(ev.PhoneHungUp(agent="ann", call="c1"))
    assert not world.said(EndPhone)
    assert world.the(EndCall).cause == "agent_hung_up"


def test_the_caller_hangs_up_on_a_phone() -> None:
    world = phone_talk()
    world.hang_up("c1")
    assert world.the(EndPhone).agent == "ann"
    world.do(ev.PhoneHungUp(agent="ann", call="c1"))
    assert world.names() == ["StaleEvent"]


def test_a_phone_that_unregisters_keeps_its_conversation() -> None:
    world = phone_talk()
    world.do(ev.PhoneUnregistered(edge=EDGE, user="201"))
    assert world.call("c1").state == "talking"
    world.hang_up("c1")
    world.ask(ev.WrapUpFinished, "ann")
    assert world.who("ann") == "not_ready no_audio"


def test_lost_audio_holds_the_call_and_coming_back_resumes_it() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.lose_audio("ann")
    assert world.the(Part).part == 1
    assert [prompt.id for prompt in world.the(PlayMusic).announce] == ["lost"]
    assert world.the(SetDeadline).at_ms == world.now_ms + 20_000
    assert world.call("c1").state == "held"
    desk = world.desk("ann")
    assert desk.state == "talking"
    assert desk.call is not None
    assert not desk.call.on_air
    world.connect_audio("ann", leg="new")
    join = world.the(Join)
    assert (join.part, join.leg) == (2, "new")
    assert world.steps() == ["resumed"]
    desk = world.desk("ann")
    assert desk.call is not None
    assert desk.call.on_air


def test_after_the_grace_the_call_is_first_in_line_again() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.arrive("c2")
    world.lose_audio("ann")
    world.deadline("call", "c1", "held")
    assert world.steps() == ["requeued"]
    assert world.who("ann") == "not_ready no_audio"
    world.make_ready("bob")
    assert world.agent("bob").call == "c1"
    world.accept("bob")
    assert world.the(Join).part == 2
    assert world.state.queues["water"].day.answered == 1, "one call, answered once"
    assert not world.said(DropAudio)


def test_a_requeued_caller_who_hangs_up_was_answered_all_the_same() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.lose_audio("ann")
    world.deadline("call", "c1", "held")
    world.hang_up("c1")
    assert world.state.queues["water"].day.abandoned == 0


def test_after_the_grace_an_agent_without_a_page_is_logged_out() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.lose_page("ann")
    world.lose_audio("ann")
    world.deadline("call", "c1", "held")
    assert world.who("ann") == "logged_out"
    assert world.call("c1").state == "waiting"


def test_a_break_asked_for_outweighs_the_lost_audio() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.ask(ev.NotReadyRequested, "ann", reason="lunch")
    world.lose_audio("ann")
    world.deadline("call", "c1", "held")
    assert world.who("ann") == "not_ready lunch"


def test_the_caller_hangs_up_while_held() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.lose_audio("ann")
    world.hang_up("c1")
    assert world.who("ann") == "wrap_up"
    world.ask(ev.ReadyRequested, "ann")
    assert world.the(RequestRefused).reason == "no_audio"
    world.ask(ev.WrapUpFinished, "ann")
    assert world.who("ann") == "not_ready no_audio"


def test_the_operator_may_hang_up_a_held_call() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.lose_audio("ann")
    world.ask(ev.HangUpRequested, "ann")
    assert world.the(EndCall).call == "c1"


def test_audio_set_up_anew_in_mid_call_is_joined_at_once() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.connect_audio("ann", leg="second")
    assert world.names()[:4] == ["DropAudio", "Part", "Join", "CallStory"]
    assert world.the(Join).leg == "second"
    world.do(ev.AudioLost(agent="ann", leg="ann-leg"))
    assert world.names() == ["StaleEvent"]
    assert world.call("c1").state == "talking"


def test_recordings_are_told_also_after_the_end_and_once() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.lose_audio("ann")
    world.do(recording("c1", 1))
    assert world.the(CallStory).detail == "1 2024/c1-1.wav"
    world.do(recording("c1", 1))
    assert world.names() == ["StaleEvent"]
    world.connect_audio("ann")
    world.hang_up("c1")
    world.do(recording("c1", 1))
    assert world.names() == ["StaleEvent"]
    world.do(recording("c1", 2))
    assert world.the(CallStory).step == "recorded"
    assert not world.state.ended
    world.do(recording("c1", 2))
    assert world.names() == ["StaleEvent"]
    world.do(recording("never", 1))
    assert world.names() == ["StaleEvent"]


def test_the_oldest_awaited_recordings_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "ENDED_CALLS_MAX", 2)
    world = World()
    world.make_ready("ann")
    for number in range(3):
        world.talk(f"c{number}", "ann")
        world.hang_up(f"c{number}")
        world.ask(ev.WrapUpFinished, "ann")
    assert list(world.state.ended) == ["c1", "c2"]


def test_a_call_id_that_awaits_recordings_does_not_arrive_again() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.hang_up("c1")
    world.arrive("c1")
    assert world.names() == ["StaleEvent"]
