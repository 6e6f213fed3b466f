"""Whole calls through the core's engine: stamp, journal, router, digest, dispatcher, actors on trio.

Beside it, in the same run on the same events, the router alone and a bare dispatch loop; all interleaved. No sockets:
what leaves stands in the peers' bounded outboxes. Processor time of the core's thread; the thread that syncs the
journal is not the core's.

    python -m benchmarks.core [--calls N] [--agents N]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import trio
import trio.testing

from acd_core.domain.router import Router
from acd_core.domain.state import decode_state, encode_state
from benchmarks.city import EVENTS_A_CALL, History, mixed_day
from benchmarks.figures import bar, bare_dispatch, settled, spread, table, write_results
from benchmarks.harness import inner_core
from benchmarks.plots import Panel
from benchmarks.router import lives

BUDGET = 5_000


async def whole_core(folder: Path, opening: History, history: History) -> float:
    """Processor time of all of it behind the opening."""
    async with inner_core(folder) as core:
        await core.take(opening)
        core.registry.ensure_queues()
        await trio.testing.wait_all_tasks_blocked()
        with settled():
            begun = time.thread_time()
            await core.take(history)
            spent = time.thread_time() - begun
        assert not core.engine.router.state.calls, "every call has ended"
        assert not core.engine.router.state.stale, "nothing came too late"
    return spent


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--agents", type=int, default=1_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    day, history, waited = mixed_day(asked.agents, asked.calls)
    calls = len(history) / EVENTS_A_CALL
    opened = Router()
    for event, now_ms in day.history:
        opened.apply(event, now_ms)
    state = encode_state(opened.state)
    spent: dict[str, list[float]] = {"whole core": [], "router alone": [], "bare dispatch loop": []}
    for _ in range(asked.repeats):
        with tempfile.TemporaryDirectory() as folder:
            spent["whole core"].append(trio.run(whole_core, Path(folder), day.history, history))
        spent["router alone"].append(lives(Router(decode_state(state)), history))
        spent["bare dispatch loop"].append(bare_dispatch(history))
    rows, bars = [], []
    alone = min(spent["router alone"])
    for name, seconds in spent.items():
        rate = spread([calls / value for value in seconds], higher_is_better=True)
        rows.append([name, *(f"{value:,.0f}" for value in rate), f"{min(seconds) / alone:.2f}"])
        if name != "bare dispatch loop":
            bars.append(bar(name, rate, floor=name != "whole core"))
    write_results(
        "core",
        "Whole calls through the core",
        [
            (
                f"`python -m benchmarks.core`: {calls:,.0f} calls of four events (arrival, accept, hang-up, end of "
                f"wrap-up), of which "
                f"{waited / calls:.0%} wait for an operator; {asked.agents:,} agents with 3 skills for 3 of 20 "
                f"queues. Processor time, "
                f"{asked.repeats} interleaved repeats.\n"
            ),
            table(["what", "calls/s, best", "median", "worst", "times the router's cost"], rows),
            f"Budget: at least {BUDGET:,} calls/s for the whole core with 1,000 agents, 25,000 for the router.\n",
        ],
        [Panel("whole calls a second", bars, BUDGET)],
    )


if __name__ == "__main__":
    main()
