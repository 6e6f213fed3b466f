"""The end of every turn: put the agents that changed in or out of the lines, match, show each page its desk.

Before the turn no ready agent stood beside a waiting call they may have, so every pair has a newcomer in it. Whoever is
paired is a pair of firsts at that moment: the call is first of all that the agent may take, and the agent is the one whom the
queue's strategy names. Starting anywhere, going from a call to its first agent and from there to that agent's first
call only ever leads to calls further in front, so it ends at such a pair.
"""

from __future__ import annotations

from acd_core.domain.call import Call
from acd_core.domain.callers import release
from acd_core.domain.desk import show
from acd_core.domain.flow import go_on
from acd_core.domain.offers import offer
from acd_core.domain.queueing import rung_in_vain
from acd_core.domain.reasons import tell_waits
from acd_core.domain.turn import Turn
from acd_core.domain.wait import arm, staffing_changed, stand_again


def settle(turn: Turn) -> None:
    """Draw the conclusions of all that the event changed."""
    if turn.fresh_calls:
        _see_to_the_time(turn)
    for call in turn.onward:
        go_on(turn, call)
    if turn.staffing:
        _see_to_staffing(turn)
    if turn.touched:
        _match_agents(turn)
    if turn.fresh_calls:
        _match_calls(turn)
    if turn.touched:
        for agent in turn.touched.values():
            show(turn, agent)
    turn.out.extend(turn.gone)
    if len(turn.index.crews) > len(turn.state.queues):
        # A retired queue went with its last call: nothing may be decided by it any more, as after a restart.
        turn.index.rebuild(turn.state)


def _see_to_the_time(turn: Turn) -> None:
    """Of the calls that rang until now; one that stood in line has a deadline, and one that is new has not waited yet."""
    for call in tuple(turn.fresh_calls):
        rang = call.search_ms < turn.now_ms and "wait" not in call.deadlines
        if rang and call.id in turn.index.bucket_of:
            rung_in_vain(turn, call)


def _see_to_staffing(turn: Turn) -> None:
    queues = {squad.crew.queue for id_ in turn.staffing for squad in turn.index.squads_of.get(id_, ())}
    for id_ in sorted(queues.intersection(turn.state.queues)):
        staffing_changed(turn, id_)


def _match_agents(turn: Turn) -> None:
    state, index = turn.state, turn.index
    fresh = []
    for agent in turn.touched.values():
        if (agent.state == "ready" or agent.id in index.standing) and index.place(state, agent):
            fresh.append(agent)
        elif agent.state in ("not_ready", "logged_out") and agent.id in index.kept:
            _release_kept(turn, agent.id)
    if len(fresh) > 1:
        fresh.sort(key=lambda agent: (agent.idle_since_ms, agent.id))
    for agent in fresh:
        while agent.id in index.standing:
            call = index.first_call(agent.id, turn.now_ms)
            if not call:
                break
            waiting = state.calls[call]
            _pair(turn, waiting, index.first_agent(state, waiting))


def _release_kept(turn: Turn, agent: str) -> None:
    """Who was to have these calls takes none any more."""
    kept = [id_ for bucket in turn.index.kept[agent] for _, id_ in bucket.calls.members()]
    for id_ in sorted(kept):
        call = turn.state.calls[id_]
        release(turn, call)
        stand_again(turn, call)


def _match_calls(turn: Turn) -> None:
    state, index = turn.state, turn.index
    calls = turn.fresh_calls
    if len(calls) > 1:
        calls = [call for call in {call.id: call for call in calls}.values() if call.id in index.bucket_of]
        calls.sort(key=lambda call: index.rank(call, turn.now_ms))
    for call in calls:
        # A call may have been taken by now; one that rings at all it may ring at is out of its line.
        while call.id in index.bucket_of:
            agent = index.first_agent(state, call)
            if not agent:
                break
            _pair(turn, call, agent)
    for call in calls:
        if call.state == "waiting" and call.id in index.bucket_of:
            if "wait" not in call.deadlines:
                tell_waits(turn, call)
            arm(turn, call)


def _pair(turn: Turn, call: Call, agent: str) -> None:
    """Offer this call to its first agent, or one before it that this agent has to take instead."""
    state, index = turn.state, turn.index
    while True:
        first = index.first_call(agent, turn.now_ms)
        if first == call.id:
            offer(turn, call, state.agents[agent])
            return
        call = state.calls[first]
        agent = index.first_agent(state, call)
