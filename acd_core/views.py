"""Pictures of the state for people who look on: the wallboard. Pure functions; nothing here decides anything."""

from __future__ import annotations

from heapq import nsmallest

from acd_core.domain.agent import Agent
from acd_core.domain.call import Call
from acd_core.domain.desk import audio_kind
from acd_core.domain.order import standing_edge
from acd_core.domain.queue import Queue
from acd_core.domain.roster import Agent as Entry
from acd_core.domain.state import State
from acd_core.link.signals import AgentRow, CallRow, QueueRow, ReasonRow, Wallboard

CALL_ROWS_MAX = 200


def wallboard(state: State, now_ms: int, store_behind: int) -> Wallboard:
    """The live picture: every queue, every agent of the roster by id, the first calls by arrival."""
    return Wallboard(
        at_ms=now_ms,
        queues=_queues(state),
        agents=_agents(state),
        calls=tuple(_call(call) for call in nsmallest(CALL_ROWS_MAX, state.calls.values(), key=_arrival)),
        calls_live=len(state.calls),
        not_ready_reasons=_reasons(state),
        store_behind=store_behind,
        edges=tuple(id_ for id_ in sorted(state.edges) if state.edges[id_].up),
    )


def _queues(state: State) -> tuple[QueueRow, ...]:
    longest: dict[str, int] = {}
    for call in state.calls.values():
        if call.state in ("waiting", "ringing"):
            longest[call.queue] = min(longest.get(call.queue, call.queued_ms), call.queued_ms)
    agents: dict[str, int] = {}
    ready: dict[str, int] = {}
    for agent in state.agents.values():
        entry = _entry(state, agent.id)
        if entry is None or agent.state == "logged_out":
            continue
        may = 1 if standing_edge(state, agent) else 0
        for queue in entry.queues:
            agents[queue] = agents.get(queue, 0) + 1
            ready[queue] = ready.get(queue, 0) + may
    return tuple(
        _queue(state.queues[id_], longest.get(id_, 0), agents.get(id_, 0), ready.get(id_, 0))
        for id_ in sorted(state.queues)
    )


def _queue(queue: Queue, longest_since_ms: int, agents: int, ready: int) -> QueueRow:
    return QueueRow(
        queue=queue.id,
        name=queue.definition.name,
        waiting=queue.waiting,
        longest_since_ms=longest_since_ms,
        talking=queue.talking,
        agents=agents,
        ready=ready,
        answered=queue.day_answered,
        abandoned=queue.day_abandoned,
    )


def _agents(state: State) -> tuple[AgentRow, ...]:
    on_roster = {} if state.roster is None else state.roster.agents
    here = {id_ for id_, agent in state.agents.items() if agent.state != "logged_out"}
    return tuple(
        _agent(state, state.agents.get(id_) or Agent(id=id_), on_roster.get(id_))
        for id_ in sorted(here.union(on_roster))
    )


def _agent(state: State, agent: Agent, entry: Entry | None) -> AgentRow:
    return AgentRow(
        agent=agent.id,
        name=agent.id if entry is None else entry.name,
        state=agent.state,
        reason=agent.reason,
        since_ms=agent.since_ms,
        audio=audio_kind(state, agent),
        call=agent.call,
        queues=() if entry is None else entry.queues,
    )


def _call(call: Call) -> CallRow:
    return CallRow(
        call=call.id,
        caller=call.caller,
        service=call.service,
        state=call.state,
        since_ms=call.since_ms,
        arrived_ms=call.arrived_ms,
        queue=call.queue,
        agent=call.agent,
    )


def _reasons(state: State) -> tuple[ReasonRow, ...]:
    known = {} if state.plan is None else state.plan.not_ready_reasons
    return tuple(
        ReasonRow(reason=id_, paid=reason.paid, planned_ms=reason.planned_ms)
        for id_, reason in known.items()
    )


def _entry(state: State, id_: str) -> Entry | None:
    return None if state.roster is None else state.roster.agents.get(id_)


def _arrival(call: Call) -> tuple[int, str]:
    return (call.arrived_ms, call.id)
