"""`santral replay`: decide a journal again, event by event, and compare.

A journal holds with every event the running digest of all decisions before it, so the decision on one event is judged by the
record of the next one. The last event has none behind it: its story is compared instead. A journal whose beginning has been
pruned is decided from its oldest snapshot on.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from tqdm import tqdm

from acd_core.digest import next_digest
from acd_core.domain.commands import Story
from acd_core.domain.router import Router
from acd_core.domain.state import SnapshotError, State, decode_state
from acd_core.journal.reader import journal_identity, read_journal
from acd_core.journal.records import EventRecord, StoryRecord
from acd_core.journal.segments import JournalError, list_segments
from acd_core.journal.snapshot import Snapshot, load_snapshot
from acd_core.recovery import stories_of
from loadtest.sim.errors import SimError

_SHOWN_CHARS = 400


class Beginning(msgspec.Struct, frozen=True, kw_only=True):
    """Where a journal can be read from: its first event, or a snapshot."""

    seq: int
    digest: int
    state: State


class _DiffersError(Exception):
    """The first difference, in words."""


def beginning(folder: Path) -> Beginning:
    """Raises `SimError` for a folder without a journal, `JournalError` for one that can't be read."""
    segments = list_segments(folder) if folder.is_dir() else []
    if not segments:
        raise SimError(
            f"{folder}: there is no journal (journal-*.seg)" if folder.is_dir() else f"{folder}: is no folder"
        )
    if segments[0][0] <= 1:
        return Beginning(seq=0, digest=0, state=State())
    snapshot = load_snapshot(folder, oldest=True)
    if snapshot is None:
        raise JournalError(
            f"{folder}: begins with event {segments[0][0]}, and there is no snapshot of what was before"
        )
    _check_identity(folder, snapshot)
    try:
        return Beginning(seq=snapshot.seq, digest=snapshot.digest, state=decode_state(snapshot.state))
    except SnapshotError as error:
        raise JournalError(f"{folder}: {error}; use the version that wrote it") from error


def decide_again(folder: Path, *, progress: bool | None = None) -> tuple[bool, str]:
    """Whether all was decided the same, and what to say about it."""
    begin = beginning(folder)
    run = _Run(begin)
    last_seq = list_segments(folder)[-1][0]  # of the newest segment's first event: near enough to the end
    with tqdm(
        desc="replaying",
        total=max(0, last_seq - begin.seq) or None,
        unit=" events",
        unit_scale=True,
        disable=not (sys.stderr.isatty() if progress is None else progress),
        file=sys.stderr,
    ) as bar:
        try:
            for record in read_journal(folder, begin.seq):
                run.take(record)
                if isinstance(record, EventRecord):
                    bar.update()
            run.finish()
        except _DiffersError as difference:
            return False, f"{run.same:,} events decided the same; then:\n{difference}"
    if not run.same:
        raise SimError(f"{folder}: the journal holds no events")
    return True, f"{run.same:,} events, same decisions"


class _Run:
    """The router, and what is not yet judged: the last event, and what was decided on it."""

    def __init__(self, begin: Beginning) -> None:
        self._router = Router(begin.state)
        self._digest = begin.digest
        self._event: EventRecord | None = None
        self._ours: tuple[Story, ...] = ()
        self._theirs: tuple[Story, ...] = ()
        self._version = begin.state.code_version
        self.same = 0

    def take(self, record: EventRecord | StoryRecord) -> None:
        """Judge the event before this one, then decide this one."""
        if isinstance(record, StoryRecord):
            if self._event is not None and record.seq == self._event.seq:
                self._theirs = record.stories
            return
        self._judge(record.digest)
        self._event, self._ours, self._theirs = record, (), ()
        self._version = getattr(record.event, "code_version", "") or self._version
        try:
            commands = self._router.apply(record.event, record.now_ms)
        except Exception as error:
            raise _DiffersError(f"{_name(record)} can't be decided: {error!r}") from error
        self._ours = stories_of(commands)
        self._digest = next_digest(self._digest, commands)

    def finish(self) -> None:
        """The last event's story, unless the core was killed before it wrote it."""
        if self._event is None:
            return
        if self._theirs and self._theirs != self._ours:
            raise _DiffersError(self._difference())
        self.same += 1

    def _judge(self, recorded: int) -> None:
        if self._event is None:
            if recorded != self._digest:
                raise _DiffersError(
                    f"the journal's first digest is {recorded:016x}, expected was {self._digest:016x}"
                )
            return
        if recorded != self._digest:
            raise _DiffersError(
                f"{self._difference()}\n  digest recorded {recorded:016x}, now {self._digest:016x}"
            )
        self.same += 1

    def _difference(self) -> str:
        assert self._event is not None
        lines = [f"{_name(self._event)} (written by version {self._version or 'unknown'})"]
        for place in range(max(len(self._ours), len(self._theirs))):
            theirs, ours = _at(self._theirs, place), _at(self._ours, place)
            if theirs != ours:
                lines.append(f"  decision {place + 1} of its story, recorded: {_shown(theirs)}")
                lines.append(f"  decision {place + 1} of its story, now:      {_shown(ours)}")
                break
        else:
            lines.append("  its story is the same; what differs is a command to an edge, a page or a timer")
        return "\n".join(lines)


def _at(stories: tuple[Story, ...], place: int) -> Story | None:
    return stories[place] if place < len(stories) else None


def _shown(story: Story | None) -> str:
    if story is None:
        return "nothing"
    text = msgspec.json.encode(story).decode()
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + " …"


def _name(record: EventRecord) -> str:
    at = datetime.fromtimestamp(record.now_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return f"event {record.seq}, {type(record.event).__name__} at {at}"


def _check_identity(folder: Path, snapshot: Snapshot) -> None:
    identity = journal_identity(folder)
    if identity and snapshot.journal_id != identity:
        raise JournalError(f"{folder}: snapshot and segments are of different journals; restore one of them")
