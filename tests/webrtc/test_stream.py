"""Renumbering: what a page hears is one stream, whatever becomes of the engine."""

from __future__ import annotations

from gateways.webrtc.stream import Numbers, Stream

FRAME = 160
SSRC = 7


def _follow(
    numbers: Numbers | None, before: Numbers | None, *, packets: int = 1, samples: int = FRAME
) -> None:
    assert numbers is not None
    assert before is not None
    assert (numbers.sequence - before.sequence) & 0xFFFF == packets
    assert (numbers.timestamp - before.timestamp) & 0xFFFFFFFF == samples


def test_the_first_packet_has_the_given_numbers() -> None:
    assert Stream(100, 5000).next(SSRC, 9, 9, 1.0) == Numbers(100, 5000)


def test_packets_follow_each_other_over_every_wrap() -> None:
    stream = Stream(0xFFFF, 0xFFFFFFFF)
    before = stream.next(SSRC, 65534, 0xFFFFFFFF - FRAME, 0.0)
    for number in range(1, 6):
        now = number * 0.02
        after = stream.next(
            SSRC, (65534 + number) & 0xFFFF, (0xFFFFFFFF + (number - 1) * FRAME) & 0xFFFFFFFF, now
        )
        _follow(after, before)
        before = after
    assert stream.sent == 6


def test_losses_stay_losses() -> None:
    stream = Stream(0, 0)
    first = stream.next(SSRC, 10, 0, 0.0)
    _follow(stream.next(SSRC, 13, 3 * FRAME, 0.06), first, packets=3, samples=3 * FRAME)


def test_copies_and_packets_out_of_order_are_dropped() -> None:
    stream = Stream(0, 0)
    stream.next(SSRC, 10, 0, 0.0)
    second = stream.next(SSRC, 12, 2 * FRAME, 0.04)
    assert stream.next(SSRC, 12, 2 * FRAME, 0.04) is None
    assert stream.next(SSRC, 11, FRAME, 0.04) is None
    _follow(stream.next(SSRC, 13, 3 * FRAME, 0.06), second)


def test_another_source_goes_on_by_the_clock() -> None:
    stream = Stream(0, 0)
    first = stream.next(SSRC, 10, 0, 0.0)
    second = stream.next(SSRC + 1, 4000, 123456, 0.5)
    _follow(second, first, samples=4000)
    _follow(stream.next(SSRC + 1, 4001, 123456 + FRAME, 0.52), second)


def test_another_source_at_once_does_not_go_back_in_time() -> None:
    stream = Stream(0, 0)
    first = stream.next(SSRC, 10, 0, 0.0)
    _follow(stream.next(SSRC + 1, 4000, 123456, 0.001), first)


def test_a_source_that_starts_over_under_its_name_goes_on() -> None:
    stream = Stream(0, 0)
    stream.next(SSRC, 10, 1_000_000, 0.0)
    second = stream.next(SSRC, 11, 1_000_000 + FRAME, 0.02)
    _follow(stream.next(SSRC, 30_000, 5, 0.04), second)


def test_a_pause_is_a_pause_and_nothing_is_late_after_it() -> None:
    stream = Stream(0, 0)
    first = stream.next(SSRC, 10, 0, 0.0)
    after = stream.next(SSRC, 11, 4000, 0.5)  # the numbers go on, the time jumps: silence was not sent
    _follow(after, first, samples=4000)
    assert stream.late == 0


def test_a_backlog_is_dropped_but_for_its_last_tenth_of_a_second() -> None:
    """The process stood still for a second: fifty packets come at once."""
    stream = Stream(0, 0)
    for number in range(10):
        stream.next(SSRC, number, number * FRAME, number * 0.02)
    now = 0.18 + 1.0
    passed = [
        number for number in range(10, 60) if stream.next(SSRC, number, number * FRAME, now) is not None
    ]
    assert passed == list(range(54, 60))
    assert stream.late == 44
    assert stream.next(SSRC, 60, 60 * FRAME, now + 0.02) is not None


def test_what_is_dropped_is_a_loss_to_the_page() -> None:
    stream = Stream(0, 0)
    first = stream.next(SSRC, 0, 0, 0.0)
    for number in range(1, 50):
        stream.next(SSRC, number, number * FRAME, 1.0)
    _follow(stream.next(SSRC, 50, 50 * FRAME, 1.0), first, packets=50, samples=50 * FRAME)


def test_a_clock_that_has_moved_is_accepted() -> None:
    """The engine stood still for half a second and goes on where it was: from now on all its packets come later."""
    stream = Stream(0, 0)
    for number in range(10):
        stream.next(SSRC, number, number * FRAME, number * 0.02)
    passed = [
        stream.next(SSRC, number, number * FRAME, 0.5 + number * 0.02) is not None for number in range(10, 60)
    ]
    first = passed.index(True)
    assert first <= 16
    assert all(passed[first:])


def test_jitter_below_the_limit_drops_nothing() -> None:
    stream = Stream(0, 0)
    for number in range(500):
        jitter = (number * 37 % 90) / 1000
        assert stream.next(SSRC, number, number * FRAME, number * 0.02 + jitter) is not None


def test_clocks_that_drift_apart_drop_nothing() -> None:
    """A tenth of a percent, for twenty minutes: more than any pair of crystals."""
    for factor in (0.999, 1.001):
        stream = Stream(0, 0)
        for number in range(60_000):
            stream.next(SSRC, number & 0xFFFF, number * FRAME, number * 0.02 * factor)
        assert stream.late == 0
