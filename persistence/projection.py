"""Calls as rows, read from the journal: pure functions that both stores use, so a row means the same in either.

The arrival comes from the event, all else from the story, which is what the domain decided. A story may tell
of a call whose arrival is in another journal (an edge kept it through the loss of a core): its row begins
with the first step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from acd_core.domain.commands import CallStory
from acd_core.domain.consulted import HANDED_ON
from acd_core.domain.events import CallArrived, RecordingFinished
from acd_core.domain.queueing import CALLBACK, NO_OPERATORS, QUEUE_FULL, WAITED_TOO_LONG
from acd_core.journal.records import EventRecord, Record
from persistence.store import CallRow, Outcome

DIALLED = "dialled"  # the `via` of calls that operators dial


def call_stories(records: Iterable[Record]) -> list[CallStory]:
    """All steps of calls in the batch, in order."""
    return [
        story
        for record in records
        if not isinstance(record, EventRecord)
        for story in record.stories
        if isinstance(story, CallStory)
    ]


def calls_named(records: Sequence[Record]) -> set[str]:
    """The calls whose rows the batch changes."""
    arrived = {
        record.event.call
        for record in records
        if isinstance(record, EventRecord) and isinstance(record.event, CallArrived)
    }
    return arrived | {story.call for story in call_stories(records)}


def finished_recordings(records: Iterable[Record]) -> list[RecordingFinished]:
    """The recordings that the batch reports, each file once; an edge that reconnected may repeat itself."""
    found = {
        (record.event.call, record.event.part, record.event.path): record.event
        for record in records
        if isinstance(record, EventRecord) and isinstance(record.event, RecordingFinished)
    }
    return list(found.values())


def project_calls(rows: Mapping[str, CallRow], records: Iterable[Record]) -> dict[str, CallRow]:
    """The rows of the batch's calls afterwards; `rows` holds those that exist."""
    changed: dict[str, CallRow] = {}
    for record in records:
        if isinstance(record, EventRecord):
            event = record.event
            if isinstance(event, CallArrived) and event.call not in changed:
                changed[event.call] = rows.get(event.call) or _arrived(event, record.now_ms)
            continue
        for story in record.stories:
            if isinstance(story, CallStory):
                row = changed.get(story.call) or rows.get(story.call)
                row = row or CallRow(call=story.call, arrived_ms=story.at_ms)
                changed[story.call] = _advanced(row, story)
    return changed


def _arrived(event: CallArrived, now_ms: int) -> CallRow:
    return CallRow(
        call=event.call,
        arrived_ms=min(event.at_ms, now_ms),  # as the domain takes it, should the edge's clock be ahead
        caller=event.caller,
        caller_name=event.caller_name,
        dialled=event.dialled,
        via=event.via,
        edge=event.edge,
    )


def _advanced(row: CallRow, story: CallStory) -> CallRow:
    at_ms = story.at_ms
    match story.step:
        case "dialled":  # the beginning of a call that an operator dials: `caller` is who is called
            return msgspec.structs.replace(
                row, caller=story.detail, dialled=story.detail, via=DIALLED, agent=story.agent
            )
        case "answered":
            return msgspec.structs.replace(row, picked_up_ms=row.picked_up_ms or at_ms)
        case "queued":
            return msgspec.structs.replace(row, queue=story.queue, queued_ms=row.queued_ms or at_ms)
        case "connected":
            return msgspec.structs.replace(
                row, agent=story.agent, queue=story.queue or row.queue, answered_ms=row.answered_ms or at_ms
            )
        case "refused":
            return msgspec.structs.replace(row, ended_ms=at_ms, outcome="refused", cause=story.detail)
        case "ended" if not row.ended_ms:
            return msgspec.structs.replace(
                row, ended_ms=at_ms, outcome=_outcome(row, story.detail), cause=story.detail
            )
        case _:
            return row


def _outcome(row: CallRow, cause: str) -> Outcome:
    if row.answered_ms:
        return "answered"
    if row.via == DIALLED:
        return "unreached"
    if cause == CALLBACK:
        return "callback"
    if cause == HANDED_ON:
        return "handed_on"
    if cause in (QUEUE_FULL, WAITED_TOO_LONG, NO_OPERATORS):
        return "turned_away"  # also one who found the queue full, and so never was in it
    return "abandoned" if row.queued_ms else "in_flow"
