"""What a simulated world tells those who watch it, and the outcome of each call."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from acd_core.domain.commands import AgentState
from acd_core.domain.counters import QueueCounters
from loadtest.sim.arrivals import Arrival

INTERVAL_MS = 1_800_000
NEVER = -1  # the time of what did not happen; 0 is a time, at which hand-made arrivals like to begin

ANSWERED = "answered"
ABANDONED = "abandoned"
GONE_BEFORE_QUEUE = "hung_up"
REFUSED = "refused"
UNFINISHED = "unfinished"


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of one caller. Times are `NEVER` for what did not happen."""

    number: int  # in order of arrival, from 1
    call: str
    queue: str  # the last one; empty for who never waited
    arrived_ms: int
    queued_ms: int  # began to wait
    answered_ms: int
    ended_ms: int
    outcome: str  # answered, abandoned, or why the call ended: queue_full, callback, refused …
    agent: str
    site: str
    waited_ms: int


class Caller:
    """One caller who is there."""

    __slots__ = ("agent", "answered_ms", "arrival", "ended_ms", "id", "number", "parts", "queue", "queued_ms")

    def __init__(self, id_: str, number: int, arrival: Arrival) -> None:
        self.id = id_
        self.number = number
        self.arrival = arrival
        self.queue = ""
        self.queued_ms = NEVER
        self.answered_ms = NEVER
        self.ended_ms = NEVER
        self.agent = ""
        self.parts = 0


class Watcher:
    """Told what happens, as it happens; this one does nothing with it."""

    def begins(self, start_ms: int) -> None:
        """The world begins."""

    def queued(self, caller: Caller, at_ms: int) -> None:
        """The caller waits in `caller.queue` from now on."""

    def answered(self, caller: Caller, at_ms: int) -> None:
        """The caller speaks with somebody."""

    def ended(self, caller: Caller, outcome: Outcome) -> None:
        """The call is over."""

    def agent(self, agent: str, state: AgentState, at_ms: int) -> None:
        """An operator is in another state."""

    def day_ends(self, counters: Mapping[str, QueueCounters]) -> None:
        """The domain's counts of one day, before they begin anew, and those of the last day at the end."""

    def ends(self, at_ms: int) -> None:
        """The world ends."""
