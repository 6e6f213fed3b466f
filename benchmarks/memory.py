"""How much memory a waiting call and an agent take in the core.

By the resident set of a process of its own, before and after 10,000 of them, with everything that a core keeps of
them: state, index, agenda, board, reasons, and their strings, as they come off the link. In another process by
tracemalloc, which counts Python's objects alone. What leaves is confirmed, so the outboxes are empty.

    python -m benchmarks.memory [--number N]
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import msgspec
import trio
import trio.testing

from acd_core.domain.events import AnyEvent, SessionOpened
from benchmarks.city import QUEUES, Day, History
from benchmarks.figures import table, write_results
from benchmarks.harness import InnerCore, inner_core
from benchmarks.plots import Bar, Panel

BUDGETS_KB = {"waiting call": 10, "agent": 6}
_event: msgspec.msgpack.Decoder[AnyEvent] = msgspec.msgpack.Decoder(AnyEvent)


def used(method: str) -> int:
    """Bytes of this process that are in memory, or of Python's objects."""
    gc.collect()
    if method == "tracemalloc":
        return tracemalloc.get_traced_memory()[0]
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def histories(what: str, number: int) -> tuple[History, History]:
    """What happens before the first reading, and between it and the second."""
    day = Day()
    if what == "agent":
        day.open(number, ready=number)
        opening = day.take_history()
        first = next(at for at, (event, _) in enumerate(opening) if isinstance(event, SessionOpened))
        # Plan and roster count too: an agent is in there.
        return opening[: first - 3], opening[first - 3 :]
    day.open(100, ready=0)
    opening = day.take_history()
    for turn in range(number):
        day.now_ms += 1
        day.arrive(turn % QUEUES)
    return opening, day.take_history()


def packed(what: str, number: int) -> list[list[tuple[bytes, int]]]:
    """As on the link: nothing of the state shares a string with these."""
    return [
        [(msgspec.msgpack.encode(event), at_ms) for event, at_ms in history]
        for history in histories(what, number)
    ]


async def take(core: InnerCore, events: Iterable[tuple[bytes, int]]) -> None:
    """Tell them, and let board and agenda have their turn."""
    for data, at_ms in events:
        await core.take([(_event.decode(data), at_ms)])
    await trio.testing.wait_all_tasks_blocked(0.05)


async def grown(folder: Path, what: str, number: int, method: str) -> float:
    """Bytes one of them takes."""
    # Worked out by another process: what this one freed would be taken first, and not show in the resident set.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        before, between = pool.apply(packed, (what, number))
    async with inner_core(folder) as core:
        await take(core, before)
        empty = used(method)
        await take(core, between)
        full = used(method)
    return (full - empty) / number


def main() -> None:
    """Measure and write the table, each figure in a process of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--one", nargs=2, metavar=("WHAT", "METHOD"), help="one figure, in this process")
    asked = parser.parse_args()
    if asked.one:
        what, method = asked.one
        if method == "tracemalloc":
            tracemalloc.start()
        with tempfile.TemporaryDirectory() as folder:
            print(trio.run(grown, Path(folder), what, asked.number, method))
        return
    rows, panels = [], []
    for what, budget_kb in BUDGETS_KB.items():
        bars = []
        for method in ("resident set", "tracemalloc"):
            command = [
                sys.executable,
                "-m",
                "benchmarks.memory",
                "--number",
                str(asked.number),
                "--one",
                what,
                method,
            ]
            figures = sorted(
                float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
                for _ in range(asked.repeats if method == "resident set" else 1)
            )
            kb = [f"{figure / 1024:.2f}" for figure in figures]
            rows.append([what, method, kb[len(kb) // 2], f"{kb[0]} to {kb[-1]}", f"{budget_kb}"])
            values = [figure / 1024 for figure in figures]
            bars.append(Bar(f"{what}, {method}", values[len(values) // 2], values[0], values[-1]))
        panels.append(Panel("KB each", bars, budget_kb))
    write_results(
        "memory",
        "Memory of the core",
        [
            (
                f"`python -m benchmarks.memory`: growth of a core over {asked.number:,} calls that wait, and over "
                f"as many agents who log "
                f"in and are ready (with their place in the roster), divided by their number; {asked.repeats} processes each.\n"
            ),
            table(["what", "by", "KB each, median", "spread", "budget"], rows),
        ],
        panels,
    )


if __name__ == "__main__":
    main()
