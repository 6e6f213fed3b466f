"""The timer queue."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateways.sip.timers import HORIZON_MS, NEVER_MS, Timed, TimerQueue


class Clock:
    """Something with one deadline that remembers when it fired."""

    def __init__(self) -> None:
        self.resend_at_ms = NEVER_MS
        self.expire_at_ms = NEVER_MS
        self.queued_at_ms = NEVER_MS
        self.fired_ms: list[int] = []


def fire(timed: Timed, now_ms: int) -> None:
    assert isinstance(timed, Clock)
    timed.fired_ms.append(now_ms)
    timed.resend_at_ms = timed.expire_at_ms = NEVER_MS


def test_far_deadline_is_queued_in_stages() -> None:
    queue, clock = TimerQueue(fire), Clock()
    clock.expire_at_ms = 10 * HORIZON_MS
    queue.schedule(clock, 0)
    assert queue.next_deadline_ms() == HORIZON_MS
    for stage in range(1, 10):
        queue.poll(stage * HORIZON_MS)
    assert clock.fired_ms == []
    queue.poll(10 * HORIZON_MS)
    assert clock.fired_ms == [10 * HORIZON_MS]
    assert queue.next_deadline_ms() is None


def test_equal_deadlines_fire_in_the_order_they_were_set() -> None:
    order: list[Timed] = []

    def note(timed: Timed, now_ms: int) -> None:
        fire(timed, now_ms)
        order.append(timed)

    queue = TimerQueue(note)
    clocks = [Clock() for _ in range(5)]
    for clock in clocks:
        clock.resend_at_ms = 100
        queue.schedule(clock, 0)
    queue.poll(100)
    assert order == clocks


change = st.tuples(
    st.integers(0, 4), st.sampled_from(["resend_at_ms", "expire_at_ms"]), st.integers(0, 3 * HORIZON_MS)
)


@given(st.lists(st.tuples(st.integers(0, HORIZON_MS), change), max_size=60))
def test_everything_fires_at_its_last_deadline(steps: list[tuple[int, tuple[int, str, int]]]) -> None:
    """Deadlines are moved at will, earlier and later; polled at each deadline, none is early or late."""
    queue = TimerQueue(fire)
    clocks = [Clock() for _ in range(5)]
    now_ms = 0
    fired = 0

    def advance(to_ms: int) -> None:
        nonlocal now_ms, fired
        while (deadline_ms := queue.next_deadline_ms()) is not None and deadline_ms <= to_ms:
            due = [clock for clock in clocks if min(clock.resend_at_ms, clock.expire_at_ms) <= deadline_ms]
            wanted = {id(clock): min(clock.resend_at_ms, clock.expire_at_ms) for clock in due}
            now_ms = max(now_ms, deadline_ms)
            queue.poll(now_ms)
            for clock in due:
                assert clock.fired_ms[-1] == now_ms == max(wanted[id(clock)], 0)
            fired += len(due)
        now_ms = to_ms

    for wait_ms, (index, slot, delay_ms) in steps:
        advance(now_ms + wait_ms)
        setattr(clocks[index], slot, now_ms + delay_ms)
        queue.schedule(clocks[index], now_ms)
    advance(now_ms + 10 * HORIZON_MS)
    assert sum(len(clock.fired_ms) for clock in clocks) == fired
    assert all(min(clock.resend_at_ms, clock.expire_at_ms) == NEVER_MS for clock in clocks)
    assert len(queue) == 0
