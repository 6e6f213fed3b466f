"""Santral and Asterisk 22 `app_queue` beside each other: the same callers, the same telephones, the same machine, in one run.

SIPp plays callers and agents on both sides, with the same scenarios; agents answer at once, talk, and hang up, and have nothing
to do after a call. What happened is read from a capture of the loopback device, with the kernel's times. There is no audio: SIPp
sends none, Asterisk then sends none either, and Santral, which would send silence, is told `a=inactive`. Of Santral run core
(journal on), media engine and edge; of Asterisk what Debian's package runs, without music.

As root, after `make asterisk` has laid it:

    python -m benchmarks.beside_asterisk [--quick] [--only santral|asterisk] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import msgspec

from benchmarks.beside import capture
from benchmarks.beside.load import AGENTS, CALLERS, Load, Processes
from benchmarks.beside.own import Santral
from benchmarks.beside.rival import FOLDER, Asterisk
from benchmarks.edge_rig import usage
from benchmarks.figures import percentile, table, write_results
from benchmarks.plots import Bar, Panel

Side: TypeAlias = Santral | Asterisk
FEW, SOME, MANY = 50, 200, 1_000
PARKED = "900"
QUEUES = {"50": FEW, "200": SOME, "1000": MANY, PARKED: 0}  # number → agents who serve it
TALK_MS = 2_000
RATE = 50.0
_DRAIN_S = 2.0


class Size(msgspec.Struct, frozen=True):
    """How much of everything."""

    rates: tuple[float, ...] = (60, 90, 120, 150, 200, 250, 300, 350, 400)
    rate_s: float = 6.0
    latency_s: float = 20.0
    waiting: int = 2_000
    waiting_rate: float = 100.0
    waiting_talk_ms: int = 1_000
    parked: int = 2_000
    patience_s: float = 110.0


QUICK = Size(
    rates=(150,),
    rate_s=3,
    latency_s=4,
    waiting=200,
    waiting_rate=200,
    waiting_talk_ms=500,
    parked=200,
    patience_s=20,
)


class Step(msgspec.Struct, frozen=True):
    """One rate of the ramp."""

    rate: float
    placed: int
    completed: int
    repeated: int
    busy: float  # of all cores of the machine
    shares: dict[str, float]  # of one core, by process

    @property
    def clean(self) -> bool:
        """Nothing sent twice, nothing lost."""
        return self.repeated == 0 and self.completed == self.placed


class Figures(msgspec.Struct):
    """What one side did."""

    name: str
    steps: list[Step] = []
    alone_ms: list[float] = []
    beside_parked_ms: list[float] = []
    freed_ms: list[float] = []
    waited: int = 0
    served: int = 0
    overtaken: int = 0
    memory_mb: float = 0.0

    @property
    def clean_rate(self) -> float:
        """The highest that was clean, of those without a step before that was not."""
        best = 0.0
        for step in self.steps:
            if not step.clean:
                break
            best = step.rate
        return best


class Bench:
    """One side in its turn."""

    def __init__(self, side: Side, processes: Processes, size: Size, agents_port: int) -> None:
        """Nothing runs yet."""
        self._side, self._processes, self._size = side, processes, size
        self._load = Load(processes, side.port, agents_port, side.direction)
        self._captures = 0
        self.figures = Figures(side.name)

    async def waits_and_latency(self) -> None:
        """All but the ramp, in one life of the server; the parked come last, for they do not leave."""
        await self._side.start(MANY)
        self._say("serves")
        self._load.talk(TALK_MS)
        await self._warm_up()
        self.figures.alone_ms = await self._latency()
        self._say(f"INVITE → INVITE: {spread_of(self.figures.alone_ms)}")
        await self._waiting()
        self._load.talk(TALK_MS)
        parked = self._load.call(PARKED, self._size.waiting_rate, self._size.parked)
        await asyncio.sleep(self._size.parked / self._size.waiting_rate + 1)
        self.figures.beside_parked_ms = await self._latency()
        self._say(f"with {self._size.parked:,} parked: {spread_of(self.figures.beside_parked_ms)}")
        self._processes.end(parked)
        await self._stop()

    async def ramp(self) -> None:
        """Up to the first rate that is not clean, and one more."""
        await self._side.start(MANY)
        self._load.talk(TALK_MS)
        await self._warm_up()
        for rate in self._size.rates:
            step = await self._step(rate)
            self.figures.steps.append(step)
            self._say(f"{rate:.0f}/s: {told_of(step)}")
            if not step.clean:
                break
            await asyncio.sleep(_DRAIN_S)
        await self._stop()

    async def _warm_up(self) -> None:
        await self._load.call_and_wait("200", 50, 50, 20)

    async def _stop(self) -> None:
        self._load.hush()
        await self._side.stop()

    async def _step(self, rate: float) -> Step:
        seen_by = self._capture()
        began, busy, used = time.monotonic(), busy_s(), used_s(self._side.pids())
        callers = self._load.call("1000", rate, int(rate * self._size.rate_s))
        await asyncio.sleep(self._size.rate_s)
        took = time.monotonic() - began
        share = (busy_s() - busy) / took / (os.cpu_count() or 1)
        shares = {name: (now - used[name]) / took for name, now in used_s(self._side.pids()).items()}
        await self._load.finish(callers, TALK_MS / 1000 + 6)
        seen = capture.read_calls(await seen_by.stop(), CALLERS, AGENTS)
        completed = sum(call.ended for call in seen.calls)
        return Step(rate, int(rate * self._size.rate_s), completed, seen.repeated, share, shares)

    async def _latency(self) -> list[float]:
        seen_by = self._capture()
        count = int(RATE * self._size.latency_s)
        await self._load.call_and_wait("200", RATE, count, self._size.latency_s + TALK_MS / 1000 + 8)
        calls = capture.read_calls(await seen_by.stop(), CALLERS, AGENTS).calls
        return sorted((call.rung - call.called) * 1000 for call in calls if call.rung)

    async def _waiting(self) -> None:
        size = self._size
        self._load.talk(size.waiting_talk_ms)
        seen_by = self._capture()
        callers = self._load.call("50", size.waiting_rate, size.waiting)
        await asyncio.sleep(size.waiting / size.waiting_rate)
        memory = memory_mb(self._side.pids())
        await self._load.finish(callers, size.patience_s)
        seen = capture.read_calls(await seen_by.stop(), CALLERS, AGENTS)
        figures = self.figures
        figures.memory_mb = max(memory, memory_mb(self._side.pids()))
        # While callers wait: not of those who come when all have been served.
        figures.freed_ms = sorted(seen.freed_ms)
        figures.waited, figures.served = size.waiting, sum(call.ended for call in seen.calls)
        figures.overtaken = capture.overtaken(seen.calls)
        self._say(
            f"{figures.served:,} of {size.waiting:,} who waited were served, {figures.overtaken} overtaken; "
            f"freed → next: {spread_of(figures.freed_ms)}; {figures.memory_mb:.0f} MB"
        )

    def _capture(self) -> capture.Capture:
        self._captures += 1
        made = capture.Capture(self._processes.folder / f"capture{self._captures}.pcap", self._side.port)
        self._processes.follow(made)
        return made

    def _say(self, what: str) -> None:
        print(f"{self._side.name}: {what}", flush=True)


def spread_of(ordered: list[float]) -> str:
    """Median and tails."""
    if not ordered:
        return "none"
    return " / ".join(f"{percentile(ordered, share):.1f}" for share in (0.5, 0.9, 0.99)) + " ms (p50/p90/p99)"


def memory_mb(pids: dict[str, int]) -> float:
    """Of all processes and what they started; a page that several have in common is counted once."""
    return sum(_own_memory_kb(pid) for pid in family(list(pids.values()))) / 1024


def used_s(pids: dict[str, int]) -> dict[str, float]:
    """Processor time of each process so far."""
    return {name: usage(pid).processor_s for name, pid in pids.items()}


def family(pids: list[int]) -> list[int]:
    """These and all below them."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, at = list(pids), 0
    while at < len(found):
        found += children.get(found[at], [])
        at += 1
    return found


def _own_memory_kb(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def busy_s() -> float:
    """Processor time that all of the machine has spent."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


async def measure(size: Size, only: str, keep: Path | None) -> list[Figures]:
    """Each side, one after the other."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _cancel_of(asyncio.current_task()))
    found = []
    sides: dict[str, Callable[[Processes, int, int, dict[str, int]], Side]] = {
        "santral": Santral,
        "asterisk": Asterisk,
    }
    for number, (name, make) in enumerate(sides.items()):
        if only and name != only:
            continue
        port, agents_port = 15_060 + 200 * number, 15_100 + 200 * number
        folder = Path(tempfile.mkdtemp(prefix=f"beside-{name}-"))
        figures = Figures(make.__name__)
        try:
            for life in ("waits", "ramp"):
                part = folder / life
                part.mkdir()
                processes = Processes(part)
                try:
                    bench = Bench(make(processes, port, agents_port, QUEUES), processes, size, agents_port)
                    bench.figures = figures
                    await (bench.waits_and_latency() if life == "waits" else bench.ramp())
                finally:
                    processes.close()
        finally:
            if keep is not None:
                shutil.copytree(
                    folder, keep / name, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock")
                )
            shutil.rmtree(folder, ignore_errors=True)
        found.append(figures)
    return found


def _cancel_of(task: asyncio.Task[list[Figures]] | None) -> Callable[[], bool]:
    assert task is not None
    return task.cancel


def report(found: list[Figures], size: Size) -> None:
    """Table and picture."""
    head = ["", *(f"{one.name}" for one in found)]

    def of(ordered: list[float], share: float) -> str:
        return f"{percentile(ordered, share):,.1f}" if ordered else "-"

    def both(ordered: list[float], *shares: float) -> str:
        return " / ".join(of(ordered, share) for share in shares)

    lines: list[tuple[str, Callable[[Figures], str]]] = [
        (f"clean calls/s with {MANY:,} agents", lambda one: f"{one.clean_rate:.0f}"),
        (
            f"caller's INVITE → agent's INVITE, {SOME} agents, {RATE:.0f}/s, p50 / p99 ms",
            lambda one: both(one.alone_ms, 0.5, 0.99),
        ),
        (
            f"the same with {size.parked:,} callers parked elsewhere",
            lambda one: both(one.beside_parked_ms, 0.5, 0.99),
        ),
        (
            "freed agent → next INVITE while callers wait, p50 / p90 / p99 ms",
            lambda one: both(one.freed_ms, 0.5, 0.9, 0.99),
        ),
        (
            f"overtaken, of {size.waiting:,} waiting for {FEW} agents",
            lambda one: f"{one.overtaken:,} ({one.served:,} served)",
        ),
        ("memory of all processes in that run, MB", lambda one: f"{one.memory_mb:.0f}"),
    ]
    ramp = [
        [
            f"{rate:.0f}",
            *(next((told_of(step) for step in one.steps if step.rate == rate), "") for one in found),
        ]
        for rate in size.rates
    ]
    parts = [(__doc__ or "").partition("\n\n")[2].partition("As root")[0]]
    parts.append(table(head, [[what, *(tell(one) for one in found)] for what, tell in lines]))
    parts.append(
        f"The ramp, {size.rate_s:g} s at each rate, calls of {TALK_MS / 1000:g} s; it ends at the first rate that is not clean "
        "(no message sent twice, every call rung, answered and hung up):\n"
    )
    parts.append(table(["calls/s", *(one.name for one in found)], ramp))
    panels = [
        Panel("clean calls/s (more is better)", [bar_of(one, one.clean_rate) for one in found]),
        Panel("INVITE → INVITE, ms, p99 (from p50)", [tail_of(one, one.alone_ms) for one in found], log=True),
        Panel(
            f"with {size.parked:,} parked, ms, p99 (from p50)",
            [tail_of(one, one.beside_parked_ms) for one in found],
            log=True,
        ),
        Panel(
            "freed agent → next INVITE, ms, p99 (from p50)",
            [tail_of(one, one.freed_ms) for one in found],
            log=True,
        ),
        Panel("MB", [bar_of(one, one.memory_mb) for one in found]),
    ]
    write_results("beside_asterisk", "Santral beside Asterisk", parts, panels)


def told_of(step: Step) -> str:
    """One step, with what each process took of a core."""
    shares = ", ".join(f"{name} {share:.0%}" for name, share in step.shares.items())
    return (
        f"{step.completed:,} of {step.placed:,}, {step.repeated} repeated, machine {step.busy:.0%} ({shares})"
    )


def bar_of(one: Figures, value: float) -> Bar:
    """A figure without a spread."""
    return Bar(one.name, value, value, value, one.name != "Santral")


def tail_of(one: Figures, ordered: list[float]) -> Bar:
    """Its p99, and p50 as the low end."""
    if not ordered:
        return bar_of(one, 0.0)
    high = percentile(ordered, 0.99)
    return Bar(one.name, high, percentile(ordered, 0.5), high, one.name != "Santral")


def main() -> int:
    """Measure both; exit code 1 when something is missing for it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a look within 90 s; writes no results")
    parser.add_argument(
        "--only", choices=("santral", "asterisk"), default="", help="one side; writes no results"
    )
    parser.add_argument("--keep", type=Path, help="where captures, configurations and logs are copied to")
    options = parser.parse_args()
    missing = [program for program in ("sipp", "tcpdump") if shutil.which(program) is None]
    if options.only != "santral" and not (FOLDER / "usr/sbin/asterisk").exists():
        missing.append(f"Asterisk in {FOLDER} (make asterisk)")
    if os.geteuid() != 0:
        missing.append("root, for the capture")
    if missing:
        print(f"Needed: {', '.join(missing)}.", file=sys.stderr)
        return 1
    size = QUICK if options.quick else Size()
    try:
        found = asyncio.run(measure(size, options.only, options.keep))
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped; all that was started has ended.", file=sys.stderr)
        return 1
    if not options.quick and not options.only:
        report(found, size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
