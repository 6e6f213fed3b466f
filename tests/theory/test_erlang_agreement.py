"""The real router against queueing theory: what it does to thousands of callers is what Erlang's formulas say of such a centre.

Each setting is compared in probability of waiting, mean wait, share answered within 20 s and, with patience, abandonment. An
interval is so wide that, if everything is right, one comparison in all of them fails in one of a thousand choices of seeds;
the seeds are fixed, so it does not. That the intervals are narrow enough is shown by systems that are nearly right. What they are
too wide for (an operator left idle now and then, two neighbours swapped), no caller's wait hides: each is compared, to the
millisecond, with what order of arrival makes it.
"""

from __future__ import annotations

import pytest

from acd_core.domain.plan import Strategy
from acd_core.erlang import Steady, steady
from tests.theory.runs import (
    FIGURES,
    WITHIN_MS,
    Estimate,
    Setting,
    estimates,
    first_come_first_served,
    outcomes,
    student,
)

SETTINGS = (
    Setting(agents=1, rho=0.5, patience=0, seed=11),
    Setting(agents=1, rho=0.7, patience=0, seed=12),
    Setting(agents=3, rho=0.75, patience=0, seed=13),
    Setting(agents=5, rho=0.8, patience=0, seed=14),
    Setting(agents=10, rho=0.8, patience=0, seed=15),
    Setting(agents=20, rho=0.85, patience=0, seed=16),
    Setting(agents=50, rho=0.9, patience=0, seed=17),
    Setting(agents=1, rho=0.5, patience=0.5, seed=21),
    Setting(agents=1, rho=1.2, patience=2, seed=22),
    Setting(agents=3, rho=0.9, patience=5, seed=23),
    Setting(agents=5, rho=1.0, patience=1, seed=24),
    Setting(agents=10, rho=0.8, patience=0.5, seed=25),
    Setting(agents=10, rho=1.1, patience=2, seed=26),
    Setting(agents=20, rho=1.0, patience=1, seed=27),
    Setting(agents=50, rho=0.95, patience=2, seed=28),
    Setting(agents=50, rho=1.2, patience=0.5, seed=29),
)
COMPARISONS = sum(len(FIGURES) if setting.patience else len(FIGURES) - 1 for setting in SETTINGS)


def expected(setting: Setting) -> dict[str, float]:
    theory: Steady = steady(setting.traffic, setting.agents)
    figures = {
        "waits": theory.waits,
        "wait_ms": theory.wait_ms,
        "within": theory.answered_within(WITHIN_MS),
        "abandons": theory.abandons,
    }
    if not setting.patience:
        del figures["abandons"]
    return figures


def disagreeing(found: dict[str, Estimate], theory: dict[str, float]) -> set[str]:
    for name, value in theory.items():
        print(f"  {name}: {found[name].mean:.5g} ± {found[name].half:.3g}, theory {value:.5g}")
    return {name for name, value in theory.items() if not found[name].agrees(value)}


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_the_router_is_what_erlang_calculated(setting: Setting) -> None:
    print(setting)
    calls = outcomes(setting)
    assert {call.outcome for call in calls} <= {"answered", "abandoned"}, "nothing else may happen"
    assert not disagreeing(estimates(calls, COMPARISONS), expected(setting))
    assert [(call.outcome, call.waited_ms) for call in calls] == first_come_first_served(setting)


@pytest.mark.parametrize("strategy", ["top_down", "random"])
def test_who_takes_a_call_changes_nothing_for_callers(strategy: Strategy) -> None:
    setting = Setting(agents=10, rho=1.1, patience=2, seed=26, calls=10_000)
    print(setting, strategy)
    assert not disagreeing(estimates(outcomes(setting, strategy=strategy), COMPARISONS), expected(setting))


def test_one_agent_too_many_is_seen() -> None:
    setting = Setting(agents=10, rho=1.1, patience=2, seed=31)
    print(setting)
    found = estimates(outcomes(setting, agents=11), COMPARISONS)
    assert disagreeing(found, expected(setting)) == set(FIGURES)


def test_last_come_first_served_is_seen_in_the_share_within_20_s_alone() -> None:
    """Whether and how long callers wait on average does not depend on who goes first; who waits for long does."""
    setting = Setting(agents=10, rho=0.8, patience=0, seed=32)
    print(setting)
    found = estimates(outcomes(setting, last_first=True), COMPARISONS)
    assert disagreeing(found, expected(setting)) == {"within"}


def test_more_patience_than_theory_is_told_of_is_seen() -> None:
    setting = Setting(agents=10, rho=1.1, patience=1, seed=33)
    print(setting)
    patient = Setting(agents=10, rho=1.1, patience=2, seed=33)
    assert "wait_ms" in disagreeing(estimates(outcomes(patient), COMPARISONS), expected(setting))


def test_calls_that_take_a_tenth_longer_are_seen() -> None:
    setting = Setting(agents=1, rho=1.2, patience=2, seed=34)
    print(setting)
    longer = Setting(agents=1, rho=1.32, patience=2 / 1.1, seed=34, handling_ms=setting.handling_ms * 1.1)
    assert longer.traffic.calls_per_hour == pytest.approx(setting.traffic.calls_per_hour)
    assert longer.traffic.patience_ms == pytest.approx(setting.traffic.patience_ms)
    found = estimates(outcomes(setting), COMPARISONS)
    assert {"waits", "wait_ms", "abandons"} <= disagreeing(found, expected(longer))


def test_students_quantiles_are_those_of_the_tables() -> None:
    for share, freedom, quantile in (
        (0.975, 19, 2.093),
        (0.9995, 19, 3.883),
        (0.95, 5, 2.015),
        (0.99, 29, 2.462),
    ):
        assert student(share, freedom) == pytest.approx(quantile, abs=5e-4)
