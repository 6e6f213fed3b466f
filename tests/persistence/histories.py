"""Journals for tests: what the core writes about calls, shortened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from acd_core.domain.commands import AgentStory, CallStory, Story
from acd_core.domain.events import AnyEvent, CallArrived, CallerHungUp, OfferAccepted, RecordingFinished
from acd_core.journal.records import EventRecord, Record, StoryRecord
from acd_core.journal.writer import JournalWriter

JOURNAL = "00000000000000aa"
EPOCH_MS = 1_767_225_600_123
EVENTS_A_CALL = 4


def call_records(number: int, first_seq: int) -> list[Record]:
    """An answered call, c1, c2 …: arrival, acceptance, hang-up, recording; the last event brings no story."""
    call, agent = f"c{number}", f"a{number % 7}"
    start_ms = EPOCH_MS + number * 1_000

    def step(name: str, after_ms: int, **more: str) -> CallStory:
        return CallStory(call=call, step=name, at_ms=start_ms + after_ms, **more)  # type: ignore[arg-type]

    happened: list[tuple[AnyEvent, tuple[Story, ...]]] = [
        (
            CallArrived(call=call, edge="e1", caller="+905551234567", dialled="185", at_ms=start_ms),
            (step("arrived", 0), step("answered", 1), step("queued", 2, queue="water")),
        ),
        (
            OfferAccepted(agent=agent, session="s1", call=call, offer=number),
            (
                step("connected", 500, queue="water", agent=agent),
                AgentStory(agent=agent, state="talking", at_ms=start_ms + 500),
            ),
        ),
        (
            CallerHungUp(call=call),
            (
                step("ended", 900, queue="water", detail="caller_hung_up"),
                AgentStory(agent=agent, state="wrap_up", at_ms=start_ms + 900, reason="after_call"),
            ),
        ),
        (
            RecordingFinished(
                call=call,
                part=1,
                agent=agent,
                path=f"2026/01/01/{call}-1.wav",
                started_at_ms=start_ms + 500,
                duration_ms=400,
                size_bytes=12_844,
                sha256="0" * 64,
            ),
            (),
        ),
    ]
    records: list[Record] = []
    for offset, (event, stories) in enumerate(happened):
        seq = first_seq + offset
        records.append(
            EventRecord(
                seq=seq, now_ms=start_ms + offset, stream="e1:x", number=seq, digest=seq * 31, event=event
            )
        )
        if stories:
            records.append(StoryRecord(seq=seq, stories=stories))
    return records


def history(calls: int) -> Iterator[Record]:
    """One call after the other from event 1 on."""
    for number in range(1, calls + 1):
        yield from call_records(number, (number - 1) * EVENTS_A_CALL + 1)


def open_journal(folder: Path, last_seq: int = 0, segment_max_bytes: int = 2_000) -> JournalWriter:
    """Small segments, so that a few calls fill several."""
    return JournalWriter(
        folder,
        last_seq=last_seq,
        journal_id=JOURNAL,
        segment_max_bytes=segment_max_bytes,
        sync_interval_ms=1_000,
    )


def write_journal(folder: Path, calls: int) -> None:
    """A whole journal, closed."""
    writer = open_journal(folder)
    for record in history(calls):
        writer.append(record)
    writer.close()
