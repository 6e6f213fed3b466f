"""How long a caller who could be served at once waits for the core: call queued → offer leaves, at 1,000 calls a
second.

Arrivals are a Poisson process on a schedule that nothing slows down, each call has four events, and every time is
counted from when the arrival was *scheduled*: what a stall delays is counted with its whole delay (no coordinated
omission).

`core process`: `santral core` as it is shipped, its journal on disk; another process is edge and pages over two links
and hears the offer. The floor, in the same run: a signal that the core passes on from web to edge without looking at
it, which takes the same two sockets, wake-ups and schedules of a shared machine.

`inside`: the engine with journal, dispatcher and actors in this process, told the same kind of calls back to back;
from the time that each event took, the time it would have had to wait for those before it on the schedule, and so the
latency, is worked out exactly: once by the wall, which has the journal's stalls and the machine's other work in it,
once by processor time, which has neither.

    python -m benchmarks.latency [--rate N] [--seconds N]
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

from acd_core.config import load_config
from acd_core.domain import events as ev
from acd_core.domain.commands import DeskView
from acd_core.link import signals
from acd_core.link.aio import LinkClient
from benchmarks.city import QUEUES, Day
from benchmarks.figures import percentile, settled, table, write_results
from benchmarks.harness import BATCH, inner_core
from benchmarks.plots import Bar, Panel

BUDGET_MS = 1.0
AGENTS = 1_000
ACCEPT_S, TALK_S, WRAP_UP_S = 0.05, 0.3, 0.05
SIGNALS_A_S = 100
SKIPPED_S = 2.0  # of the beginning


class Pacer:
    """Calls what is due, when it is due, in the loop of a running asyncio; waits in a thread, since loops round to
    milliseconds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._number = 0
        self._condition = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._wait, daemon=True)
        self._thread.start()

    def at(self, when: float, call: Callable[[float], None]) -> None:
        """Have it called with the time it was to be called."""
        with self._condition:
            self._number += 1
            heapq.heappush(self._due, (when, self._number, call))
            if self._due[0][1] == self._number:
                self._condition.notify()

    def stop(self) -> None:
        """Call nothing more."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
        self._thread.join()

    def _wait(self) -> None:
        while True:
            with self._condition:
                now = time.perf_counter()
                while not self._stopped and (not self._due or self._due[0][0] > now):
                    self._condition.wait(self._due[0][0] - now if self._due else None)
                    now = time.perf_counter()
                if self._stopped:
                    return
                ready = []
                while self._due and self._due[0][0] <= now:
                    when, _, call = heapq.heappop(self._due)
                    ready.append((when, call))
            self._loop.call_soon_threadsafe(_call_all, ready)


def _call_all(ready: list[tuple[float, Callable[[float], None]]]) -> None:
    for when, call in ready:
        call(when)


class Outside:
    """The edge and the pages of a core process: calls on schedule, operators who accept."""

    def __init__(self, socket: Path, rate: int, seconds: float, agents: list[str]) -> None:
        self.rate, self.seconds, self.agents = rate, seconds, agents
        self.offers: list[float] = []
        self.relays: list[float] = []
        self.unserved = 0
        self._scheduled: dict[str, float] = {}
        self._signals: dict[str, float] = {}
        self._ready: set[str] = set()
        self._changed = asyncio.Event()
        self._chance = random.Random(1)
        self._calls = 0
        self.edge = self._link(socket, "edge", self._on_edge)
        self.web = self._link(socket, "web", self._on_web)

    def _link(self, socket: Path, role: str, hear: Callable[[Any], None]) -> LinkClient:
        return LinkClient(
            socket,
            role=role,
            name=f"{role}1",
            send_type=signals.ToCore,
            receive_type=signals.FromCore,
            on_message=hear,
            on_up=lambda fresh: self._changed.set(),
            on_down=lambda: None,
        )

    async def run(self) -> None:
        """Log everybody in, then let callers call."""
        tasks = [asyncio.create_task(link.run()) for link in (self.edge, self.web)]
        try:
            await self._until(lambda: self.edge.connected and self.web.connected)
            self.edge.send(ev.EdgeInventory(edge="edge1", instance=self.edge.stream))
            self.web.send(ev.WebInventory(web="web1", instance=self.web.stream))
            for agent in self.agents:
                self.web.send(ev.SessionOpened(agent=agent, session=f"s-{agent}", web="web1"))
            await asyncio.sleep(1)
            for agent in self.agents:
                self.edge.send(
                    ev.AudioConnected(agent=agent, session=f"s-{agent}", edge="edge1", leg=f"l-{agent}")
                )
            await asyncio.sleep(1)
            for agent in self.agents:
                self.web.send(ev.ReadyRequested(agent=agent, session=f"s-{agent}"))
            await self._until(lambda: len(self._ready) == len(self.agents))
            self._pacer = Pacer(asyncio.get_running_loop())
            self._begun = time.perf_counter() + 0.1
            self._pacer.at(self._begun, self._arrive)
            self._pacer.at(self._begun, self._relay)
            await asyncio.sleep(self.seconds + 2 * (ACCEPT_S + TALK_S + WRAP_UP_S) + 1)
            self._pacer.stop()
            self.unserved = len(self._scheduled)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    def _arrive(self, when: float) -> None:
        following = when + self._chance.expovariate(self.rate)
        if following < self._begun + self.seconds:
            self._pacer.at(following, self._arrive)
        self._calls += 1
        call = f"c{self._calls:08}"
        self._scheduled[call] = when
        number = f"+90532{self._calls:07}"
        self.edge.send(
            ev.CallArrived(
                call=call,
                edge="edge1",
                caller=number,
                number=number,
                dialled=f"q{self._calls % QUEUES:02}",
                at_ms=time.time_ns() // 1_000_000,
            )
        )

    def _relay(self, when: float) -> None:
        following = when + 1 / SIGNALS_A_S
        if following < self._begun + self.seconds:
            self._pacer.at(following, self._relay)
        peer = f"p{when:.6f}"
        self._signals[peer] = when
        self.web.signal(signals.BrowserKey(peer=peer, key="1"))

    def _on_edge(self, message: Any) -> None:
        if isinstance(message, signals.BrowserKey):
            when = self._signals.pop(message.peer)
            if when >= self._begun + SKIPPED_S:
                self.relays.append(time.perf_counter() - when)

    def _on_web(self, message: Any) -> None:
        if not isinstance(message, DeskView):
            return
        if message.state == "ready" and message.audio == "browser":
            self._ready.add(message.agent)
            self._changed.set()
        if message.state == "ringing" and message.offer is not None:
            self._offered(message.agent, message.offer.call, message.offer.offer)

    def _offered(self, agent: str, call: str, offer: int) -> None:
        now = time.perf_counter()
        when = self._scheduled.pop(call)
        if when >= self._begun + SKIPPED_S:
            self.offers.append(now - when)
        session = f"s-{agent}"
        at = now + ACCEPT_S
        accepted = ev.OfferAccepted(agent=agent, session=session, call=call, offer=offer)
        self._pacer.at(at, lambda _: _discard(self.web.send(accepted)))
        at += TALK_S
        self._pacer.at(at, lambda _: _discard(self.edge.send(ev.CallerHungUp(call=call))))
        at += WRAP_UP_S
        done = ev.WrapUpFinished(agent=agent, session=session)
        self._pacer.at(at, lambda _: _discard(self.web.send(done)))


def _discard(number: int) -> None:
    """The number of a message is of no interest here."""


async def _documents_in_force(folder: Path) -> list[str]:
    """A journal that knows plan and roster; returns the agents."""
    day = Day()
    day.open(AGENTS, ready=0)
    opening = day.take_history()
    async with inner_core(folder) as core:
        await core.take(opening[:3])
        roster = core.engine.router.state.roster
        assert roster is not None
        return list(roster.agents)


@contextmanager
def at_once(realtime: bool) -> Iterator[None]:
    """This process and its children run before all other work of the machine, where that is asked for."""
    if realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))
    try:
        yield
    finally:
        if realtime:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def core_process(rate: int, seconds: float) -> Outside:
    """A run against the real process."""
    with tempfile.TemporaryDirectory(prefix="lat") as name:
        folder = Path(name)
        file = folder / "santral.toml"
        file.write_text(f'run_dir = "{folder / "run"}"\n', encoding="utf-8")
        config = load_config(file, {})
        agents = trio.run(_documents_in_force, config.journal_path)
        child = subprocess.Popen([sys.executable, "-m", "santral", "core", "--config", str(file)])
        try:
            outside = Outside(config.socket("core"), rate, seconds, agents)
            asyncio.run(outside.run())
        finally:
            child.terminate()
            child.wait(30)
    return outside


class Server:
    """One that serves what is scheduled in order: how late each is done, by a clock of its own."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock, self.free, self.latencies = clock, 0.0, list[float]()

    def serve(self, scheduled: float, spent: float, *, counts: bool) -> None:
        """This took so long."""
        self.free = max(self.free, scheduled) + spent
        if counts:
            self.latencies.append(self.free - scheduled)


async def inside(folder: Path, rate: int, seconds: float) -> tuple[list[float], list[float]]:
    """The latencies of the arrivals, worked out from the time that each event took: by the wall, by processor time."""
    calls = int(rate * seconds)
    day = Day()
    day.open(AGENTS, ready=AGENTS)
    opening = day.take_history()
    day.calls(calls, in_flight=int(rate * (ACCEPT_S + TALK_S + WRAP_UP_S)))
    history = day.take_history()
    chance = random.Random(1)
    wall, cpu = Server(time.perf_counter), Server(time.thread_time)
    scheduled = 0.0
    async with inner_core(folder) as core:
        await core.take(opening)
        core.registry.ensure_queues()
        await trio.sleep(0.5)
        with settled():
            for number, (event, at_ms) in enumerate(history):
                scheduled += chance.expovariate(rate * len(history) / calls)
                begun = wall.clock(), cpu.clock()
                core.handle(event, at_ms)
                ended = wall.clock(), cpu.clock()
                counts = isinstance(event, ev.CallArrived)
                wall.serve(scheduled, ended[0] - begun[0], counts=counts)
                cpu.serve(scheduled, ended[1] - begun[1], counts=counts)
                if number % BATCH == 0:
                    core.confirm()
                    await trio.lowlevel.checkpoint()
                    # The turn of board, agenda and links.
                    wall.free += wall.clock() - ended[0]
                    cpu.free += cpu.clock() - ended[1]
    return wall.latencies, cpu.latencies


def row(name: str, seconds: list[float]) -> list[str]:
    """Percentiles in milliseconds."""
    ordered = sorted(seconds)
    shares = (0.5, 0.9, 0.99, 0.999)
    return [
        name,
        f"{len(ordered):,}",
        *(f"{percentile(ordered, share) * 1e3:.2f}" for share in shares),
        f"{ordered[-1] * 1e3:.1f}",
    ]


def p99(name: str, seconds: list[float]) -> Bar:
    """The 99th percentile, between the median and the 99.9th."""
    ordered = sorted(seconds)
    low, value, high = (percentile(ordered, share) * 1e3 for share in (0.5, 0.99, 0.999))
    return Bar(name, value, low, high, floor=name.startswith("floor"))


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument(
        "--realtime", action="store_true", help="schedule both processes before all other work (root)"
    )
    asked = parser.parse_args()
    rows, bars = [], []
    for repeat in range(1, asked.repeats + 1):
        with tempfile.TemporaryDirectory() as folder:
            wall, cpu = trio.run(inside, Path(folder), asked.rate, asked.seconds)
        with at_once(asked.realtime):
            outside = core_process(asked.rate, asked.seconds)
        for name, seconds in (
            (f"inside, by the wall, {repeat}", wall),
            (f"inside, by processor time, {repeat}", cpu),
            (f"core process, {repeat}", outside.offers),
            (f"floor: signal passed on, {repeat}", outside.relays),
        ):
            rows.append(row(name, seconds))
            bars.append(p99(name, seconds))
        assert not outside.unserved, f"{outside.unserved} calls were never offered"
    write_results(
        "latency",
        "Call queued → offer leaves",
        [
            f"`python -m benchmarks.latency`: {asked.rate:,} calls/s for {asked.seconds:.0f} s, four events "
            f"each, {AGENTS:,} agents "
            "with 3 skills for 3 of 20 queues; milliseconds from the scheduled arrival. `inside` is the engine with journal, "
            "dispatcher and actors; `core process` is heard by another process over two links, beside a signal "
            "that takes the same way "
            "without the engine (from scheduled to heard, too)."
            + (" Both were scheduled real-time, as the machine was shared." if asked.realtime else "")
            + "\n",
            table(["what", "times", "p50", "p90", "p99", "p99.9", "longest"], rows),
            f"Budget: p99 at most {BUDGET_MS:.0f} ms.\n",
        ],
        [Panel("milliseconds: p99, between p50 and p99.9", bars, BUDGET_MS, log=True)],
    )


if __name__ == "__main__":
    main()
