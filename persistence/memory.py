"""A store in memory: the same contract as PostgreSQL's, for tests and simulation."""

from __future__ import annotations

from collections.abc import Sequence

from acd_core.domain.commands import AgentStory, CallStory, Decided
from acd_core.domain.events import RecordingFinished
from acd_core.journal.records import EventRecord, Record
from persistence.projection import call_stories, finished_recordings, project_calls
from persistence.store import CallRow, Position, StoreError, position_after


class MemoryStore:
    """Holds everything for as long as the process lives."""

    def __init__(self) -> None:
        """Begins empty."""
        self._positions: dict[str, Position] = {}
        self._events: dict[str, list[EventRecord]] = {}
        self._calls: dict[str, CallRow] = {}
        self._call_stories: dict[str, list[CallStory]] = {}
        self._decisions: dict[str, list[Decided]] = {}
        self._agent_stories: dict[str, list[AgentStory]] = {}
        self._recordings: dict[tuple[str, int, str], RecordingFinished] = {}

    async def position(self, journal: str) -> Position:
        """See `Store`."""
        return self._positions.get(journal, Position())

    async def append(self, journal: str, after: Position, records: Sequence[Record]) -> Position:
        """See `Store`."""
        stands = await self.position(journal)
        if stands != after:
            raise StoreError(f"journal {journal} is stored up to {stands}, not {after}")
        position = position_after(after, records)
        self._events.setdefault(journal, []).extend(r for r in records if isinstance(r, EventRecord))
        self._calls |= project_calls(self._calls, records)
        for step in call_stories(records):
            self._call_stories.setdefault(step.call, []).append(step)
        for record in records:
            for story in () if isinstance(record, EventRecord) else record.stories:
                if isinstance(story, AgentStory):
                    self._agent_stories.setdefault(story.agent, []).append(story)
                elif isinstance(story, Decided):
                    self._decisions.setdefault(story.call, []).append(story)
        for recording in finished_recordings(records):
            self._recordings.setdefault((recording.call, recording.part, recording.path), recording)
        self._positions[journal] = position
        return position

    async def events(self, journal: str, after_seq: int, events_max: int) -> tuple[EventRecord, ...]:
        """See `Store`."""
        return tuple(self._events.get(journal, [])[after_seq : after_seq + events_max])

    async def call(self, call: str) -> CallRow | None:
        """See `Store`."""
        return self._calls.get(call)

    async def call_story(self, call: str) -> tuple[CallStory, ...]:
        """See `Store`."""
        return tuple(self._call_stories.get(call, ()))

    async def call_decisions(self, call: str) -> tuple[Decided, ...]:
        """See `Store`."""
        return tuple(self._decisions.get(call, ()))

    async def agent_story(self, agent: str) -> tuple[AgentStory, ...]:
        """See `Store`."""
        return tuple(self._agent_stories.get(agent, ()))

    async def recordings(self, call: str) -> tuple[RecordingFinished, ...]:
        """See `Store`."""
        return tuple(value for (name, *_), value in sorted(self._recordings.items()) if name == call)
