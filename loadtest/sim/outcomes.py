"""What a run leaves behind: `calls.csv`, `intervals.csv` and `summary.json`. The same inputs give the same bytes.

Calls are written in the order in which they arrived while they end in another, so a row waits for those before it, as long
as the longest call lasts. Nothing of when or where the run took place is written, only what went into it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cache
from math import inf
from pathlib import Path
from types import TracebackType
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from acd_core.domain.counters import QueueCounters
from acd_core.domain.plan import Plan
from acd_core.erlang import Traffic, steady
from acd_core.statistics import agent_time, combined, queue_statistics
from loadtest.sim.behaviour import Behaviour
from loadtest.sim.folder import MADE_BY
from loadtest.sim.tally import ALL, Tally
from loadtest.sim.watcher import INTERVAL_MS, NEVER, Outcome

FORMAT = 1  # of the files; grows when a column or a key changes its meaning
CALL_COLUMNS = (
    "call",
    "queue",
    "arrived_ms",
    "answered_ms",
    "ended_ms",
    "outcome",
    "agent",
    "site",
    "waited_ms",
)
INTERVAL_COLUMNS = (
    "from_ms",
    "from",
    "queue",
    "entered",
    "answered",
    "in_time",
    "abandoned",
    "asa_ms",
    "aht_ms",
    "staff",
    "occupancy",
    "waiting_max",
    "erlang_a_in_time",
    "erlang_a_abandoned",
)
QUANTILES = (50, 80, 90, 95, 99)
_DIGITS = 6


class Inputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was made of; files by their SHA-256."""

    plan: str
    roster: str
    arrivals: str
    seed: int
    version: str


class CallsFile(AbstractContextManager["CallsFile"]):
    """Writes `calls.csv` in order of arrival."""

    def __init__(self, path: Path) -> None:
        self._file: io.TextIOWrapper = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(CALL_COLUMNS)
        self._next = 1
        self._early: dict[int, Outcome] = {}

    def add(self, outcome: Outcome) -> None:
        """Write it as soon as all before it are written."""
        if outcome.number != self._next:
            self._early[outcome.number] = outcome
            return
        later: Outcome | None = outcome
        while later is not None:
            self._write(later)
            self._next += 1
            later = self._early.pop(self._next, None)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self._file.close()

    def _write(self, outcome: Outcome) -> None:
        self._writer.writerow(
            (
                outcome.call,
                outcome.queue,
                outcome.arrived_ms,
                "" if outcome.answered_ms == NEVER else outcome.answered_ms,
                outcome.ended_ms,
                outcome.outcome,
                outcome.agent,
                outcome.site,
                outcome.waited_ms,
            )
        )


def write_intervals(path: Path, tally: Tally, plan: Plan) -> None:
    """Write `intervals.csv`: every half hour of every queue in which anything was, and of all together (`*`)."""
    zone = ZoneInfo(plan.timezone)
    expected = {queue: _expectation(tally, queue, plan) for queue in (ALL, *tally.queues)}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(INTERVAL_COLUMNS)
        for interval in range(tally.intervals):
            from_ms = tally.start_ms + interval * INTERVAL_MS
            start = local(from_ms, zone)
            for queue, expect in expected.items():
                row = _interval_row(tally, queue, interval, expect)
                if row is not None:
                    writer.writerow((from_ms, start, queue, *row))


def summary(
    tally: Tally, plan: Plan, inputs: Inputs, behaviour: Behaviour, *, contacts: int, events: int
) -> dict[str, Any]:
    """What the run came to, as `summary.json` has it."""
    zone = ZoneInfo(plan.timezone)
    counters = {queue: tally.counters.get(queue, QueueCounters()) for queue in tally.queues}
    spent_ms = tally.spent_ms()
    return {
        "made_by": MADE_BY,
        "finished": True,
        "format": FORMAT,
        "inputs": msgspec.to_builtins(inputs),
        "behaviour": msgspec.to_builtins(behaviour),
        "from": local(tally.start_ms, zone),
        "to": local(tally.end_ms, zone),
        "contacts": contacts,
        "events": events,
        "outcomes": dict(sorted(tally.outcomes.items())),
        "total": _queue_summary(combined(counters.values()), tally.waiting_max[ALL]),
        "waits": {
            "answered": quantiles(tally.answered_waits_ms),
            "abandoned": quantiles(tally.abandoned_waits_ms),
        },
        "queues": {queue: _queue_summary(counters[queue], tally.waiting_max[queue]) for queue in counters},
        "operators": {
            "all": _rounded(msgspec.to_builtins(agent_time(spent_ms.values()))),
            **{id_: _rounded(msgspec.to_builtins(agent_time((spent,)))) for id_, spent in spent_ms.items()},
        },
    }


def summary_bytes(content: dict[str, Any]) -> bytes:
    """As it is written, indented for people."""
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def local(at_ms: int, zone: ZoneInfo) -> str:
    """A time as people of this zone write it, with its distance from UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone).isoformat(timespec="seconds")


def quantiles(waits_ms: Any) -> dict[str, int]:
    """Of these waits: the smallest that so many percent do not exceed (nearest rank)."""
    ordered = sorted(waits_ms)
    count = len(ordered)
    return (
        {f"p{percent}_ms": ordered[-(-count * percent // 100) - 1] for percent in QUANTILES} if count else {}
    )


def _queue_summary(counters: QueueCounters, waiting_max: int) -> dict[str, Any]:
    found = _rounded(msgspec.to_builtins(queue_statistics(counters)))
    return {**found, "waiting_max": waiting_max, "counters": msgspec.to_builtins(counters)}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    return {key: _rounded(entry) for key, entry in value.items()} if isinstance(value, dict) else value


Expectation = Callable[[int, int], tuple[float, float]]


def _expectation(tally: Tally, queue: str, plan: Plan) -> Expectation | None:
    """What Erlang A expects of so many calls in an interval and so many operators; None where it does not apply.

    Each interval is taken for itself and as if it had always been so, which is how staffing is commonly planned. Handling time
    is the run's mean, patience its waiting time for each call given up: what a maximum likelihood estimate of an exponential
    patience is, in which the waits of those answered are censored (Mandelbaum and Zeltyn 2005, section 4.6).
    """
    series = tally.series(queue)
    answered, abandoned = series.answered.total(), series.abandoned.total()
    if not answered or not tally.is_pure(queue):
        return None
    handling_ms = (series.talk_ms.total() + series.wrap_up_ms.total()) / answered
    patience_ms = series.wait_ms.total() / abandoned if abandoned else inf
    if handling_ms <= 0 or patience_ms <= 0:
        return None
    levels = [entry.service_level_ms for id_, entry in sorted(plan.queues.items()) if queue in (ALL, id_)]
    within_ms = max(levels)

    @cache
    def expect(calls: int, agents: int) -> tuple[float, float]:
        traffic = Traffic(
            calls_per_hour=calls * 3_600_000 / INTERVAL_MS, handling_ms=handling_ms, patience_ms=patience_ms
        )
        result = steady(traffic, agents)
        return result.answered_within(within_ms), result.abandons

    return expect


def _interval_row(
    tally: Tally, queue: str, interval: int, expect: Expectation | None
) -> Iterator[str | int] | None:
    series, staff = tally.series(queue), tally.staff(queue, interval)
    entered, answered = series.entered[interval], series.answered[interval]
    if not entered and not staff.staffed_ms:
        return None
    handled_ms = series.talk_ms[interval] + series.wrap_up_ms[interval]
    expected = expect(entered, round(staff.mean)) if expect and entered and round(staff.mean) else None
    row: tuple[str | int, ...] = (
        entered,
        answered,
        series.in_time[interval],
        series.abandoned[interval],
        round(series.answered_wait_ms[interval] / answered) if answered else "",
        round(handled_ms / answered) if answered else "",
        f"{staff.mean:.2f}",
        f"{staff.busy_ms / staff.staffed_ms:.4f}" if staff.staffed_ms else "",
        series.waiting_max[interval],
        f"{expected[0]:.4f}" if expected else "",
        f"{expected[1]:.4f}" if expected else "",
    )
    return iter(row)
