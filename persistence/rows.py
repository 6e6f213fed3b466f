"""Journal records as rows for COPY, and back: times, absent texts, and what PostgreSQL's text can't
hold.

PostgreSQL stores every character but U+0000, in text as in jsonb. A caller's name from the network may hold
one; were it refused, the journal would never get past that event, so it becomes U+FFFD.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from acd_core.domain.commands import AgentStory, CallStory, Decided, Story
from acd_core.domain.events import AnyEvent, DeadlinePassed, RecordingFinished
from acd_core.journal.records import EventRecord, Record
from persistence.store import CallRow

EVENT_COLUMNS = ("journal", "seq", "at", "kind", "call", "agent", "stream", "number", "digest", "payload")
CALL_STEP_COLUMNS = ("journal", "seq", "index", "call", "step", "at", "queue", "agent", "detail")
CALL_DECISION_COLUMNS = ("journal", "seq", "index", "call", "kind", "at", "queue", "agent", "payload")
AGENT_STATE_COLUMNS = ("journal", "seq", "index", "agent", "state", "at", "reason")
RECORDING_COLUMNS = ("call", "part", "agent", "path", "started_at", "duration_ms", "size_bytes", "sha256")

_TEXT_COLUMNS = ("caller", "caller_name", "dialled", "via", "edge", "queue", "agent", "outcome", "cause")
_TIMES = ("picked_up", "queued", "answered", "ended")  # that may not have come
CALL_COLUMNS = ("call", *_TEXT_COLUMNS, "arrived_at", *(f"{name}_at" for name in _TIMES))

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MILLISECOND = dt.timedelta(milliseconds=1)

Row = tuple[Any, ...]


def event_rows(journal: int, records: Sequence[Record]) -> Iterator[Row]:
    """One row an event."""
    for record in records:
        if isinstance(record, EventRecord):
            event = record.event
            yield (
                journal,
                record.seq,
                moment(record.now_ms),
                type(event).__name__,
                _text(_entity(event, "call")),
                _text(_entity(event, "agent")),
                _text(record.stream),
                record.number,
                record.digest,
                _payload(event),
            )


def call_step_rows(journal: int, records: Sequence[Record]) -> Iterator[Row]:
    """One row a step of a call's story."""
    for seq, index, story in _stories(records):
        if isinstance(story, CallStory):
            call, queue, agent = storable(story.call), _text(story.queue), _text(story.agent)
            yield (
                journal,
                seq,
                index,
                call,
                story.step,
                moment(story.at_ms),
                queue,
                agent,
                _text(story.detail),
            )


def call_decision_rows(journal: int, records: Sequence[Record]) -> Iterator[Row]:
    """One row a decision about a call."""
    for seq, index, story in _stories(records):
        if isinstance(story, Decided):
            yield (
                journal,
                seq,
                index,
                storable(story.call),
                story.kind,
                moment(story.at_ms),
                _text(story.queue),
                _text(story.agent),
                _payload(story),
            )


def agent_state_rows(journal: int, records: Sequence[Record]) -> Iterator[Row]:
    """One row a state of an agent."""
    for seq, index, story in _stories(records):
        if isinstance(story, AgentStory):
            yield (
                journal,
                seq,
                index,
                storable(story.agent),
                story.state,
                moment(story.at_ms),
                _text(story.reason),
            )


def call_row(row: CallRow) -> Row:
    """In the order of `CALL_COLUMNS`."""
    texts = (_text(getattr(row, name)) for name in _TEXT_COLUMNS)
    times = (moment(at_ms) if (at_ms := getattr(row, f"{name}_ms")) else None for name in _TIMES)
    return (storable(row.call), *texts, moment(row.arrived_ms), *times)


def recording_row(event: RecordingFinished) -> Row:
    """In the order of `RECORDING_COLUMNS`."""
    return (
        storable(event.call),
        event.part,
        _text(event.agent),
        storable(event.path),
        moment(event.started_at_ms),
        event.duration_ms,
        event.size_bytes,
        event.sha256,
    )


def to_event(row: Any) -> EventRecord:
    """Of a row of journal_events."""
    return EventRecord(
        seq=row["seq"],
        now_ms=milliseconds(row["at"]),
        stream=row["stream"] or "",
        number=row["number"],
        digest=row["digest"],
        event=msgspec.convert(row["payload"], AnyEvent),
    )


def to_call(row: Any) -> CallRow:
    """Of a row of calls."""
    texts = {name: row[name] or "" for name in _TEXT_COLUMNS}
    times = {f"{name}_ms": milliseconds(at) if (at := row[f"{name}_at"]) else 0 for name in _TIMES}
    fixed = {"call": row["call"], "arrived_ms": milliseconds(row["arrived_at"])}
    return msgspec.convert({**fixed, **texts, **times}, CallRow)


def to_call_story(row: Any) -> CallStory:
    """Of a row of call_steps."""
    return CallStory(
        call=row["call"],
        step=row["step"],
        at_ms=milliseconds(row["at"]),
        queue=row["queue"] or "",
        agent=row["agent"] or "",
        detail=row["detail"] or "",
    )


def to_decision(row: Any) -> Decided:
    """Of a row of call_decisions."""
    return msgspec.convert(row["payload"], Decided)


def to_agent_story(row: Any) -> AgentStory:
    """Of a row of agent_states."""
    return AgentStory(
        agent=row["agent"], state=row["state"], at_ms=milliseconds(row["at"]), reason=row["reason"] or ""
    )


def to_recording(row: Any) -> RecordingFinished:
    """Of a row of recordings."""
    return RecordingFinished(
        call=row["call"],
        part=row["part"],
        agent=row["agent"] or "",
        path=row["path"],
        started_at_ms=milliseconds(row["started_at"]),
        duration_ms=row["duration_ms"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
    )


def moment(at_ms: int) -> dt.datetime:
    """Milliseconds since the epoch as a time."""
    return _EPOCH + at_ms * _MILLISECOND


def milliseconds(at: dt.datetime) -> int:
    """And back."""
    return (at - _EPOCH) // _MILLISECOND


def _stories(records: Sequence[Record]) -> Iterator[tuple[int, int, Story]]:
    for record in records:
        if not isinstance(record, EventRecord):
            for index, story in enumerate(record.stories):
                yield record.seq, index, story


def _entity(event: AnyEvent, kind: str) -> str:
    if isinstance(event, DeadlinePassed):
        return event.id if event.entity == kind else ""
    return getattr(event, kind, "")


def storable(text: str) -> str:
    """The text as PostgreSQL can hold it."""
    return text.replace("\0", "\ufffd")


def _text(text: str) -> str | None:
    return storable(text) or None


def _payload(value: AnyEvent | Decided) -> msgspec.Raw:
    encoded = msgspec.json.encode(value)
    if rb"\u0000" in encoded:  # perhaps only a backslash before the letter u, so look closer
        encoded = msgspec.json.encode(_without_nul(msgspec.json.decode(encoded)))
    return msgspec.Raw(encoded)


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): _without_nul(item) for key, item in value.items()}
    return value
