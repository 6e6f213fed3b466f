"""What a store does, whoever does it: takes the journal in batches, each event once, and answers what became of
calls.

`append` says where the batch begins. The store takes it only when that is where it stands, and moves on
together with the data or not at all, so a batch that is offered again after a doubtful end is recognised.
`memory.py` and `postgres.py` fulfil the interface; one contract test runs over both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from acd_core.domain.commands import AgentStory, CallStory, Decided
from acd_core.domain.events import RecordingFinished
from acd_core.journal.records import EventRecord, Record, StoryRecord

# answered: an operator was connected · abandoned: ended while queued, before that · in_flow: ended before any queue
# · refused: the INVITE got a final error.
# · unreached: an operator dialled it, and nobody answered.
# · handed_on: an operator asked in it where to hand a caller on to, who went there before anybody had answered.
Outcome: TypeAlias = Literal[
    "", "answered", "abandoned", "callback", "turned_away", "in_flow", "unreached", "refused", "handed_on"
]

# Who finds the database away asks again after this time, each time twice as long, up to the maximum.
RETRY_MIN_S = 0.1
RETRY_MAX_S = 5.0


class StoreError(Exception):
    """The store and the journal don't belong together; a person must look."""


class StoreAwayError(Exception):
    """The store can't be used at present. Whether an `append` took effect is not known: ask for the position."""


class Position(msgspec.Struct, frozen=True):
    """How far a journal is stored: up to event `seq`, and whether the story of that event is in, too."""

    seq: int = 0
    has_story: bool = True


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
    """One call; a time of 0 has not come, an empty text is not known."""

    call: str
    arrived_ms: int
    caller: str = ""
    caller_name: str = ""
    dialled: str = ""
    via: str = ""
    edge: str = ""
    queue: str = ""  # the last one
    agent: str = ""  # the last one
    picked_up_ms: int = 0  # the flow answered the caller's leg
    queued_ms: int = 0  # first
    answered_ms: int = 0  # first connected to an operator
    ended_ms: int = 0
    outcome: Outcome = ""
    cause: str = ""


class Store(Protocol):
    """All times are milliseconds since the epoch; `journal` is the identity of a journal."""

    async def position(self, journal: str) -> Position:
        """How far this journal is stored; the beginning for one never seen."""
        ...

    async def append(self, journal: str, after: Position, records: Sequence[Record]) -> Position:
        """Store records that follow `after`, all or none, and return the new position.

        Raises `StoreError` when the store stands elsewhere, `StoreAwayError` when it can't be used.
        """
        ...

    async def events(self, journal: str, after_seq: int, events_max: int) -> tuple[EventRecord, ...]:
        """Stored events in order."""
        ...

    async def call(self, call: str) -> CallRow | None:
        """One call, live or ended."""
        ...

    async def call_story(self, call: str) -> tuple[CallStory, ...]:
        """Its steps, in order."""
        ...

    async def call_decisions(self, call: str) -> tuple[Decided, ...]:
        """What was decided about it in queues, and why, in order."""
        ...

    async def agent_story(self, agent: str) -> tuple[AgentStory, ...]:
        """The agent's states, in order."""
        ...

    async def recordings(self, call: str) -> tuple[RecordingFinished, ...]:
        """Its recorded parts, in order."""
        ...


def position_after(before: Position, records: Sequence[Record]) -> Position:
    """Where a store stands once it has taken `records`; raises `StoreError` when they don't follow `before`."""
    seq, has_story = before.seq, before.has_story
    for record in records:
        if isinstance(record, StoryRecord):
            if record.seq != seq or has_story:
                raise StoreError(f"the story of event {record.seq} can't follow event {seq}")
            has_story = True
        else:
            if record.seq != seq + 1:
                raise StoreError(f"event {record.seq} can't follow event {seq}: the journal has a gap")
            seq, has_story = record.seq, False
    return Position(seq, has_story)
