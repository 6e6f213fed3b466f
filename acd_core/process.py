"""The core process: recover, serve the link, keep the actors, write snapshots, stop cleanly."""

from __future__ import annotations

import fcntl
import gc
import importlib.metadata
import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from acd_core.actors.board import Board
from acd_core.actors.dispatch import Dispatcher
from acd_core.actors.peers import Peers
from acd_core.actors.reception import Reception
from acd_core.actors.registry import Registry
from acd_core.actors.supervisor import Supervisor
from acd_core.clock import Clock
from acd_core.config import Config, ConfigError
from acd_core.dialrules import judge, warm
from acd_core.documents import DocumentError, load_plan, load_roster, read_document
from acd_core.domain.commands import AnyCommand
from acd_core.domain.events import CoreStarted, PlanChanged, RosterChanged
from acd_core.engine import Engine, EngineFailedError
from acd_core.explain.explainer import explain
from acd_core.journal.segments import JournalError, JournalFullError
from acd_core.journal.snapshot import Snapshot, write_snapshot
from acd_core.journal.writer import JournalWriter
from acd_core.link import signals
from acd_core.link.heartbeat import beat_of
from acd_core.link.trio_server import TrioLinkServer
from acd_core.logs import set_up
from acd_core.machines import host_and_port
from acd_core.ready import ReadyFile
from acd_core.recovery import Recovered, recover

if TYPE_CHECKING:
    from acd_core.link.outside import Outside

_log = logging.getLogger(__name__)

SNAPSHOT_CHECK_S = 30.0
SNAPSHOT_EVENTS = 5_000  # a restart replays at most about this many events


def main(config: Config) -> int:
    """Run the core until SIGTERM; 0 after a clean stop, 1 when the next start may go better, 2 when it can't begin
    (the log says why)."""
    set_up(config, "core")
    code = 0
    try:
        with _only_one(config.journal_path), ReadyFile(config, "core") as ready:
            recovered = recover(config.journal_path)
            _log.info("recovered event %d, %d replayed", recovered.seq, recovered.replayed)
            trio.run(Core(config, recovered).run, ready)
    except* JournalFullError as group:  # alone, or out of a nursery
        for error in _leaves(group):
            _log.error("%s", error)
        code = 1
    except* (JournalError, DocumentError, AlreadyServedError, ConfigError) as group:
        for error in _leaves(group):
            _log.error("%s", error)
        code = 2
    except* EngineFailedError as group:
        for error in _leaves(group):
            _log.critical("%s", error, exc_info=error)
        code = code or 1
    return code


def _leaves(group: BaseExceptionGroup[Exception]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


class AlreadyServedError(Exception):
    """Another core serves this journal."""


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise AlreadyServedError(f"{folder}: another core serves this journal; stop it first") from error
    finally:
        os.close(fd)


class Core:
    """Everything of one core process, put together."""

    def __init__(self, config: Config, recovered: Recovered) -> None:
        """Opens the journal behind what was recovered."""
        self._config = config
        self._code_version = importlib.metadata.version("santral")
        self._upgraded = recovered.code_version not in ("", self._code_version)
        self._clock = Clock(not_before_ms=recovered.now_ms)
        self._writer = JournalWriter(
            config.journal_path,
            last_seq=recovered.seq,
            end=recovered.end,
            journal_id=recovered.journal_id,
            segment_max_bytes=config.core.segment_max_bytes,
            sync_interval_ms=config.core.journal_sync_interval_ms,
        )
        self._peers = Peers(recovered, self._writer.journal_id)
        self._engine = Engine(recovered, self._writer, self._clock, self._dispatch)
        self._board = Board(
            self._engine.router,
            self._clock.now_ms,
            self._peers.signal,
            lambda: self._peers.connected("web"),
            lambda: self._engine.seq,
        )
        keeper = recovered.keeper
        self._keep = keeper.add
        self._reception = Reception(
            self._engine,
            self._peers,
            self._board,
            lambda call: explain(self._engine.router, keeper, call, self._clock.now_ms()),
            lambda text: judge(text, config.country, config.dial),
            self._clock.now_ms,
        )
        self._dispatcher: Dispatcher | None = None
        self._snapshot_seq = recovered.seq - recovered.replayed

    async def run(self, ready: ReadyFile) -> None:
        """Serve until a signal says stop."""
        try:
            async with trio.open_nursery() as nursery:
                supervisor = Supervisor(nursery, fatal=(EngineFailedError, JournalError))
                registry = Registry(
                    supervisor,
                    lambda: self._engine.router.state,
                    self._clock.now_ms,
                    self._engine.handle,
                    self._board,
                )
                self._dispatcher = Dispatcher(
                    self._peers, registry, self._board, self._engine.router.state, self._keep
                )
                registry.rebuild()
                if self._upgraded:
                    await self._write_snapshot()
                self._engine.handle(CoreStarted(code_version=self._code_version))
                self._load_documents()
                registry.ensure_queues()
                supervisor.start("board", self._board.run)
                supervisor.start("snapshots", self._keep_snapshots)
                server = self._server()
                await nursery.start(server.run)
                if self._config.link.listen:
                    await nursery.start(self._outside(server).run)
                if self._config.dial:
                    warm(self._config.country)
                # What was recovered stays: each full collection of garbage would stop the core to look through all of it.
                gc.collect()
                gc.freeze()
                ready.write()
                await _stop_signal()
                self._engine.stop()  # links that end from here on are our own doing, and CoreStarted tells of them
                nursery.cancel_scope.cancel()
            # Only after a clean stop: after a failure of ours the state may be half changed, and the journal tells it all.
            await self._write_snapshot()
        finally:
            self._writer.close()

    def _dispatch(self, seq: int, commands: tuple[AnyCommand, ...]) -> None:
        assert self._dispatcher is not None, "events come after the actors"
        self._dispatcher.dispatch(seq, commands)

    def _server(self) -> TrioLinkServer:
        return TrioLinkServer(
            self._config.socket("core"),
            name="core",
            receive_type=signals.ToCore,
            peer_of=self._peers.of_hello,
            on_message=self._reception.on_message,
            on_up=self._reception.on_up,
            on_down=self._reception.on_down,
            now_ms=self._clock.now_ms,
            beat_s=beat_of(self._config.link.silence_s),
        )

    def _outside(self, server: TrioLinkServer) -> Outside:
        from acd_core.link.outside import Outside  # most cores have no need of TLS and its memory
        from acd_core.link.secure import make_missing, server_side

        place = host_and_port(self._config.link.listen)
        assert place is not None, "the configuration was checked"
        make_missing(self._config)
        return Outside(*place, server_side(self._config), server.serve)

    def _load_documents(self) -> None:
        """Plan and roster of the configuration take effect when they differ from what is in force."""
        state = self._engine.router.state
        try:
            if self._config.plan_file:
                path = self._config.resolve(self._config.plan_file)
                plan = load_plan(read_document(path), path.parent, str(path))
                if plan != state.plan:
                    self._engine.handle(PlanChanged(version=state.plan_version + 1, plan=plan))
            if self._config.roster_file:
                path = self._config.resolve(self._config.roster_file)
                roster = load_roster(read_document(path), state.plan, str(path))
                if roster != state.roster:
                    self._engine.handle(RosterChanged(version=state.roster_version + 1, roster=roster))
        except DocumentError as error:
            # A core that comes back to live calls must not stay away because of a file that somebody is editing.
            if state.plan is None or state.roster is None:
                raise
            _log.error("%s; what was in force stays in force", error)

    async def _keep_snapshots(self) -> None:
        while True:
            await trio.sleep(SNAPSHOT_CHECK_S)
            if self._engine.seq - self._snapshot_seq >= SNAPSHOT_EVENTS:
                await self._write_snapshot()

    async def _write_snapshot(self) -> None:
        if self._engine.seq == self._snapshot_seq:
            return
        snapshot = self._engine.snapshot(self._code_version, self._peers.undelivered())
        self._snapshot_seq = snapshot.seq
        await trio.to_thread.run_sync(self._put_on_disk, snapshot)

    def _put_on_disk(self, snapshot: Snapshot) -> None:
        """The journal first: a snapshot that a power loss left ahead of it would make the journal begin again with a gap."""
        self._writer.sync()
        write_snapshot(self._config.journal_path, snapshot)


async def _stop_signal() -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals_:
        async for _ in signals_:
            return
