"""Long histories of anything at all, judged after every event, for as many events as are asked for.

    python -m tests.domain.soak --events 10000000 --seed 1 [--workers 2]

Each history has a seed of its own and a few thousand events; `--seed` is that of the first, so a run that was stopped goes on
from the seed it came to. The first violation ends the run, which then says the history's seed and the event's number, and writes
the history as a recorded one (as those of tests/traces/, plans and rosters in it as events) to look at and to run again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
from tqdm import tqdm

from acd_core.domain.events import AnyEvent
from acd_core.domain.invariants import check, check_index
from acd_core.domain.router import Router
from acd_core.domain.state import encode_state
from tests.domain.chaos import LATER_MS, Chaos
from tests.domain.hearsay import Hearsay
from tests.domain.oracle import Oracle

EVENTS_A_HISTORY = 5_000
INDEX_EVERY = 50
RESTORE_EVERY = 700
TOLD_EVERY = 100


class ViolationError(Exception):
    """Something that must never be was."""

    def __init__(self, number: int, event: AnyEvent, now_ms: int, chaos: Chaos, error: Exception) -> None:
        super().__init__(f"event {number} ({str(event)[:300]}): {type(error).__name__}: {error}")
        self.number, self.event, self.now_ms, self.chaos = number, event, now_ms, chaos


class Finding(msgspec.Struct):
    """What one history came to."""

    seed: int
    events: int
    problem: str = ""
    trace: bytes = b""


class _Line(msgspec.Struct, omit_defaults=True):
    story: str = ""
    at: int = 0
    event: AnyEvent | None = msgspec.field(name="in", default=None)


def history(seed: object, events: int = EVENTS_A_HISTORY) -> Chaos:
    """Live one history through, judged after each event, then replayed; raises `ViolationError`."""
    chance = random.Random(f"history {seed}")
    chaos = Chaos()
    oracle, hearsay = Oracle(chaos.state), Hearsay(chaos.state)
    for number in range(events):
        event = chaos.any_event(chance)
        later_ms = chance.choice(LATER_MS)
        try:
            judged(chaos, oracle, hearsay, event, later_ms)
            if number % INDEX_EVERY == 0:
                check_index(chaos.state, chaos.router.index)
        except Exception as error:
            raise ViolationError(number, event, chaos.now_ms, chaos, error) from error
        if number % RESTORE_EVERY == RESTORE_EVERY - 1:
            chaos.restore()
    replay(chaos)
    return chaos


def judged(chaos: Chaos, oracle: Oracle, hearsay: Hearsay, event: AnyEvent, later_ms: int) -> None:
    """One event, with all that has to be true before and after it."""
    oracle.before(chaos.state, event, chaos.now_ms + later_ms)
    chaos.tell(event, later_ms)
    check(chaos.state)
    oracle.after(chaos.state, event, chaos.commands)
    hearsay.after(chaos.state, event, chaos.commands)


def replay(chaos: Chaos) -> Router:
    """A router that is told the same without ever being interrupted says the same, byte for byte, and comes to the same state."""
    router = Router()
    encoder = msgspec.msgpack.Encoder()
    for number, (event, now_ms, commands) in enumerate(chaos.history):
        if encoder.encode(router.apply(event, now_ms)) != commands:
            error = AssertionError("told again, the router says something else")
            raise ViolationError(number, event, now_ms, chaos, error)
    if encode_state(router.state) != encode_state(chaos.state):
        last, now_ms, _ = chaos.history[-1]
        error = AssertionError("told again, the router knows something else")
        raise ViolationError(len(chaos.history), last, now_ms, chaos, error)
    return router


def recorded(title: str, chaos: Chaos, event: AnyEvent, now_ms: int) -> bytes:
    """What led there, an event a line, the one that did it last."""
    lines = [_Line(story=title), *(_Line(at=at, event=told) for told, at, _ in chaos.history)]
    if not chaos.history or chaos.history[-1][0] is not event:
        lines.append(_Line(at=now_ms, event=event))
    return b"".join(msgspec.json.encode(line) + b"\n" for line in lines)


def _look(seed: int) -> Finding:
    try:
        chaos = history(seed)
    except ViolationError as found:
        trace = recorded(f"seed {seed}, {found}", found.chaos, found.event, found.now_ms)
        return Finding(seed, found.number, str(found), trace)
    return Finding(seed, len(chaos.history))


def _findings(seeds: Iterator[int], workers: int) -> Iterator[Finding]:
    if workers == 1:
        yield from map(_look, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        yield from pool.imap_unordered(_look, seeds)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.domain.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first history; the next has the next")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()), help="folder for a trace")
    options = parser.parse_args(arguments)
    histories = -(-options.events // EVENTS_A_HISTORY)
    seeds = iter(range(options.seed, options.seed + histories))
    done, next_seed, began_s = 0, options.seed, time.monotonic()
    with tqdm(total=options.events, unit="event", unit_scale=True, disable=not sys.stderr.isatty()) as bar:
        for number, finding in enumerate(_findings(seeds, options.workers), 1):
            done += finding.events
            bar.update(finding.events)
            next_seed = max(next_seed, finding.seed + 1)
            if finding.problem:
                path = options.out / f"soak-{finding.seed}.jsonl"
                path.write_bytes(finding.trace)
                print(f"seed {finding.seed}: {finding.problem}\nthe history: {path}", flush=True)
                return 1
            if bar.disable and number % TOLD_EVERY == 0:
                print(f"{done} events, seeds below {next_seed}", flush=True)
    took_s = time.monotonic() - began_s
    print(f"{done} events in {took_s:.0f} s, seeds {options.seed} to {next_seed - 1}: nothing is broken")
    return 0


if __name__ == "__main__":
    sys.exit(main())
