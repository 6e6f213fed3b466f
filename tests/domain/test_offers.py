"""Who gets which call, and what becomes of an offer."""

from __future__ import annotations

import msgspec
import pytest

from acd_core.domain import events as ev
from acd_core.domain.commands import (
    AgentStory,
    ClearDeadline,
    EndPhone,
    Join,
    RequestRefused,
    RingPhone,
    SetDeadline,
)
from acd_core.domain.plan import Caller, OfferRule, SearchStep
from tests.domain.world import EDGE, PLAN, ROSTER, START_MS, World


def test_a_waiting_call_goes_to_the_agent_idle_longest() -> None:
    world = World()
    world.make_ready("bob", "ann")
    world.arrive("c1")
    assert world.who("bob") == "ringing"
    assert world.who("ann") == "ready"
    world.arrive("c2")
    assert world.who("ann") == "ringing"


def test_equally_idle_agents_go_by_id() -> None:
    world = World()
    for agent in ("bob", "ann"):
        world.log_in(agent)
        world.connect_audio(agent)
    for agent in ("bob", "ann"):
        world.now_ms -= 10
        world.ask(ev.ReadyRequested, agent)
    assert world.agent("ann").idle_since_ms == world.agent("bob").idle_since_ms
    world.arrive("c1")
    assert world.who("ann") == "ringing"


def test_the_first_call_over_all_queues_goes_by_priority_then_arrival_then_id() -> None:
    world = World()
    world.arrive("c3", at_ms=START_MS + 2)
    world.arrive("c2", at_ms=START_MS + 1)
    world.arrive("c1", at_ms=START_MS + 1)
    world.arrive("b1", "185", at_ms=START_MS + 9)
    world.played("b1")
    world.press("b1", "2")
    order = []
    world.make_ready("ann")
    for _ in range(4):
        order.append(world.agent("ann").call)
        world.accept("ann")
        world.hang_up(world.agent("ann").call)
        world.ask(ev.WrapUpFinished, "ann")
    assert order == ["b1", "c1", "c2", "c3"]


def test_the_pop_up_tells_who_calls_and_until_when() -> None:
    world = World()
    world.make_ready("ann")
    world.arrive("c1")
    view = world.desk("ann")
    assert view.state == "ringing"
    assert view.offer is not None
    assert (view.offer.call, view.offer.caller, view.offer.queue_name) == ("c1", "05551234567", "Su")
    assert view.offer.deadline_ms == view.deadline_ms == world.the(SetDeadline).at_ms
    assert world.steps() == ["arrived", "answered", "flow", "queued", "offered"]
    assert not world.said(RingPhone)


def test_accept_joins_the_two() -> None:
    world = World()
    world.make_ready("ann")
    world.arrive("c1")
    world.accept("ann")
    join = world.the(Join)
    assert (join.edge, join.call, join.agent, join.part, join.leg) == (EDGE, "c1", "ann", 1, "ann-leg")
    assert world.the(ClearDeadline).key == "offer"
    assert world.steps() == ["connected"]
    view = world.desk("ann")
    assert view.call is not None
    assert view.call.on_air
    assert view.call.answered_ms == world.now_ms
    assert world.state.queues["water"].day.answered == 1


def test_reject_keeps_the_calls_place_and_asks_the_next() -> None:
    world = World()
    world.make_ready("ann", "bob")
    world.arrive("c1")
    arrived_ms = world.call("c1").arrived_ms
    world.ask(ev.OfferRejected, "ann")
    assert world.who("ann") == "not_ready rejected"
    assert world.who("bob") == "ringing"
    assert world.call("c1").arrived_ms == arrived_ms
    assert world.steps() == ["rejected", "offered"]


def test_a_rejected_call_stays_before_those_who_came_later() -> None:
    world = World()
    world.make_ready("ann")
    world.arrive("c1")
    world.arrive("c2")
    world.ask(ev.OfferRejected, "ann")
    world.make_ready("bob")
    assert world.agent("bob").call == "c1"


def test_no_answer_makes_not_ready_and_asks_the_next() -> None:
    world = World()
    world.make_ready("ann", "bob")
    world.arrive("c1")
    world.deadline("agent", "ann", "offer")
    assert world.who("ann") == "not_ready no_answer"
    assert world.steps() == ["no_answer", "offered"]
    assert world.agent("bob").call == "c1"


def test_a_late_accept_is_refused_with_its_request() -> None:
    world = World()
    world.make_ready("ann")
    world.arrive("c1")
    world.deadline("agent", "ann", "offer")
    world.ask(ev.OfferAccepted, "ann", call="c1", offer=1)
    refused = world.the(RequestRefused)
    assert (refused.request, refused.reason) == ("r1", "offer_gone")


@pytest.mark.parametrize("request_", [ev.OfferAccepted, ev.OfferRejected])
def test_another_offer_than_the_current_one_is_refused(request_: type[ev.AgentRequest]) -> None:
    world = World()
    world.make_ready("ann")
    world.arrive("c1")
    world.ask(request_, "ann", offer=7)
    assert world.the(RequestRefused).reason == "offer_gone"
    assert world.who("ann") == "ringing"


def test_the_caller_hanging_up_withdraws_the_offer_and_keeps_the_agents_idle_time() -> None:
    world = World()
    world.make_ready("ann", "bob")
    since_ms = world.agent("ann").idle_since_ms
    world.arrive("c1")
    world.hang_up("c1")
    assert world.steps() == ["withdrawn", "ended"]
    assert world.who("ann") == "ready"
    assert world.agent("ann").idle_since_ms == since_ms
    assert world.the(AgentStory).state == "ready"
    world.arrive("c2")
    assert world.agent("ann").call == "c2", "still the one idle longest"
    assert world.state.queues["water"].day.abandoned == 1


def test_an_old_deadline_is_stale() -> None:
    world = World()
    world.make_ready("ann")
    world.arrive("c1")
    generation = world.agent("ann").deadlines["offer"].generation
    world.accept("ann")
    world.do(ev.DeadlinePassed(entity="agent", id="ann", key="offer", generation=generation))
    assert world.names() == ["StaleEvent"]


def test_not_ready_while_ringing_rejects() -> None:
    world = World()
    world.make_ready("ann")
    world.arrive("c1")
    world.ask(ev.NotReadyRequested, "ann", reason="lunch")
    assert world.who("ann") == "not_ready lunch"
    assert world.steps() == ["rejected"]


def test_a_phone_is_rung_and_answered() -> None:
    world = World()
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.arrive("c1")
    ring = world.the(RingPhone)
    assert (ring.user, ring.offer, ring.caller, ring.service) == ("201", 1, "05551234567", "Straight")
    world.accept("ann")
    assert world.the(RequestRefused).reason == "answer_on_phone"
    world.do(ev.PhoneAnswered(agent="ann", call="c1", offer=1))
    join = world.the(Join)
    assert (join.offer, join.leg) == (1, "")


def test_a_phone_offer_may_be_rejected_at_the_page() -> None:
    world = World()
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.arrive("c1")
    world.ask(ev.OfferRejected, "ann")
    assert world.the(EndPhone).offer == 1
    assert world.who("ann") == "not_ready rejected"


def test_no_answer_at_the_phone_ends_its_ringing() -> None:
    world = World()
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.arrive("c1")
    world.deadline("agent", "ann", "offer")
    assert world.the(EndPhone).offer == 1
    world.do(ev.PhoneAnswered(agent="ann", call="c1", offer=1))
    assert world.names() == ["StaleEvent"], "picked up in the moment it was cancelled"


@pytest.mark.parametrize(
    ("status", "who", "step"),
    [
        (480, "not_ready phone_unreachable", "unreachable"),
        (408, "not_ready phone_unreachable", "unreachable"),
        (486, "not_ready rejected", "rejected"),
        (603, "not_ready rejected", "rejected"),
    ],
)
def test_a_phone_that_can_not_be_rung(status: int, who: str, step: str) -> None:
    world = World()
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.make_ready("bob")
    world.arrive("c1")
    world.do(ev.PhoneFailed(agent="ann", call="c1", offer=1, status=status))
    assert world.who("ann") == who
    assert world.steps() == [step, "offered"]
    assert not world.said(EndPhone), "there is no leg left to end"
    world.do(ev.PhoneFailed(agent="ann", call="c1", offer=1, status=status))
    assert world.names() == ["StaleEvent"]


def test_a_phone_that_answers_for_another_offer_is_stale() -> None:
    world = World()
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.arrive("c1")
    world.do(ev.PhoneAnswered(agent="ann", call="c1", offer=9))
    assert world.names() == ["StaleEvent"]
    assert world.who("ann") == "ringing"


RULES = {
    "on_declined": OfferRule(then="ready", pause_ms=2_000),
    "on_no_answer": OfferRule(then="logged_out"),
    "on_unreachable": OfferRule(then="ready", pause_ms=3_000),
    "on_vanished": OfferRule(then="ready", pause_ms=4_000),
}


@pytest.mark.parametrize(
    ("cause", "pause_ms"),
    [("declined", 2_000), ("unreachable", 3_000), ("vanished", 4_000), ("no_answer", 0)],
)
def test_what_becomes_of_an_operator_goes_by_the_cause(cause: str, pause_ms: int) -> None:
    """Each cause has a rule of its own here, so that none is taken for another."""
    water = msgspec.structs.replace(PLAN.queues["water"], **RULES)
    world = World(msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": water}))
    if cause == "unreachable":
        world.use_phone("ann")
    else:
        world.log_in("ann")
        world.connect_audio("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.arrive("c1")
    if cause == "declined":
        world.ask(ev.OfferRejected, "ann")
    elif cause == "unreachable":
        world.do(ev.PhoneFailed(agent="ann", call="c1", offer=1, status=480))
    elif cause == "vanished":
        world.lose_page("ann")
        world.deadline("agent", "ann", "vanish")
    else:
        world.deadline("agent", "ann", "offer")
    if not pause_ms:
        assert world.who("ann") == "logged_out no_answer"
        return
    assert world.who("ann") == "ready"
    assert world.agent("ann").deadlines["pause"].at_ms == world.now_ms + pause_ms
    day = world.state.queues["water"].day
    assert getattr(day, cause) == day.offers == 1


def test_who_declines_a_call_that_is_kept_for_them_has_it_no_more() -> None:
    """Even where they are ready again before the hold would be over."""
    water = msgspec.structs.replace(
        PLAN.queues["water"], on_declined=OfferRule(then="ready", pause_ms=1_000), preferred_hold_ms=60_000
    )
    caller = Caller(name="Friend", numbers=("+905551234567",), agent="ann")
    plan = msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": water}, callers={"friend": caller})
    world = World(plan)
    world.make_ready("ann")
    world.arrive("c1", number="+905551234567")
    assert world.call("c1").only == "ann"
    world.ask(ev.OfferRejected, "ann")
    assert (world.call("c1").only, world.call("c1").only_until_ms) == ("", 0)
    world.make_ready("bob")
    assert world.agent("bob").call == "c1"


@pytest.mark.parametrize("how", ["declined", "withdrawn", "no_answer"])
def test_who_is_to_be_logged_out_and_does_not_take_the_call_goes_at_once(how: str) -> None:
    water = msgspec.structs.replace(
        PLAN.queues["water"], on_declined=OfferRule(then="ready"), on_no_answer=RULES["on_declined"]
    )
    world = World(msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": water}, login_max_ms=60_000))
    world.make_ready("ann")
    world.now_ms = world.agent("ann").deadlines["login"].at_ms - 5_000
    world.arrive("c1")
    world.deadline("agent", "ann", "login")
    assert world.who("ann") == "ringing", "the call may still be taken"
    if how == "declined":
        world.ask(ev.OfferRejected, "ann")
    elif how == "withdrawn":
        world.hang_up("c1")
    else:
        world.deadline("agent", "ann", "offer")
    assert world.who("ann") == "logged_out login_over"


def test_a_phone_rings_on_while_the_page_is_away() -> None:
    """Who sits at the phone has not vanished, and may answer there; a page that rings has a short grace."""
    world = World()
    world.use_phone("ann")
    world.make_ready("bob")
    world.ask(ev.ReadyRequested, "ann")
    world.arrive("c1")
    world.lose_page("bob")
    assert "vanish" in world.agent("bob").deadlines
    world.arrive("c2")
    world.lose_page("ann")
    assert world.agent("ann").deadlines.keys() == {"login", "offer", "session"}
    world.do(ev.PhoneAnswered(agent="ann", call="c2", offer=2))
    assert world.call("c2").agent == "ann"


def test_an_offer_through_an_added_queue_counts_in_the_round_of_that_queue() -> None:
    """Whose agents go in turn, whichever queue the calls come from."""
    water = msgspec.structs.replace(
        PLAN.queues["water"], steps=(SearchStep(after_ms=1_000, add_queues=("bills",)),)
    )
    bills = msgspec.structs.replace(PLAN.queues["bills"], strategy="round_robin")
    agents = {id_: msgspec.structs.replace(ROSTER.agents[id_], queues=("bills",)) for id_ in ("ann", "bob")}
    world = World(
        msgspec.structs.replace(PLAN, queues={"water": water, "bills": bills}),
        msgspec.structs.replace(ROSTER, agents=agents),
    )
    world.make_ready("ann", "bob")
    world.arrive("c1")
    world.deadline("call", "c1", "wait")
    assert world.agent("ann").call == "c1"
    world.accept("ann")
    world.hang_up("c1")
    world.ask(ev.WrapUpFinished, "ann")
    world.arrive("b1", "185")
    world.played("b1")
    world.press("b1", "2")
    assert world.agent("bob").call == "b1"


def test_time_does_not_go_back() -> None:
    world = World()
    world.make_ready("ann")
    was_ms = world.now_ms
    world.now_ms -= 5_000
    world.arrive("c1")
    assert world.state.now_ms == world.call("c1").queued_ms == was_ms
    assert world.agent("ann").deadlines["offer"].at_ms == was_ms + PLAN.queues["water"].offer_timeout_ms
