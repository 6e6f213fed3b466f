"""Erlang's formulas: published values, a direct solution of the chain, and what must hold everywhere."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from acd_core.erlang import Steady, Traffic, agents_needed, erlang_b, erlang_c, steady

MINUTE_MS = 60_000.0


def traffic(load: float, patience: float = math.inf) -> Traffic:
    """So many erlangs with calls of one minute; `patience` in minutes."""
    return Traffic(calls_per_hour=60 * load, handling_ms=MINUTE_MS, patience_ms=patience * MINUTE_MS)


# --- published ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agents", "load", "blocked"),
    [(1, 0.0101, 0.01), (10, 4.461, 0.01), (20, 12.03, 0.01), (50, 37.90, 0.01), (100, 84.06, 0.01)],
)
def test_loss_as_in_the_tables(agents: int, load: float, blocked: float) -> None:
    """The usual Erlang B table (one per cent), printed to four digits of the load."""
    assert erlang_b(agents, load) == pytest.approx(blocked, rel=2e-3)


@pytest.mark.parametrize(("agents", "load", "waits"), [(8, 3.87, 0.05), (10, 4.08, 0.01)])
def test_waiting_as_in_the_tables(agents: int, load: float, waits: float) -> None:
    """An Erlang C table of trunked radio (TETRA, 8 and 10 channels), printed to three digits of the load."""
    assert erlang_c(agents, load) == pytest.approx(waits, rel=6e-3)


def test_the_worked_example_of_the_call_centre_tutorial() -> None:
    """M. Tanner, The Call-Centre Tutorial (2000): 0.2 calls a second of 240 s, 55 agents, 15 s."""
    result = steady(Traffic(calls_per_hour=720, handling_ms=240_000), 55)
    assert round(result.waits, 4) == 0.2387
    assert round(result.wait_ms) == 8_184
    assert round(result.answered_within(15_000), 4) == 0.8459


def test_the_table_of_garnett_mandelbaum_and_reiman() -> None:
    """Designing a Call Center with Impatient Customers (2002), table 1: 48 calls a minute, 1 minute each, 50 agents, without
    and with a patience of 2 minutes.
    """
    endless = steady(traffic(48), 50)
    assert round(endless.wait_ms / 1_000, 1) == 20.8
    assert round(endless.waiting) == 17
    assert round(endless.occupancy, 2) == 0.96
    patient = steady(traffic(48, 2), 50)
    assert round(100 * patient.abandons, 1) == 3.1
    assert round(patient.wait_ms / 1_000, 1) == 3.7
    assert round(patient.waiting) == 3
    assert round(patient.occupancy, 2) == 0.93


# --- the same, worked out otherwise --------------------------------------------------------------------------------------


def palm(agents: int, load: float, patience: float) -> tuple[float, float]:
    """Who waits and who gives up by the closed form with A(x, y) (Mandelbaum and Zeltyn 2005, section 4), in fractions."""
    a, p = Fraction(load).limit_denominator(10**6), Fraction(patience).limit_denominator(10**6)
    x, y = agents * p, a * p
    total = term = Fraction(1)
    for j in range(1, 4_000):
        term *= y / (x + j)
        term = term.limit_denominator(10**60)
        total += term
        if term < Fraction(1, 10**25):
            break
    blocked = Fraction(1)
    for n in range(1, agents + 1):
        blocked = a * blocked / (n + a * blocked)
    waits = total * blocked / (1 + (total - 1) * blocked)
    rho = a / agents
    return float(waits), float(waits * (1 / (rho * total) + 1 - 1 / rho))


SETTINGS = [(1, 0.7, 0.5), (3, 3.6, 2.0), (10, 9.0, 1.0), (10, 14.0, 0.2), (50, 48.0, 2.0), (50, 60.0, 5.0)]


@pytest.mark.parametrize(("agents", "load", "patience"), SETTINGS)
def test_agrees_with_the_closed_form(agents: int, load: float, patience: float) -> None:
    waits, abandons = palm(agents, load, patience)
    result = steady(traffic(load, patience), agents)
    assert result.waits == pytest.approx(waits, rel=1e-10)
    assert result.abandons == pytest.approx(abandons, rel=1e-9)


def solved(agents: int, load: float, patience: float, within: float) -> tuple[float, float, float, float]:
    """Who waits, who gives up, the queue's length and who is answered within that time, from the chain cut off at a length
    that is never reached: its balance solved as linear equations, the way through the queue by uniformisation. In minutes.
    """
    states = agents + 60 + int(4 * load * max(1.0, patience))
    leave = np.minimum(np.arange(states), agents) + np.maximum(0, np.arange(states) - agents) / patience
    generator: NDArray[np.float64] = np.diag(np.full(states - 1, load), 1) + np.diag(leave[1:], -1)
    generator -= np.diag(generator.sum(axis=1))
    generator[:, -1] = 1  # the weights add to one
    right = np.zeros(states)
    right[-1] = 1
    weights: NDArray[np.float64] = np.linalg.solve(generator.T, right)
    ahead = np.arange(states - agents)  # waiting before one that arrives
    queue = float(ahead @ weights[agents:])
    # Seen by who arrives with k waiting ahead: one of them leaves, an agent takes the first, or patience ends.
    down = agents + ahead / patience
    rate = float(down.max() + 1 / patience)
    served = np.zeros(len(ahead) + 1)  # by now, from each place; the last is "has been answered"
    step = np.zeros((len(ahead) + 1, len(ahead) + 1))
    for k in ahead:
        step[k, k - 1 if k else -1] = down[k] / rate
        step[k, k] = 1 - (down[k] + 1 / patience) / rate
    step[-1, -1] = 1
    reached = np.zeros(len(ahead) + 1)
    reached[-1] = 1
    chance = math.exp(-rate * within / 2)  # in two halves, so that it does not vanish
    mixed = np.zeros_like(served)
    for _ in range(2):
        term, vector = chance, reached
        mixed = term * vector
        for n in range(1, int(rate * within + 12 * math.sqrt(rate * within) + 60)):
            vector = step @ vector
            term *= rate * within / 2 / n
            mixed = mixed + term * vector
        reached = mixed
    answered = float(weights[:agents].sum() + weights[agents:] @ mixed[:-1])
    return float(weights[agents:].sum()), queue / patience / load, queue, answered


@pytest.mark.parametrize(("agents", "load", "patience"), SETTINGS)
@pytest.mark.parametrize("within", [0.05, 1 / 3, 2.0])
def test_agrees_with_the_chain_solved_directly(
    agents: int, load: float, patience: float, within: float
) -> None:
    waits, abandons, queue, answered = solved(agents, load, patience, within)
    result = steady(traffic(load, patience), agents)
    assert result.waits == pytest.approx(waits, abs=1e-9)
    assert result.abandons == pytest.approx(abandons, abs=1e-9)
    assert result.waiting == pytest.approx(queue, rel=1e-7)
    assert result.wait_ms == pytest.approx(queue / load * MINUTE_MS, rel=1e-7)
    assert result.answered_within(within * MINUTE_MS) == pytest.approx(answered, abs=1e-9)


def test_factorials_say_the_same() -> None:
    for agents, load in ((1, 0.5), (5, 4.2), (12, 20.0)):
        terms = [Fraction(load) ** n / math.factorial(n) for n in range(agents + 1)]
        assert erlang_b(agents, load) == pytest.approx(float(terms[-1] / sum(terms)), rel=1e-13)
        if load < agents:
            last = terms[-1] * agents / (agents - Fraction(load))
            assert erlang_c(agents, load) == pytest.approx(float(last / (sum(terms[:-1]) + last)), rel=1e-13)


# --- what must hold ------------------------------------------------------------------------------------------------------

AGENTS = st.integers(1, 120)
RHO = st.floats(0.05, 1.6)
PATIENCE = st.floats(0.05, 50)
WITHIN = st.floats(0, 10)


@settings(max_examples=60, deadline=None)
@given(AGENTS, RHO, PATIENCE, WITHIN)
def test_shares_are_shares_and_flows_balance(agents: int, rho: float, patience: float, within: float) -> None:
    result = steady(traffic(rho * agents, patience), agents)
    within_ms = within * MINUTE_MS
    answered, abandoned = result.answered_within(within_ms), result.abandoned_within(within_ms)
    for share in (result.waits, result.abandons, result.occupancy, answered, abandoned):
        assert -1e-12 <= share <= 1 + 1e-12
    assert result.abandons <= result.waits + 1e-12
    assert answered >= 1 - result.waits - 1e-12, "who does not wait is answered at once"
    assert answered + abandoned <= 1 + 1e-9
    # In the end everybody has been answered or has given up; this compares integrals with the sums over states.
    end_ms = 400 * patience * MINUTE_MS
    assert result.answered_within(end_ms) == pytest.approx(1 - result.abandons, abs=1e-9)
    assert result.abandoned_within(end_ms) == pytest.approx(result.abandons, abs=1e-9)
    # Mean wait of all is that of the answered and of those who gave up, each by their share.
    assert result.answered_wait_ms * (1 - result.abandons) <= result.wait_ms + 1e-6


@settings(max_examples=60, deadline=None)
@given(AGENTS, RHO, PATIENCE)
def test_more_agents_help_and_more_calls_do_not(agents: int, rho: float, patience: float) -> None:
    fewer, more = (steady(traffic(rho * agents, patience), n) for n in (agents, agents + 1))
    busier = steady(traffic(rho * agents * 1.05, patience), agents)
    for better, worse in ((more, fewer), (fewer, busier)):
        assert better.waits <= worse.waits + 1e-12
        assert better.abandons <= worse.abandons + 1e-12
        assert better.wait_ms <= worse.wait_ms + 1e-9
        assert better.occupancy <= worse.occupancy + 1e-12
        assert better.answered_within(20_000) >= worse.answered_within(20_000) - 1e-9


@settings(max_examples=40, deadline=None)
@given(AGENTS, st.floats(0.05, 0.97))
def test_with_endless_patience_it_is_erlang_c(agents: int, rho: float) -> None:
    endless = steady(traffic(rho * agents), agents)
    patient = steady(traffic(rho * agents, 1e8), agents)
    assert patient.waits == pytest.approx(endless.waits, abs=1e-5)
    assert patient.wait_ms == pytest.approx(endless.wait_ms, rel=1e-4, abs=1e-6)
    assert patient.answered_wait_ms == pytest.approx(endless.answered_wait_ms, rel=1e-4, abs=1e-6)
    assert patient.answered_within(20_000) == pytest.approx(endless.answered_within(20_000), abs=1e-5)
    assert patient.abandons == pytest.approx(0, abs=1e-5)


@settings(max_examples=40, deadline=None)
@given(AGENTS, RHO)
def test_without_patience_it_is_erlang_b(agents: int, rho: float) -> None:
    result = steady(traffic(rho * agents, 1e-7), agents)
    assert result.abandons == pytest.approx(erlang_b(agents, rho * agents), rel=1e-4, abs=1e-9)


def test_patience_as_long_as_a_call_makes_it_a_queue_with_endless_agents() -> None:
    """With θ = μ the number of calls is Poisson, however many agents there are (Mandelbaum and Zeltyn 2005, section 3)."""
    result = steady(traffic(9, 1), 10)
    weights = [math.exp(-9) * 9**n / math.factorial(n) for n in range(60)]
    assert result.waits == pytest.approx(sum(weights[10:]), rel=1e-12)


@pytest.mark.parametrize("rho", [0.2, 0.9, 0.99, 1.0, 1.05, 1.5])
def test_two_thousand_agents(rho: float) -> None:
    result = steady(traffic(2_000 * rho, 2), 2_000)
    assert result.answered_within(1e9) == pytest.approx(1 - result.abandons, abs=1e-10)
    if rho > 1.01:
        # An overloaded centre loses what is too much (the fluid limit).
        assert result.abandons == pytest.approx(1 - 1 / rho, rel=5e-3)
    if rho < 0.5:
        assert result.waits == 0.0
    assert 0 <= erlang_b(2_000, 2_000 * rho) <= erlang_c(2_000, 2_000 * rho) <= 1


def test_a_great_many_agents_answer_everybody() -> None:
    result = steady(traffic(50, 2), 500)
    assert (result.waits, result.abandons, result.wait_ms) == (0.0, 0.0, 0.0) or result.waits < 1e-200
    assert result.answered_within(0) == 1
    assert result.answered_wait_ms == pytest.approx(0, abs=1e-100)


def test_too_much_load_without_patience_ends_in_an_endless_queue() -> None:
    result = steady(traffic(10), 10)
    assert (result.waits, result.wait_ms, result.occupancy) == (1.0, math.inf, 1.0)
    assert result.answered_within(20_000) == 0


def test_nothing_happens_before_a_call_arrives() -> None:
    for result in (steady(traffic(9, 1), 10), steady(traffic(9), 10)):
        assert result.answered_within(-1) == 0
        assert result.abandoned_within(0) == 0
        assert result.answered_within(0) == pytest.approx(1 - result.waits)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 300), st.floats(0.05, 20), st.floats(0.5, 0.99))
def test_the_fewest_agents_are_enough_and_one_fewer_is_not(
    load: float, patience: float, share: float
) -> None:
    for offered in (traffic(load, patience), traffic(load)):
        agents = agents_needed(offered, 20_000, share)
        assert steady(offered, agents).answered_within(20_000) >= share
        assert agents == 1 or steady(offered, agents - 1).answered_within(20_000) < share


def test_agents_for_other_targets_too() -> None:
    offered = traffic(48, 2)
    plain = agents_needed(offered, 20_000, 0.8)
    calm = agents_needed(offered, 20_000, 0.8, occupancy_max=0.85)
    patient = agents_needed(offered, 20_000, 0.8, abandons_max=0.001)
    assert plain < calm
    assert steady(offered, calm).occupancy <= 0.85 < steady(offered, calm - 1).occupancy
    assert steady(offered, patient).abandons <= 0.001 < steady(offered, patient - 1).abandons


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: traffic(0), "calls_per_hour"),
        (lambda: traffic(math.nan), "calls_per_hour"),
        (lambda: traffic(1, -1), "patience_ms"),
        (lambda: Traffic(calls_per_hour=1, handling_ms=math.inf), "handling_ms"),
        (lambda: erlang_b(0, 1), "agents"),
        (lambda: erlang_c(1, -1), "load"),
        (lambda: steady(traffic(1), 0), "agents"),
        (lambda: agents_needed(traffic(1), 20_000, 1.0), "share"),
        (lambda: agents_needed(traffic(300_000), 20_000, 0.8), "not enough"),
    ],
)
def test_what_makes_no_sense_is_refused(call: object, says: str) -> None:
    assert callable(call)
    with pytest.raises(ValueError, match=says):
        call()


def test_results_are_values() -> None:
    assert isinstance(steady(traffic(9, 1), 10), Steady)
    assert steady(traffic(9, 1), 10) == steady(traffic(9, 1), 10)
