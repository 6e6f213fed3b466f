from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.media.telephone_event import KEYS, SAMPLES_A_MS, Event, KeyDetector, Press, build, parse


def stream(key: str, timestamp: int, packets: int = 4, ends: int = 3) -> list[tuple[int, Event]]:
    event = KEYS.index(key)
    durations = [160 * (number + 1) for number in range(packets)]
    events = [(timestamp, Event(event, False, 10, duration)) for duration in durations]
    return events + [(timestamp, Event(event, True, 10, durations[-1] + 160))] * ends


def detect(events: list[tuple[int, Event]], detector: KeyDetector | None = None) -> list[Press]:
    detector = detector or KeyDetector()
    presses = []
    for number, (timestamp, event) in enumerate(events):
        presses += detector.put(timestamp, event, number * 0.02)
    return presses + detector.check(len(events) * 0.02 + 1.0)


@pytest.mark.parametrize("key", KEYS)
def test_each_key_is_told_once_with_its_duration(key: str) -> None:
    assert detect(stream(key, 1_000)) == [Press(key, 100)]


@pytest.mark.parametrize("ends", [0, 1, 2, 3])
def test_end_packets_may_be_lost(ends: int) -> None:
    [press] = detect(stream("7", 1_000, ends=ends))
    assert press.key == "7"


@pytest.mark.parametrize("ends", [0, 3])
def test_the_same_key_again_is_another_press(ends: int) -> None:
    events = stream("1", 1_000, ends=ends) + stream("1", 2_200, ends=ends)
    assert [press.key for press in detect(events)] == ["1", "1"]


def test_presses_across_the_wrap_of_the_timestamp() -> None:
    events = stream("1", 2**32 - 100) + stream("2", 900)
    assert [press.key for press in detect(events)] == ["1", "2"]


def test_late_packets_of_an_earlier_press_are_ignored() -> None:
    first, second = stream("1", 1_000), stream("2", 2_200)
    assert [press.key for press in detect(first[:-2] + second[:2] + first[-2:] + second[2:])] == ["1", "2"]


def test_a_long_press_in_segments_is_one_press() -> None:
    five = KEYS.index("5")
    events = [(0, Event(five, False, 10, duration)) for duration in range(160, 0xFFFF, 1_600)]
    events += [(0, Event(five, False, 10, 0xFFFF))]
    events += [(0xFFFF, Event(five, False, 10, 160)), (0xFFFF, Event(five, True, 10, 800))]
    assert detect(events) == [Press("5", (0xFFFF + 800) // SAMPLES_A_MS)]


def test_other_events_are_no_keys() -> None:
    assert detect([(0, Event(16, True, 0, 800)), (900, Event(255, True, 0, 800))]) == []


@given(st.integers(0, 255), st.booleans(), st.integers(0, 63), st.integers(0, 0xFFFF))
def test_what_is_built_is_parsed(event: int, end: bool, volume: int, duration: int) -> None:
    assert parse(build(event, end, duration, volume)) == Event(event, end, volume, duration)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**32 - 1),
            st.builds(Event, st.integers(0, 255), st.booleans(), st.integers(0, 63), st.integers(0, 0xFFFF)),
        ),
        max_size=60,
    )
)
def test_nonsense_never_raises_and_gives_no_more_presses_than_packets(
    events: list[tuple[int, Event]],
) -> None:
    presses = detect(events)
    assert len(presses) <= len(events)
    assert all(press.key in KEYS and press.duration_ms >= 0 for press in presses)


@given(st.binary(max_size=3))
def test_a_short_payload_is_no_event(payload: bytes) -> None:
    assert parse(payload) is None


# Any loss of a press leaves one press, unless all of it is lost; any order and repetition of its packets too.
@given(st.lists(st.integers(0, 6), min_size=1, max_size=20))
def test_loss_order_and_repetition_of_one_press(arrivals: list[int]) -> None:
    packets = stream("9", 77_000)
    [press] = detect([packets[number] for number in arrivals])
    assert press.key == "9"
