"""`santral sim`: read and check the inputs, run the world, write what came of it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from acd_core.documents import load_plan, load_roster, read_document
from acd_core.documents.calendars import compiled
from acd_core.domain.plan import Plan
from acd_core.domain.roster import Roster
from loadtest.sim import folder
from loadtest.sim.arrivals import Arrival, ArrivalsFile
from loadtest.sim.behaviour import Behaviour
from loadtest.sim.errors import SimError
from loadtest.sim.operators import Stays
from loadtest.sim.outcomes import CallsFile, Inputs, summary, summary_bytes, write_intervals
from loadtest.sim.tally import Tally
from loadtest.sim.world import Simulation

_YEARS_MAX = 20
_REFRESH = 1_000  # calls between two looks of the progress bar at the clock


class SimOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One run; a seed of None is the plan's own."""

    plan: Path
    roster: Path
    arrivals: Path
    out: Path
    seed: int | None = None
    behaviour: Behaviour = Behaviour()
    plots: bool = True
    progress: bool | None = None  # None: on a terminal


class Documents(msgspec.Struct, frozen=True, kw_only=True):
    """A plan with a roster, and the SHA-256 of their files."""

    plan: Plan
    roster: Roster
    plan_sha256: str
    roster_sha256: str


def run_sim(options: SimOptions) -> dict[str, Any]:
    """The summary, also written; raises `DocumentError` or `SimError`."""
    documents = load_documents(options.plan, options.roster)
    arrivals = ArrivalsFile(options.arrivals, documents.plan)
    if not len(arrivals):
        raise SimError(f"{options.arrivals}: holds no arrivals")
    # Calendars are worked out for the time of the arrivals, whenever that is.
    years = years_of(arrivals.first_ms, arrivals.last_ms, str(options.arrivals))
    documents = msgspec.structs.replace(documents, plan=compiled(documents.plan, years))
    seed = documents.plan.seed if options.seed is None else options.seed
    inputs = Inputs(
        plan=documents.plan_sha256,
        roster=documents.roster_sha256,
        arrivals=arrivals.sha256,
        seed=seed,
        version=version("santral"),
    )
    folder.prepare(options.out)
    with (
        folder.results_in(options.out) as draft,
        progress_bar(arrivals, len(arrivals), shown=options.progress) as watched,
    ):
        return simulate(documents, watched, inputs, draft, behaviour=options.behaviour, plots=options.plots)


def simulate(
    documents: Documents,
    arrivals: Iterable[Arrival],
    inputs: Inputs,
    out: Path | None,
    *,
    behaviour: Behaviour,
    plots: bool = True,
    when: Stays | None = None,
) -> dict[str, Any]:
    """Run these documents on these arrivals; the files go to `out`, unless that is None."""
    plan = documents.plan
    tally = Tally(plan, documents.roster)
    simulation = Simulation(
        plan, documents.roster, arrivals, seed=inputs.seed, behaviour=behaviour, watcher=tally, when=when
    )
    contacts = 0
    if out is None:
        contacts = sum(1 for _ in simulation.run())
    else:
        with CallsFile(out / folder.CALLS) as calls:
            for outcome in simulation.run():
                calls.add(outcome)
                contacts += 1
        write_intervals(out / folder.INTERVALS, tally, plan)
        if plots:
            from loadtest.sim.plots import write_plots  # takes longer to import than a small run

            write_plots(out, tally, plan)
    result = summary(tally, plan, inputs, behaviour, contacts=contacts, events=simulation.events)
    if out is not None:
        (out / folder.SUMMARY).write_bytes(summary_bytes(result))
    return result


def load_documents(plan_file: Path, roster_file: Path) -> Documents:
    """Read both; raises `DocumentError`."""
    plan_text, roster_text = read_document(plan_file), read_document(roster_file)
    plan = load_plan(plan_text, plan_file.parent, str(plan_file))
    return Documents(
        plan=plan,
        roster=load_roster(roster_text, plan, str(roster_file)),
        plan_sha256=sha256_of(plan_text),
        roster_sha256=sha256_of(roster_text),
    )


def years_of(first_ms: int, last_ms: int, name: str) -> range:
    """The years that calendars must know, one more at each end because of time zones; `name` is where the calls are from."""
    first = datetime.fromtimestamp(first_ms / 1000, UTC).year - 1
    last = datetime.fromtimestamp(last_ms / 1000, UTC).year + 1
    if last - first > _YEARS_MAX:
        raise SimError(
            f"{name}: calls from {first + 1} to {last - 1}; calendars are worked out for at most {_YEARS_MAX} years"
        )
    return range(first, last + 1)


@contextmanager
def progress_bar(
    arrivals: Iterable[Arrival], count: int, *, shown: bool | None, what: str = "simulating"
) -> Iterator[Iterable[Arrival]]:
    """The arrivals, with a bar on standard error as they are taken."""
    with tqdm(
        total=count,
        desc=what,
        unit=" calls",
        unit_scale=True,
        disable=not (sys.stderr.isatty() if shown is None else shown),
        miniters=_REFRESH,
        file=sys.stderr,
        dynamic_ncols=True,
    ) as bar:
        yield arrivals if bar.disable else _counted(arrivals, bar.update)


def _counted(arrivals: Iterable[Arrival], update: Callable[[int], object]) -> Iterator[Arrival]:
    taken = 0
    for arrival in arrivals:
        yield arrival
        taken += 1
        if taken == _REFRESH:
            update(taken)
            taken = 0
    update(taken)


def sha256_of(text: str) -> str:
    """Of a document's text."""
    return hashlib.sha256(text.encode()).hexdigest()
