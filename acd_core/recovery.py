"""A core's beginning: the newest snapshot, the journal behind it, and what had been decided but perhaps not
delivered.

Replay applies the same events at the same times, so it makes the same commands; those are kept per receiver,
and the link sends the ones that a receiver had not confirmed. An event on which the domain itself fails (our
bug) stopped the core that met it; here it is named, left out, and the replay begins again without it, so that
one bad event costs one restart and not the service.
"""

from __future__ import annotations

import logging
from collections import deque
from pathlib import Path

import msgspec

from acd_core.digest import next_digest
from acd_core.domain.commands import AgentStory, AnyCommand, CallStory, Decided, Story
from acd_core.domain.events import DeadlinePassed
from acd_core.domain.limits import COMMANDS_AN_EVENT_MAX, LINK_OUTBOX_MAX
from acd_core.domain.router import Router
from acd_core.domain.state import SnapshotError, State, decode_state, timed
from acd_core.explain.keeper import Keeper
from acd_core.journal.reader import JournalTail, journal_identity
from acd_core.journal.records import EventRecord, Record, StoryRecord
from acd_core.journal.segments import JournalError
from acd_core.journal.snapshot import Snapshot, load_snapshot

_log = logging.getLogger(__name__)

POISONED_MAX = 100
_STORIES = frozenset({CallStory, AgentStory, Decided})  # the types of `Story`
_POLL_RECORDS = 10_000


class Recovered(msgspec.Struct, kw_only=True):
    """What a core begins with."""

    router: Router
    journal_id: str
    seq: int
    now_ms: int
    digest: int
    code_version: str  # that decided last; empty for a new journal
    end: tuple[Path, int] | None
    received: dict[str, tuple[str, int]]
    unconfirmed: dict[str, tuple[tuple[int, bytes], ...]]  # decided before the snapshot, not confirmed then
    undelivered: dict[str, deque[tuple[int, AnyCommand]]]  # decided since
    keeper: Keeper  # what was told of calls since the snapshot
    missing_stories: tuple[Story, ...]  # of the last event, when the core was killed before it wrote them
    replayed: int
    left_out: tuple[int, ...]


class _ReplayError(Exception):
    def __init__(self, seq: int, cause: Exception) -> None:
        super().__init__(f"event {seq}: {cause!r}")
        self.seq = seq


def command_number(seq: int, index: int) -> int:
    """The id of a command as one number: it grows with the journal."""
    return seq * COMMANDS_AN_EVENT_MAX + index


def receiver_of(command: AnyCommand) -> str:
    """The name of the edge or web a command is for; empty for the core's own."""
    return getattr(command, "edge", "") or getattr(command, "web", "")


def stories_of(commands: tuple[AnyCommand, ...]) -> tuple[Story, ...]:
    """The steps of the story among the commands."""
    return tuple([command for command in commands if type(command) in _STORIES])  # type: ignore[misc]


def recover(folder: Path) -> Recovered:
    """Read snapshot and journal below `folder`; raises `JournalError` when they can't be trusted."""
    snapshot = load_snapshot(folder)
    journal_id = journal_identity(folder)
    if snapshot is not None and journal_id and snapshot.journal_id != journal_id:
        raise JournalError(f"{folder}: snapshot and segments are of different journals; restore one of them")
    left_out: list[int] = []
    while True:
        try:
            return _replay(folder, snapshot, journal_id, tuple(left_out))
        except _ReplayError as failure:
            _log.critical("replay: %s; the event is left out", failure, exc_info=failure.__cause__)
            left_out.append(failure.seq)
            if len(left_out) > POISONED_MAX:
                raise JournalError(
                    f"{folder}: more than {POISONED_MAX} events can't be replayed"
                ) from failure


def _replay(folder: Path, snapshot: Snapshot | None, journal_id: str, left_out: tuple[int, ...]) -> Recovered:
    try:
        state = decode_state(snapshot.state) if snapshot is not None else State()
    except SnapshotError as error:
        raise JournalError(f"{folder}: {error}; use the version that wrote it") from error
    recovered = Recovered(
        router=Router(state),
        journal_id=journal_id or (snapshot.journal_id if snapshot is not None else ""),
        seq=snapshot.seq if snapshot is not None else 0,
        now_ms=snapshot.now_ms if snapshot is not None else 0,
        digest=snapshot.digest if snapshot is not None else 0,
        code_version=snapshot.code_version if snapshot is not None else "",
        end=None,
        received=dict(snapshot.received) if snapshot is not None else {},
        unconfirmed={} if snapshot is None else snapshot.undelivered,
        undelivered={},
        keeper=Keeper(),
        missing_stories=(),
        replayed=0,
        left_out=left_out,
    )
    tail = JournalTail(folder, recovered.seq)
    differs = False
    while records := tail.poll(_POLL_RECORDS):
        for record in records:
            differs = _replay_record(recovered, record, differs=differs)
    recovered.end = tail.position
    return recovered


def _replay_record(recovered: Recovered, record: Record, *, differs: bool) -> bool:
    """Apply one record; returns whether the decisions have differed from the recorded ones so far."""
    if isinstance(record, StoryRecord):
        if record.seq == recovered.seq:
            recovered.missing_stories = ()
        return differs
    if record.digest != recovered.digest and not differs and not recovered.left_out:
        _log.error(
            "replay decides differently from event %d on than the core that wrote the journal", record.seq - 1
        )
        differs = True
    recovered.seq, recovered.now_ms = record.seq, record.now_ms
    recovered.replayed += 1
    if record.stream:
        recovered.received[record.stream.partition(":")[0]] = (record.stream, record.number)
    recovered.missing_stories = ()
    if record.seq not in recovered.left_out:
        _replay_event(recovered, record)
    elif isinstance(record.event, DeadlinePassed):
        _forget_deadline(recovered.router.state, record.event)
    return differs


def _forget_deadline(state: State, event: DeadlinePassed) -> None:
    """It has passed; only what follows is left out. Kept, it would pass again at once, and each new core would fail on it."""
    entity = timed(state).get(event.entity, {}).get(event.id)
    deadline = None if entity is None else entity.deadlines.get(event.key)
    if entity is not None and deadline is not None and deadline.generation == event.generation:
        del entity.deadlines[event.key]


def _replay_event(recovered: Recovered, record: EventRecord) -> None:
    try:
        commands = recovered.router.apply(record.event, record.now_ms)
    except Exception as error:
        raise _ReplayError(record.seq, error) from error
    recovered.digest = next_digest(recovered.digest, commands)
    recovered.missing_stories = stories_of(commands)
    for story in recovered.missing_stories:
        if not isinstance(story, AgentStory):
            recovered.keeper.add(story)
    code_version = getattr(record.event, "code_version", "")
    recovered.code_version = code_version or recovered.code_version
    for index, command in enumerate(commands):
        if receiver := receiver_of(command):
            queue = recovered.undelivered.setdefault(receiver, deque(maxlen=LINK_OUTBOX_MAX))
            queue.append((command_number(record.seq, index), command))
