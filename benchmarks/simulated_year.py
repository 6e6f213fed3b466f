"""How long a simulated year of the city's hotline takes, and what that is of the same loop of events without a router.

Everything that `santral arrivals` and `santral sim` do is timed in one process: making 1,355,305 contacts and writing them down,
checking and reading them, the simulated world, and the files that come of it. The floor takes the same callers through the
same clockwork (arrive, answer, hang up, end of the wrap-up), and decides nothing.

    .venv/bin/python -m benchmarks.simulated_year [--days 365] [--contacts 1355305]
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

from acd_core.documents import load_plan
from benchmarks.figures import table, write_results
from benchmarks.plots import Bar, Panel
from loadtest.sim.arrivals import Arrival, ArrivalsFile
from loadtest.sim.clockwork import Clockwork
from loadtest.sim.generate import GenerateOptions, generate
from loadtest.sim.run import SimOptions, run_sim

CITY = Path(__file__).resolve().parent.parent / "examples" / "city-water"
PLAN, ROSTER, TRAFFIC = CITY / "plan.toml", CITY / "roster.toml", CITY / "traffic.toml"
BUDGET_MIN = 5


class Floor:
    """The life of a call in four turns of the clockwork, with nobody who decides."""

    def __init__(self, arrivals: Iterable[Arrival]) -> None:
        """Of these callers."""
        self.clock = Clockwork(0, lambda event: None)
        self._arrivals = arrivals
        self._live: dict[int, Arrival] = {}
        self.events = 0

    def run(self) -> None:
        """Everybody is answered at once."""
        clock = self.clock
        for number, arrival in enumerate(self._arrivals):
            while clock.heap and clock.heap[0][0] <= arrival.at_ms:
                clock.step()
            clock.now_ms = max(clock.now_ms, arrival.at_ms)
            self._live[number] = arrival
            clock.at(arrival.at_ms, self._answer, number)
            self.events += 1
        while clock.heap:
            clock.step()

    def _answer(self, number: int) -> None:
        self._later(self._live[number].talk_ms, self._hang_up, number)

    def _hang_up(self, number: int) -> None:
        self._later(self._live.pop(number).wrapup_ms, self._wrapped_up, number)

    def _wrapped_up(self, number: int) -> None:
        self.events += 1

    def _later(self, after_ms: int | None, action: Callable[[Any], None], number: int) -> None:
        self.events += 1
        self.clock.at(self.clock.now_ms + (after_ms or 0), action, number)


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Seconds on the clock, seconds of the processor, and what came of it."""
    wall, processor = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - wall, time.process_time() - processor, result


def main() -> None:
    """Make the year, run it, run the floor, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--contacts", type=int, default=1_355_305)
    asked = parser.parse_args()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)  # as `santral sim` does
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calls = folder / "calls.csv"
        rows: list[tuple[str, float, float, int]] = []

        def note(what: str, work: Callable[[], Any], count: Callable[[Any], int]) -> Any:
            wall, processor, result = timed(work)
            rows.append((what, wall, processor, count(result)))
            return result

        note(
            "make and write the arrivals",
            lambda: generate(
                GenerateOptions(
                    plan=PLAN,
                    traffic=TRAFFIC,
                    out=calls,
                    first_day=date(2025, 1, 1),
                    days=asked.days,
                    contacts=asked.contacts,
                )
            ),
            lambda made: made.count,
        )
        summary = note(
            "check, simulate, write tables and plots",
            lambda: run_sim(SimOptions(plan=PLAN, roster=ROSTER, arrivals=calls, out=folder / "out")),
            lambda result: int(result["contacts"]),
        )
        plan = load_plan(PLAN.read_text(encoding="utf-8"), PLAN.parent)
        arrivals = ArrivalsFile(calls, plan)
        floor = Floor(arrivals)
        note("floor: the same callers through the clockwork", floor.run, lambda _: len(arrivals))
    simulated, bare = rows[1], rows[2]
    outcomes = ", ".join(f"{name} {count:,}" for name, count in summary["outcomes"].items())
    what = (
        f"`python -m benchmarks.simulated_year`: {asked.days} days of the example city (7 queues, 120 operators in shifts), "
        f"{summary['contacts']:,} contacts, {summary['events']:,} events; one process, one run.\n"
    )
    figures = [
        [
            name,
            f"{wall / 60:.2f}",
            f"{processor / 60:.2f}",
            f"{count / processor:,.0f}",
            f"{processor / count * 1e6:.0f}",
        ]
        for name, wall, processor, count in rows
    ]
    meaning = (
        f"\nBudget: a simulated year of 1,355,305 contacts within {BUDGET_MIN} minutes. The simulation takes "
        f"{simulated[2] / bare[2]:.1f} times the floor, which has {floor.events / bare[3]:.0f} events a contact where the "
        f"simulation has {summary['events'] / summary['contacts']:.1f}. Outcomes: {outcomes}.\n"
    )
    head = ["what", "minutes", "minutes of processor", "contacts/s of processor", "µs a contact"]
    bars = [
        Bar(name, wall / 60, wall / 60, wall / 60, floor=name.startswith("floor"))
        for name, wall, _, _ in rows
    ]
    write_results(
        "simulated_year",
        "A simulated year",
        [what, table(head, figures), meaning],
        [Panel("minutes", bars, BUDGET_MIN)],
    )


if __name__ == "__main__":
    main()
