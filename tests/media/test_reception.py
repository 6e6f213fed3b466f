from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateways.media.reception import Reception, Verdict


def received(numbers: list[int]) -> tuple[Reception, list[Verdict]]:
    reception = Reception(1, numbers[0])
    return reception, [reception.update(number & 0xFFFF) for number in numbers]


@given(st.integers(0, 0xFFFF), st.integers(1, 300))
def test_in_order_nothing_is_lost_across_the_wrap(first: int, count: int) -> None:
    reception, verdicts = received(list(range(first, first + count)))
    assert set(verdicts) == {Verdict.NEWEST}
    assert (reception.expected, reception.lost, reception.received) == (count, 0, count)


@given(st.integers(0, 0xFFFF), st.lists(st.integers(0, 60), min_size=1, max_size=120))
def test_any_order_counts_losses_and_duplicates(first: int, offsets: list[int]) -> None:
    reception, verdicts = received([first + offset for offset in offsets])
    distinct = set(offsets)
    assert verdicts.count(Verdict.DUPLICATE) == len(offsets) - len(distinct)
    assert reception.received == len(distinct)
    assert reception.expected == max(distinct) - min(distinct) + 1
    assert reception.lost == reception.expected - len(distinct)
    assert Verdict.RESTARTED not in verdicts


def test_a_far_number_counts_once_its_successor_follows() -> None:
    reception, _ = received([10, 11, 13])
    assert reception.lost == 1
    assert reception.update(30_000) == Verdict.REJECTED
    assert reception.update(14) == Verdict.NEWEST
    assert reception.update(30_000) == Verdict.REJECTED
    assert reception.update(30_001) == Verdict.RESTARTED
    assert reception.update(30_002) == Verdict.NEWEST
    assert (reception.received, reception.lost) == (6, 1)


def test_report_tells_the_loss_since_the_one_before() -> None:
    reception, _ = received([65_530])
    reception.report()
    for number in range(65_531, 65_550, 2):
        reception.update(number & 0xFFFF)
    block = reception.report()
    assert block.highest_sequence == 65_549
    assert (block.fraction_lost, block.cumulative_lost) == (256 * 9 // 19, 9)
    assert reception.report().fraction_lost == 0


def test_jitter_of_an_even_stream_is_nothing_and_of_an_uneven_one_grows() -> None:
    even, uneven = Reception(1, 0), Reception(2, 0)
    for number in range(200):
        even.update_jitter(number * 160, number * 160.0)
        uneven.update_jitter(number * 160, number * 160.0 + (number % 2) * 80)
    assert even.jitter == 0
    assert 70 < uneven.jitter < 81


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=300))
def test_any_numbers_leave_sane_counts(numbers: list[int]) -> None:
    reception, _ = received(numbers)
    block = reception.report()
    assert reception.lost >= 0
    assert 0 <= block.fraction_lost <= 255
    assert -0x800000 <= block.cumulative_lost <= 0x7FFFFF
    assert 0 <= block.highest_sequence <= 0xFFFFFFFF
