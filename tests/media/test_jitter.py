from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.media.jitter import JitterBuffer
from gateways.media.limits import JITTER_DEPTH_MAX, JITTER_DEPTH_MIN, JITTER_PACKETS_MAX

FRAME = 160
WRAP = 2**32


def frame(number: int, samples: int = FRAME) -> bytes:
    return number.to_bytes(4, "big") * (samples // 4)


def number_of(payload: bytes) -> int:
    number = int.from_bytes(payload[:4], "big")
    assert payload == frame(number), "a frame was put together of two"
    return number


class Line:
    """A sender of numbered frames, a network of the test's making, and the buffer, all by ticks."""

    def __init__(self, first_timestamp: int = 0) -> None:
        self.buffer = JitterBuffer()
        self.first = first_timestamp
        self.highest = -1
        self.played: list[int | None] = []

    def arrive(self, number: int) -> None:
        newest = number > self.highest
        self.highest = max(self.highest, number)
        self.buffer.put((self.first + number * FRAME) % WRAP, frame(number), newest)

    def tick(self, *numbers: int) -> int | None:
        for number in numbers:
            self.arrive(number)
        payload = self.buffer.get()
        self.played.append(None if payload is None else number_of(payload))
        return self.played[-1]

    @property
    def heard(self) -> list[int]:
        return [number for number in self.played if number is not None]


@given(st.integers(0, WRAP - 1))
def test_in_order_every_frame_is_played_once_after_one_tick(first: int) -> None:
    line = Line(first)
    for number in range(100):
        line.tick(number)
    assert line.played == [None, *range(99)]


def test_two_frames_out_of_order_are_put_right() -> None:
    line = Line()
    for number in (0, 1, 2, 4, 3, 5, 7, 6, 8, 9, 10):
        line.tick(number)
    assert line.heard == list(range(10))
    assert line.buffer.late == 0


def test_a_lost_frame_leaves_a_gap_of_one_tick() -> None:
    line = Line()
    for number in range(20):
        line.tick(*([] if number == 7 else [number]))
    assert line.played == [None, *range(7), None, *range(8, 19)]


def test_a_lost_run_that_empties_the_buffer_is_leapt_over() -> None:
    line = Line()
    for number in range(30):
        line.tick(*([] if 10 <= number < 15 else [number]))
    assert line.heard == [number for number in range(29) if not 10 <= number < 15]
    # What was concealed stands for what was lost: the delay is what it was.
    assert line.played[-1] == 28


def test_a_late_packet_that_emptied_the_buffer_is_still_heard_and_the_delay_grows() -> None:
    line = Line()
    for number in range(10):
        line.tick(number)
    line.tick()
    line.tick()
    line.tick(10, 11, 12)
    for number in range(13, 40):
        line.tick(number)
    assert line.heard == list(range(line.heard[-1] + 1))
    assert line.buffer.late == 0
    assert line.buffer.depth_wanted == JITTER_DEPTH_MIN + 1


def test_a_packet_after_its_turn_is_dropped_and_counted() -> None:
    line = Line()
    for number in (0, 1, 2, 3, 4, 6, 7, 8):
        line.tick(number)
    line.tick(5, 9)
    assert 5 not in line.heard
    assert line.buffer.late == 1


def test_after_a_pause_the_next_packet_begins_afresh() -> None:
    line = Line()
    for number in range(10):
        line.tick(number)
    for _ in range(50):
        line.tick()
    # The peer's clock stood still meanwhile, as some do on hold.
    for number in range(10, 20):
        line.tick(number)
    assert line.heard == list(range(19))
    assert line.played[-10:] == [None, *range(10, 19)]


def test_a_timestamp_far_ahead_or_back_is_a_new_timeline() -> None:
    for start in (100_000, 3_000_000_000):
        line = Line()
        for number in range(10):
            line.tick(number)
        line.first = start
        for number in range(10, 30):
            line.tick(number)
        assert line.played[-15:] == list(range(14, 29))


def test_a_burst_after_a_stall_does_not_stay_as_delay() -> None:
    line = Line()
    for number in range(20):
        line.tick(number)
    for _ in range(8):
        line.tick()
    line.tick(*range(20, 34))
    for number in range(34, 60):
        line.tick(number)
    assert line.buffer.buffered_samples <= 10 * FRAME
    for number in range(60, 1_200):
        line.tick(number)
    assert line.buffer.buffered_samples <= JITTER_DEPTH_MAX * FRAME


@pytest.mark.parametrize("samples", [80, 160, 240, 320])
def test_packets_of_any_length_come_out_as_frames(samples: int) -> None:
    buffer = JitterBuffer()
    stream = bytes(value % 251 for value in range(480 * 40))
    out = b""
    at = 0
    for tick in range(130):
        while at <= tick * FRAME and at < len(stream):
            buffer.put((WRAP - 800 + at) % WRAP, stream[at : at + samples], True)
            at += samples
        out += buffer.get() or b""
    assert out == stream[: len(out)]
    assert len(out) == len(stream)


def test_jitter_of_two_frames_is_absorbed_once_the_buffer_has_grown(chance: random.Random) -> None:
    line = Line()
    arrivals: dict[int, list[int]] = {}
    for number in range(2_000):
        arrivals.setdefault(number + chance.randrange(3), []).append(number)
    for tick in range(2_000):
        line.tick(*arrivals.get(tick, []))
    tail = line.played[-300:]
    assert line.buffer.depth_wanted <= JITTER_DEPTH_MAX
    assert tail.count(None) <= 30
    assert line.buffer.late <= 60


@pytest.mark.parametrize("pace", [0.99, 1.01])
def test_a_peer_with_another_clock_is_followed(pace: float) -> None:
    line = Line()
    sent = 0
    for tick in range(10_000):
        numbers = []
        while sent <= tick * pace:
            numbers.append(sent)
            sent += 1
        line.tick(*numbers)
    assert line.highest - line.heard[-1] <= JITTER_DEPTH_MAX + 1
    assert len(line.heard) >= 0.98 * sent
    assert line.heard == sorted(set(line.heard))


# For each frame: lost, or arriving so many ticks after it was sent.
FATES = st.lists(st.one_of(st.none(), st.integers(0, 14)), min_size=1, max_size=250)


@given(st.integers(0, WRAP - 1), FATES)
def test_whatever_the_network_does(first: int, fates: list[int | None]) -> None:
    line = Line(first)
    arrivals: dict[int, list[int]] = {}
    for number, delay in enumerate(fates):
        if delay is not None:
            arrivals.setdefault(number + delay, []).append(number)
    came = 0
    for tick in range(len(fates) + 40):
        line.tick(*arrivals.get(tick, []))
        came += len(arrivals.get(tick, []))
        buffer = line.buffer
        assert JITTER_DEPTH_MIN <= buffer.depth_wanted <= JITTER_DEPTH_MAX
        assert buffer.buffered_samples <= 11 * FRAME
    # Everything is played in order, at most once, and what was not is accounted for.
    assert line.heard == sorted(set(line.heard))
    assert len(line.heard) + line.buffer.late + line.buffer.skipped >= came
    assert len(line.heard) + line.buffer.late <= came


@given(st.lists(st.tuples(st.integers(0, WRAP - 1), st.integers(0, 700), st.booleans()), max_size=200))
def test_nonsense_never_raises_nor_grows(packets: list[tuple[int, int, bool]]) -> None:
    buffer = JitterBuffer()
    for timestamp, samples, newest in packets:
        buffer.put(timestamp, bytes(samples), newest)
        if samples % 3:
            payload = buffer.get()
            assert payload is None or len(payload) == FRAME
        assert len(buffer._packets) <= JITTER_PACKETS_MAX
