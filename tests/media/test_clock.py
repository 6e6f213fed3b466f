from __future__ import annotations

from gateways.media.clock import TICK_NS, Schedule, percentile_ms

MS = 1_000_000


def test_lateness_does_not_add_up() -> None:
    schedule = Schedule(0)
    now = 0
    for number in range(1, 1_001):
        assert schedule.due_ns == number * TICK_NS
        now = schedule.due_ns + number % 3 * MS
        assert schedule.wait_ns(now) <= 0
        assert schedule.begin(now) == 0
    assert schedule.ticks == 1_000
    assert percentile_ms(schedule.begun_late, 0.99) == 2


def test_a_little_late_is_caught_up() -> None:
    schedule = Schedule(0)
    now = TICK_NS * 6  # five ticks behind
    ran = 0
    while schedule.wait_ns(now) <= 0:
        assert schedule.begin(now) == 0
        ran += 1
    assert ran == 6


def test_very_late_is_left_out_and_counted() -> None:
    schedule = Schedule(0)
    now = TICK_NS * 51 + 3 * MS
    assert schedule.begin(now) == 50
    assert schedule.skipped == 50
    assert schedule.wait_ns(now) == 17 * MS
    schedule.done(now + 2 * MS)
    assert percentile_ms(schedule.done_late, 0.5) == 5
