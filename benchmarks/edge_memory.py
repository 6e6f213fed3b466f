"""The memory of one edge process over 100,000 two-leg calls: resident size after each tenth of them.

SIP remembers the transactions of the last 32 s, so the process has its size after the first half minute of calls; from then on
it must not grow. Registrations are renewed meanwhile. Measured when no call is alive.

    python -m benchmarks.edge_memory [--calls N] [--rate N]
"""

from __future__ import annotations

import argparse

import uvloop

from benchmarks.edge_rig import rig
from benchmarks.figures import table, write_results
from benchmarks.plots import Bar, Panel

PARTS = 10
HOLD_S = 1.0


async def measure(calls: int, rate: float) -> list[tuple[int, int, int]]:
    """Calls so far, kilobytes, transactions remembered."""
    found: list[tuple[int, int, int]] = []
    async with rig(phones=1_000, hold_s=HOLD_S) as it:
        found.append((0, it.used().resident_kb, 0))
        for part in range(1, PARTS + 1):
            await it.place_many(rate, calls / PARTS / rate)
            assert await it.wait_quiet(), f"{it.live} calls never ended"
            it.phones.rung.clear()
            it.left.clear()
            picture = await it.picture()
            found.append((calls * part // PARTS, it.used().resident_kb, picture.counters["transactions"]))
            print(found[-1], flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=200.0)
    options = parser.parse_args()
    found = uvloop.run(measure(options.calls, options.rate))
    rows = [[f"{calls:,}", f"{kb / 1024:.1f}", f"{transactions:,}"] for calls, kb, transactions in found]
    grown_kb = found[-1][1] - found[2][1]
    counted = found[-1][0] - found[2][0]
    parts = [
        f"`python -m benchmarks.edge_memory`: {options.calls:,} two-leg calls at {options.rate:g}/s, 1,000 phones registered.\n",
        table(["calls", "MB", "transactions remembered"], rows),
        f"From {found[2][0]:,} calls on: {grown_kb / 1024:+.1f} MB, {grown_kb * 1024 / counted:+.0f} bytes a call.\n",
    ]
    bars = [Bar(f"{calls:,} calls", kb / 1024, kb / 1024, kb / 1024, calls == 0) for calls, kb, _ in found]
    write_results("edge_memory", "Memory of one edge", parts, [Panel("MB", bars)])


if __name__ == "__main__":
    main()
