"""How many calls a second the router alone takes through their whole life, and what that is of a bare dispatch loop.

A call arrives straight into one of 20 queues that ask for a skill, is offered, accepted, ended by the caller, and the
operator finishes the wrap-up: four events. Every agent serves three queues at three levels (city.py); in two tenths
of the calls callers have to wait. The floor, measured in the same run on the same events, looks a handler up by the
event's type, calls it, and does nothing else.

    python -m benchmarks.router [--calls N] [--agents N ...]
"""

from __future__ import annotations

import argparse

from acd_core.domain.router import Router
from acd_core.domain.state import decode_state, encode_state
from benchmarks.city import EVENTS_A_CALL, History, mixed_day
from benchmarks.figures import bar, bare_dispatch, processor_s, settled, spread, table, write_results
from benchmarks.plots import Bar, Panel

BUDGET = 25_000  # calls a second, at 1,000 agents


def lives(router: Router, history: History) -> float:
    """Processor time to take all of it."""

    def run() -> None:
        apply = router.apply
        for event, now_ms in history:
            apply(event, now_ms)

    with settled():
        return processor_s(run)[0]


def measure(agents: int, calls: int, repeats: int) -> tuple[list[str], Bar]:
    """One row of the table, and its bar."""
    day, history, waited = mixed_day(agents, calls)
    opened = Router()
    for event, now_ms in day.history:
        opened.apply(event, now_ms)
    state = encode_state(opened.state)
    del opened
    spent, floor = [], []
    for _ in range(repeats):
        spent.append(lives(Router(decode_state(state)), history))
        floor.append(bare_dispatch(history))
    ended = len(history) / EVENTS_A_CALL
    rate = spread([ended / seconds for seconds in spent], higher_is_better=True)
    bare = spread([ended / seconds for seconds in floor], higher_is_better=True)
    row = [
        f"{agents:,}",
        f"{rate.best:,.0f}",
        f"{rate.median:,.0f}",
        f"{rate.worst:,.0f}",
        f"{rate.best * EVENTS_A_CALL:,.0f}",
        f"{bare.best:,.0f}",
        f"{bare.best / rate.best:.0f}",
        f"{waited / ended:.0%}",
    ]
    return row, bar(f"{agents:,} agents", rate)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--agents", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    measured = [measure(agents, asked.calls, asked.repeats) for agents in asked.agents]
    write_results(
        "router",
        "Whole lives of calls through the router alone",
        [
            (
                f"`python -m benchmarks.router`: {asked.calls:,} calls of four events, agents with 3 skills at levels 1 to 5 "
                "for 3 of 20 queues, each queue with a skill and two steps. Processor time, "
                f"{asked.repeats} interleaved repeats; the floor is a loop that looks a handler up by the event's type and "
                "calls it.\n"
            ),
            table(
                [
                    "agents",
                    "calls/s, best",
                    "median",
                    "worst",
                    "events/s, best",
                    "floor, calls/s",
                    "times the floor",
                    "calls that wait",
                ],
                [row for row, _ in measured],
            ),
            f"Budget: at least {BUDGET:,} calls/s with 1,000 agents.\n",
        ],
        [Panel("whole calls a second", [one for _, one in measured], BUDGET)],
    )


if __name__ == "__main__":
    main()
