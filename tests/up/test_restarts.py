"""Pauses between restarts and the point where the supervisor gives up."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from santral.up.restarts import RestartLimits, Restarts

LIMITS = RestartLimits()


def test_pauses_double_up_to_the_longest() -> None:
    restarts = Restarts(LIMITS)
    pauses = [restarts.after_end(served_s=1.0) for _ in range(8)]
    assert pauses == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


def test_health_makes_the_next_restart_quick_again() -> None:
    restarts = Restarts(LIMITS)
    for _ in range(5):
        restarts.after_end(served_s=1.0)
    assert restarts.after_end(served_s=LIMITS.healthy_after_s) == LIMITS.pause_first_s
    assert restarts.in_a_row == 1


def test_a_child_that_keeps_dying_is_given_up() -> None:
    restarts = Restarts(LIMITS)
    for _ in range(LIMITS.restarts_max):
        assert restarts.after_end(served_s=0.5) is not None
    assert restarts.after_end(served_s=0.5) is None


def test_a_child_that_never_served_gets_few_tries() -> None:
    restarts = Restarts(LIMITS)
    assert restarts.after_end(served_s=None) is not None
    assert restarts.after_end(served_s=None) is not None
    assert restarts.after_end(served_s=None) is None


def test_a_child_that_served_once_may_fail_to_come_back_more_often() -> None:
    restarts = Restarts(LIMITS)
    restarts.after_end(served_s=0.1)
    for _ in range(LIMITS.restarts_max - 1):
        assert restarts.after_end(served_s=None) is not None
    assert restarts.after_end(served_s=None) is None


@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=60))
def test_pauses_stay_within_their_limits_and_an_end_is_reached(lives: list[float | None]) -> None:
    restarts = Restarts(LIMITS)
    unhealthy = 0
    for served_s in lives:
        is_healthy = served_s is not None and served_s >= LIMITS.healthy_after_s
        unhealthy = 1 if is_healthy else unhealthy + 1
        pause_s = restarts.after_end(served_s)
        if pause_s is None:
            assert unhealthy >= min(LIMITS.tries_before_serving_max, LIMITS.restarts_max)
            return
        assert LIMITS.pause_first_s <= pause_s <= LIMITS.pause_max_s
        assert unhealthy <= LIMITS.restarts_max
