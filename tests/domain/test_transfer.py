"""Callers who are handed on from a phone: to a number of the plan, to a colleague, and what is refused."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from msgspec.structs import replace as changed

from acd_core.domain import events as ev
from acd_core.domain.commands import (
    Decided,
    DialOutside,
    EndCall,
    EndPhone,
    Join,
    Part,
    Play,
    PlayMusic,
    RingPhone,
    TakeOver,
    TransferAnswered,
)
from acd_core.domain.limits import TRANSFER_LATE_MS, TRANSFERS_A_CALL_MAX
from acd_core.domain.plan import Number
from acd_core.domain.roster import Agent as Entry
from acd_core.domain.roster import Roster
from tests.domain.world import EDGE, PLAN, ROSTER, World

NUMBERS = itertools.count(1)


def at_the_phone(world: World, agent: str = "ann", call: str = "c1", dialled: str = "186") -> None:
    """A call arrives, and this agent takes it at their phone."""
    if agent not in world.state.agents:
        world.use_phone(agent)
    world.ask(ev.ReadyRequested, agent)
    world.arrive(call, dialled)
    pick_up(world, agent)


def pick_up(world: World, agent: str) -> None:
    known = world.agent(agent)
    world.do(ev.PhoneAnswered(agent=agent, call=known.call, offer=known.offer))


def transfer(world: World, agent: str, target: str, **fields: Any) -> TransferAnswered:
    known = world.agent(agent)
    fields = {"call": known.call, "offer": known.offer, "at_ms": world.now_ms, **fields}
    world.do(ev.TransferAsked(agent=agent, transfer=next(NUMBERS), target=target, **fields))
    return world.the(TransferAnswered)


def refused(world: World, agent: str, target: str, **fields: Any) -> tuple[int, str]:
    answer = transfer(world, agent, target, **fields)
    assert world.names() == ["TransferAnswered"]
    assert world.agent(agent).state == "talking"
    return answer.status, answer.reason


def test_a_number_of_the_plan_takes_the_caller_through_its_flow_from_the_start() -> None:
    world = World()
    at_the_phone(world)
    arrived_ms = world.call("c1").arrived_ms
    answer = transfer(world, "ann", "1850")
    assert (answer.call, answer.agent, answer.status) == ("c1", "ann", 200)
    names = world.names()
    assert names.index("TransferAnswered") < names.index("EndPhone") < names.index("Play")
    assert world.the(EndPhone).offer == answer.offer
    call = world.call("c1")
    assert (call.state, call.queue, call.agent) == ("playing", "", "")
    assert (call.dialled, call.service, call.language) == ("1850", "Water (English)", "tr")
    assert call.arrived_ms == arrived_ms
    assert (world.steps()[0], world.who("ann")) == ("transferred", "wrap_up")
    day = world.state.queues["water"].day
    assert (day.entered, day.answered, day.handled, day.transferred) == (1, 1, 1, 1)
    world.press("c1", "2")
    assert (call.queue, world.state.queues["bills"].day.entered) == ("bills", 0)
    world.make_ready("cem")
    world.accept("cem")
    assert (call.agent, call.part, world.agent("cem").desk.service) == ("cem", 2, "Water (English)")  # type: ignore[union-attr]
    world.hang_up("c1")
    day = world.state.queues["bills"].day
    assert (day.answered, day.handled, day.transferred) == (0, 1, 0)
    assert (world.state.calls_arrived, world.state.calls_ended) == (1, 1)


def test_who_is_handed_on_goes_before_those_who_called_later() -> None:
    world = World()
    at_the_phone(world)
    world.arrive("c2")
    world.arrive("c3")
    transfer(world, "ann", "186")
    assert world.call("c1").state == "waiting"
    world.make_ready("bob")
    assert world.agent("bob").call == "c1"


def test_what_the_number_before_asked_for_is_asked_no_longer() -> None:
    numbers = (
        Number(dialled="185", service="Gas", flow="straight", priority=4, skills={"gas": 2, "english": 1}),
        Number(dialled="186", service="Water", flow="straight", priority=1, skills={"water": 1}),
    )
    skills = {"gas": "Gas", "water": "Water", "english": "English"}
    world = World(plan=changed(PLAN, numbers=numbers, skills=skills), roster=_skilled())
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.arrive("c1", "185", priority=2, skills={"english": 3})
    pick_up(world, "ann")
    call = world.call("c1")
    assert (call.priority, call.skills) == (6, (("english", 3), ("gas", 2)))
    transfer(world, "ann", "186")
    assert (call.priority, call.skills) == (3, (("english", 3), ("water", 1)))


def _skilled() -> Roster:
    everything = {"gas": 5, "water": 5, "english": 5}
    ann = changed(ROSTER.agents["ann"], skills=everything)
    return changed(ROSTER, agents={**ROSTER.agents, "ann": ann})


def test_nobody_gets_a_caller_back_whom_they_know_and_have_handed_on() -> None:
    queues = {**PLAN.queues, "water": changed(PLAN.queues["water"], last_operator_ms=600_000, wrap_up_ms=10)}
    world = World(plan=changed(PLAN, queues=queues))
    at_the_phone(world)
    world.hang_up("c1")
    world.deadline("agent", "ann", "wrap_up")
    world.arrive("c2", number="+905551234567")
    pick_up(world, "ann")
    world.hang_up("c2")  # from now on this caller is one of hers
    world.deadline("agent", "ann", "wrap_up")
    world.arrive("c3", number="+905551234567")
    assert world.call("c3").only == "ann"
    pick_up(world, "ann")
    transfer(world, "ann", "186")
    assert (world.call("c3").state, world.call("c3").only) == ("waiting", "")


def test_a_colleague_is_rung_alone_whatever_they_serve() -> None:
    roster = changed(
        ROSTER, agents={**ROSTER.agents, "cem": Entry(name="Cem", queues=("bills",), phone="203")}
    )
    world = World(roster=roster)
    at_the_phone(world)
    world.use_phone("cem")
    world.ask(ev.ReadyRequested, "cem")
    world.make_ready("bob")  # who serves the queue and is not asked
    assert transfer(world, "ann", "203").status == 200
    ring = world.the(RingPhone)
    assert (ring.user, ring.call) == ("203", "c1")
    assert world.said(PlayMusic)
    assert (world.who("ann"), world.who("bob"), world.who("cem")) == ("wrap_up", "ready", "ringing")
    assert world.the(Decided).detail == "handed_on"
    view = world.agent("cem").offered
    assert view is not None
    assert not view.kept
    pick_up(world, "cem")
    call = world.call("c1")
    assert (call.agent, call.queue, call.only) == ("cem", "water", "")
    assert world.state.queues["water"].day.handled == 1


@pytest.mark.parametrize("how", ["rings_out", "declines", "logs_out"])
def test_a_colleague_who_does_not_take_it_leaves_it_to_the_queue_it_came_from(how: str) -> None:
    world = World()
    at_the_phone(world)
    arrived_ms = world.call("c1").arrived_ms
    world.use_phone("bob")
    world.ask(ev.ReadyRequested, "bob")
    transfer(world, "ann", "202")
    world.arrive("c2")
    bob = world.agent("bob")
    if how == "rings_out":
        world.deadline("agent", "bob", "offer")
    elif how == "declines":
        world.do(ev.PhoneFailed(agent="bob", call="c1", offer=bob.offer, status=603))
    else:
        world.do(ev.SessionClosed(agent="bob", session="bob-page"))
    call = world.call("c1")
    assert (call.state, call.queue, call.only, call.arrived_ms) == ("waiting", "water", "", arrived_ms)
    world.ask(ev.WrapUpFinished, "ann")
    assert world.agent("ann").call == "c1", "first in line, and hers as anybody's"


def test_a_colleague_who_cannot_be_rung_now_is_refused() -> None:
    world = World()
    at_the_phone(world)
    assert refused(world, "ann", "202") == (480, "colleague_away")
    world.log_in("bob")
    assert refused(world, "ann", "202") == (486, "colleague_busy")
    assert refused(world, "ann", "201") == (486, "colleague_busy"), "nor does anybody hand on to themselves"


def test_what_is_not_handed_on() -> None:
    world = World()
    at_the_phone(world)
    assert refused(world, "ann", "999") == (404, "unknown_number")
    latest_ms = world.now_ms + 20 - TRANSFER_LATE_MS
    assert refused(world, "ann", "186", at_ms=latest_ms - 11) == (408, "too_late")
    assert transfer(world, "ann", "186", at_ms=latest_ms).status == 200


def test_a_caller_is_handed_on_so_often_and_no_more() -> None:
    world = World()
    at_the_phone(world)
    for _ in range(TRANSFERS_A_CALL_MAX):
        transfer(world, "ann", "186")
        world.ask(ev.WrapUpFinished, "ann")
        pick_up(world, "ann")
    assert refused(world, "ann", "186") == (403, "too_many_transfers")
    assert world.state.queues["water"].day.transferred == TRANSFERS_A_CALL_MAX


def test_who_was_dialled_is_not_handed_on() -> None:
    world = World()
    world.use_phone("ann")
    world.dial_at_phone("201", "c1")
    world.do(ev.DialAnswered(call="c1", trunk="carrier"))
    assert refused(world, "ann", "186") == (403, "dialled_call")


@pytest.mark.parametrize("fields", [{"call": "c2"}, {"offer": 77}], ids=str)
def test_a_transfer_of_another_call_is_stale(fields: dict[str, Any]) -> None:
    world = World()
    at_the_phone(world)
    known = world.agent("ann")
    values = {"call": known.call, "offer": known.offer, **fields}
    world.do(ev.TransferAsked(agent="ann", transfer=1, target="186", at_ms=world.now_ms, **values))
    assert world.names() == ["StaleEvent"]


def test_at_the_page_nothing_is_handed_on_by_a_phone() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.do(
        ev.TransferAsked(
            agent="ann",
            call="c1",
            offer=world.agent("ann").offer,
            transfer=1,
            target="186",
            at_ms=world.now_ms,
        )
    )
    assert world.names() == ["StaleEvent"]


def test_a_flow_that_hangs_up_ends_the_call() -> None:
    world = World()
    at_the_phone(world)
    assert transfer(world, "ann", "187").status == 200
    assert (world.state.calls, world.who("ann")) == ({}, "wrap_up")
    assert not world.said(Play)
    assert not world.said(Part)


def test_a_retired_queue_goes_with_the_last_call_that_is_handed_on() -> None:
    world = World()
    at_the_phone(world, dialled="185")
    world.played("c1")
    world.press("c1", "1")
    pick_up(world, "ann")
    queues = {"bills": PLAN.queues["bills"]}
    flow = changed(
        PLAN.flows["straight"], steps={"water": changed(PLAN.flows["straight"].steps["water"], queue="bills")}
    )
    plan = changed(PLAN, queues=queues, flows={"straight": flow}, numbers=(PLAN.numbers[2],))
    world.do(ev.PlanChanged(version=2, plan=plan))
    assert world.state.queues["water"].retired
    transfer(world, "ann", "186")
    assert set(world.state.queues) == {"bills"}
    assert world.call("c1").queue == "bills"


def test_who_hangs_up_with_a_transfer_that_cannot_be_leaves_the_caller_in_line() -> None:
    world = World()
    at_the_phone(world)
    arrived_ms = world.call("c1").arrived_ms
    world.arrive("c2")
    assert refused(world, "ann", "999") == (404, "unknown_number")
    world.do(ev.PhoneHungUp(agent="ann", call="c1", handing=True))
    call = world.call("c1")
    assert (call.state, call.queue, call.arrived_ms) == ("waiting", "water", arrived_ms)
    assert (world.steps(), world.who("ann")) == (["requeued"], "wrap_up")
    assert world.said(PlayMusic)
    world.make_ready("bob")
    assert world.agent("bob").call == "c1"
    assert world.state.queues["water"].day.transferred == 0


def test_who_hangs_up_with_a_transfer_that_was_done_ends_nothing() -> None:
    world = World()
    at_the_phone(world)
    transfer(world, "ann", "186")
    world.do(ev.PhoneHungUp(agent="ann", call="c1", handing=True))
    assert world.names() == ["StaleEvent"]


# --- to a number outside ---

OUTSIDE = "+903124441111"
DIALLED = {"to": OUTSIDE, "trunks": ("carrier",)}


def to_outside(world: World, agent: str = "ann") -> DialOutside:
    known = world.agent(agent)
    world.do(
        ev.TransferAsked(
            agent=agent,
            call=known.call,
            offer=known.offer,
            transfer=7,
            target="0312 444 11 11",
            at_ms=world.now_ms,
            **DIALLED,  # type: ignore[arg-type]
        )
    )
    return world.the(DialOutside)


def test_a_number_outside_is_dialled_while_the_operator_stays_and_then_has_the_caller() -> None:
    world = World()
    at_the_phone(world)
    dials = to_outside(world)
    assert (dials.number, dials.trunks, dials.caller) == (OUTSIDE, ("carrier",), "185")
    told = world.the(TransferAnswered)
    assert (told.transfer, told.status) == (7, 100), "who asked need not fear that nobody heard of it"
    assert (world.call("c1").state, world.who("ann")) == ("talking", "talking")
    attempt = dials.attempt
    world.do(ev.DialProgress(call="c1", status=180, attempt=attempt))
    assert (world.the(TransferAnswered).transfer, world.the(TransferAnswered).status) == (7, 180)
    world.do(ev.DialProgress(call="c1", status=183, attempt=attempt))
    assert world.names() == ["StaleEvent"], "once is enough"
    world.do(ev.DialAnswered(call="c1", trunk="carrier", attempt=attempt))
    names = world.names()
    assert names.index("TransferAnswered") < names.index("EndPhone") < names.index("Join")
    assert world.the(TransferAnswered).status == 200
    joined = world.the(Join)
    assert (joined.agent, joined.offer, joined.unrecorded) == ("", attempt, True)
    call = world.call("c1")
    assert (call.state, call.queue, world.who("ann")) == ("away", "", "wrap_up")
    queue = world.state.queues["water"]
    assert (queue.talking, queue.day.handled, queue.day.transferred) == (0, 1, 1)
    world.do(ev.OutsideHungUp(call="c1", attempt=attempt))
    assert world.the(EndCall).cause == "outside_hung_up"
    assert (world.state.calls, world.state.calls_ended) == ({}, 1)


@pytest.mark.parametrize("how", ["busy", "rings_out"])
def test_a_number_outside_that_is_not_reached_changes_nothing(how: str) -> None:
    world = World()
    at_the_phone(world)
    attempt = to_outside(world).attempt
    if how == "busy":
        world.do(ev.DialFailed(call="c1", status=486, cause="", trunk="carrier", attempt=attempt))
        assert (world.the(TransferAnswered).status, world.the(TransferAnswered).reason) == (
            486,
            "number_busy",
        )
        assert not world.said(EndPhone)
    else:
        world.deadline("call", "c1", "outside")
        assert world.the(TransferAnswered).status == 408
        assert world.the(EndPhone).offer == attempt
    assert (world.call("c1").state, world.who("ann"), world.call("c1").transfers) == ("talking", "talking", 0)
    world.do(ev.DialAnswered(call="c1", trunk="carrier", attempt=attempt))
    assert world.names() == ["StaleEvent"], "of the attempt before"
    assert to_outside(world).attempt == attempt + 1
    world.do(ev.DialAnswered(call="c1", trunk="carrier", attempt=attempt))
    assert world.names() == ["StaleEvent"], "also while the next one rings"


@pytest.mark.parametrize("where", ["page", "phone"])
def test_who_hangs_up_while_the_caller_is_handed_on_does_not_hang_up_on_them(where: str) -> None:
    """Also where the edge did not say that they were handing on, or took them for refused."""
    world = World()
    at_the_phone(world)
    attempt = to_outside(world).attempt
    offer = world.agent("ann").offer
    if where == "page":
        world.ask(ev.HangUpRequested, "ann", call="c1")
        assert [end.offer for end in world.said(EndPhone)] == [offer]
    else:
        world.do(ev.PhoneHungUp(agent="ann", call="c1"))
        assert not world.said(EndPhone)
    assert (world.call("c1").state, world.who("ann")) == ("away", "wrap_up")
    world.do(ev.DialAnswered(call="c1", trunk="carrier", attempt=attempt))
    assert (world.call("c1").state, world.the(Join).offer) == ("away", attempt)


@pytest.mark.parametrize("how", ["answered", "failed", "rings_out"])
def test_an_operator_need_not_wait_for_the_answer(how: str) -> None:
    world = World()
    at_the_phone(world)
    arrived_ms = world.call("c1").arrived_ms
    attempt = to_outside(world).attempt
    world.do(ev.PhoneHungUp(agent="ann", call="c1", handing=True))
    call, queue = world.call("c1"), world.state.queues["water"]
    assert (call.state, call.queue, world.who("ann"), queue.talking) == ("away", "water", "wrap_up", 1)
    assert world.said(PlayMusic)
    world.arrive("c2")
    if how == "answered":
        world.do(ev.DialAnswered(call="c1", trunk="carrier", attempt=attempt))
        assert (call.queue, queue.talking, queue.day.transferred) == ("", 0, 1)
        assert world.the(Join).offer == attempt
        world.hang_up("c1")
        assert world.the(EndPhone).offer == attempt
        return
    if how == "failed":
        world.do(ev.DialFailed(call="c1", status=503, cause="no_trunk", attempt=attempt))
    else:
        world.deadline("call", "c1", "outside")
    assert (call.state, call.queue, call.arrived_ms) == ("waiting", "water", arrived_ms)
    assert (queue.talking, queue.waiting, queue.day.transferred) == (0, 2, 0)
    world.make_ready("bob")
    assert world.agent("bob").call == "c1", "before who called later"


def test_who_hangs_up_meanwhile_takes_it_back() -> None:
    world = World()
    at_the_phone(world)
    attempt = to_outside(world).attempt
    world.hang_up("c1")
    assert sorted(end.offer for end in world.said(EndPhone)) == [1, attempt]
    assert world.state.calls == {}


def test_nobody_is_handed_on_twice_at_once() -> None:
    world = World()
    at_the_phone(world)
    to_outside(world)
    assert refused(world, "ann", "186") == (491, "transfer_under_way")


@pytest.mark.parametrize(
    ("barred", "answer"),
    [("barred_premium", (403, "barred_premium")), ("no_dial_rule", (404, "unknown_number"))],
)
def test_the_dial_rules_bar_a_transfer_as_they_bar_a_call(barred: str, answer: tuple[int, str]) -> None:
    world = World()
    at_the_phone(world)
    assert refused(world, "ann", "0900 123", barred=barred) == answer


def test_nobody_talks_outside_for_ever() -> None:
    world = World()
    at_the_phone(world)
    attempt = to_outside(world).attempt
    world.do(ev.DialAnswered(call="c1", trunk="carrier", attempt=attempt))
    world.deadline("call", "c1", "outside")
    assert world.the(EndCall).cause == "talk_max"


@pytest.mark.parametrize("answered", [False, True])
def test_an_edge_that_is_back_keeps_who_is_outside(answered: bool) -> None:
    world = World()
    at_the_phone(world)
    attempt = to_outside(world).attempt
    world.do(ev.PhoneHungUp(agent="ann", call="c1", handing=True))
    if answered:
        world.do(ev.DialAnswered(call="c1", trunk="carrier", attempt=attempt))
    world.do(ev.EdgeDown(edge=EDGE))
    world.restart()
    held = ev.HeldCall(call="c1", answered=True, ringing=() if answered else (attempt,))
    world.do(ev.EdgeInventory(edge=EDGE, instance="e1", calls=(held,), phones=("201",)))
    assert not world.said(EndPhone)
    assert [join.offer for join in world.said(Join)] == [attempt] * answered
    assert world.call("c1").state == "away"


def test_a_device_that_is_cut_off_takes_the_attempt_with_it() -> None:
    world = World()
    at_the_phone(world)
    attempt = to_outside(world).attempt
    world.do(ev.AudioCutOff(agent="ann", call="c1", offer=world.agent("ann").offer, cause="edge_away"))
    assert attempt in [end.offer for end in world.said(EndPhone)]
    assert (world.call("c1").state, world.call("c1").outside) == ("waiting", None)


# --- to whom the operator has asked first ---


def consults(world: World, *, phone: bool = False) -> None:
    """Ann talks with the caller of c1 and, from the same phone, has called the centre (c2), where cem takes it."""
    at_the_phone(world)
    if phone:
        world.use_phone("cem")
        world.ask(ev.ReadyRequested, "cem")
    else:
        world.make_ready("cem")
    world.arrive("c2", "185", number="")
    world.played("c2")
    world.press("c2", "2")
    assert world.agent("cem").call == "c2"


def with_a_phone_for_cem() -> World:
    cem = changed(ROSTER.agents["cem"], phone="203")
    return World(roster=changed(ROSTER, agents={**ROSTER.agents, "cem": cem}))


@pytest.mark.parametrize("phone", [False, True], ids=["browser", "phone"])
def test_the_operator_who_was_asked_takes_the_caller_over(phone: bool) -> None:
    world = with_a_phone_for_cem()
    consults(world, phone=phone)
    if phone:
        pick_up(world, "cem")
    else:
        world.accept("cem")
    offer, taken_ms = world.agent("cem").offer, world.now_ms
    assert transfer(world, "ann", "185", other="c2").status == 200
    over = world.the(TakeOver)
    assert (over.call, over.of, over.offer) == ("c1", "c2", offer)
    joined = world.the(Join)
    assert (joined.call, joined.agent, joined.offer, joined.part) == ("c1", "cem", offer, 2)
    names = world.names()
    assert names.index("EndPhone") < names.index("TakeOver") < names.index("Join") < names.index("EndCall")
    assert (world.the(EndCall).call, world.the(EndCall).cause) == ("c2", "handed_on")
    call, cem = world.call("c1"), world.agent("cem")
    assert (call.state, call.agent, call.queue, call.part) == ("talking", "cem", "bills", 2)
    assert (cem.call, cem.desk.call, cem.desk.answered_ms) == ("c1", "c1", taken_ms)  # type: ignore[union-attr]
    assert world.who("ann") == "wrap_up"
    assert (world.state.calls_arrived, len(world.state.calls), world.state.calls_ended) == (2, 1, 1)
    water, bills = world.state.queues["water"], world.state.queues["bills"]
    assert (water.talking, water.day.handled, water.day.transferred) == (0, 1, 1)
    assert (bills.talking, bills.day.entered, bills.day.answered, bills.day.handled) == (1, 1, 1, 0)
    world.hang_up("c1")
    assert (bills.talking, bills.day.handled, world.who("cem")) == (0, 1, "wrap_up")
    assert bills.day.talk_ms == world.now_ms - taken_ms


@pytest.mark.parametrize("rings", [False, True])
def test_before_anybody_has_answered_the_caller_goes_there_instead(rings: bool) -> None:
    world = World()
    consults(world)
    if not rings:
        world.ask(ev.NotReadyRequested, "cem")
        assert world.call("c2").state == "waiting"
    assert transfer(world, "ann", "185", other="c2").status == 200
    assert (list(world.state.calls), world.call("c1").state, world.call("c1").dialled) == (
        ["c1"],
        "playing",
        "185",
    )
    assert (world.the(EndCall).call, world.who("ann")) == ("c2", "wrap_up")
    bills = world.state.queues["bills"].day
    assert (bills.entered, bills.moved, bills.abandoned) == (1, 1, 0)
    assert world.who("cem") == ("ready" if rings else "not_ready break")


def test_the_last_place_of_a_queue_goes_from_who_asked_to_the_caller() -> None:
    water = changed(PLAN.queues["water"], waiting_max=1)
    world = World(plan=changed(PLAN, queues={**PLAN.queues, "water": water}))
    at_the_phone(world)
    world.arrive("c2", "186", number="")
    assert world.call("c2").state == "waiting"
    assert transfer(world, "ann", "186", other="c2").status == 200
    names = world.names()
    assert names.index("TransferAnswered") < names.index("EndCall"), "the phone hears first that it was done"
    assert (list(world.state.calls), world.call("c1").state) == (["c1"], "waiting")
    assert (water.waiting_max, world.state.queues["water"].day.full) == (1, 0)


def test_whom_no_caller_is_joined_to() -> None:
    world = World()
    consults(world)
    assert refused(world, "ann", "185", other="c9") == (404, "unknown_number")
    assert refused(world, "ann", "185", other="c1") == (404, "unknown_number")
    world.accept("cem")
    world.lose_audio("cem")
    assert refused(world, "ann", "185", other="c2") == (403, "nobody_to_join")


def test_a_colleague_at_another_edge_does_not_come_over() -> None:
    world = World()
    world.do(ev.EdgeInventory(edge="edge2", instance="e2"))
    world.log_in("cem")
    world.connect_audio("cem", edge="edge2")
    consults(world)
    world.accept("cem")
    assert refused(world, "ann", "185", other="c2") == (403, "nobody_to_join")
    assert (world.call("c2").state, world.call("c2").agent) == ("talking", "cem")
