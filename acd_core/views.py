"""The picture of the state for people who look on: the wallboard. Nothing here decides anything.

A picture of 10,000 operators takes tens of milliseconds to make, which the core's loop does not have several times a second. So
it is kept: whoever hands out the domain's commands says which call, agent or queue was touched, and only the rows of these are
made again, some at a time (`changes`). What touches all of it at once (a plan, a roster, an edge that comes or goes, midnight) is
noticed by itself. The whole is what was made last, in parts of a bounded size (`whole`).

Of the calls the first by arrival are shown, so their order is kept beside the rows; of the callbacks those asked for first.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import islice

import msgspec

from acd_core.domain.agent import Agent
from acd_core.domain.call import Call
from acd_core.domain.desk import audio_kind
from acd_core.domain.queue import Queue
from acd_core.domain.roster import Agent as Entry
from acd_core.domain.router import Router
from acd_core.domain.state import State
from acd_core.link.signals import (
    AgentRow,
    CallbackRow,
    CallRow,
    QueueRow,
    ReasonRow,
    Wallboard,
    WallboardDelta,
    WallboardHead,
)
from acd_core.statistics import agent_time, answer_ms, handling_ms, service_level

CALL_ROWS_MAX = 200
CALLBACK_ROWS_MAX = 100
SLICE_ROWS = 100  # made without a pause
PART_ROWS = 500  # of agents in one message; a frame holds many times as many


class Picture:
    """The rows as they were made last, and what was touched since."""

    def __init__(self, router: Router) -> None:
        """Everything is still to be made."""
        self._router = router
        self._queues: dict[str, QueueRow] = {}
        self._agents: dict[str, AgentRow] = {}
        self._calls: dict[str, CallRow] = {}
        self._callbacks: tuple[CallbackRow, ...] = ()
        self._reasons: tuple[ReasonRow, ...] = ()
        # Of every live call: its place by arrival, and the queue it is in, or was in last.
        self._order: list[tuple[int, str]] = []
        self._known: dict[str, tuple[int, str]] = {}
        # Who waits in each queue, by the time they began to; entries that are no longer true are dropped at the front.
        self._waits: dict[str, tuple[str, int]] = {}
        self._first: dict[str, list[tuple[int, str]]] = {}
        self._worked_for: dict[str, str] = {}  # the queue of the call an agent has, or follows up
        self._touched_calls: dict[str, None] = {}
        self._touched_agents: dict[str, None] = {}
        self._touched_queues: dict[str, None] = {}
        self._ground: tuple[object, ...] | None = None
        self._told = self._head(0, 0)

    def touch_call(self, id_: str) -> None:
        """This call changed, began or ended."""
        self._touched_calls[id_] = None

    def touch_agent(self, id_: str) -> None:
        """This agent changed."""
        self._touched_agents[id_] = None

    def touch_queue(self, id_: str) -> None:
        """This queue's counts changed."""
        self._touched_queues[id_] = None

    @property
    def pending(self) -> bool:
        """Something was touched that is not made yet."""
        return bool(self._touched_calls or self._touched_agents or self._touched_queues)

    def changes(self, at_ms: int, store_behind: int, rows_max: int = SLICE_ROWS) -> WallboardDelta | None:
        """Make up to so many rows that were touched, and say what became of them; calls first, then agents, then queues. None
        when all of it is as it was.
        """
        self._look_at_the_ground()
        state = self._router.state
        calls, touched = self._take_calls(state, rows_max)
        gone_calls = self._show_window(state, touched)
        agents, gone_agents = self._take_agents(state, rows_max - calls)
        queues: dict[str, QueueRow] = {}
        gone_queues: list[str] = []
        if not self._touched_calls and not self._touched_agents:
            queues, gone_queues = self._take_queues(state)
        callbacks, reasons = _callbacks(state), _reasons(state)
        delta = WallboardDelta(
            head=self._head(at_ms, store_behind),
            queues=tuple(queues.values()),
            queues_gone=tuple(gone_queues),
            agents=tuple(agents.values()),
            agents_gone=tuple(gone_agents),
            calls=tuple(self._calls[id_] for id_ in touched if id_ in self._calls),
            calls_gone=tuple(gone_calls),
            callbacks=callbacks if callbacks != self._callbacks else None,
            not_ready_reasons=reasons if reasons != self._reasons else None,
        )
        self._callbacks, self._reasons = callbacks, reasons
        before, self._told = self._told, delta.head
        return None if delta == WallboardDelta(head=msgspec.structs.replace(before, at_ms=at_ms)) else delta

    def whole(self, at_ms: int, store_behind: int) -> Iterator[Wallboard | WallboardDelta]:
        """All rows as they were made last: the first message replaces whatever was known, the others add agents."""
        agents = iter(list(self._agents.values()))
        head = self._head(at_ms, store_behind)
        yield Wallboard(
            head=head,
            queues=tuple(self._queues.values()),
            agents=tuple(islice(agents, PART_ROWS)),
            calls=tuple(self._calls.values()),
            callbacks=self._callbacks,
            not_ready_reasons=self._reasons,
        )
        while part := tuple(islice(agents, PART_ROWS)):
            yield WallboardDelta(head=head, agents=part)

    # --- what changes all at once ---

    def _look_at_the_ground(self) -> None:
        state = self._router.state
        edges = tuple(id_ for id_, edge in state.edges.items() if edge.up)
        # Of one plan the queues only become fewer, when a retired one goes with its last call: who served it serves it no more.
        ground = (state.plan_version, state.roster_version, state.day_ms, edges, len(state.queues))
        if ground == self._ground:
            return
        before, self._ground = self._ground, ground
        self._touched_queues.update(dict.fromkeys((*self._queues, *sorted(state.queues))))
        roster = {} if state.roster is None else state.roster.agents
        self._touched_agents.update(dict.fromkeys((*self._agents, *sorted({*roster, *state.agents}))))
        if before is None or before[0] != state.plan_version:
            # Also of calls that a new plan leaves where they are the steps have other numbers.
            self._touched_calls.update(dict.fromkeys(state.calls))

    def _head(self, at_ms: int, store_behind: int) -> WallboardHead:
        state = self._router.state
        return WallboardHead(
            at_ms=at_ms,
            calls_live=len(state.calls),
            callbacks_open=len(state.callbacks),
            mode=state.mode,
            store_behind=store_behind,
            edges=tuple(id_ for id_ in sorted(state.edges) if state.edges[id_].up),
        )

    # --- calls ---

    def _take_calls(self, state: State, rows_max: int) -> tuple[int, dict[str, None]]:
        """Learn the places of touched calls; how many, and which of them live."""
        living: dict[str, None] = {}
        taken = _take(self._touched_calls, rows_max)
        for id_ in taken:
            call = state.calls.get(id_)
            known = self._known.get(id_)
            if known is not None:
                self._touch_queue_of(known[1])
                if call is None or call.arrived_ms != known[0]:  # an id may come again
                    del self._order[bisect_left(self._order, (known[0], id_))]
                    del self._known[id_]
            if call is None:
                self._waits.pop(id_, None)
                continue
            living[id_] = None
            self._touch_queue_of(call.queue)
            if id_ not in self._known:
                insort(self._order, (call.arrived_ms, id_))
            self._known[id_] = (call.arrived_ms, call.queue)
            self._note_wait(call)
        return len(taken), living

    def _touch_queue_of(self, queue: str) -> None:
        if queue:
            self._touched_queues[queue] = None

    def _note_wait(self, call: Call) -> None:
        if call.state not in ("waiting", "ringing"):
            self._waits.pop(call.id, None)
        elif self._waits.get(call.id) != (call.queue, call.queued_ms):
            self._waits[call.id] = (call.queue, call.queued_ms)
            first = self._first.setdefault(call.queue, [])
            heappush(first, (call.queued_ms, call.id))
            if len(first) > 2 * len(self._waits) + CALL_ROWS_MAX:
                first[:] = sorted(
                    (ms, id_) for id_, (queue, ms) in self._waits.items() if queue == call.queue
                )

    def _show_window(self, state: State, touched: dict[str, None]) -> list[str]:
        """Make the rows of the first calls that are new or touched; who is no longer among them. `touched` gets the new."""
        shown = {id_ for _, id_ in self._order[:CALL_ROWS_MAX]}
        gone = [id_ for id_ in self._calls if id_ not in shown]
        for id_ in gone:
            del self._calls[id_]
        for _, id_ in self._order[:CALL_ROWS_MAX]:
            if id_ in touched or id_ not in self._calls:
                call = state.calls.get(id_)
                if call is not None:  # else it ended and was not taken yet
                    self._calls[id_] = _call(call)
                    touched[id_] = None
        return gone

    # --- agents ---

    def _take_agents(self, state: State, rows_max: int) -> tuple[dict[str, AgentRow], list[str]]:
        look = self._router.index.look
        made: dict[str, AgentRow] = {}
        gone: list[str] = []
        for id_ in _take(self._touched_agents, rows_max):
            before = self._agents.get(id_)
            agent, entry = state.agents.get(id_), look.entry(id_)
            self._touch_worked_for(id_, agent)
            if entry is None and (agent is None or agent.state == "logged_out"):
                if before is not None:
                    del self._agents[id_]
                    gone.append(id_)
                    self._touched_queues.update(dict.fromkeys(before.queues))
                continue
            queues = () if entry is None else tuple(dict.fromkeys(look.serves(entry)))
            row = _agent(
                state,
                agent or Agent(id=id_),
                id_ if entry is None else entry.name,
                _team(state, entry),
                queues,
            )
            if row != before:
                self._agents[id_] = made[id_] = row
                self._touched_queues.update(dict.fromkeys(queues))
                if before is not None and before.queues != queues:
                    self._touched_queues.update(dict.fromkeys(before.queues))
        return made, gone

    def _touch_worked_for(self, id_: str, agent: Agent | None) -> None:
        """Their call's queue counts conversation and wrap-up, though they may serve another one."""
        queue = "" if agent is None or agent.desk is None else agent.desk.queue
        for each in (self._worked_for.pop(id_, ""), queue):
            self._touch_queue_of(each)
        if queue:
            self._worked_for[id_] = queue

    # --- queues ---

    def _take_queues(self, state: State) -> tuple[dict[str, QueueRow], list[str]]:
        made: dict[str, QueueRow] = {}
        gone: list[str] = []
        for id_ in _take(self._touched_queues, len(self._touched_queues)):
            queue, before = state.queues.get(id_), self._queues.get(id_)
            if queue is None:
                self._first.pop(id_, None)
                if before is not None:
                    del self._queues[id_]
                    gone.append(id_)
                continue
            row = self._queue(queue)
            if row != before:
                self._queues[id_] = made[id_] = row
        return made, gone

    def _queue(self, queue: Queue) -> QueueRow:
        definition, day = queue.definition, queue.day
        crew = self._router.index.crews.get(queue.id)
        serving = [] if crew is None else [squad for squad in crew.squads.values() if squad.serves]
        return QueueRow(
            queue=queue.id,
            name=definition.name,
            strategy=definition.strategy,
            priority=definition.priority,
            aging_per_min=definition.aging_per_min,
            aging_max=definition.aging_max,
            waiting=queue.waiting,
            longest_since_ms=self._longest_since_ms(queue.id),
            talking=queue.talking,
            agents=0 if crew is None else crew.staffed(),
            ready=sum(len(squad.line) for squad in serving),
            entered=day.entered,
            answered=day.answered,
            abandoned=day.abandoned,
            short_abandoned=day.short_abandoned,
            service_level=service_level(day),
            service_level_ms=definition.service_level_ms,
            asa_ms=_whole(answer_ms(day)),
            aht_ms=_whole(handling_ms(day)),
            longest_wait_ms=day.longest_wait_ms,
        )

    def _longest_since_ms(self, queue: str) -> int:
        first, waits = self._first.get(queue), self._waits
        while first:
            since_ms, call = first[0]
            if waits.get(call) == (queue, since_ms):
                return since_ms
            heappop(first)
        return 0


def _take(touched: dict[str, None], most: int) -> list[str]:
    """The first of them, which are no longer touched then."""
    taken = list(islice(touched, max(0, most)))
    for id_ in taken:
        del touched[id_]
    return taken


def _team(state: State, entry: Entry | None) -> str:
    """Its name, for people."""
    if entry is None or not entry.team or state.roster is None:
        return ""
    return state.roster.teams[entry.team].name


def _agent(state: State, agent: Agent, name: str, team: str, queues: tuple[str, ...]) -> AgentRow:
    dialled = state.dialled.get(agent.id)
    return AgentRow(
        agent=agent.id,
        name=name,
        team=team,
        state=agent.state,
        reason=agent.reason,
        since_ms=agent.since_ms,
        audio=audio_kind(state, agent) if agent.online or agent.state == "talking" else "none",
        call=agent.call,
        queues=queues,
        calls=agent.calls,
        dialled=0 if dialled is None else dialled.answered,
        occupancy=agent_time((agent.spent_ms,)).occupancy,
        overdue=agent.overdue,
        # Of one whose page is away the end of a pause is told to nobody.
        paused=agent.online and agent.state == "ready" and "pause" in agent.deadlines,
    )


def _call(call: Call) -> CallRow:
    return CallRow(
        call=call.id,
        caller=call.caller,
        outbound=call.outbound,
        service=call.service,
        state=call.state,
        since_ms=call.since_ms,
        arrived_ms=call.arrived_ms,
        queue=call.queue,
        agent=call.agent,
        ringing=tuple(call.ringing),
        vip=call.vip,
        hazard=call.hazard,
        repeat=call.repeat,
        only=call.only,
        priority=call.priority,
        steps=call.steps,
    )


def _callbacks(state: State) -> tuple[CallbackRow, ...]:
    """They stand in the order in which they were asked for."""
    return tuple(
        CallbackRow(
            id=callback.id,
            caller=callback.caller,
            number=callback.number,
            queue=callback.queue,
            asked_at_ms=callback.asked_ms,
            arrived_ms=callback.arrived_ms,
        )
        for callback in islice(state.callbacks.values(), CALLBACK_ROWS_MAX)
    )


def _reasons(state: State) -> tuple[ReasonRow, ...]:
    known = {} if state.plan is None else state.plan.not_ready_reasons
    return tuple(
        ReasonRow(reason=id_, paid=reason.paid, planned_ms=reason.planned_ms) for id_, reason in known.items()
    )


def _whole(ms: float | None) -> int | None:
    return None if ms is None else round(ms)
