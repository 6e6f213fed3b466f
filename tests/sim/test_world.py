"""The simulated world around the real router, against what can be worked out by hand."""

from __future__ import annotations

import random

import msgspec
import pytest

from acd_core.domain.plan import OfferRule
from acd_core.domain.roster import Shift
from loadtest.sim.arrivals import Arrival
from loadtest.sim.behaviour import Behaviour
from loadtest.sim.tally import Tally
from loadtest.sim.watcher import NEVER, Outcome
from tests.sim.city import HOUR_MS, MINUTE_MS, MONDAY_MS, PLAN, call, roster, run


def in_short(outcomes: list[Outcome]) -> list[tuple[str, str, int, int, int]]:
    """Outcome, operator, answered and ended after ten o'clock in seconds, waited in seconds."""
    return [
        (
            outcome.outcome,
            outcome.agent,
            -1 if outcome.answered_ms == NEVER else (outcome.answered_ms - MONDAY_MS) // 1000,
            (outcome.ended_ms - MONDAY_MS) // 1000,
            outcome.waited_ms // 1000,
        )
        for outcome in outcomes
    ]


def test_one_operator_and_a_queue_by_hand() -> None:
    calls = [
        call(0, talk_ms=60_000, wrapup_ms=10_000),  # at once; the operator is free at 70
        call(10_000, talk_ms=30_000, wrapup_ms=20_000),  # waits 60, ends at 100, free at 120
        call(20_000, talk_ms=10_000, patience_ms=45_000),  # gives up at 65
        call(30_000, talk_ms=40_000),  # waits 90, ends at 160
        call(200_000, talk_ms=5_000),  # at once
    ]
    assert in_short(run(calls, roster("ann"))) == [
        ("answered", "ann", 0, 60, 0),
        ("answered", "ann", 70, 100, 60),
        ("abandoned", "", -1, 65, 45),
        ("answered", "ann", 120, 160, 90),
        ("answered", "ann", 200, 205, 0),
    ]


def test_the_operator_who_has_been_idle_longest_is_next() -> None:
    calls = [call(0, talk_ms=10_000), call(1_000, talk_ms=5_000), call(20_000), call(21_000)]
    # Both are idle since the world began; bob is through first, so he is first in turn afterwards.
    assert [outcome.agent for outcome in run(calls, roster("ann", "bob"))] == ["ann", "bob", "bob", "ann"]


def test_wrap_up_is_the_queues_when_none_is_given_and_is_extended_when_more_is_wanted() -> None:
    calls = [
        call(0, talk_ms=1_000, wrapup_ms=None),
        call(2_000, talk_ms=1_000, wrapup_ms=80_000),
        call(3_000),
    ]
    answered = [(outcome.answered_ms - MONDAY_MS) // 1000 for outcome in run(calls, roster("ann"))]
    assert answered == [0, 31, 31 + 1 + 80]


def test_a_caller_hears_the_flow_of_the_dialled_number() -> None:
    heard = Behaviour(speech_ms_a_char=100)
    through = Arrival(at_ms=MONDAY_MS, dialled="185", talk_ms=1_000)
    outcome = run([through], roster("ann"), behaviour=heard)[0]
    # 2 s of greeting; 1 s of menu and 5 s without a key, twice.
    assert outcome.queued_ms - outcome.arrived_ms == 2_000 + 2 * (1_000 + 5_000)
    assert (outcome.queue, outcome.outcome, outcome.waited_ms) == ("water", "answered", 0)


def test_patience_begins_with_the_waiting() -> None:
    through = Arrival(at_ms=MONDAY_MS, dialled="185", talk_ms=1_000, patience_ms=7_000)
    outcome = run([through], roster())[0]
    assert (outcome.outcome, outcome.waited_ms) == ("abandoned", 7_000)


def test_a_number_that_is_not_there_is_refused() -> None:
    assert run([Arrival(at_ms=MONDAY_MS, dialled="999", talk_ms=1)], roster("ann"))[0].outcome == "refused"


def test_an_endless_wait_ends_as_the_plan_says() -> None:
    outcome = run([call(0, patience_ms=None)], roster())[0]
    assert outcome.outcome == "waited_too_long"
    assert outcome.waited_ms == PLAN.queues["water"].wait_max_ms


def test_an_endless_conversation_ends_as_the_plan_says() -> None:
    outcome = run([call(0, talk_ms=None)], roster("ann"))[0]
    assert outcome.outcome == "answered"
    assert outcome.ended_ms - outcome.answered_ms == PLAN.queues["water"].talk_max_ms


def test_operators_who_answer_too_late_lose_the_call_and_come_back() -> None:
    queue = msgspec.structs.replace(
        PLAN.queues["water"], offer_timeout_ms=5_000, on_no_answer=OfferRule(then="not_ready")
    )
    plan = msgspec.structs.replace(PLAN, queues={**PLAN.queues, "water": queue})
    behaviour = Behaviour(answer_delay_ms=6_000, return_ms=30_000)
    outcomes = run([call(n * HOUR_MS) for n in range(8)], roster("ann"), plan, behaviour=behaviour)
    assert {outcome.outcome for outcome in outcomes} == {"answered"}
    # Answered after 3 to 9 s: some in time, some after one or more offers of 5 s with 30 s between them.
    assert any(outcome.waited_ms <= 5_000 for outcome in outcomes)
    assert any(outcome.waited_ms >= 35_000 for outcome in outcomes)


def test_an_operator_whose_shift_ends_finishes_the_call_and_goes() -> None:
    shifts = {"short": Shift(start="10:00", end="10:30")}
    calls = [
        call(29 * MINUTE_MS, talk_ms=5 * MINUTE_MS, wrapup_ms=20_000),
        call(30 * MINUTE_MS, patience_ms=HOUR_MS // 2),
        call(24 * HOUR_MS + 1_000),
    ]
    first, second, third = run(calls, roster("ann", shifts=shifts))
    assert (first.outcome, first.ended_ms) == ("answered", MONDAY_MS + 34 * MINUTE_MS)
    assert second.outcome == "abandoned"
    assert (third.outcome, third.waited_ms) == ("answered", 0)


def test_an_operator_still_busy_when_the_next_shift_begins_stays() -> None:
    shifts = {"one": Shift(start="10:00", end="11:00"), "two": Shift(start="11:05", end="12:00")}
    calls = [call(59 * MINUTE_MS, talk_ms=10 * MINUTE_MS), call(60 * MINUTE_MS)]
    _, second = run(calls, roster("ann", shifts=shifts))
    assert (second.agent, second.waited_ms) == ("ann", 9 * MINUTE_MS)


def test_breaks_take_operators_away() -> None:
    people = roster("ann")
    tally = Tally(PLAN, people)
    behaviour = Behaviour(break_every_ms=HOUR_MS, break_ms=10 * MINUTE_MS)
    run([call(n * 10 * MINUTE_MS) for n in range(60)], people, behaviour=behaviour, watcher=tally)
    away_ms = tally.spent_ms()["ann"]["not_ready"]
    assert 5 * 10 * MINUTE_MS <= away_ms <= 20 * 10 * MINUTE_MS
    assert away_ms % (10 * MINUTE_MS) == 0


def arrivals(count: int, seed: int = 1) -> list[Arrival]:
    """Callers of all kinds at two queues, more than three operators can take."""
    chance = random.Random(seed)
    at = 0.0
    made = []
    for _ in range(count):
        at += chance.expovariate(1 / 15_000)
        made.append(
            call(
                int(at),
                queue=chance.choice(("water", "bills", "water", "")),
                talk_ms=int(chance.expovariate(1 / 40_000)),
                wrapup_ms=chance.choice((None, 0, 5_000, 45_000)),
                patience_ms=chance.choice((None, int(chance.expovariate(1 / 60_000)))),
                priority=chance.choice((0, 0, 5)),
            )
        )
    return made


def test_every_caller_has_one_outcome_and_every_time_its_place() -> None:
    people = roster("ann", "bob", "cem", queues=("water", "bills"))
    outcomes = run(arrivals(600), people, behaviour=Behaviour(answer_delay_ms=2_000))
    assert [outcome.number for outcome in outcomes] == list(range(1, 601))
    for outcome in outcomes:
        answered = outcome.outcome == "answered"
        assert answered == (outcome.answered_ms != NEVER) == bool(outcome.agent)
        waited_until_ms = outcome.answered_ms if answered else outcome.ended_ms
        assert outcome.arrived_ms <= outcome.queued_ms <= waited_until_ms <= outcome.ended_ms
        assert outcome.waited_ms == waited_until_ms - outcome.queued_ms
    busy: dict[str, int] = {}
    for outcome in sorted(outcomes, key=lambda outcome: outcome.answered_ms):
        if outcome.agent:
            assert outcome.answered_ms >= busy.get(outcome.agent, 0), "two conversations at a time"
            busy[outcome.agent] = outcome.ended_ms


def test_the_domains_counters_and_the_outcomes_agree() -> None:
    people = roster("ann", "bob", queues=("water", "bills"))
    tally = Tally(PLAN, people)
    outcomes = run(arrivals(6_000), people, watcher=tally)  # a day and some hours: over a midnight
    for queue in ("water", "bills"):
        of_it = [outcome for outcome in outcomes if outcome.queue == queue]
        answered = [outcome for outcome in of_it if outcome.outcome == "answered"]
        abandoned = [outcome for outcome in of_it if outcome.outcome == "abandoned"]
        counters, series = tally.counters[queue], tally.queues[queue]
        assert counters.entered == len(of_it) == series.entered.total()
        assert counters.answered == len(answered) == series.answered.total()
        assert counters.abandoned == len(abandoned) == series.abandoned.total()
        assert counters.answered_wait_ms == sum(outcome.waited_ms for outcome in answered)
        assert counters.answered_in_time == series.in_time.total()
        assert counters.talk_ms == sum(outcome.ended_ms - outcome.answered_ms for outcome in answered)
        assert counters.wrap_up_ms == series.wrap_up_ms.total()
        assert counters.longest_wait_ms == max(outcome.waited_ms for outcome in of_it)


def test_the_same_twice_and_another_seed_differs() -> None:
    people = roster("ann", "bob")
    behaviour = Behaviour(answer_delay_ms=3_000)
    first, again, other = (run(arrivals(200), people, behaviour=behaviour, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_when_calls_are_answered_changes_nothing_of_who_gets_them() -> None:
    people = roster("ann", "bob", queues=("water", "bills"))
    dialled = [
        msgspec.structs.replace(arrival, queue="", dialled=("185", "186")[number % 2])
        for number, arrival in enumerate(arrivals(300))
    ]
    late = tuple(msgspec.structs.replace(number, answer="when_connected") for number in PLAN.numbers)
    assert run(dialled, people, msgspec.structs.replace(PLAN, numbers=late)) == run(dialled, people)


def test_arrivals_written_by_hand_may_begin_at_nought() -> None:
    """Time 0 is a time, not the lack of one: the same callers on another day fare the same."""
    people = roster("ann", "bob", queues=("water", "bills"))
    first_ms = arrivals(1)[0].at_ms
    by_hand = [msgspec.structs.replace(arrival, at_ms=arrival.at_ms - first_ms) for arrival in arrivals(300)]
    later = [msgspec.structs.replace(arrival, at_ms=arrival.at_ms + 7 * 24 * HOUR_MS) for arrival in by_hand]
    first, *_ = found = run(by_hand, people)
    assert (first.queued_ms, first.answered_ms, first.outcome) == (0, 0, "answered")
    others = [(outcome.outcome, outcome.agent, outcome.waited_ms) for outcome in run(later, people)]
    assert [(outcome.outcome, outcome.agent, outcome.waited_ms) for outcome in found] == others


@pytest.mark.parametrize("seed", range(3))
def test_a_later_caller_changes_nobodys_luck(seed: int) -> None:
    """Answer delays go by operator and answer, not by the order of asking."""
    people = roster("ann")
    calls = [call(n * HOUR_MS) for n in range(5)]
    behaviour = Behaviour(answer_delay_ms=3_000)
    before = run(calls, people, behaviour=behaviour, seed=seed)
    after = run([*calls, call(6 * HOUR_MS)], people, behaviour=behaviour, seed=seed)
    assert after[:5] == before
