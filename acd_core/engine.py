"""The heart of the core process: an event is stamped, journalled, applied and its commands handed out, without a
pause in between.
"""

from __future__ import annotations

from collections.abc import Callable

from acd_core.clock import Clock
from acd_core.digest import next_digest
from acd_core.domain.commands import AnyCommand
from acd_core.domain.events import AnyEvent
from acd_core.domain.state import encode_state
from acd_core.journal.records import EventRecord, StoryRecord
from acd_core.journal.segments import JournalError
from acd_core.journal.snapshot import Snapshot
from acd_core.journal.writer import JournalWriter
from acd_core.recovery import Recovered, stories_of


class EngineFailedError(Exception):
    """The domain failed on an event: the state may be half changed, so this process must end."""


class Engine:
    """Owns the router, the journal's end and the decisions' digest. All of it is synchronous.

    Once it has failed, or was told to stop, it takes no further event: what comes then is the next core's business. After
    a failure it says so to everybody who brings one, so that nothing is confirmed to its sender on the way out.
    """

    def __init__(
        self,
        recovered: Recovered,
        writer: JournalWriter,
        clock: Clock,
        dispatch: Callable[[int, tuple[AnyCommand, ...]], None],
    ) -> None:
        """`dispatch(seq, commands)` hands out what was decided."""
        self.router = recovered.router
        self.received = recovered.received
        self.seq = recovered.seq
        self.digest = recovered.digest
        self.clock = clock
        self._last_ms = recovered.now_ms
        self._writer, self._dispatch = writer, dispatch
        self._failure: JournalError | EngineFailedError | None = None
        self.stopped = False
        if recovered.missing_stories:
            writer.append(StoryRecord(seq=self.seq, stories=recovered.missing_stories))

    def stop(self) -> None:
        """Take nothing more: who still speaks has not been confirmed, and says it again to the next core."""
        self.stopped = True

    def handle(self, event: AnyEvent, stream: str = "", number: int = 0) -> None:
        """Take one event; `stream` and `number` are its identity on the link, empty for the core's own.

        Raises `JournalError` or `EngineFailedError`, after which the process must end.
        """
        if self._failure is not None:
            # The same again for whoever speaks next: the task that met it first may lose it while it is being cancelled.
            raise self._failure
        if self.stopped:
            return
        try:
            self._take(event, stream, number)
        except JournalError as error:
            self._failure, self.stopped = error, True
            raise
        except Exception as error:
            failure = EngineFailedError(f"event {self.seq}, {type(event).__name__}: {error!r}")
            self._failure, self.stopped = failure, True
            raise failure from error

    def _take(self, event: AnyEvent, stream: str, number: int) -> None:
        now_ms = self._last_ms = max(self._last_ms, self.clock.now_ms())
        seq = self.seq + 1
        self._writer.append(
            EventRecord(seq=seq, now_ms=now_ms, stream=stream, number=number, digest=self.digest, event=event)
        )
        self.seq = seq
        if stream:
            self.received[stream.partition(":")[0]] = (stream, number)
        commands = self.router.apply(event, now_ms)
        if stories := stories_of(commands):
            self._writer.append_later(StoryRecord(seq=seq, stories=stories))
        self.digest = next_digest(self.digest, commands)
        self._dispatch(seq, commands)

    def snapshot(
        self, code_version: str, undelivered: dict[str, tuple[tuple[int, bytes], ...]] | None = None
    ) -> Snapshot:
        """The state after the last event, whole; `undelivered` is what peers have not confirmed."""
        self._writer.flush()  # the event that made them is not replayed, so nobody would tell its stories again
        return Snapshot(
            journal_id=self._writer.journal_id,
            seq=self.seq,
            now_ms=self._last_ms,
            digest=self.digest,
            code_version=code_version,
            received=dict(self.received),
            state=encode_state(self.router.state),
            undelivered=undelivered or {},
        )
