"""From a caller's INVITE to the operator's phone's INVITE, at 100 calls a second: with nobody else there, and with 2,000 callers
who were answered and wait in another queue.

The core is played by this process and decides at once; so the time is the edge's, both ways over its link, and what the
machine's other work adds. The floor is a datagram there and back through a process that does nothing else with it, at the same
number of datagrams a second, in the same run.

    python -m benchmarks.edge_latency [--rate N] [--seconds N] [--parked N]
"""

from __future__ import annotations

import argparse

import uvloop

from benchmarks.edge_floor import floor
from benchmarks.edge_rig import Rig, rig
from benchmarks.edge_text import until
from benchmarks.figures import percentile, table, write_results
from benchmarks.plots import Bar, Panel

BUDGET_P99_MS = 10.0
HOLD_S = 2.0
PARKED_A_SECOND = 200.0
SKIPPED = 100  # of the first calls

Measured = dict[str, list[float]]


async def measure(rate: float, seconds: float, parked: int) -> Measured:
    """Sorted milliseconds by what was measured."""
    found: Measured = {}
    async with rig(phones=1_000, hold_s=HOLD_S) as it:
        found["nobody else"] = await times(it, rate, seconds)
        await it.place_many(PARKED_A_SECOND, parked / PARKED_A_SECOND, park=True)
        await until(lambda: sum(uri != b"" for uri, _ in it.parked.values()) == parked)
        found[f"{parked:,} parked"] = await times(it, rate, seconds)
        assert it.live == parked, "those who wait still wait"
        found["floor: there and back"] = (await floor(int(rate * seconds), rate)).times_ms
    return found


async def times(it: Rig, rate: float, seconds: float) -> list[float]:
    """Calls at this rate; how long each took."""
    waiting = it.live
    numbers = await it.place_many(rate, seconds + SKIPPED / rate)
    await it.wait_quiet(waiting)
    return sorted((it.phones.rung[n] - it.left[n]) * 1000 for n in numbers[SKIPPED:] if n in it.phones.rung)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--parked", type=int, default=2_000)
    options = parser.parse_args()
    found = uvloop.run(measure(options.rate, options.seconds, options.parked))
    rows = [
        [
            what,
            f"{len(values):,}",
            *(f"{percentile(values, share):.2f}" for share in (0.5, 0.9, 0.99, 0.999)),
            f"{values[-1]:.1f}",
        ]
        for what, values in found.items()
    ]
    parts = [
        (
            f"`python -m benchmarks.edge_latency`: {options.rate:g} calls/s for {options.seconds:g} s each, 1,000 phones "
            "registered; milliseconds from when the caller's INVITE left to when the phone's arrived.\n"
        ),
        table(["what", "times", "p50", "p90", "p99", "p99.9", "longest"], rows),
        f"Budget: p99 at most {BUDGET_P99_MS:g} ms, parked callers or not.\n",
    ]
    bars = [
        Bar(
            what,
            percentile(values, 0.99),
            percentile(values, 0.5),
            percentile(values, 0.999),
            what.startswith("floor"),
        )
        for what, values in found.items()
    ]
    panel = Panel("ms, p99 (from p50 to p99.9)", bars, budget=BUDGET_P99_MS, log=True)
    write_results("edge_latency", "Caller's INVITE → phone's INVITE", parts, [panel])


if __name__ == "__main__":
    main()
