"""`santral replay --plan` or `--roster`: the same callers again under other rules, beside what was and beside the same rules.

Three columns: what the journal says, the simulated world under the journal's own plan and roster (which shows how far the
simulation can be believed), and the simulated world under the others. Differences are between the two simulated ones: whatever
the simulation does not know is missing in both.

What did not happen has to be assumed. Who was answered had some patience left, who gave up would have talked for some time: the
first is drawn from the Kaplan-Meier estimate of their queue, the other from the conversations of their queue. Operators answer
within the mean time they took. All is drawn by call, so both simulated worlds have the same callers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from acd_core.documents import load_plan, load_roster, read_document
from acd_core.domain.plan import Plan
from acd_core.statistics import SHOWN
from loadtest.sim import folder
from loadtest.sim.arrivals import Arrival
from loadtest.sim.behaviour import Behaviour
from loadtest.sim.chance import uniform
from loadtest.sim.errors import SimError
from loadtest.sim.history import History, PastCall, read_history, stays_from
from loadtest.sim.operators import Stays, shifts_of
from loadtest.sim.outcomes import Inputs, quantiles, summary_bytes
from loadtest.sim.report import seconds, share
from loadtest.sim.run import Documents, progress_bar, sha256_of, simulate, years_of
from loadtest.sim.survival import Patience

CALIBRATION, OTHER, COMPARISON = "calibration", "other", "comparison.json"
_GIVEN_UP_MIN = 50  # a queue with fewer is estimated together with all others

_ROWS: tuple[tuple[str, bool], ...] = (  # name, whether it is a share
    ("entered", False),
    ("answered", False),
    ("abandoned", False),
    ("in_time", True),
    ("abandonment", True),
    ("answer_ms", False),
    ("p95_ms", False),
    ("longest_wait_ms", False),
)


class WhatIfOptions(msgspec.Struct, frozen=True, kw_only=True):
    """A journal, and what is to be different."""

    journal: Path
    plan: Path | None = None
    roster: Path | None = None
    out: Path | None = None
    seed: int = 0
    progress: bool | None = None


def what_if(options: WhatIfOptions) -> str:
    """The comparison as a table, also written; raises `SimError`, `DocumentError` or `JournalError`."""
    history = read_history(options.journal)
    if not history.calls:
        raise SimError(f"{options.journal}: no call in the journal waited in a queue and ended")
    own = Documents(plan=history.plan, roster=history.roster, plan_sha256="", roster_sha256="")
    other = _other(options, history)
    arrivals = list(arrivals_of(history, options.seed))
    _check_queues(arrivals, other.plan, options)
    both = {CALIBRATION: own, OTHER: other}
    out = options.out
    if out is None:
        return _text(history, _run_both(history, both, arrivals, {}, options))
    folder.prepare_around(out, both, COMPARISON)
    with ExitStack() as results:
        drafts = {name: results.enter_context(folder.results_in(out / name)) for name in both}
        columns = _run_both(history, both, arrivals, drafts, options)
    with folder.draft_beside(out / COMPARISON) as draft:
        draft.write_bytes(summary_bytes({"made_by": folder.MADE_BY, **columns}))
    return _text(history, columns)


def _run_both(
    history: History,
    both: dict[str, Documents],
    arrivals: list[Arrival],
    drafts: dict[str, Path],
    options: WhatIfOptions,
) -> dict[str, dict[str, float | None]]:
    """What was measured, and what is simulated with each of the documents; files go to the drafts."""
    behaviour = Behaviour(answer_delay_ms=_answer_delay_ms(history.calls))
    columns = {"measured": _measured(history)}
    for name, documents in both.items():
        inputs = Inputs(
            plan=documents.plan_sha256,
            roster=documents.roster_sha256,
            arrivals="",
            seed=options.seed,
            version=version("santral"),
        )
        known = _fitting(arrivals, documents.plan)
        with progress_bar(known, len(known), shown=options.progress, what=name) as watched:
            result = simulate(
                documents,
                watched,
                inputs,
                drafts.get(name),
                behaviour=behaviour,
                when=_when(history, documents),
            )
        columns[name] = _simulated(result)
    return columns


def arrivals_of(history: History, seed: int) -> Iterator[Arrival]:
    """The journal's callers, with what is not known about them drawn."""
    patience = _patience(history.calls)
    talks, wraps = _known(history.calls)
    for call in history.calls:
        id_, queue = call.arrived.call, call.queue
        if call.gave_up:
            patience_ms: int | None = call.waited_ms
        else:
            patience_ms = patience[queue].draw(uniform(seed, id_, "patience"), call.waited_ms)
        talk_ms = (
            call.ended_ms - call.answered_ms if call.answered_ms else _one_of(talks[queue], seed, id_, "talk")
        )
        wrap_up_ms = call.wrap_up_ms
        if wrap_up_ms is None and not call.answered_ms:
            wrap_up_ms = _one_of(wraps[queue], seed, id_, "wrap_up")
        yield Arrival(
            at_ms=call.queued_ms,
            caller=call.arrived.number or call.arrived.caller,
            dialled=call.arrived.dialled,
            queue=queue,
            talk_ms=talk_ms,
            patience_ms=patience_ms,
            wrapup_ms=wrap_up_ms,
            priority=call.arrived.priority,
            language=call.language,
            skills=";".join(f"{skill}:{level}" for skill, level in call.arrived.skills.items()),
        )


def _patience(calls: Iterable[PastCall]) -> dict[str, Patience]:
    waits: dict[str, list[tuple[int, bool]]] = {}
    for call in calls:
        waits.setdefault(call.queue, []).append((call.waited_ms, call.gave_up))
    together = Patience([wait for queue in waits.values() for wait in queue])
    found = {queue: Patience(own) for queue, own in waits.items()}
    return {queue: own if own.given_up >= _GIVEN_UP_MIN else together for queue, own in found.items()}


def _known(calls: Iterable[PastCall]) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Conversations and wrap-ups by queue, in order."""
    talks: dict[str, list[int]] = {}
    wraps: dict[str, list[int]] = {}
    for call in calls:
        talk, wrap = talks.setdefault(call.queue, []), wraps.setdefault(call.queue, [])
        if call.answered_ms:
            talk.append(call.ended_ms - call.answered_ms)
        if call.wrap_up_ms is not None:
            wrap.append(call.wrap_up_ms)
    for lengths in (*talks.values(), *wraps.values()):
        lengths.sort()
    return talks, wraps


def _one_of(lengths: list[int], seed: int, id_: str, what: str) -> int | None:
    return lengths[int(uniform(seed, id_, what) * len(lengths))] if lengths else None


def _answer_delay_ms(calls: Iterable[PastCall]) -> int:
    delays = [call.answered_ms - call.offered_ms for call in calls if call.answered_ms and call.offered_ms]
    return round(sum(delays) / len(delays)) if delays else 0


def _other(options: WhatIfOptions, history: History) -> Documents:
    plan, roster, plan_sha256, roster_sha256 = history.plan, history.roster, "", ""
    if options.plan is not None:
        years = years_of(history.first_ms, history.last_ms, str(options.journal))
        text = read_document(options.plan)
        plan = load_plan(text, options.plan.parent, str(options.plan), years)
        plan_sha256 = sha256_of(text)
    if options.roster is not None:
        text = read_document(options.roster)
        roster = load_roster(text, plan, str(options.roster))
        roster_sha256 = sha256_of(text)
    return Documents(plan=plan, roster=roster, plan_sha256=plan_sha256, roster_sha256=roster_sha256)


def _when(history: History, documents: Documents) -> Stays:
    """As in the journal; by their shifts for operators of another roster who have some, or whom the journal does not know."""
    by_shifts = shifts_of(documents.plan, documents.roster)
    same = documents.roster is history.roster

    def when(agent: str, from_ms: int) -> Iterator[tuple[int, int]] | None:
        if same or (agent in history.at_work and not documents.roster.agents[agent].shifts):
            return stays_from(history, agent, from_ms)
        return by_shifts(agent, from_ms)

    return when


def _check_queues(arrivals: Iterable[Arrival], plan: Plan, options: WhatIfOptions) -> None:
    missing: dict[str, int] = {}
    for arrival in arrivals:
        if arrival.queue not in plan.queues:
            missing[arrival.queue] = missing.get(arrival.queue, 0) + 1
    if missing:
        named = ", ".join(f"{queue} ({count:,} calls)" for queue, count in sorted(missing.items()))
        raise SimError(f"{options.plan}: has no queue for calls of the journal: {named}")


def _fitting(arrivals: list[Arrival], plan: Plan) -> list[Arrival]:
    """A number or skill that the plan does not have is left away: the queue decides."""
    numbers = {number.dialled for number in plan.numbers}
    return [
        arrival if arrival.dialled in numbers else msgspec.structs.replace(arrival, dialled="")
        for arrival in arrivals
    ]


# --- side by side ---


def _measured(history: History) -> dict[str, float | None]:
    calls = history.calls
    answered = [call for call in calls if call.answered_ms]
    abandoned = sum(call.gave_up for call in calls)
    levels = {id_: queue.service_level_ms for id_, queue in history.plan.queues.items()}
    shorts = {id_: queue.short_abandon_ms for id_, queue in history.plan.queues.items()}
    in_time = sum(call.waited_ms <= levels.get(call.queue, 0) for call in answered)
    short = sum(call.gave_up and call.waited_ms <= shorts.get(call.queue, 0) for call in calls)
    judged = len(answered) + abandoned - short
    return {
        "entered": len(calls),
        "answered": len(answered),
        "abandoned": abandoned,
        "in_time": in_time / judged if judged else None,
        "abandonment": abandoned / (len(answered) + abandoned) if answered or abandoned else None,
        "answer_ms": sum(call.waited_ms for call in answered) / len(answered) if answered else None,
        "p95_ms": quantiles([call.waited_ms for call in answered]).get("p95_ms"),
        "longest_wait_ms": max((call.waited_ms for call in calls), default=None),
    }


def _simulated(result: dict[str, Any]) -> dict[str, float | None]:
    total, outcomes = result["total"], result["outcomes"]
    return {
        "entered": result["contacts"],
        "answered": outcomes.get("answered", 0),
        "abandoned": outcomes.get("abandoned", 0),
        "in_time": total["service_level"][SHOWN],
        "abandonment": total["abandonment"]["abandoned"],
        "answer_ms": total["answer_ms"],
        "p95_ms": result["waits"]["answered"].get("p95_ms"),
        "longest_wait_ms": total["longest_wait_ms"],
    }


def _text(history: History, columns: dict[str, dict[str, float | None]]) -> str:
    lines = [
        f"{len(history.calls):,} calls of the journal waited in a queue; {history.left_out:,} others are left out",
    ]
    if history.plans > 1:
        lines.append(
            f"{history.plans} plans were in force; the calibration takes the last of them for all the time"
        )
    lines.append(
        f"{'':16}{'measured':>14}{'own plan':>14}{'other':>14}{'other − own':>14}    (own and other are simulated)"
    )
    for name, is_share in _ROWS:
        values = [columns[column][name] for column in ("measured", CALIBRATION, OTHER)]
        own, other = values[1], values[2]
        difference = None if own is None or other is None else other - own
        cells = "".join(f"{_cell(name, value, is_share=is_share):>14}" for value in (*values, difference))
        lines.append(f"{name.removesuffix('_ms').replace('_', ' '):16}{cells}")
    return "\n".join(lines)


def _cell(name: str, value: float | None, *, is_share: bool) -> str:
    if value is None:
        return "–"
    if is_share:
        return share(value)
    return seconds(value) if name.endswith("_ms") else f"{value:,.0f}"
