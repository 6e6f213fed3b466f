"""The end of every turn: put the agents that changed in or out of the lines, match, show each page its desk.

Before the turn no ready agent stood beside a waiting call they may have, so every pair has a newcomer in it. Whoever is
paired is a pair of firsts at that moment: the call is first of all that the agent may take, and the agent has been idle longest
of all who may take the call. Starting anywhere, going from a call to its first agent and from there to that agent's first
call only ever leads to calls further in front, so it ends at such a pair.
"""

from __future__ import annotations

from acd_core.domain.call import Call
from acd_core.domain.desk import show
from acd_core.domain.offers import offer
from acd_core.domain.turn import Turn


def settle(turn: Turn) -> None:
    """Draw the conclusions of all that the event changed."""
    if turn.touched:
        _match_agents(turn)
    if turn.fresh_calls:
        _match_calls(turn)
    if turn.touched:
        for agent in turn.touched.values():
            show(turn, agent)
    turn.out.extend(turn.gone)


def _match_agents(turn: Turn) -> None:
    state, index = turn.state, turn.index
    fresh = [agent for agent in turn.touched.values() if index.place(state, agent)]
    if len(fresh) > 1:
        fresh.sort(key=lambda agent: (agent.idle_since_ms, agent.id))
    for agent in fresh:
        while agent.id in index.standing:
            call = index.first_call(state, agent.id)
            if not call:
                break
            _pair(turn, state.calls[call])


def _match_calls(turn: Turn) -> None:
    state, index, calls = turn.state, turn.index, turn.fresh_calls
    if len(calls) > 1:
        calls.sort(key=lambda call: (-state.queues[call.queue].definition.priority, call.arrived_ms, call.id))
    for call in calls:
        # A call may have been taken above, or have ended in this very turn.
        while call.state == "waiting" and call.id in state.calls and index.first_agent(call):
            _pair(turn, call)


def _pair(turn: Turn, call: Call) -> None:
    """Offer this call, or one before it that its first agent has to take instead."""
    state, index = turn.state, turn.index
    while True:
        agent = index.first_agent(call)
        first = index.first_call(state, agent)
        if first == call.id:
            offer(turn, call, state.agents[agent])
            return
        call = state.calls[first]
