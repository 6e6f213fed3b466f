"""Counts while the world runs: by half hours, by queue and by operator, in arrays, so that a year takes some megabytes.

A call counts in the half hour in which it began to wait and in the queue it was in last; an operator's time counts when it is
spent. What a whole queue came to is not counted here: the domain's own counters are added up, day by day, so that a simulated
day means exactly what a real one does.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping

import msgspec

from acd_core.domain.commands import AgentState
from acd_core.domain.counters import QueueCounters
from acd_core.domain.plan import Plan
from acd_core.domain.roster import Roster
from acd_core.statistics import BUSY, combined
from loadtest.sim.watcher import ABANDONED, ANSWERED, INTERVAL_MS, NEVER, Caller, Outcome, Watcher

ALL = "*"  # all queues together

_STAFFED = frozenset((*BUSY, "ready"))


class Series:
    """Whole numbers by interval; what was never counted is 0."""

    __slots__ = ("_cells",)

    def __init__(self) -> None:
        self._cells = array("q")

    def __getitem__(self, interval: int) -> int:
        return self._cells[interval] if interval < len(self._cells) else 0

    def add(self, interval: int, amount: int = 1) -> None:
        """Count this too."""
        self._reach(interval)
        self._cells[interval] += amount

    def raise_to(self, interval: int, amount: int) -> None:
        """Note a peak."""
        self._reach(interval)
        self._cells[interval] = max(self._cells[interval], amount)

    def total(self) -> int:
        """Of all intervals."""
        return sum(self._cells)

    def _reach(self, interval: int) -> None:
        missing = interval + 1 - len(self._cells)
        if missing > 0:
            self._cells.frombytes(bytes(8 * missing))


class QueueSeries:
    """What happened to the calls that began to wait in each interval."""

    __slots__ = (
        "abandoned",
        "answered",
        "answered_wait_ms",
        "entered",
        "in_time",
        "talk_ms",
        "wait_ms",
        "waiting_max",
        "wrap_up_ms",
    )

    def __init__(self) -> None:
        self.entered = Series()
        self.answered = Series()
        self.in_time = Series()
        self.abandoned = Series()
        self.answered_wait_ms = Series()
        self.wait_ms = Series()  # of all, however they ended
        self.talk_ms = Series()
        self.wrap_up_ms = Series()
        self.waiting_max = Series()  # in the interval itself


class Crew:
    """The operators who serve the same queues, and the time they spent."""

    __slots__ = ("busy_ms", "queues", "staffed_ms")

    def __init__(self, queues: frozenset[str]) -> None:
        self.queues = queues
        self.staffed_ms = Series()  # logged in and not on a break
        self.busy_ms = Series()


class Staff(msgspec.Struct, frozen=True):
    """Operators in one interval: how many on average, and how long they were busy."""

    mean: float
    busy_ms: int
    staffed_ms: int


class _Desk:
    """Where one operator stands."""

    __slots__ = ("crew", "last", "since_ms", "spent_ms", "state")

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.state: AgentState = "logged_out"
        self.since_ms = 0
        self.spent_ms: dict[AgentState, int] = {}
        self.last: tuple[QueueSeries, int] | None = None  # queue and interval of the call last had


class Tally(Watcher):
    """All counts of one run."""

    def __init__(self, plan: Plan, roster: Roster) -> None:
        self.start_ms = 0
        self.end_ms = 0
        self.queues = {id_: QueueSeries() for id_ in sorted(plan.queues)}
        self.all = QueueSeries()
        self.crews: list[Crew] = []
        self.answered_waits_ms = array("q")
        self.abandoned_waits_ms = array("q")
        self.outcomes: dict[str, int] = {}
        self.counters: dict[str, QueueCounters] = {}
        self._service_level_ms = {id_: queue.service_level_ms for id_, queue in plan.queues.items()}
        self._waiting = dict.fromkeys(plan.queues, 0)
        self.waiting_max = dict.fromkeys((*sorted(plan.queues), ALL), 0)
        self._waiting_all = 0
        self._waits_in: dict[str, str] = {}
        self._desks = self._seat(plan, roster)

    def _seat(self, plan: Plan, roster: Roster) -> dict[str, _Desk]:
        crews: dict[frozenset[str], Crew] = {}
        desks = {}
        for id_, agent in roster.agents.items():
            team = roster.teams.get(agent.team)
            queues = {*agent.queues, *(team.queues if team is not None else ())}
            queues.update(name for name, queue in plan.queues.items() if agent.team in queue.teams)
            served = frozenset(queues)
            desks[id_] = _Desk(crews.setdefault(served, Crew(served)))
        self.crews = list(crews.values())
        return desks

    # --- what happens ---

    def begins(self, start_ms: int) -> None:
        """Interval 0 begins now."""
        self.start_ms = start_ms
        for desk in self._desks.values():
            desk.since_ms = start_ms

    def queued(self, caller: Caller, at_ms: int) -> None:
        """One more waits."""
        self._stops_waiting(caller.id)
        queue, interval = caller.queue, self._interval(at_ms)
        self._waits_in[caller.id] = queue
        waiting = self._waiting[queue] = self._waiting[queue] + 1
        self._waiting_all += 1
        self.queues[queue].waiting_max.raise_to(interval, waiting)
        self.all.waiting_max.raise_to(interval, self._waiting_all)
        self.waiting_max[queue] = max(self.waiting_max[queue], waiting)
        self.waiting_max[ALL] = max(self.waiting_max[ALL], self._waiting_all)

    def answered(self, caller: Caller, at_ms: int) -> None:
        """One waits no more."""
        self._stops_waiting(caller.id)
        self._desks[caller.agent].last = (self.queues[caller.queue], self._interval(caller.queued_ms))

    def ended(self, caller: Caller, outcome: Outcome) -> None:
        """Count the call where it began to wait."""
        self._stops_waiting(caller.id)
        self.outcomes[outcome.outcome] = self.outcomes.get(outcome.outcome, 0) + 1
        if outcome.queued_ms == NEVER:
            return
        interval, waited_ms = self._interval(outcome.queued_ms), outcome.waited_ms
        for series in (self.queues[outcome.queue], self.all):
            series.entered.add(interval)
            series.wait_ms.add(interval, waited_ms)
            if outcome.outcome == ANSWERED:
                series.answered.add(interval)
                series.answered_wait_ms.add(interval, waited_ms)
                series.talk_ms.add(interval, outcome.ended_ms - outcome.answered_ms)
                if waited_ms <= self._service_level_ms[outcome.queue]:
                    series.in_time.add(interval)
            elif outcome.outcome == ABANDONED:
                series.abandoned.add(interval)
        if outcome.outcome == ANSWERED:
            self.answered_waits_ms.append(waited_ms)
        elif outcome.outcome == ABANDONED:
            self.abandoned_waits_ms.append(waited_ms)

    def agent(self, agent: str, state: AgentState, at_ms: int) -> None:
        """Account for the time in the state before."""
        desk = self._desks[agent]
        self._spend(desk, at_ms)
        if desk.state == "wrap_up" and desk.last is not None:
            series, interval = desk.last
            series.wrap_up_ms.add(interval, at_ms - desk.since_ms)
            self.all.wrap_up_ms.add(interval, at_ms - desk.since_ms)
        desk.state, desk.since_ms = state, at_ms

    def day_ends(self, counters: Mapping[str, QueueCounters]) -> None:
        """Add the domain's counts of a day."""
        for id_, day in counters.items():
            known = self.counters.get(id_)
            self.counters[id_] = combined((day,)) if known is None else combined((known, day))

    def ends(self, at_ms: int) -> None:
        """Account for what is still going on."""
        self.end_ms = at_ms
        for desk in self._desks.values():
            self._spend(desk, at_ms)
            desk.since_ms = at_ms

    def _stops_waiting(self, call: str) -> None:
        queue = self._waits_in.pop(call, None)
        if queue is not None:
            self._waiting[queue] -= 1
            self._waiting_all -= 1

    def _spend(self, desk: _Desk, until_ms: int) -> None:
        state, since_ms = desk.state, desk.since_ms
        if until_ms <= since_ms:
            return
        desk.spent_ms[state] = desk.spent_ms.get(state, 0) + until_ms - since_ms
        if state not in _STAFFED:
            return
        interval = self._interval(since_ms)
        while since_ms < until_ms:
            cut_ms = min(until_ms, self.start_ms + (interval + 1) * INTERVAL_MS)
            desk.crew.staffed_ms.add(interval, cut_ms - since_ms)
            if state != "ready":
                desk.crew.busy_ms.add(interval, cut_ms - since_ms)
            since_ms = cut_ms
            interval += 1

    def _interval(self, at_ms: int) -> int:
        return (at_ms - self.start_ms) // INTERVAL_MS

    # --- what it came to ---

    @property
    def intervals(self) -> int:
        """How many there are."""
        return -(-(self.end_ms - self.start_ms) // INTERVAL_MS)

    def series(self, queue: str) -> QueueSeries:
        """Of one queue, or of `ALL`."""
        return self.all if queue == ALL else self.queues[queue]

    def lasted_ms(self, interval: int) -> int:
        """How long this interval was; the last one may have been cut short."""
        return max(0, min(self.end_ms - self.start_ms - interval * INTERVAL_MS, INTERVAL_MS))

    def staff(self, queue: str, interval: int) -> Staff:
        """Who served this queue in this interval, each counted whole for every queue they serve."""
        crews = [crew for crew in self.crews if queue == ALL or queue in crew.queues]
        staffed_ms = sum(crew.staffed_ms[interval] for crew in crews)
        lasted_ms = self.lasted_ms(interval)
        return Staff(
            staffed_ms / lasted_ms if lasted_ms else 0.0,
            sum(crew.busy_ms[interval] for crew in crews),
            staffed_ms,
        )

    def is_pure(self, queue: str) -> bool:
        """Whether no operator of this queue serves another one too, so that a formula for one queue applies."""
        return queue == ALL or all(crew.queues == {queue} for crew in self.crews if queue in crew.queues)

    def spent_ms(self) -> dict[str, dict[AgentState, int]]:
        """What every operator spent in every state."""
        return {id_: desk.spent_ms for id_, desk in sorted(self._desks.items())}
