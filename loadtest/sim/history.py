"""What happened, read from a journal: who called and how long they talked or waited, and when operators were at work.

A call counts from the moment it began to wait, in the queue where it did: what a caller heard and pressed before is not played
again. Calls that never waited, and those that had arrived before the journal begins or have not ended in it, are left out and
counted. An operator is at work while logged in and not on a break or otherwise not ready.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from acd_core.domain.commands import AgentStory, CallStory, Story
from acd_core.domain.events import AnyEvent, CallArrived, PlanChanged, RosterChanged
from acd_core.domain.plan import Plan
from acd_core.domain.roster import Roster
from acd_core.journal.reader import read_journal
from acd_core.journal.records import EventRecord
from loadtest.sim.again import beginning
from loadtest.sim.errors import SimError

_AWAY = frozenset({"logged_out", "not_ready"})
# Whose patience had an end: by BYE, by CANCEL while nobody had answered, or in as much time as the call itself gave us.
_GAVE_UP = frozenset({"caller_hung_up", "caller_cancelled", "invite_expired"})


class PastCall(msgspec.Struct, kw_only=True):
    """One call that waited. Times are 0 for what did not happen."""

    arrived: CallArrived
    language: str = ""
    queue: str = ""
    queued_ms: int = 0
    offered_ms: int = 0
    answered_ms: int = 0
    ended_ms: int = 0
    agent: str = ""
    gave_up: bool = False
    wrap_up_ms: int | None = None

    @property
    def waited_ms(self) -> int:
        """In queues, until the answer or the end."""
        return (self.answered_ms or self.ended_ms) - self.queued_ms


class History(msgspec.Struct, kw_only=True):
    """A journal's calls and operators."""

    plan: Plan
    roster: Roster
    plans: int  # how many were in force; the last is taken
    calls: list[PastCall]
    left_out: int
    at_work: dict[str, list[tuple[int, int]]]
    first_ms: int
    last_ms: int


def read_history(folder: Path) -> History:
    """Raises `SimError` or `JournalError`."""
    begin = beginning(folder)
    reader = _Reader(begin.state.plan, begin.state.roster)
    for id_, agent in begin.state.agents.items():
        if agent.state not in _AWAY:
            reader.since_ms[id_] = begin.state.now_ms
    for record in read_journal(folder, begin.seq):
        if isinstance(record, EventRecord):
            reader.event(record.event, record.now_ms)
        else:
            for story in record.stories:
                reader.story(story)
    return reader.history(folder)


class _Reader:
    def __init__(self, plan: Plan | None, roster: Roster | None) -> None:
        self.plan, self.roster = plan, roster
        self.plans = int(plan is not None)
        self.since_ms: dict[str, int] = {}
        self._live: dict[str, PastCall] = {}
        self._calls: list[PastCall] = []
        self._left_out = 0
        self._at_work: dict[str, list[tuple[int, int]]] = {}
        self._wraps: dict[str, PastCall] = {}  # by operator: whose call is followed up
        self._wraps_since_ms: dict[str, int] = {}
        self._first_ms = self._last_ms = 0

    def event(self, event: AnyEvent, now_ms: int) -> None:
        self._first_ms = self._first_ms or now_ms
        self._last_ms = now_ms
        if isinstance(event, PlanChanged):
            self.plan = event.plan
            self.plans += 1
        elif isinstance(event, RosterChanged):
            self.roster = event.roster
        elif isinstance(event, CallArrived) and event.call not in self._live:
            self._live[event.call] = PastCall(arrived=event)

    def story(self, story: Story) -> None:
        if isinstance(story, AgentStory):
            self._agent(story)
        elif isinstance(story, CallStory) and story.call in self._live:
            self._call(self._live[story.call], story)

    def _call(self, call: PastCall, story: CallStory) -> None:
        if story.step == "queued" and not call.queued_ms:
            call.queue, call.queued_ms = story.queue, story.at_ms
            self._need(call)
        elif story.step == "offered":
            call.offered_ms = story.at_ms
        elif story.step == "connected" and not call.answered_ms:
            call.answered_ms, call.agent = story.at_ms, story.agent
            self._wraps[story.agent] = call
        elif story.step in ("ended", "refused"):
            call.ended_ms = story.at_ms
            call.gave_up = story.detail in _GAVE_UP and not call.answered_ms
            del self._live[story.call]
            if call.queued_ms:
                self._calls.append(call)
            else:
                self._left_out += 1

    def _need(self, call: PastCall) -> None:
        """What the edge asked for; what number and flow ask for comes with the way into the queue, simulated or not."""
        numbers = self.plan.numbers if self.plan is not None else ()
        language = next((number.language for number in numbers if number.dialled == call.arrived.dialled), "")
        call.language = call.arrived.language or language

    def _agent(self, story: AgentStory) -> None:
        id_ = story.agent
        if story.state == "wrap_up":
            self._wraps_since_ms[id_] = story.at_ms
        elif id_ in self._wraps_since_ms:
            call = self._wraps.pop(id_, None)
            since_ms = self._wraps_since_ms.pop(id_)
            if call is not None:
                call.wrap_up_ms = story.at_ms - since_ms
        if story.state in _AWAY:
            since = self.since_ms.pop(id_, None)
            if since is not None and story.at_ms > since:
                self._at_work.setdefault(id_, []).append((since, story.at_ms))
        else:
            self.since_ms.setdefault(id_, story.at_ms)

    def history(self, folder: Path) -> History:
        if self.plan is None or self.roster is None:
            raise SimError(
                f"{folder}: the journal holds no plan or no roster, so there is nothing to simulate"
            )
        for id_, since_ms in self.since_ms.items():
            self._at_work.setdefault(id_, []).append((since_ms, self._last_ms + 1))
        self._calls.sort(key=lambda call: (call.queued_ms, call.arrived.call))
        return History(
            plan=self.plan,
            roster=self.roster,
            plans=self.plans,
            calls=self._calls,
            left_out=self._left_out + len(self._live),
            at_work=self._at_work,
            first_ms=self._first_ms,
            last_ms=self._last_ms,
        )


def stays_from(history: History, id_: str, from_ms: int) -> Iterator[tuple[int, int]]:
    """When this operator was at work."""
    return (stay for stay in history.at_work.get(id_, ()) if stay[1] > from_ms)
