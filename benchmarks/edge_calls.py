"""How many whole two-leg calls a second one edge process carries without a retransmission, and what one costs it.

1,000 phones are registered. The rate grows step by step until the edge or a party repeats a message or a call fails. Processor
time is of the edge's process, user and system, a call; beside it the floor of `edge_floor`.

    python -m benchmarks.edge_calls [--phones N] [--seconds N] [--rates 100,200,300,400]
"""

from __future__ import annotations

import argparse
import time

import msgspec
import uvloop

from benchmarks.edge_floor import Floor, floor
from benchmarks.edge_rig import Rig, rig
from benchmarks.figures import percentile, table, write_results
from benchmarks.plots import Bar, Panel

BUDGET_A_SECOND = 300
HOLD_S = 2.0


class Step(msgspec.Struct, frozen=True):
    """One rate."""

    rate: float
    placed: int
    completed: int
    repeated: int
    processor_ms: float  # a call
    busy: float  # share of one core
    times_ms: list[float]  # caller's INVITE → phone's INVITE

    @property
    def clean(self) -> bool:
        """Nothing repeated, nothing lost."""
        return self.repeated == 0 and self.completed == self.placed


async def step(it: Rig, rate: float, seconds: float) -> Step:
    """Calls at this rate."""
    before, repeated, over = it.used(), await repeats(it), it.callers.over
    began = time.perf_counter()
    numbers = await it.place_many(rate, seconds)
    took = time.perf_counter() - began
    at_rate = it.used().processor_s - before.processor_s
    await it.wait_quiet()
    used = it.used().processor_s - before.processor_s
    times = sorted((it.phones.rung[n] - it.left[n]) * 1000 for n in numbers if n in it.phones.rung)
    return Step(
        rate=rate,
        placed=len(numbers),
        completed=it.callers.over - over,
        repeated=await repeats(it) - repeated,
        processor_ms=used / len(numbers) * 1000,
        busy=at_rate / took,
        times_ms=times,
    )


async def repeats(it: Rig) -> int:
    """Messages that anybody repeated so far."""
    picture = await it.picture()
    return picture.counters["retransmissions"] + it.callers.repeated + it.phones.repeated


async def measure(phones: int, seconds: float, rates: list[float]) -> tuple[list[Step], Floor]:
    """Until it is too much."""
    steps: list[Step] = []
    async with rig(phones=phones, hold_s=HOLD_S) as it:
        await step(it, rates[0], 1.0)  # warm up
        for rate in rates:
            steps.append(await step(it, rate, seconds))
            print(
                f"{rate:.0f}/s: {steps[-1].completed} of {steps[-1].placed}, {steps[-1].repeated} repeated",
                flush=True,
            )
            if not steps[-1].clean:
                break
        compared = await floor(int(rates[0] * seconds), rates[0])
    return steps, compared


def report(steps: list[Step], compared: Floor, phones: int, seconds: float) -> None:
    """Table and picture."""
    best = max((one.rate for one in steps if one.clean), default=0.0)
    rows = [
        [
            f"{one.rate:.0f}",
            f"{one.completed:,} of {one.placed:,}",
            f"{one.repeated}",
            f"{percentile(one.times_ms, 0.5):.1f}" if one.times_ms else "-",
            f"{percentile(one.times_ms, 0.99):.1f}" if one.times_ms else "-",
            f"{one.processor_ms:.2f}",
            f"{one.processor_ms / compared.processor_ms_a_call:.0f}" if compared.processor_ms_a_call else "-",
            f"{one.busy:.0%}",
        ]
        for one in steps
    ]
    head = [
        "calls/s",
        "completed",
        "messages repeated",
        "INVITE → INVITE p50 ms",
        "p99 ms",
        "CPU ms a call",
        "times the floor",
        "of a core",
    ]
    parts = [
        (
            f"`python -m benchmarks.edge_calls`: {phones:,} phones registered, calls of {HOLD_S:g} s with ringing, answer, "
            f"joining and recording, {seconds:g} s at each rate; callers and phones share the machine with the edge.\n"
        ),
        table(head, rows),
        (
            f"Without a repeated message or a lost call: **{best:.0f} calls/s** (budget {BUDGET_A_SECOND}). Floor: a process "
            f"that sends as many datagrams back takes {compared.processor_ms_a_call:.3f} ms a call.\n"
        ),
    ]
    bars = [
        Bar(f"{one.rate:.0f} calls/s", one.processor_ms, one.processor_ms, one.processor_ms) for one in steps
    ]
    cost = compared.processor_ms_a_call
    bars.append(Bar("datagrams alone", cost, cost, cost, True))
    write_results(
        "edge_calls", "Two-leg calls through one edge", parts, [Panel("ms of processor time a call", bars)]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--phones", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rates", default="100,200,300,400,500,600,800,1000")
    options = parser.parse_args()
    rates = [float(rate) for rate in options.rates.split(",")]
    steps, compared = uvloop.run(measure(options.phones, options.seconds, rates))
    report(steps, compared, options.phones, options.seconds)


if __name__ == "__main__":
    main()
