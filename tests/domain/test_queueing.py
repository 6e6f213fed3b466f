"""How a call leaves a queue without an operator: nobody waits for ever, and nobody is sent away who need not be."""

from __future__ import annotations

import msgspec
import pytest

from acd_core.domain import events as ev
from acd_core.domain.plan import Flow, OfferRule, Plan, QueueStep, SearchStep, WayOut
from tests.domain.world import PLAN, World

AGAIN = OfferRule(then="ready", pause_ms=1_000)


def with_queue(id_: str, **changes: object) -> Plan:
    queue = msgspec.structs.replace(PLAN.queues[id_], **changes)
    return msgspec.structs.replace(PLAN, queues=PLAN.queues | {id_: queue})


def test_a_call_that_rings_in_vain_leaves_after_the_longest_wait() -> None:
    """Ann and Bob let it ring and are ready again in turn, so it would ring for ever."""
    world = World(with_queue("water", on_no_answer=AGAIN, offer_timeout_ms=20_000, wait_max_ms=60_000))
    world.make_ready("ann", "bob")
    world.arrive("c1")
    for agent, other in (("ann", "bob"), ("bob", "ann"), ("ann", "")):
        assert world.call("c1").ringing.keys() == {agent}
        world.deadline("agent", agent, "offer")
        if other:
            assert world.steps() == ["no_answer", "offered"]
            world.deadline("agent", agent, "pause")
    assert world.steps() == ["no_answer", "ended"]
    assert world.state.queues["water"].day.waited_out == 1
    assert world.who("bob") == "ready", "the call is not offered to him once more"


def test_a_call_that_rang_in_vain_for_less_than_the_longest_wait_is_offered_again() -> None:
    world = World(with_queue("water", on_no_answer=AGAIN, offer_timeout_ms=20_000, wait_max_ms=20_001))
    world.make_ready("ann", "bob")
    world.arrive("c1")
    world.deadline("agent", "ann", "offer")
    assert world.agent("bob").call == "c1"


def test_a_call_that_rings_at_all_in_vain_leaves_with_the_first_offer_that_fails_after_the_longest_wait() -> (
    None
):
    plan = with_queue(
        "water",
        strategy="ring_all",
        ring_max=2,
        on_no_answer=AGAIN,
        offer_timeout_ms=20_000,
        wait_max_ms=30_000,
    )
    world = World(plan)
    world.make_ready("ann")
    world.use_phone("bob")
    world.arrive("c1")
    world.now_ms += 10_000
    world.ask(ev.ReadyRequested, "bob")
    assert world.call("c1").ringing.keys() == {"ann", "bob"}
    world.deadline("agent", "ann", "offer")
    world.deadline("agent", "ann", "pause")
    assert world.call("c1").ringing.keys() == {"ann", "bob"}, "rung again before the other one is through"
    world.deadline("agent", "bob", "offer")
    assert world.steps() == ["no_answer", "withdrawn", "ended"]
    assert world.who("ann") == "ready", "withdrawn through no fault of hers"
    assert "pause" not in world.agent("ann").deadlines
    world.do(ev.PhoneAnswered(agent="bob", call="c1", offer=2))
    assert world.names() == ["StaleEvent"]


def test_the_way_out_of_a_call_that_rang_in_vain_is_that_of_the_longest_wait() -> None:
    plan = with_queue(
        "water",
        on_declined=AGAIN,
        wait_max_ms=5_000,
        when_waited=WayOut(queue="bills"),
        offer_timeout_ms=9_000,
    )
    world = World(plan)
    world.make_ready("bob", "cem")
    world.arrive("c1")
    world.now_ms += 6_000
    world.ask(ev.OfferRejected, "bob")
    assert world.steps() == ["rejected", "queued", "offered"]
    assert (world.call("c1").queue, world.agent("cem").call) == ("bills", "c1")


def moving() -> Plan:
    plan = with_queue("water", steps=(SearchStep(after_ms=5_000, move_to="bills"),))
    straight = Flow(start="bills", steps={"bills": QueueStep(queue="bills")})
    gas = Flow(start="water", steps={"water": QueueStep(queue="water", hazard=True)})
    numbers = (
        msgspec.structs.replace(PLAN.numbers[0], dialled="188", flow="bills"),
        msgspec.structs.replace(PLAN.numbers[0], dialled="189", flow="gas"),
    )
    return msgspec.structs.replace(
        plan, numbers=plan.numbers + numbers, flows=plan.flows | {"bills": straight, "gas": gas}
    )


def test_nobody_is_moved_into_a_full_queue() -> None:
    """Which would send them away, though they waited well where they were."""
    world = World(moving())
    world.arrive("b1", "188")
    world.arrive("c1")
    world.deadline("call", "c1", "wait")
    assert world.call("c1").queue == "water"
    assert world.call("c1").deadlines["wait"].at_ms == world.now_ms + 5_000, "looked at again"
    world.hang_up("b1")
    world.deadline("call", "c1", "wait")
    assert (world.call("c1").queue, world.call("c1").steps) == ("bills", ())


def test_a_hazard_is_moved_into_a_full_queue_as_it_may_come_into_one() -> None:
    world = World(moving())
    world.arrive("b1", "188")
    world.arrive("c1", "189")
    world.deadline("call", "c1", "wait")
    assert world.call("c1").queue == "bills"
    assert world.state.queues["bills"].waiting == 2


def test_who_is_logged_out_by_the_longest_log_in_finishes_the_work_after_the_call() -> None:
    world = World(msgspec.structs.replace(PLAN, login_max_ms=60_000))
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.now_ms = world.agent("ann").deadlines["login"].at_ms - 5_000
    world.hang_up("c1")
    world.deadline("agent", "ann", "login")
    assert world.who("ann") == "wrap_up"
    world.ask(ev.WrapUpFinished, "ann")
    assert world.who("ann") == "logged_out login_over"


def test_a_call_that_is_given_back_is_searched_for_from_the_beginning() -> None:
    """At the place that its arrival gives; what was widened for it before its first conversation is not any more."""
    steps = (SearchStep(after_ms=5_000, lower_levels=1), SearchStep(after_ms=9_000, lower_levels=1))
    world = World(with_queue("water", steps=steps))
    world.arrive("c1")
    arrived_ms = world.call("c1").arrived_ms
    world.deadline("call", "c1", "wait")
    world.make_ready("ann")
    world.accept("ann")
    world.lose_audio("ann")
    world.deadline("call", "c1", "held")
    call = world.call("c1")
    assert (call.state, call.steps, call.search_ms, call.arrived_ms) == (
        "waiting",
        (),
        world.now_ms,
        arrived_ms,
    )
    assert call.deadlines["wait"].at_ms == world.now_ms + 5_000


@pytest.mark.parametrize(("waited_ms", "in_time"), [(20_000, 1), (20_001, 0)])
def test_answered_within_the_service_level(waited_ms: int, in_time: int) -> None:
    world = World(with_queue("water", offer_timeout_ms=60_000))
    world.make_ready("ann")
    world.arrive("c1")
    world.now_ms += waited_ms - 10
    world.accept("ann")
    day = world.state.queues["water"].day
    assert (day.answered, day.answered_in_time, day.answered_wait_ms) == (1, in_time, waited_ms)
    assert day.longest_wait_ms == waited_ms


@pytest.mark.parametrize(
    ("waited_ms", "short", "in_time"), [(5_000, 1, 1), (5_001, 0, 1), (20_000, 0, 1), (20_001, 0, 0)]
)
def test_short_abandons_and_those_within_the_service_level(waited_ms: int, short: int, in_time: int) -> None:
    world = World()
    world.arrive("c1")
    world.now_ms += waited_ms - 10
    world.hang_up("c1")
    day = world.state.queues["water"].day
    assert (day.abandoned, day.short_abandoned, day.abandoned_in_time) == (1, short, in_time)
    assert day.abandoned_wait_ms == day.longest_wait_ms == waited_ms


def test_no_callback_is_offered_that_there_is_no_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The step is taken nevertheless: its caller waits on as before."""
    monkeypatch.setattr("acd_core.domain.queueing.CALLBACKS_MAX", 1)
    world = World(with_queue("water", steps=(SearchStep(after_ms=5_000, offer_callback=("menu",)),)))
    for call in ("c1", "c2"):
        world.arrive(call, number="+905551234567")
    world.deadline("call", "c1", "wait")
    world.press("c1", "1")
    assert list(world.state.callbacks) == ["c1"]
    world.deadline("call", "c2", "wait")
    assert (world.call("c2").steps, world.call("c2").callback_offered) == ((1,), False)
    world.press("c2", "1")
    assert world.names() == ["StaleEvent"]
    assert list(world.state.calls) == ["c2"]


def test_the_way_out_of_a_call_that_rang_in_vain_may_be_a_flow_without_a_word_before() -> None:
    plan = with_queue("water", wait_max_ms=5_000, when_waited=WayOut(flow="hotline"), offer_timeout_ms=9_000)
    world = World(plan)
    world.make_ready("bob")
    world.arrive("c1")
    world.deadline("agent", "bob", "offer")
    assert world.steps() == ["no_answer", "flow"]
    assert (world.call("c1").state, world.call("c1").step) == ("playing", "greeting")


def test_a_hazard_stays_one_where_a_way_out_leads_through_a_flow_for_everybody() -> None:
    plan = moving()
    water = msgspec.structs.replace(
        plan.queues["water"], steps=(), wait_max_ms=5_000, when_waited=WayOut(flow="bills")
    )
    world = World(msgspec.structs.replace(plan, queues=plan.queues | {"water": water}))
    world.arrive("b1", "188")
    world.arrive("c1", "189")
    world.deadline("call", "c1", "wait")
    assert (world.call("c1").queue, world.call("c1").hazard) == ("bills", True), "though bills is full"
    world.make_ready("cem")
    assert world.agent("cem").call == "c1"
