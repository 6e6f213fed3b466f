"""Journals made by the real engine, fed by the simulated world."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from acd_core.domain.commands import AnyCommand
from acd_core.domain.events import AnyEvent, CallerHungUp, CoreStarted
from acd_core.domain.plan import Plan
from acd_core.domain.roster import Roster
from acd_core.engine import Engine
from acd_core.journal.reader import read_journal
from acd_core.journal.records import EventRecord, Record
from acd_core.journal.snapshot import write_snapshot
from acd_core.journal.writer import JournalWriter
from acd_core.recovery import recover
from loadtest.sim.arrivals import Arrival
from loadtest.sim.behaviour import Behaviour
from loadtest.sim.watcher import Outcome
from loadtest.sim.world import Simulation
from tests.sim.city import MONDAY_MS


class Hand:
    """A clock that is set."""

    def __init__(self) -> None:
        self.at_ms = 0

    def now_ms(self) -> int:
        return self.at_ms


class Engined:
    """Takes the router's place in a simulated world: every event goes through an engine and its journal."""

    def __init__(self, folder: Path, gives_up: str) -> None:
        """`gives_up`: in what words an edge says that a caller hung up who was not answered."""
        self._gives_up = gives_up
        self.clock = Hand()
        self.commands: tuple[AnyCommand, ...] = ()
        recovered = recover(folder)
        self.writer = JournalWriter(folder, last_seq=0, segment_max_bytes=20_000, sync_interval_ms=3_600_000)
        self.engine = Engine(recovered, self.writer, self.clock, self._take)  # type: ignore[arg-type]
        self.state = self.engine.router.state

    def _take(self, seq: int, commands: tuple[AnyCommand, ...]) -> None:
        self.commands = commands

    def apply(self, event: AnyEvent, now_ms: int) -> tuple[AnyCommand, ...]:
        self.clock.at_ms = now_ms
        if isinstance(event, CallerHungUp) and not self.state.calls[event.call].answered_ms:
            event = msgspec.structs.replace(event, cause=self._gives_up)
        self.engine.handle(event)
        return self.commands


def make_journal(
    folder: Path,
    plan: Plan,
    roster: Roster,
    arrivals: Iterable[Arrival],
    *,
    snapshot_at: int = 0,
    behaviour: Behaviour | None = None,
    gives_up: str = "caller_hung_up",
) -> list[Outcome]:
    """Write one into the folder; with a snapshot after so many calls."""
    engined = Engined(folder, gives_up)
    simulation = Simulation(plan, roster, arrivals, behaviour=behaviour)
    simulation.router = engined  # type: ignore[assignment]
    engined.apply(CoreStarted(code_version="7"), MONDAY_MS - 60_000)
    outcomes = []
    for outcome in simulation.run():
        outcomes.append(outcome)
        if len(outcomes) == snapshot_at:
            write_snapshot(folder, engined.engine.snapshot("7"))
    engined.writer.close()
    return sorted(outcomes, key=lambda outcome: outcome.number)


def rewrite(folder: Path, change: dict[int, EventRecord], records: list[Record]) -> None:
    """The same journal with other records in the places of some events."""
    for path in folder.glob("journal-*.seg"):
        path.unlink()
    writer = JournalWriter(folder, last_seq=0, segment_max_bytes=10_000_000, sync_interval_ms=3_600_000)
    for record in records:
        writer.append(change.get(record.seq, record) if isinstance(record, EventRecord) else record)
    writer.close()


def records_of(folder: Path) -> list[Record]:
    return list(read_journal(folder))
