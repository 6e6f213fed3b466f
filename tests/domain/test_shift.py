"""An operator's shift: what counts as paid, what a break asked for becomes, and how each state ends."""

from __future__ import annotations

import msgspec
import pytest

from acd_core.domain import events as ev
from acd_core.domain.plan import OfferRule
from tests.domain.world import EDGE, PLAN, World

HOUR_MS = 3_600_000


def test_only_the_time_of_unpaid_reasons_is_unpaid() -> None:
    world = World()
    world.make_ready("ann")
    for reason, minutes in (("break", 10), ("lunch", 30), ("training", 20), ("lunch", 5)):
        world.ask(ev.NotReadyRequested, "ann", reason=reason)
        world.now_ms += minutes * 60_000 - 10
    world.make_ready("ann")
    assert world.agent("ann").unpaid_ms == 35 * 60_000
    assert world.agent("ann").spent_ms["not_ready"] > 65 * 60_000
    world.do(ev.SessionClosed(agent="ann", session="ann-page"))
    world.log_in("ann")
    assert (world.agent("ann").unpaid_ms, world.agent("ann").spent_ms) == (0, {}), (
        "counted anew with the shift"
    )


def test_a_break_that_lasts_longer_than_planned_is_shown_and_no_more() -> None:
    world = World()
    world.make_ready("ann")
    world.ask(ev.NotReadyRequested, "ann", reason="break")
    assert not world.desk("ann").overdue
    world.deadline("agent", "ann", "planned")
    assert world.desk("ann").overdue
    assert world.who("ann") == "not_ready break"
    world.ask(ev.NotReadyRequested, "ann", reason="lunch")
    assert not world.desk("ann").overdue, "another reason, planned anew"
    world.deadline("agent", "ann", "planned")
    world.make_ready("ann")
    assert not world.desk("ann").overdue


def test_who_is_ready_after_all_has_no_break_after_the_call_and_no_pause() -> None:
    world = World()
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.ask(ev.NotReadyRequested, "ann", reason="lunch")
    assert world.desk("ann").next_reason == "lunch"
    world.ask(ev.ReadyRequested, "ann")
    assert world.desk("ann").next_reason == ""
    world.hang_up("c1")
    world.ask(ev.WrapUpFinished, "ann")
    assert world.who("ann") == "ready"


def test_the_wrap_up_is_extended_from_its_end_and_never_beyond_its_longest() -> None:
    water = msgspec.structs.replace(
        PLAN.queues["water"], wrap_up_ms=30_000, wrap_up_extension_ms=20_000, wrap_up_max_ms=60_000
    )
    world = World(msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": water}))
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.hang_up("c1")
    began_ms = world.now_ms
    world.now_ms += 10_000
    ends = []
    for _ in range(3):
        world.ask(ev.WrapUpExtended, "ann")
        ends.append(world.agent("ann").deadlines["wrap_up"].at_ms - began_ms)
    assert ends == [50_000, 60_000, 60_000]
    assert not world.desk("ann").can_extend


def test_who_presses_ready_in_a_pause_is_offered_calls_again_at_once() -> None:
    water = msgspec.structs.replace(
        PLAN.queues["water"], on_declined=OfferRule(then="ready", pause_ms=60_000)
    )
    world = World(msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": water}))
    world.make_ready("ann")
    world.arrive("c1")
    world.ask(ev.OfferRejected, "ann")
    assert world.desk("ann").paused
    assert world.agent("ann").call == ""
    world.ask(ev.ReadyRequested, "ann")
    assert world.agent("ann").call == "c1"


def test_of_those_who_had_no_call_yet_the_one_idle_longest_is_the_least_occupied() -> None:
    water = msgspec.structs.replace(PLAN.queues["water"], strategy="least_occupied")
    world = World(msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": water}))
    world.make_ready("bob")
    world.make_ready("ann")
    world.arrive("c1")
    assert world.agent("bob").call == "c1"


def test_who_was_logged_out_after_a_call_begins_the_next_shift_as_anybody() -> None:
    world = World(msgspec.structs.replace(PLAN, login_max_ms=60_000))
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.deadline("agent", "ann", "login")
    world.hang_up("c1")
    world.ask(ev.WrapUpFinished, "ann")
    assert world.who("ann") == "logged_out login_over"
    world.make_ready("ann")
    world.talk("c2", "ann")
    world.hang_up("c2")
    world.ask(ev.WrapUpFinished, "ann")
    assert world.who("ann") == "ready"


def test_a_phone_that_went_away_while_it_rang_leaves_nobody_ready() -> None:
    """The queue's rule says ready, but there is nothing to be called at."""
    water = msgspec.structs.replace(PLAN.queues["water"], on_unreachable=OfferRule(then="ready"))
    world = World(msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": water}))
    world.use_phone("ann")
    world.ask(ev.ReadyRequested, "ann")
    world.arrive("c1")
    world.do(ev.PhoneUnregistered(edge=EDGE, user="201"))
    assert world.who("ann") == "ringing"
    world.do(ev.PhoneFailed(agent="ann", call="c1", offer=1, status=480))
    assert world.who("ann") == "not_ready no_audio"


def test_how_occupied_somebody_is_halves_in_half_an_hour_and_grows_with_calls_and_wrap_up() -> None:
    water = msgspec.structs.replace(
        PLAN.queues["water"], strategy="least_occupied", wrap_up_ms=HOUR_MS, wrap_up_max_ms=HOUR_MS
    )
    world = World(msgspec.structs.replace(PLAN, queues=PLAN.queues | {"water": water}))
    world.make_ready("ann")
    world.talk("c1", "ann")
    world.now_ms += HOUR_MS // 2 - 10
    world.hang_up("c1")
    assert world.agent("ann").occupied == pytest.approx(0.5)
    world.now_ms += HOUR_MS // 2 - 10
    world.ask(ev.WrapUpFinished, "ann")
    assert world.agent("ann").occupied == pytest.approx(0.75)
    world.now_ms += HOUR_MS - 10
    world.ask(ev.NotReadyRequested, "ann")
    assert world.agent("ann").occupied == pytest.approx(0.75 / 4)


def test_the_time_that_a_call_takes_moves_the_mean_by_a_thirtysecond() -> None:
    """Conversation and wrap-up; it starts from three minutes, until there were calls."""
    world = World()
    world.make_ready("ann")
    assert world.state.queues["water"].handling_ms == 180_000
    world.talk("c1", "ann")
    world.now_ms += 60_000 - 10
    world.hang_up("c1")
    world.now_ms += 24_000 - 10
    world.ask(ev.WrapUpFinished, "ann")
    assert world.state.queues["water"].handling_ms == 180_000 - (180_000 - 84_000) // 32
