"""The figures at the end."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from loadtest.tally import CallRecord, Summary, Tally, Times, Wire, percentile, text_of, times, write


def test_percentiles_are_of_nearest_rank() -> None:
    hundred = [float(number) for number in range(1, 101)]
    assert [percentile(hundred, share) for share in (0.50, 0.95, 0.99, 1.0)] == [50.0, 95.0, 99.0, 100.0]
    assert percentile([7.0], 0.5) == percentile([7.0], 0.99) == 7.0
    assert percentile([1.0, 9.0], 0.5) == 1.0
    assert percentile([1.0, 9.0], 0.51) == 9.0


def test_times_of_unsorted_values() -> None:
    assert times([]) is None
    assert times([3.0, 1.0, 2.0]) == Times(2.0, 3.0, 3.0, 3.0)


def a_run() -> tuple[Tally, Summary]:
    tally = Tally()
    ends = (
        CallRecord(1, "1", "a", 1_000, 1_010, 2_000, "answered", 200, "", "us", 10.0, 1, 50, 49),
        CallRecord(2, "2", "b", 1_200, 1_230, 1_900, "answered", 200, "", "them", 30.0, 0, 40, 40),
        CallRecord(3, "3", "c", 1_400, 0, 1_500, "refused", 486, "Busy Here"),
        CallRecord(4, "4", "d", 1_600, 0, 1_700, "refused", 503, "Service Unavailable"),
        CallRecord(5, "5", "e", 1_800, 0, 1_900, "refused", 486, "Busy, indeed"),
        CallRecord(6, "6", "f", 2_000, 0, 3_000, "failed", 0, "timeout"),
        # Answered in a way that can't be used: it failed, and its time is none of an answer.
        CallRecord(7, "7", "g", 2_200, 2_900, 3_000, "failed", 200, "unusable_answer", "us", 700.0),
        CallRecord(8, "8", "h", 2_400, 0, 3_000, "cancelled", 0, "stopped"),
    )
    for record in ends:
        tally.placed(record)
    assert tally.live == 8
    for record in ends:
        tally.ended(record.outcome)
    assert tally.live == 0
    wire = Wire(retransmissions_sent=2, repeated_by_peer=1)
    return tally, tally.summary(
        to="sip:185@127.0.0.1", calls=9, rate=5.0, hold_s=1.0, stopped=True, duration_s=2.0, wire=wire
    )


def test_every_call_is_counted_once() -> None:
    tally, summary = a_run()
    assert (summary.placed, summary.answered, summary.cancelled) == (8, 2, 1)
    assert summary.refused == {"486": 2, "503": 1}
    assert summary.failed == {"timeout": 1, "unusable_answer": 1}
    refused, failed = sum(summary.refused.values()), sum(summary.failed.values())
    assert summary.answered + summary.cancelled + refused + failed == summary.placed
    assert (summary.ended_by_us, summary.ended_by_them) == (1, 1)
    assert summary.answer_time_ms == Times(10.0, 30.0, 30.0, 30.0)
    assert (summary.rtp_sent, summary.rtp_received, summary.keys_pressed) == (90, 89, 1)
    assert tally.progress(9) == "placed 8/9, live 0, answered 0, refused 3, failed 2"


def test_the_text_says_what_was_counted() -> None:
    text = text_of(a_run()[1])
    for line in (
        "placed        8 of 9 to sip:185@127.0.0.1 in 2.0 s",
        "answered      2; ended by us 1, by them 1",
        "refused       3: 2 × 486, 1 × 503",
        "failed        2: 1 × timeout, 1 × unusable_answer",
        "INVITE to 200 p50 10.0, p95 30.0, p99 30.0, longest 30.0 ms",
        "repeated      2 by us, 1 by them",
    ):
        assert line in text.splitlines()


def test_files(tmp_path: Path) -> None:
    tally, summary = a_run()
    write(tmp_path, summary, tally.records)
    told = json.loads((tmp_path / "summary.json").read_text())
    assert told["refused"] == {"486": 2, "503": 1}
    assert told["answer_time_ms"]["p95"] == 30.0
    with (tmp_path / "calls.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert (rows[4]["call"], rows[4]["status"], rows[4]["reason"]) == ("5", "486", "Busy, indeed")
    assert rows[0]["answer_time_ms"] == "10.0"
