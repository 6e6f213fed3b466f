"""Arrival, greeting, menu, queue, hanging up: the caller's way to an operator."""

from __future__ import annotations

import msgspec
import pytest

from acd_core.domain import arrival, limits
from acd_core.domain import events as ev
from acd_core.domain.commands import (
    CallStory,
    ClearDeadline,
    EndCall,
    Play,
    PlayMusic,
    Prompt,
    RefuseCall,
    SetDeadline,
)
from acd_core.domain.plan import Flow, MenuStep, PlayStep, QueueStep, WayOut
from tests.domain.world import PLAN, ROSTER, START_MS, World


def test_arrival_rings_answers_and_greets() -> None:
    world = World()
    world.arrive("c1", "185")
    assert world.names() == [
        "CallStory",
        "RingCaller",
        "AnswerCaller",
        "CallStory",
        "CallStory",
        "Play",
        "SetDeadline",
    ]
    assert world.steps() == ["arrived", "answered", "flow"]
    assert world.the(Play).prompts == (Prompt(id="greeting", language="tr", text="Merhaba"),)


def test_prompts_are_in_the_language_of_the_number() -> None:
    world = World()
    world.arrive("c1", "1850")
    assert world.the(Play).prompts == (Prompt(id="greeting", language="en", text="Hello"),)
    world.played("c1")
    world.press("c1", "9")
    assert world.the(Play).prompts[0].text == "Good bye"


def test_a_prompt_without_the_language_is_said_in_the_first_it_has() -> None:
    world = World()
    world.arrive("c1", "185")
    world.played("c1")
    world.press("c1", "9")
    assert world.the(Play).prompts == (Prompt(id="bye", language="en", text="Good bye"),)


def test_a_prompt_without_text_says_its_id_should_the_recording_be_missing() -> None:
    world = World()
    world.arrive("c1")
    assert world.the(PlayMusic).music == Prompt(id="music", language="tr", text="music", wav="/music.wav")


def test_unknown_number_is_refused_with_404() -> None:
    world = World()
    world.arrive("c1", "999")
    refusal = world.the(RefuseCall)
    assert (refusal.status, refusal.retry_after_s) == (404, 0)
    assert world.steps() == ["arrived", "refused"]
    assert not world.state.calls
    assert world.state.calls_refused == world.state.calls_ended == 1


def test_without_a_plan_calls_are_asked_to_come_back() -> None:
    world = World(plan=None)
    world.arrive("c1")
    assert world.the(RefuseCall).status == 503


def test_a_full_house_refuses_with_503_and_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrival, "CALLS_LIVE_MAX", 2)
    world = World()
    world.arrive("c1")
    world.arrive("c2")
    world.arrive("c3")
    refusal = world.the(RefuseCall)
    assert (refusal.status, refusal.retry_after_s) == (503, limits.RETRY_AFTER_S)
    world.hang_up("c1")
    world.arrive("c4")
    assert not world.said(RefuseCall)


def test_the_same_call_twice_is_stale() -> None:
    world = World()
    world.arrive("c1")
    world.arrive("c1")
    assert world.names() == ["StaleEvent"]
    assert world.state.calls_arrived == 1


def test_an_arrival_from_the_future_counts_as_now() -> None:
    world = World()
    world.arrive("c1", at_ms=START_MS * 2)
    assert world.call("c1").arrived_ms == world.now_ms


def test_key_goes_to_the_queue_with_music_and_announcement() -> None:
    world = World()
    world.arrive("c1", "185")
    world.played("c1")
    assert world.call("c1").state == "menu"
    world.played("c1")
    world.press("c1", "1")
    music = world.the(PlayMusic)
    assert [prompt.id for prompt in music.announce] == ["wait"]
    assert world.steps() == ["flow", "queued"]
    assert world.call("c1").state == "waiting"
    assert "flow" in [command.key for command in world.said(ClearDeadline)]


def test_a_key_while_the_menu_is_said_is_taken() -> None:
    world = World()
    world.arrive("c1", "185")
    world.played("c1")
    world.press("c1", "2")
    assert world.call("c1").queue == "bills"


def test_a_key_of_the_menu_to_come_spares_the_caller_both_prompts() -> None:
    world = World()
    world.arrive("c1", "185")
    world.press("c1", "2")
    assert world.call("c1").queue == "bills"
    assert world.steps() == ["flow", "flow", "queued"]
    assert not world.said(Play)


def test_other_keys_before_the_menu_are_ignored() -> None:
    world = World()
    world.arrive("c1", "185")
    world.press("c1", "7")
    assert world.names() == ["StaleEvent"]
    assert world.call("c1").state == "playing"


def test_no_key_is_taken_ahead_where_the_plan_does_not_say_so() -> None:
    greeting = PlayStep(prompts=("greeting",), next="menu")
    hotline = msgspec.structs.replace(
        PLAN.flows["hotline"], steps={**PLAN.flows["hotline"].steps, "greeting": greeting}
    )
    world = World()
    world.do(
        ev.PlanChanged(
            version=2, plan=msgspec.structs.replace(PLAN, flows={**PLAN.flows, "hotline": hotline})
        )
    )
    world.arrive("c1", "185")
    world.press("c1", "1")
    assert world.names() == ["StaleEvent"]
    assert world.call("c1").state == "playing"


def test_the_menu_waits_from_the_end_of_its_prompt() -> None:
    world = World()
    world.arrive("c1", "185")
    world.played("c1")
    world.played("c1")
    assert world.the(SetDeadline).at_ms == world.now_ms + 5_000


def test_no_key_repeats_then_goes_otherwise() -> None:
    world = World()
    world.arrive("c1", "185")
    world.played("c1")
    world.played("c1")
    world.deadline("call", "c1", "flow")
    assert [prompt.id for prompt in world.the(Play).prompts] == ["menu"]
    world.played("c1")
    world.deadline("call", "c1", "flow")
    assert world.call("c1").queue == "water"


def test_an_invalid_key_says_so_and_counts_as_a_repeat() -> None:
    world = World()
    world.arrive("c1", "185")
    world.played("c1")
    world.press("c1", "7")
    assert [prompt.id for prompt in world.the(Play).prompts] == ["invalid", "menu"]
    world.press("c1", "8")
    assert world.call("c1").queue == "water"


def test_a_playback_that_was_replaced_is_stale() -> None:
    world = World()
    world.arrive("c1", "185")
    world.played("c1")
    world.press("c1", "7")
    assert world.call("c1").play == 3
    world.do(ev.PlaybackDone(call="c1", play=2))
    assert world.names() == ["StaleEvent"]
    assert world.call("c1").speaking
    world.played("c1")
    world.do(ev.PlaybackDone(call="c1", play=3))
    assert world.names() == ["StaleEvent"], "and one that was reported before"


def test_a_failed_playback_goes_on_like_one_that_was_heard() -> None:
    world = World()
    world.arrive("c1", "185")
    world.do(ev.PlaybackDone(call="c1", play=1, failed=True))
    assert world.call("c1").state == "menu"


def test_a_playback_that_is_never_reported_counts_as_heard_in_the_end() -> None:
    world = World()
    world.arrive("c1", "185")
    world.deadline("call", "c1", "flow")
    assert world.now_ms >= START_MS + limits.PLAYBACK_MAX_MS
    assert world.call("c1").step == "menu"
    world.deadline("call", "c1", "flow")
    assert world.call("c1").state == "menu"
    assert world.call("c1").deadlines["flow"].at_ms == world.now_ms + 5_000


def test_hang_up_step_says_its_prompts_then_ends() -> None:
    world = World()
    world.arrive("c1", "185")
    world.played("c1")
    world.press("c1", "9")
    assert not world.said(EndCall)
    world.played("c1")
    assert world.the(EndCall).cause == "flow_ended"
    assert not world.state.calls


def test_hang_up_step_without_prompts_ends_at_once() -> None:
    world = World()
    world.arrive("c1", "187")
    assert world.the(EndCall).cause == "flow_ended"
    assert world.names()[-1] == "EntityGone"


def test_a_full_queue_says_so_and_ends_the_call() -> None:
    world = World()
    for number in range(3):
        world.arrive(f"c{number}")
    world.arrive("c9")
    assert [prompt.id for prompt in world.the(Play).prompts] == ["full"]
    world.played("c9")
    assert world.the(EndCall).cause == "queue_full"
    assert len(world.state.calls) == 3


def test_a_full_queue_with_nothing_to_say_ends_the_call_at_once() -> None:
    world = World()
    for call in ("c1", "c2"):
        world.arrive(call, "185")
        world.played(call)
        world.press(call, "2")
    assert world.the(EndCall).cause == "queue_full"


@pytest.mark.parametrize("until", ["greeting", "menu", "waiting"])
def test_the_caller_may_hang_up_anywhere(until: str) -> None:
    world = World()
    world.arrive("c1", "185")
    if until != "greeting":
        world.played("c1")
    if until == "waiting":
        world.press("c1", "1")
    world.do(ev.CallerHungUp(call="c1", cause="cancelled"))
    assert world.the(CallStory).detail == "cancelled"
    assert not world.said(EndCall), "the caller's leg is gone already"
    assert not world.state.calls
    assert world.state.queues["water"].day.abandoned == (until == "waiting")
    world.hang_up("c1")
    assert world.names() == ["StaleEvent"]


def test_a_step_that_a_new_plan_took_away_begins_the_flow_anew() -> None:
    world = World()
    world.arrive("c1", "185")
    flow = Flow(
        start="hello",
        steps={"hello": PlayStep(prompts=("wait",), next="bye"), "bye": PLAN.flows["closed"].steps["bye"]},
    )
    plan = msgspec.structs.replace(PLAN, flows=PLAN.flows | {"hotline": flow})
    world.do(ev.PlanChanged(version=2, plan=plan))
    assert not world.said(Play), "what is being said is said to its end"
    world.played("c1")
    assert [prompt.id for prompt in world.the(Play).prompts] == ["wait"]


@pytest.mark.parametrize("how", ["key", "deadline"])
def test_a_menu_that_became_another_step_begins_the_flow_anew(how: str) -> None:
    world = World()
    world.arrive("c1", "185")
    world.played("c1")
    steps = dict(PLAN.flows["hotline"].steps)
    steps["menu"] = PlayStep(prompts=("wait",), next="water")
    flow = msgspec.structs.replace(PLAN.flows["hotline"], steps=steps)
    numbers = tuple(number for number in PLAN.numbers if number.dialled == "186")
    plan = msgspec.structs.replace(PLAN, flows=PLAN.flows | {"hotline": flow}, numbers=numbers)
    world.played("c1")
    world.do(ev.PlanChanged(version=2, plan=plan))
    if how == "key":
        world.press("c1", "1")
    else:
        world.deadline("call", "c1", "flow")
    assert world.call("c1").state == "waiting", (
        "its number is gone too: the plan's first number leads straight on"
    )


def test_a_menu_that_changed_its_keys_is_the_new_one() -> None:
    world = World()
    world.arrive("c1", "185")
    world.played("c1")
    menu = PLAN.flows["hotline"].steps["menu"]
    assert isinstance(menu, MenuStep)
    steps = PLAN.flows["hotline"].steps | {"menu": msgspec.structs.replace(menu, keys={"1": "bills"})}
    flow = Flow(start="greeting", steps=steps)
    world.do(
        ev.PlanChanged(version=2, plan=msgspec.structs.replace(PLAN, flows=PLAN.flows | {"hotline": flow}))
    )
    world.press("c1", "1")
    assert world.call("c1").queue == "bills"


def test_time_does_not_run_backwards() -> None:
    world = World(PLAN, ROSTER)
    world.router.apply(ev.KeyPressed(call="none", key="1"), 0)
    assert world.state.now_ms == world.now_ms


def told_full() -> World:
    """Call c4 is told that the queue is full, and goes on through another flow then."""
    full = msgspec.structs.replace(PLAN.queues["water"], when_full=WayOut(prompts=("full",), flow="closed"))
    world = World(msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": full}))
    for number in range(1, 5):
        world.arrive(f"c{number}")
    assert world.call("c4").then_flow == "closed"
    return world


def test_a_flow_that_is_gone_before_a_call_came_into_it_is_that_of_its_number() -> None:
    world = told_full()
    flows = {id_: flow for id_, flow in PLAN.flows.items() if id_ != "closed"}
    plan = msgspec.structs.replace(PLAN, flows=flows, numbers=PLAN.numbers[:3])
    wide = msgspec.structs.replace(PLAN.queues["water"], waiting_max=9)
    world.do(
        ev.PlanChanged(version=2, plan=msgspec.structs.replace(plan, queues=PLAN.queues | {"water": wide}))
    )
    world.played("c4")
    assert (world.call("c4").state, world.call("c4").queue, world.call("c4").then_flow) == (
        "waiting",
        "water",
        "",
    )


def test_no_key_is_taken_from_who_is_told_where_they_go() -> None:
    """Though a new plan has a step of the same name that would take one."""
    world = told_full()
    straight = Flow(
        start="water",
        steps={
            "water": PlayStep(prompts=("greeting",), next="menu", type_ahead=True),
            "menu": MenuStep(prompts=("menu",), keys={"1": "bills"}, otherwise="bills"),
            "bills": QueueStep(queue="bills"),
        },
    )
    plan = msgspec.structs.replace(PLAN, flows=PLAN.flows | {"straight": straight})
    world.do(ev.PlanChanged(version=2, plan=plan))
    world.press("c4", "1")
    assert world.names() == ["StaleEvent"]
    world.played("c4")
    assert world.steps() == ["flow", "ended"]


def test_an_announcement_that_became_a_menu_begins_the_flow_anew() -> None:
    world = World()
    world.arrive("c1", "185")
    menu = PLAN.flows["hotline"].steps["menu"]
    flow = msgspec.structs.replace(
        PLAN.flows["hotline"], steps=PLAN.flows["hotline"].steps | {"greeting": menu}
    )
    world.do(
        ev.PlanChanged(version=2, plan=msgspec.structs.replace(PLAN, flows=PLAN.flows | {"hotline": flow}))
    )
    world.played("c1")
    assert (world.call("c1").state, world.call("c1").step) == ("menu", "greeting")
    assert [prompt.id for prompt in world.the(Play).prompts] == ["menu"]
