"""How long a core takes to come back to 10,000 agents and 10,000 waiting calls.

From the moment it reads its folder until it would take the first event off the link: snapshot, as many events behind
it as there are at most between two snapshots, index, outboxes, agenda, and the event that it has started. The floor,
measured beside it: reading the same files, and decoding the snapshot's state into objects.

    python -m benchmarks.recovery [--agents N] [--waiting N]
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import trio

from acd_core.domain.events import CoreStarted
from acd_core.domain.state import decode_state
from acd_core.journal.snapshot import load_snapshot, write_snapshot
from acd_core.process import SNAPSHOT_EVENTS
from benchmarks.city import QUEUES, Day
from benchmarks.figures import bar, spread, table, write_results
from benchmarks.harness import inner_core
from benchmarks.plots import Panel

BUDGET_S = 2.0


async def prepare(folder: Path, agents: int, waiting: int) -> None:
    """A journal with a snapshot and events behind it; at the end everybody is logged in, and so many callers wait."""
    day = Day()
    day.open(agents, ready=0)
    behind = SNAPSHOT_EVENTS
    async with inner_core(folder) as core:
        await core.take(day.take_history())
        for turn in range(waiting):
            if turn == waiting - behind:
                await core.take(day.take_history())
                write_snapshot(folder, core.engine.snapshot("1", core.peers.undelivered()))
            day.now_ms += 1
            day.arrive(turn % QUEUES)
        await core.take(day.take_history())


async def recovered_s(folder: Path, agents: int, waiting: int) -> tuple[float, float]:
    """Wall time and processor time until the core would listen."""
    begun, begun_cpu = time.perf_counter(), time.thread_time()
    async with inner_core(folder) as core:
        core.handle(CoreStarted(code_version="1"), core.clock.at_ms)
        await trio.lowlevel.checkpoint()
        spent, spent_cpu = time.perf_counter() - begun, time.thread_time() - begun_cpu
        state = core.engine.router.state
        assert (len(state.agents), len(state.calls)) == (agents, waiting)
    return spent, spent_cpu


def floor_s(folder: Path) -> float:
    """Processor time to read the files and decode the state, and nothing else."""
    begun = time.thread_time()
    for path in folder.iterdir():
        path.read_bytes()
    snapshot = load_snapshot(folder)
    assert snapshot is not None
    decode_state(snapshot.state)
    return time.thread_time() - begun


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--waiting", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    wall, cpu, floor = [], [], []
    with tempfile.TemporaryDirectory() as base:
        trio.run(prepare, Path(base, "journal"), asked.agents, asked.waiting)
        for repeat in range(asked.repeats):
            folder = Path(base, f"copy{repeat}")
            shutil.copytree(Path(base, "journal"), folder)
            spent, spent_cpu = trio.run(recovered_s, folder, asked.agents, asked.waiting)
            wall.append(spent)
            cpu.append(spent_cpu)
            floor.append(floor_s(Path(base, "journal")))
    figures = {
        "recovery, wall time": spread(wall, higher_is_better=False),
        "recovery, processor time": spread(cpu, higher_is_better=False),
        "reading and decoding alone, processor time": spread(floor, higher_is_better=False),
    }
    rows = [[name, *(f"{value:.2f}" for value in values)] for name, values in figures.items()]
    write_results(
        "recovery",
        "Coming back after a crash",
        [
            (
                f"`python -m benchmarks.recovery`: {asked.agents:,} agents logged in, {asked.waiting:,} calls "
                f"waiting; a snapshot and "
                f"{SNAPSHOT_EVENTS:,} events behind it. Seconds, {asked.repeats} interleaved repeats.\n"
            ),
            table(["what", "best", "median", "worst"], rows),
            f"Budget: at most {BUDGET_S:.0f} s.\n",
        ],
        [
            Panel(
                "seconds",
                [bar(name, values, floor=name.startswith("reading")) for name, values in figures.items()],
                BUDGET_S,
            )
        ],
    )


if __name__ == "__main__":
    main()
