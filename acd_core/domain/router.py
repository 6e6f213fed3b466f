"""The router: events in, commands out, and the only writer of routing state.

`apply` looks the event up in the tables, lets the rule change the state, and settles what follows (matching.py). It performs
nothing, asks nobody and never fails for what it is told: an expected race is stale, an operator's wish that can't be is refused
to their page, and an assertion is our bug. The same events at the same times give the same state and commands, byte for byte.
"""

from __future__ import annotations

from typing import Any

from acd_core.domain import events as ev
from acd_core.domain.calendars import day_span
from acd_core.domain.commands import AnyCommand, RequestRefused
from acd_core.domain.counters import QueueCounters
from acd_core.domain.deadline import Timed
from acd_core.domain.desk import refuse
from acd_core.domain.devices import drop_stray
from acd_core.domain.matching import settle
from acd_core.domain.order import Index
from acd_core.domain.plan import Plan
from acd_core.domain.queueing import callback_expired
from acd_core.domain.state import State
from acd_core.domain.tables import (
    AGENT_DEADLINES,
    AGENTS,
    CALL_DEADLINES,
    CALLS,
    EDGE_DEADLINES,
    REQUESTS,
    STALE,
    WORLD,
    Refusal,
    WorldRule,
)
from acd_core.domain.turn import Turn

NOT_YOUR_SESSION = "not_your_session"


class Router:
    """The whole state machine around one `State`."""

    def __init__(self, state: State | None = None) -> None:
        """Begin empty, or go on from a state that was decoded from a snapshot."""
        self.state = State() if state is None else state
        self.index = Index(self.state)
        self._turn = Turn(self.state, self.index)
        self._day = (0, 0)  # the span in which it is the same day
        self._day_plan: Plan | None = None

    def apply(self, event: ev.AnyEvent, now_ms: int) -> tuple[AnyCommand, ...]:
        """Decide what this event means; `now_ms` before the last one's counts as that one's."""
        state, turn = self.state, self._turn
        if now_ms > state.now_ms:
            state.now_ms = now_ms
        else:
            now_ms = state.now_ms
        day = self._day
        if not day[0] <= now_ms < day[1] or state.plan is not self._day_plan:
            self._look_at_the_day()
        turn.begin(now_ms)
        _ROUTES[type(event)](turn, event)
        settle(turn)
        return tuple(turn.out)

    def _look_at_the_day(self) -> None:
        """When another day of counting has begun, the queues' counters begin anew."""
        state = self.state
        self._day, self._day_plan = day_span(state.plan, state.now_ms), state.plan
        if state.day_ms != self._day[0]:
            state.day_ms = self._day[0]
            state.dialled = {}
            for queue in state.queues.values():
                queue.day = QueueCounters()


def _call_event(turn: Turn, event: Any) -> None:
    call = turn.state.calls.get(event.call)
    if call is None:
        turn.stale(event, "gone")
        return
    rule = CALLS[type(event)][call.state]
    if rule == STALE:
        turn.stale(event, call.state)
    else:
        rule(turn, call, event)


def _agent_event(turn: Turn, event: Any) -> None:
    agent = turn.state.agents.get(event.agent)
    if agent is None:
        turn.stale(event, "unknown")
        if isinstance(event, ev.AudioConnected):
            drop_stray(turn, event)
        return
    rule = AGENTS[type(event)][agent.state]
    if rule == STALE:
        turn.stale(event, agent.state)
    else:
        rule(turn, agent, event)


def _request(turn: Turn, event: ev.AgentRequest) -> None:
    agent = turn.state.agents.get(event.agent)
    if agent is None:
        turn.stale(event, "unknown")
        return
    # Of a page that is not online too: what it asked when the core died comes before the inventory that says it is there.
    if event.session != agent.session:
        if agent.replaced_session and event.session == agent.replaced_session:
            turn.emit(
                RequestRefused(
                    web=agent.replaced_web,
                    agent=agent.id,
                    session=event.session,
                    request=event.request,
                    reason=NOT_YOUR_SESSION,
                )
            )
        else:
            turn.stale(event, "not their session")
        return
    rule = REQUESTS[type(event)][agent.state]
    if isinstance(rule, Refusal):
        refuse(turn, agent, event.request, rule.reason)
    elif rule == STALE:
        turn.stale(event, agent.state)
    else:
        rule(turn, agent, event)


def _deadline_passed(turn: Turn, event: ev.DeadlinePassed) -> None:
    """An old generation is stale; leaving a state clears its deadlines, so one in force finds the state it was set in."""
    state, key = turn.state, event.key
    entity: Timed | None = None
    if event.entity == "call":
        entity = state.calls.get(event.id)
    elif event.entity == "agent":
        entity = state.agents.get(event.id)
    elif event.entity == "edge":
        entity = state.edges.get(event.id)
    elif event.entity == "callback":
        entity = state.callbacks.get(event.id)
    deadline = None if entity is None else entity.deadlines.get(key)
    if entity is None or deadline is None or deadline.generation != event.generation:
        turn.stale(event, f"{event.entity} {key}")
        return
    del entity.deadlines[key]
    if event.entity == "call":
        call_states, call_rule = CALL_DEADLINES[key]
        call = state.calls[event.id]
        assert call.state in call_states, f"call {call.id}: {key} passed while {call.state}"
        call_rule(turn, call)
    elif event.entity == "agent":
        agent_states, agent_rule = AGENT_DEADLINES[key]
        agent = state.agents[event.id]
        assert agent.state in agent_states, f"agent {agent.id}: {key} passed while {agent.state}"
        agent_rule(turn, agent)
    elif event.entity == "edge":
        EDGE_DEADLINES[key](turn, state.edges[event.id])
    else:
        callback_expired(turn, state.callbacks[event.id])


_ROUTES: dict[type[ev.Event], WorldRule] = {
    **WORLD,
    **dict.fromkeys(CALLS, _call_event),
    **dict.fromkeys(AGENTS, _agent_event),
    **dict.fromkeys(REQUESTS, _request),
    ev.DeadlinePassed: _deadline_passed,
}
