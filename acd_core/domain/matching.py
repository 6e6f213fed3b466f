"""The end of every turn: put the agents that changed in or out of the lines, match, show each page its desk.

Before the turn no ready agent stood beside a waiting call they may have, so only newcomers can make a pair. Each new agent,
longest idle first, takes the first call over their queues; then each new call, in order, takes the longest idle agent of its
queue. What is matched takes nothing that another could still take, so one pass is enough.
"""

from __future__ import annotations

from acd_core.domain.agent import Agent
from acd_core.domain.call import Call
from acd_core.domain.desk import show
from acd_core.domain.offers import offer
from acd_core.domain.turn import Turn


def settle(turn: Turn) -> None:
    """Draw the conclusions of all that the event changed."""
    if turn.touched:
        state, index = turn.state, turn.index
        fresh = [agent for agent in turn.touched.values() if index.place(state, agent)]
        if len(fresh) > 1:
            fresh.sort(key=_idle)
        for agent in fresh:
            call = index.first_call(state, agent.id)
            if call:
                offer(turn, state.calls[call], agent)
    if turn.fresh_calls:
        _place_calls(turn)
    if turn.touched:
        for agent in turn.touched.values():
            show(turn, agent)
    turn.out.extend(turn.gone)


def _place_calls(turn: Turn) -> None:
    state, calls = turn.state, turn.fresh_calls
    if len(calls) > 1:
        calls.sort(key=lambda call: (-state.queues[call.queue].definition.priority, call.arrived_ms, call.id))
    for call in calls:
        # A call may have been taken above, or have ended in this very turn.
        if call.state == "waiting" and state.calls.get(call.id) is call and _reachable(turn, call):
            agent = turn.index.first_agent(call)
            if agent:
                offer(turn, call, state.agents[agent])


def _reachable(turn: Turn, call: Call) -> bool:
    edge = turn.state.edges.get(call.edge)
    return edge is not None and edge.up


def _idle(agent: Agent) -> tuple[int, str]:
    return (agent.idle_since_ms, agent.id)
