"""A core without sockets: journal, engine, dispatcher and actors as the process puts them together
(acd_core/process.py).

What leaves for the edge and the pages stands in the peers' outboxes until it is confirmed, a batch later. Events are
told with the times they were worked out with (city.py), so that the same operators are offered the same calls: the
clock is set by them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from acd_core.actors.board import Board
from acd_core.actors.dispatch import Dispatcher
from acd_core.actors.peers import Peers
from acd_core.actors.registry import Registry
from acd_core.actors.supervisor import Supervisor
from acd_core.clock import Clock
from acd_core.domain.commands import AnyCommand
from acd_core.domain.events import AnyEvent
from acd_core.engine import Engine
from acd_core.journal.writer import JournalWriter
from acd_core.link.session import LINK_VERSION, Hello
from acd_core.recovery import command_number, recover
from benchmarks.city import History

BATCH = 50  # events between two turns of the actors, as many as a link's read may bring
_STREAM = "web1:x"
_PEERS = (("edge", "edge1"), ("web", "web1"))


class SetClock(Clock):
    """Shows what it was set to."""

    def __init__(self, at_ms: int) -> None:
        """Stands until it is set again."""
        super().__init__()
        self.at_ms = at_ms

    def now_ms(self) -> int:
        """The time set."""
        return self.at_ms


class InnerCore:
    """An engine with all that stands behind it."""

    def __init__(self, folder: Path) -> None:
        """Recover what the folder has."""
        self.recovered = recovered = recover(folder)
        self.writer = JournalWriter(
            folder,
            last_seq=recovered.seq,
            end=recovered.end,
            journal_id=recovered.journal_id,
            segment_max_bytes=16 * 1024 * 1024,
            sync_interval_ms=10,
        )
        self.peers = Peers(recovered, self.writer.journal_id)
        self.clock = SetClock(recovered.now_ms)
        self.engine = Engine(recovered, self.writer, self.clock, self._dispatch)
        self.board = Board(
            self.engine.router,
            self.clock.now_ms,
            self.peers.signal,
            lambda: self.peers.connected("web"),
            lambda: self.engine.seq,
        )
        self._dispatcher: Dispatcher | None = None
        self._told = 0

    def attach(self, nursery: trio.Nursery) -> None:
        """Make the actors of what was recovered."""
        supervisor = Supervisor(nursery)
        self.registry = Registry(
            supervisor,
            lambda: self.engine.router.state,
            self.clock.now_ms,
            self.engine.handle,
            self.board,
        )
        self._dispatcher = Dispatcher(
            self.peers, self.registry, self.board, self.engine.router.state, self.recovered.keeper.add
        )
        self.registry.rebuild()
        supervisor.start("board", self.board.run)

    def _dispatch(self, seq: int, commands: tuple[AnyCommand, ...]) -> None:
        assert self._dispatcher is not None
        self._dispatcher.dispatch(seq, commands)

    def handle(self, event: AnyEvent, at_ms: int) -> None:
        """One event that came over the link."""
        self.clock.at_ms = at_ms
        self._told += 1
        self.engine.handle(event, _STREAM, self._told)

    async def take(self, history: History) -> None:
        """Events as fast as they can be taken, with a turn for the actors after every few."""
        for number, (event, at_ms) in enumerate(history):
            self.handle(event, at_ms)
            if number % BATCH == 0:
                self.confirm()
                await trio.lowlevel.checkpoint()
        self.confirm()

    def confirm(self) -> None:
        """The peers have all that was sent."""
        for role, name in _PEERS:
            hello = Hello(version=LINK_VERSION, role=role, name=name, stream=f"{name}:x")
            peer, _ = self.peers.of_hello(hello)
            peer.channel.acknowledge(command_number(self.engine.seq + 1, 0))


@asynccontextmanager
async def inner_core(folder: Path) -> AsyncIterator[InnerCore]:
    """A core on this journal, for as long as the block lasts."""
    core = InnerCore(folder)
    try:
        async with trio.open_nursery() as nursery:
            core.attach(nursery)
            yield core
            nursery.cancel_scope.cancel()
    finally:
        core.writer.close()
