"""What became of the calls: one record a call, counters for the progress line, and the summary at the end.

Every call placed has exactly one outcome: answered, refused (a final response of 300 or more), failed (the reason
says why) or cancelled (taken back because the run was stopped). Percentiles are of nearest rank: each is a time
that a call did take.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

Outcome = Literal["live", "answered", "refused", "failed", "cancelled"]
Side = Literal["", "us", "them"]


class CallRecord(msgspec.Struct):
    """One call; a row of calls.csv. Times are milliseconds since 1970, 0 for what did not happen."""

    call: int
    caller: str
    sip_call_id: str
    placed_ms: int
    answered_ms: int = 0
    ended_ms: int = 0
    outcome: Outcome = "live"
    status: int = 0
    reason: str = ""
    ended_by: Side = ""
    answer_time_ms: float = 0.0  # INVITE to 200
    keys_pressed: int = 0
    rtp_sent: int = 0
    rtp_received: int = 0


class Times(msgspec.Struct, frozen=True):
    """How long something took."""

    p50: float
    p95: float
    p99: float
    longest: float


class Wire(msgspec.Struct, frozen=True):
    """What the sockets and the audio clock had to say."""

    retransmissions_sent: int = 0
    repeated_by_peer: int = 0
    sip_not_sent: int = 0
    rtp_not_sent: int = 0
    audio_late_p99_ms: int = 0
    audio_ticks_left_out: int = 0


class Summary(msgspec.Struct, frozen=True):
    """The whole run, as in summary.json."""

    to: str
    calls: int
    rate: float
    hold_s: float
    stopped: bool
    duration_s: float
    placed: int
    answered: int
    cancelled: int
    refused: dict[str, int]  # by status
    failed: dict[str, int]  # by reason
    ended_by_us: int
    ended_by_them: int
    byes_unanswered: int
    answer_time_ms: Times | None
    keys_pressed: int
    rtp_sent: int
    rtp_received: int
    wire: Wire


class Tally:
    """Counts while the run goes on."""

    def __init__(self) -> None:
        """No call yet."""
        self.records: list[CallRecord] = []
        self.live = 0
        self.answered = 0
        self.byes_unanswered = 0
        self._outcomes: Counter[Outcome] = Counter()

    def placed(self, record: CallRecord) -> None:
        """A call begins."""
        self.records.append(record)
        self.live += 1

    def was_answered(self) -> None:
        """One of them has its 200."""
        self.answered += 1

    def ended(self, outcome: Outcome) -> None:
        """One of them is over."""
        self.live -= 1
        self._outcomes[outcome] += 1

    def progress(self, calls: int) -> str:
        """One line of how it stands."""
        return (
            f"placed {len(self.records)}/{calls}, live {self.live}, answered {self.answered}, "
            f"refused {self._outcomes['refused']}, failed {self._outcomes['failed']}"
        )

    def summary(
        self, *, to: str, calls: int, rate: float, hold_s: float, stopped: bool, duration_s: float, wire: Wire
    ) -> Summary:
        """The end."""
        records = self.records
        answered = [record for record in records if record.outcome == "answered"]
        return Summary(
            to=to,
            calls=calls,
            rate=rate,
            hold_s=hold_s,
            stopped=stopped,
            duration_s=round(duration_s, 3),
            placed=len(records),
            answered=len(answered),
            cancelled=sum(record.outcome == "cancelled" for record in records),
            refused=_counted([str(record.status) for record in records if record.outcome == "refused"]),
            failed=_counted([record.reason for record in records if record.outcome == "failed"]),
            ended_by_us=sum(record.ended_by == "us" for record in answered),
            ended_by_them=sum(record.ended_by == "them" for record in answered),
            byes_unanswered=self.byes_unanswered,
            answer_time_ms=times([record.answer_time_ms for record in answered]),
            keys_pressed=sum(record.keys_pressed for record in records),
            rtp_sent=sum(record.rtp_sent for record in records),
            rtp_received=sum(record.rtp_received for record in records),
            wire=wire,
        )


def times(values: Sequence[float]) -> Times | None:
    """Percentiles; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    p50, p95, p99 = (percentile(ordered, share) for share in (0.50, 0.95, 0.99))
    return Times(*(round(value, 3) for value in (p50, p95, p99, ordered[-1])))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of `ordered` that so large a share of them does not exceed."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def text_of(summary: Summary) -> str:
    """The summary for people."""
    took = summary.answer_time_ms
    wire = summary.wire
    rows = [
        ("placed", f"{summary.placed} of {summary.calls} to {summary.to} in {summary.duration_s:.1f} s"),
        (
            "answered",
            f"{summary.answered}; ended by us {summary.ended_by_us}, by them {summary.ended_by_them}",
        ),
        ("refused", _listed(summary.refused)),
        ("failed", _listed(summary.failed)),
    ]
    if summary.stopped:
        rows.append(("cancelled", f"{summary.cancelled}; the run was stopped"))
    if summary.byes_unanswered:
        rows.append(("hang-ups", f"{summary.byes_unanswered} without an answer"))
    if took is not None:
        said = f"p50 {took.p50:.1f}, p95 {took.p95:.1f}, p99 {took.p99:.1f}, longest {took.longest:.1f} ms"
        rows.append(("INVITE to 200", said))
    rows.append(("repeated", f"{wire.retransmissions_sent} by us, {wire.repeated_by_peer} by them"))
    said = f"{summary.rtp_sent} packets sent, {summary.rtp_received} received, {summary.keys_pressed} keys"
    rows.append(("audio", said))
    rows.append(
        ("our clock", f"late p99 {wire.audio_late_p99_ms} ms, {wire.audio_ticks_left_out} ticks left out")
    )
    if wire.sip_not_sent or wire.rtp_not_sent:
        rows.append(("not sent", f"{wire.sip_not_sent} SIP, {wire.rtp_not_sent} RTP"))
    return "\n".join(f"{name:14}{said}" for name, said in rows)


def write(folder: Path, summary: Summary, records: Sequence[CallRecord]) -> None:
    """summary.json and calls.csv; raises `OSError`."""
    json = msgspec.json.format(msgspec.json.encode(summary), indent=2)
    (folder / "summary.json").write_bytes(json + b"\n")
    with (folder / "calls.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(CallRecord.__struct_fields__)
        table.writerows(msgspec.structs.astuple(record) for record in records)


def _counted(names: Sequence[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _listed(counts: dict[str, int]) -> str:
    if not counts:
        return "0"
    each = ", ".join(f"{count} × {name}" for name, count in counts.items())
    return f"{sum(counts.values())}: {each}"
