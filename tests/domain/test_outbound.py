"""Calls that operators dial: reserved, dialled, answered or not, and back to what they were at."""

from __future__ import annotations

import msgspec
import pytest

from acd_core.domain import events as ev
from acd_core.domain.commands import (
    AnswerCaller,
    CallStory,
    DialOut,
    EndCall,
    EndPhone,
    Join,
    PlayMusic,
    RefuseCall,
    RequestRefused,
    SendKeys,
)
from acd_core.domain.plan import Caller, Outbound
from tests.domain.world import EDGE, PLAN, World

NUMBER = "+903121234567"


def answered(world: World, call: str) -> None:
    world.do(ev.DialAnswered(call=call, trunk="carrier"))


def failed(world: World, call: str, status: int = 486) -> None:
    world.do(ev.DialFailed(call=call, status=status, cause="Busy Here", trunk="carrier"))


# --- who dials, and what is dialled ---


def test_who_dials_is_in_this_call_from_then_on() -> None:
    world = World()
    world.make_ready("ann")
    call = world.dial("ann")
    dial = world.the(DialOut)
    assert (dial.number, dial.agent, dial.leg, dial.user) == (NUMBER, "ann", "ann-leg", "")
    assert (dial.trunks, dial.caller) == (("carrier",), "185")
    assert world.steps() == ["dialled"]
    assert world.who("ann") == "talking"
    assert world.call(call).state == "dialling"
    desk = world.desk("ann").call
    assert desk is not None
    assert (desk.caller, desk.outbound, desk.dialling, desk.answered_ms) == (NUMBER, True, "dialled", 0)
    # Nobody else's call comes to them.
    world.arrive("c1")
    assert world.call("c1").state == "waiting"


def test_ids_of_dialled_calls_tell_when_and_differ() -> None:
    world = World()
    world.make_ready("ann", "bob")
    first, second = world.dial("ann"), world.dial("bob")
    kind, at, _ = first.split("-")
    assert (kind, int(at, 36)) == ("c", world.call(first).arrived_ms)
    assert first != second


def test_the_number_to_show_and_the_name_come_from_the_plan() -> None:
    caller = Caller(name="Mayor", numbers=(NUMBER,), vip=True)
    plan = msgspec.structs.replace(PLAN, outbound=Outbound(number="02121850000"), callers={"m": caller})
    world = World(plan)
    world.make_ready("ann")
    call = world.dial("ann")
    assert world.the(DialOut).caller == "02121850000"
    assert (world.call(call).caller_name, world.call(call).vip) == ("Mayor", True)


def test_a_phone_of_the_operator_is_rung_first() -> None:
    world = World()
    world.use_phone("ann")
    call = world.dial("ann")
    assert (world.the(DialOut).user, world.the(DialOut).leg) == ("201", "")
    answered(world, call)
    assert world.the(Join).leg == ""
    world.ask(ev.HangUpRequested, "ann")
    assert world.names()[:2] == ["EndPhone", "AgentStory"]


@pytest.mark.parametrize("barred", ["barred_premium", "no_dial_rule"])
def test_a_barred_number_is_refused_with_its_reason(barred: str) -> None:
    world = World()
    world.make_ready("ann")
    world.ask(ev.DialRequested, "ann", number="0900 900 90 90", barred=barred)
    assert world.the(RequestRefused).reason == barred
    assert world.who("ann") == "ready"
    assert world.state.calls_arrived == 0


def test_what_was_not_judged_is_not_dialled() -> None:
    world = World()
    world.make_ready("ann")
    world.ask(ev.DialRequested, "ann", number="0312 123 45 67")
    assert world.the(RequestRefused).reason == "not_a_number"


def test_nobody_dials_without_audio_or_at_an_edge_that_is_away() -> None:
    world = World()
    world.log_in("ann")
    world.dial("ann")
    assert world.the(RequestRefused).reason == "no_audio"
    world.connect_audio("ann")
    world.do(ev.EdgeDown(edge=EDGE))
    world.dial("ann")
    assert world.the(RequestRefused).reason == "no_edge"


def test_nobody_dials_beside_a_call() -> None:
    world = World()
    world.make_ready("ann")
    world.arrive("c1")
    world.ask(ev.DialRequested, "ann", number=NUMBER, to=NUMBER)
    assert world.the(RequestRefused).reason == "in_call"
    world.accept("ann")
    world.ask(ev.DialRequested, "ann", number=NUMBER, to=NUMBER)
    assert world.the(RequestRefused).reason == "in_call"


def test_a_full_core_dials_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acd_core.domain.outbound.CALLS_LIVE_MAX", 0)
    world = World()
    world.make_ready("ann")
    world.dial("ann")
    assert world.the(RequestRefused).reason == "full"
    world.use_phone("bob")
    world.dial_at_phone("202", "d1")
    assert (world.the(RefuseCall).status, world.the(RefuseCall).retry_after_s) == (503, 10)


# --- answered ---


def test_an_answered_call_is_a_conversation_like_any_other() -> None:
    world = World()
    world.make_ready("ann")
    call = world.dial("ann")
    world.do(ev.DialProgress(call=call, status=180))
    assert world.steps() == ["rings"]
    assert world.desk("ann").call.dialling == "rings"  # type: ignore[union-attr]
    world.do(ev.DialProgress(call=call, status=183))
    assert world.desk("ann").call.dialling == "heard"  # type: ignore[union-attr]
    world.do(ev.DialProgress(call=call, status=183))
    assert world.names() == ["StaleEvent"]
    answered(world, call)
    join = world.the(Join)
    assert (join.agent, join.part, join.leg) == ("ann", 1, "ann-leg")
    assert world.the(CallStory).detail == "carrier"
    assert world.call(call).unrecorded == (1,)
    desk = world.desk("ann").call
    assert desk is not None
    assert (desk.dialling, desk.answered_ms) == ("", world.now_ms)
    world.now_ms += 60_000
    world.hang_up(call)
    assert world.who("ann") == "wrap_up"
    counters = world.state.dialled["ann"]
    assert (counters.dialled, counters.answered, counters.talk_ms) == (1, 1, 60_010)
    world.ask(ev.WrapUpExtended, "ann")
    assert world.agent("ann").deadlines["wrap_up"].at_ms == world.agent("ann").since_ms + 120_000
    world.ask(ev.WrapUpFinished, "ann")
    assert world.who("ann") == "ready"
    assert counters.wrap_up_ms == 20
    # No queue had it, and no strategy counts it.
    assert all(queue.day.answered == queue.day.handled == 0 for queue in world.state.queues.values())
    assert world.agent("ann").calls == 0


def test_the_recording_may_be_reported_after_the_end() -> None:
    world = World()
    world.make_ready("ann")
    call = world.dial("ann")
    answered(world, call)
    world.hang_up(call)
    assert call in world.state.ended
    fields = {"agent": "ann", "path": "x.wav", "started_at_ms": 1, "duration_ms": 1, "size_bytes": 1}
    world.do(ev.RecordingFinished(call=call, part=1, sha256="", **fields))  # type: ignore[arg-type]
    assert world.the(CallStory).detail == "1 x.wav"
    assert call not in world.state.ended


def test_who_called_before_speaks_with_who_called_them_back() -> None:
    world = World()
    world.make_ready("ann")
    world.arrive("c1", number=NUMBER)
    world.hang_up("c1")
    call = world.dial("ann")
    answered(world, call)
    world.hang_up(call)
    assert world.state.contacts[NUMBER].agent == "ann"


def test_the_counts_begin_anew_with_the_day() -> None:
    world = World()
    world.make_ready("ann")
    failed(world, world.dial("ann"))
    assert world.state.dialled["ann"].dialled == 1
    world.now_ms += 24 * 3_600_000
    world.lose_audio("ann")
    assert world.state.dialled == {}


# --- not answered: back to what they were at ---


def test_back_to_ready_idle_since_before() -> None:
    world = World()
    world.make_ready("ann")
    idle_since_ms = world.agent("ann").idle_since_ms
    failed(world, world.dial("ann"))
    assert world.who("ann") == "ready"
    assert world.agent("ann").idle_since_ms == idle_since_ms
    assert (world.the(RequestRefused).request, world.the(RequestRefused).reason) == ("r1", "number_busy")
    assert not world.said(EndCall)  # the edge knows
    assert world.state.calls_ended == world.state.calls_arrived == 1


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (404, "no_such_number"),
        (408, "no_reply"),
        (486, "number_busy"),
        (603, "call_rejected"),
        (503, "no_trunk"),
    ],
)
def test_why_nobody_was_reached(status: int, cause: str) -> None:
    world = World()
    world.make_ready("ann")
    failed(world, world.dial("ann"), status)
    (ended,) = [story for story in world.said(CallStory) if story.step == "ended"]
    assert ended.detail == cause


def test_what_the_edge_itself_would_not_dial_is_told_in_its_words() -> None:
    world = World()
    world.make_ready("ann")
    world.do(ev.DialFailed(call=world.dial("ann"), status=403, cause="barred_premium"))
    assert world.the(RequestRefused).reason == "barred_premium"
    world.do(ev.DialFailed(call=world.dial("ann"), status=503, cause=""))
    assert world.the(RequestRefused).reason == "no_trunk"


def test_back_to_the_break_and_after_a_conversation_too() -> None:
    world = World()
    world.make_ready("ann")
    world.ask(ev.NotReadyRequested, "ann", reason="back_office")
    call = world.dial("ann")
    assert world.desk("ann").next_reason == "back_office"
    failed(world, call)
    assert world.who("ann") == "not_ready back_office"
    call = world.dial("ann")
    answered(world, call)
    world.hang_up(call)
    world.ask(ev.WrapUpFinished, "ann")
    assert world.who("ann") == "not_ready back_office"


def test_ready_after_all_while_it_rings() -> None:
    world = World()
    world.log_in("ann")
    world.connect_audio("ann")
    call = world.dial("ann")
    world.ask(ev.ReadyRequested, "ann")
    failed(world, call)
    assert world.who("ann") == "ready"


def test_back_to_the_wrap_up_with_what_was_left_of_it() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.hang_up("c1")
    world.now_ms += 20_000
    call = world.dial("ann")
    world.now_ms += 30_000
    failed(world, call)
    assert world.who("ann") == "wrap_up"
    desk = world.desk("ann")
    assert desk.call is not None
    assert desk.call.call == "c1"
    assert desk.deadline_ms == world.now_ms + 60_000 - 20_010
    world.ask(ev.WrapUpFinished, "ann")
    day = world.state.queues["water"].day
    assert (day.wrapped_up, world.state.dialled["ann"].wrap_up_ms) == (1, 0)


def test_a_wrap_up_ends_with_the_answer_and_lasted_until_they_dialled() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.hang_up("c1")
    world.now_ms += 20_000
    call = world.dial("ann")
    world.now_ms += 30_000
    answered(world, call)
    day = world.state.queues["water"].day
    assert (day.wrapped_up, day.wrap_up_ms) == (1, 20_010)
    world.hang_up(call)
    assert world.desk("ann").call.call == call  # type: ignore[union-attr]


def test_nobody_answers_in_time() -> None:
    world = World()
    world.make_ready("ann")
    call = world.dial("ann")
    world.deadline("call", call, "dial")
    assert world.the(EndCall).cause == "no_reply"
    assert world.the(RequestRefused).reason == "no_reply"
    assert world.who("ann") == "ready"


def test_hanging_up_takes_it_back() -> None:
    world = World()
    world.make_ready("ann")
    world.dial("ann")
    world.ask(ev.HangUpRequested, "ann")
    assert world.the(EndCall).cause == "dial_cancelled"
    assert not world.said(RequestRefused)
    assert world.who("ann") == "ready"


def test_the_other_side_answers_as_it_is_taken_back() -> None:
    world = World()
    world.make_ready("ann")
    call = world.dial("ann")
    world.ask(ev.HangUpRequested, "ann")
    answered(world, call)
    assert world.names() == ["StaleEvent"]


# --- what goes wrong meanwhile ---


def test_audio_that_goes_away_ends_it() -> None:
    world = World()
    world.make_ready("ann")
    world.dial("ann")
    world.lose_audio("ann")
    assert world.the(EndCall).cause == "no_audio"
    assert world.who("ann") == "not_ready no_audio"
    world.connect_audio("ann")
    assert world.who("ann") == "ready"


def test_audio_that_is_new_or_moves_to_another_edge_is_joined_in_the_end() -> None:
    for leg, edge in (("new", EDGE), ("far", "edge2")):
        world = World()
        world.do(ev.EdgeInventory(edge="edge2", instance="x"))
        world.make_ready("ann")
        call = world.dial("ann")
        world.connect_audio("ann", leg=leg, edge=edge)
        assert world.call(call).state == "dialling"
        answered(world, call)
        assert (world.the(Join).edge, world.the(Join).leg, world.the(Join).at) == (EDGE, leg, edge)


def test_a_phone_that_can_not_be_rung_ends_it() -> None:
    world = World()
    world.use_phone("ann")
    call = world.dial("ann")
    offer = world.agent("ann").offer
    world.do(ev.PhoneFailed(agent="ann", call=call, offer=offer - 1, status=480))
    assert world.names() == ["StaleEvent"]
    world.do(ev.PhoneFailed(agent="ann", call=call, offer=offer, status=480))
    assert world.the(EndCall).cause == "phone_unreachable"
    assert not world.said(EndPhone)
    assert world.who("ann") == "not_ready logged_in"


def test_a_phone_of_a_conversation_fails_no_more() -> None:
    world = World()
    world.use_phone("ann")
    call = world.dial("ann")
    answered(world, call)
    world.do(ev.PhoneFailed(agent="ann", call=call, offer=world.agent("ann").offer, status=480))
    assert world.names() == ["StaleEvent"]


def test_a_page_that_goes_away_leaves_the_call_and_its_end_logs_out() -> None:
    world = World()
    world.use_phone("ann")
    call = world.dial("ann")
    world.lose_page("ann")
    world.deadline("agent", "ann", "session")
    assert world.call(call).state == "dialling"
    failed(world, call)
    assert world.who("ann") == "logged_out"
    assert not world.said(RequestRefused)


def test_who_is_taken_off_the_roster_is_logged_out_after_it() -> None:
    world = World()
    world.make_ready("ann")
    call = world.dial("ann")
    roster = world.state.roster
    assert roster is not None
    others = {id_: entry for id_, entry in roster.agents.items() if id_ != "ann"}
    world.do(ev.RosterChanged(version=2, roster=msgspec.structs.replace(roster, agents=others)))
    assert world.call(call).state == "dialling"
    failed(world, call)
    assert world.who("ann") == "logged_out"


def test_who_is_on_shift_for_too_long_is_logged_out_after_it() -> None:
    world = World()
    world.make_ready("ann")
    call = world.dial("ann")
    world.deadline("agent", "ann", "login")
    failed(world, call)
    assert world.who("ann") == "logged_out login_over"


def test_a_hold_of_a_dialled_call_ends_with_the_call() -> None:
    world = World(msgspec.structs.replace(PLAN, outbound=Outbound(music="music", operator_lost=("lost",))))
    world.make_ready("ann")
    call = world.dial("ann")
    answered(world, call)
    world.lose_audio("ann")
    assert world.call(call).state == "held"
    assert [prompt.id for prompt in world.the(PlayMusic).announce] == ["lost"]
    world.connect_audio("ann")
    assert world.call(call).state == "talking"
    world.lose_audio("ann")
    world.deadline("call", call, "held")
    assert world.the(EndCall).cause == "no_audio"
    assert world.who("ann") == "wrap_up"


def test_without_music_in_the_plan_a_hold_is_silent() -> None:
    world = World()
    world.make_ready("ann")
    call = world.dial("ann")
    answered(world, call)
    world.lose_audio("ann")
    assert world.call(call).state == "held"
    assert not world.said(PlayMusic)


# --- processes ---


def inventory(world: World, instance: str = "e1", **held: bool) -> None:
    calls = tuple(ev.HeldCall(call=call.id, **held) for call in world.state.calls.values() if held)
    legs = tuple(ev.BrowserLeg(agent=a.id, leg=a.leg) for a in world.state.agents.values() if a.leg)
    world.do(ev.EdgeInventory(edge=EDGE, instance=instance, calls=calls, browser_legs=legs))


def test_a_link_that_blinks_leaves_what_is_dialled() -> None:
    world = World()
    world.make_ready("ann")
    call = world.dial("ann")
    world.do(ev.EdgeDown(edge=EDGE))
    inventory(world, dialling=True)
    assert world.call(call).state == "dialling"
    assert not world.said(EndCall)
    # What the same process does not have yet it is about to hear.
    inventory(world)
    assert world.call(call).state == "dialling"
    answered(world, call)
    assert world.call(call).state == "talking"


def test_a_new_edge_process_has_nothing_dialled_and_is_told_not_to() -> None:
    world = World()
    world.make_ready("ann")
    world.dial("ann")
    world.do(ev.EdgeInventory(edge=EDGE, instance="e2"))
    assert world.the(EndCall).cause == "lost_at_edge"
    assert world.who("ann") == "not_ready no_audio"


def test_an_edge_that_stays_away_ends_it() -> None:
    world = World()
    world.use_phone("ann")
    call = world.dial("ann")
    world.do(ev.EdgeDown(edge=EDGE))
    world.deadline("edge", EDGE, "grace")
    assert call not in world.state.calls
    assert world.the(EndCall).cause == "edge_lost"


def test_an_answer_that_nobody_told_of_is_seen_in_the_inventory() -> None:
    world = World()
    world.make_ready("ann")
    call = world.dial("ann")
    inventory(world, answered=True)
    assert world.call(call).state == "talking"
    assert world.the(Join).part == 1


def test_who_was_called_is_not_answered_as_a_caller_is() -> None:
    """Whatever an edge that has lost its mind says of a conversation."""
    world = World()
    world.make_ready("ann")
    call = world.dial("ann")
    answered(world, call)
    inventory(world, dialling=True)
    assert world.call(call).state == "talking"
    assert not world.said(AnswerCaller)
    assert world.the(Join).part == 1


def test_a_restart_while_it_rings_changes_nothing() -> None:
    world = World()
    world.make_ready("ann")
    call = world.dial("ann")
    before = world.call(call).deadlines["dial"].at_ms
    world.restart()
    world.do(ev.CoreStarted(code_version="2"), 5_000)
    assert world.call(call).deadlines["dial"].at_ms == before + 5_000
    inventory(world, dialling=True)
    answered(world, call)
    assert world.call(call).state == "talking"


# --- phones that call out ---


def test_a_phone_of_an_operator_who_works_with_it_calls_out() -> None:
    world = World()
    world.use_phone("ann")
    world.dial_at_phone("201", "d1")
    dial = world.the(DialOut)
    assert (dial.call, dial.number, dial.user, dial.leg, dial.offer) == ("d1", NUMBER, "", "", 1)
    answered(world, "d1")
    world.do(ev.PhoneHungUp(agent="ann", call="d1"))
    assert world.the(EndCall).cause == "agent_hung_up"
    assert world.who("ann") == "wrap_up"


def test_the_phone_is_put_down_before_anybody_answers() -> None:
    world = World()
    world.use_phone("ann")
    world.dial_at_phone("201", "d1")
    world.do(ev.PhoneHungUp(agent="ann", call="d1"))
    assert world.the(EndCall).cause == "dial_cancelled"
    assert not world.said(EndPhone)
    assert world.who("ann") == "not_ready logged_in"


def test_no_phone_calls_out_whose_operator_does_not_work_with_it() -> None:
    world = World()
    world.dial_at_phone("201", "d1")
    assert (world.the(RefuseCall).status, world.the(RefuseCall).reason) == (403, "phone_not_in_use")
    world.dial_at_phone("999", "d2")
    assert world.the(RefuseCall).status == 403
    world.make_ready("ann")  # with the browser
    world.dial_at_phone("201", "d3")
    assert world.the(RefuseCall).status == 403
    assert world.the(RequestRefused).reason == "phone_not_in_use"
    assert world.steps() == ["dialled", "refused"]
    assert world.state.calls_arrived == world.state.calls_ended == world.state.calls_refused == 3
    assert not world.state.dialled


def test_a_phone_is_barred_and_its_page_says_why() -> None:
    world = World()
    world.use_phone("ann")
    world.dial_at_phone("201", "d1", to="", barred="barred_premium")
    assert (world.the(RefuseCall).status, world.the(RefuseCall).reason) == (403, "barred_premium")
    assert world.the(RequestRefused).reason == "barred_premium"


def test_a_phone_in_a_call_makes_no_second_one() -> None:
    world = World()
    world.use_phone("ann")
    world.dial_at_phone("201", "d1")
    world.dial_at_phone("201", "d2")
    assert (world.the(RefuseCall).status, world.the(RefuseCall).reason) == (486, "in_call")


def test_a_call_that_is_known_cannot_be_dialled_again() -> None:
    world = World()
    world.use_phone("ann")
    world.arrive("c1")
    world.dial_at_phone("201", "c1")
    assert world.names() == ["StaleEvent"]
    assert not world.call("c1").outbound


# --- keys for the other end ---


def test_keys_go_to_whom_one_talks_to_whoever_called() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.ask(ev.KeysRequested, "ann", keys="1*#D")
    keys = world.the(SendKeys)
    assert (keys.edge, keys.call, keys.keys) == (EDGE, "c1", "1*#D")
    world.hang_up("c1")
    call = world.dial("ann")
    answered(world, call)
    world.ask(ev.KeysRequested, "ann", keys="0")
    assert world.the(SendKeys).call == call


def test_keys_before_the_answer_go_where_something_is_heard() -> None:
    world = World()
    world.make_ready("ann")
    call = world.dial("ann")
    for status, sent in ((180, False), (183, True)):
        world.do(ev.DialProgress(call=call, status=status))
        world.ask(ev.KeysRequested, "ann", keys="1")
        assert bool(world.said(SendKeys)) == sent
        assert [refused.reason for refused in world.said(RequestRefused)] == ([] if sent else ["not_in_call"])


@pytest.mark.parametrize("keys", ["", "x", "1 2", "1" * 33])
def test_what_is_no_key_is_refused(keys: str) -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.ask(ev.KeysRequested, "ann", keys=keys)
    assert world.the(RequestRefused).reason == "not_a_key"


def test_nobody_hears_keys_of_who_is_not_in_that_call_or_not_on_air() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.ask(ev.KeysRequested, "ann", keys="1", call="c2")
    assert world.the(RequestRefused).reason == "not_in_call"
    world.lose_audio("ann")
    world.ask(ev.KeysRequested, "ann", keys="1")
    assert world.the(RequestRefused).reason == "not_in_call"
