"""What is true of the state after every event. A violation is our bug, named by the assertion.

Walks everything, so it is for tests, simulations and a core that runs in debug, not for every event of a busy one.
"""

from __future__ import annotations

from collections import Counter

from acd_core.domain.agent import Agent
from acd_core.domain.call import Call
from acd_core.domain.commands import AgentState
from acd_core.domain.lines import Line
from acd_core.domain.order import Index, audio_edge, may_stand, taken_steps
from acd_core.domain.roster import Agent as Entry
from acd_core.domain.state import State
from acd_core.domain.tables import AGENT_DEADLINES, CALL_DEADLINES, EDGE_DEADLINES


def check(state: State) -> None:
    """All invariants; `AssertionError` names the one that is broken and the entity."""
    assert state.calls_arrived == len(state.calls) + state.calls_ended, "arrived = live + ended"
    assert state.calls_refused <= state.calls_ended, "refused calls are ended calls"
    for id_, call in state.calls.items():
        assert id_ == call.id, f"call {id_} is filed under its id"
        _call(state, call)
    for id_, agent in state.agents.items():
        assert id_ == agent.id, f"agent {id_} is filed under their id"
        _agent(state, agent)
    _queues(state)
    for user, edge in state.phones.items():
        assert edge in state.edges, f"phone {user} is registered at an edge that is known"
    for user, spare in state.spare_phones.items():
        places = {*spare, state.phones[user]}
        assert spare, f"phone {user} has no other edge, so nothing is kept of any"
        assert len(places) == len(spare) + 1, f"phone {user} is elsewhere, at each edge once"
        assert places <= state.edges.keys(), f"phone {user} is registered at edges that are known"
    _deadlines(state)
    _nobody_waits_beside_a_ready_agent(state)
    for id_, ended in state.ended.items():
        assert id_ not in state.calls, f"call {id_} is live or ended, not both"
        assert ended.unrecorded, f"ended call {id_} awaits no recording"


def check_index(state: State, index: Index) -> None:
    """The lines are what the state says they are."""
    derived = Index(state)
    assert _calls(index) == _calls(derived), "buckets of calls"
    assert index.crews.keys() == derived.crews.keys(), "crews of queues"
    assert _lines(index) == _lines(derived), "lines of agents"
    assert _counts(index) == _counts(derived), "agents by state"
    assert index.standing.keys() == derived.standing.keys(), "standing agents"
    assert index.away == derived.away, "edges that are away"
    assert index.look.numbers == derived.look.numbers, "numbers"
    assert index.look.callers == derived.look.callers, "callers"
    assert index.look.phone_owner == derived.look.phone_owner, "owners of phones"
    assert index.look.asked_skills == derived.look.asked_skills, "skills that calls ask for"
    assert index.look.least_occupied == derived.look.least_occupied, "whether anybody is ranked"


def _calls(index: Index) -> dict[str, tuple[object, ...]]:
    return {id_: bucket.key for id_, bucket in index.bucket_of.items() if id_ in dict(_ids(bucket.calls))}


def _ids(line: Line) -> list[tuple[str, object]]:
    return [(member, key) for key, member in line.members()]


def _lines(index: Index) -> dict[tuple[object, ...], list[tuple[object, str]]]:
    return {
        (id_, signature): squad.line.members()
        for id_, crew in index.crews.items()
        for signature, squad in crew.squads.items()
        if len(squad.line)
    }


def _counts(index: Index) -> dict[tuple[object, ...], dict[AgentState, int]]:
    return {
        (id_, signature): dict(squad.counts)
        for id_, crew in index.crews.items()
        for signature, squad in crew.squads.items()
        if any(squad.counts.values())
    }


def _call(state: State, call: Call) -> None:
    name = f"call {call.id} ({call.state})"
    paired = call.state in ("dialling", "talking", "held")
    assert bool(call.agent) == paired, f"{name}: an agent while dialling, talking or held, and only then"
    assert bool(call.offer) == paired, f"{name}: an offer while dialling, talking or held, and only then"
    assert bool(call.ringing) == (call.state == "ringing"), f"{name}: offers while ringing, and only then"
    for id_, ring in call.ringing.items():
        agent = state.agents[id_]
        assert (agent.call, agent.offer) == (call.id, ring.offer), f"{name}: call and agent name each other"
        assert agent.state == "ringing", f"{name}: agent's state"
        assert ring.edge in state.edges, f"{name}: rings at an edge that is known"
    if paired:
        assert call.agent in state.agents, f"{name}: names an agent that exists"
        agent = state.agents[call.agent]
        assert (agent.call, agent.offer) == (call.id, call.offer), f"{name}: call and agent name each other"
        assert agent.state == "talking", f"{name}: agent's state"
        assert call.audio in ("browser", "phone"), f"{name}: a pair has audio"
    outside = call.outside
    assert outside is None or call.state in ("talking", "away"), f"{name}: nobody outside is handed a caller"
    assert (outside is not None) == ("outside" in call.deadlines), f"{name}: who is outside has a deadline"
    assert call.state != "away" or outside is not None, f"{name}: away with somebody"
    gone = outside is not None and outside.answered
    assert not gone or call.state == "away", f"{name}: who was handed on is away"
    in_queue = call.state not in ("playing", "menu") and not call.outbound and not gone
    assert bool(call.queue) == in_queue, f"{name}: a queue from waiting on"
    assert not in_queue or call.queue in state.queues, f"{name}: its queue exists"
    if call.state == "talking":
        assert call.part > 0, f"{name}: a conversation is a part of the recording"
        if call.audio == "browser":
            agent = state.agents[call.agent]
            assert call.leg == agent.leg, f"{name}: joined to the agent's leg"
            assert call.audio_edge == agent.leg_edge, f"{name}: joined where the leg is"
        assert call.audio_edge in state.edges, f"{name}: joined at an edge that is known"
    else:
        assert not call.leg, f"{name}: a leg only while talking"
    has_exit = call.state not in ("playing", "menu") or "flow" in call.deadlines
    assert has_exit, f"{name}: a step of the flow has a deadline"
    if call.state == "dialling":
        assert call.outbound, f"{name}: dialled by an operator"
        assert "dial" in call.deadlines, f"{name}: dialling has a deadline"
        assert call.audio == "phone" or state.agents[call.agent].leg, f"{name}: with audio"
    early_states = ("playing", "menu", "waiting", "ringing")
    may_be_early = call.state in early_states and not call.outbound and not call.answered_ms
    assert may_be_early or not call.early_max_ms, f"{name}: who talks, or was dialled, is answered"
    assert call.state != "held" or "held" in call.deadlines, f"{name}: a hold has a deadline"
    assert call.state != "waiting" or "wait" in call.deadlines, f"{name}: waiting has a deadline"
    assert call.state not in ("talking", "held") or "talk" in call.deadlines, (
        f"{name}: talking has a deadline"
    )
    assert bool(call.only) == bool(call.only_until_ms), f"{name}: kept for somebody until some time"
    assert not call.only or call.state in ("waiting", "ringing"), f"{name}: kept for somebody while waiting"
    assert call.edge in state.edges, f"{name}: its edge is known"


def _agent(state: State, agent: Agent) -> None:
    name = f"agent {agent.id} ({agent.state})"
    paired = agent.state in ("ringing", "talking")
    assert bool(agent.call) == paired, f"{name}: a call while ringing or talking, and only then"
    assert bool(agent.offer) == paired, f"{name}: an offer while ringing or talking, and only then"
    if paired:
        call = state.calls.get(agent.call)
        assert call is not None, f"{name}: names a call that is live"
        mutual = agent.id in call.ringing if agent.state == "ringing" else call.agent == agent.id
        assert mutual, f"{name}: call and agent name each other"
    assert (agent.offered is not None) == (agent.state == "ringing"), f"{name}: a pop-up while ringing"
    assert (agent.desk is not None) == (agent.state in ("talking", "wrap_up")), f"{name}: a call on the desk"
    dials = agent.state == "talking" and state.calls[agent.call].state == "dialling"
    assert dials == (agent.desk is not None and agent.desk.dialling != ""), f"{name}: dialling, and told so"
    assert dials or agent.interrupted is None, f"{name}: a wrap-up goes on after dialling"
    assert agent.state != "ringing" or "offer" in agent.deadlines, f"{name}: an offer has a deadline"
    if "vanish" in agent.deadlines:
        at_page = not agent.online and state.calls[agent.call].ringing[agent.id].audio == "browser"
        assert at_page, f"{name}: who vanishes rings at a page that is away"
    assert agent.state != "wrap_up" or "wrap_up" in agent.deadlines, f"{name}: wrap-up has a deadline"
    assert agent.state != "ready" or audio_edge(state, agent), f"{name}: ready with audio"
    assert (agent.leg_edge in state.edges) == bool(agent.leg), f"{name}: a leg is at an edge that is known"
    has_end = agent.state == "logged_out" or "login" in agent.deadlines or agent.leaving
    assert has_end, f"{name}: a log-in has a deadline, or ends with this call"
    with_call = agent.state in ("ringing", "talking", "wrap_up")
    assert with_call or not agent.leaving or agent.state == "logged_out", f"{name}: leaving after a call"
    assert agent.state in ("talking", "wrap_up") or not agent.next_reason, f"{name}: a break after a call"
    assert agent.state == "not_ready" or not agent.overdue, f"{name}: overdue while not ready"
    assert agent.state != "not_ready" or "not_ready" in agent.deadlines, f"{name}: not ready has a deadline"
    if agent.state == "logged_out":
        assert not agent.deadlines, f"{name}: no deadline"
        assert not agent.online, f"{name}: no page"
        assert not agent.leg, f"{name}: no audio"
    elif not agent.online and agent.state != "talking":
        assert "session" in agent.deadlines, f"{name}: without a page there is a grace"
    assert not (agent.online and "session" in agent.deadlines), f"{name}: with a page there is no grace"
    if agent.state not in ("logged_out", "talking", "wrap_up"):
        known = state.roster is not None and agent.id in state.roster.agents
        assert known, f"{name}: on the roster"


def _queues(state: State) -> None:
    waiting = Counter(call.queue for call in state.calls.values() if call.state in ("waiting", "ringing"))
    in_talk = ("talking", "held", "away")
    talking = Counter(call.queue for call in state.calls.values() if call.state in in_talk)
    for id_, queue in state.queues.items():
        assert queue.waiting == waiting[id_], f"queue {id_}: {queue.waiting} waiting, {waiting[id_]} found"
        assert queue.talking == talking[id_], f"queue {id_}: {queue.talking} talking, {talking[id_]} found"
        in_plan = state.plan is not None and id_ in state.plan.queues
        assert in_plan != queue.retired, f"queue {id_}: in the plan or retired"
        assert in_plan or waiting[id_] or talking[id_], f"queue {id_}: retired and empty"


def _deadlines(state: State) -> None:
    generations = [callback.deadlines["expire"].generation for callback in state.callbacks.values()]
    for call in state.calls.values():
        for key, deadline in call.deadlines.items():
            assert call.state in CALL_DEADLINES[key][0], f"call {call.id}: {key} while {call.state}"
            generations.append(deadline.generation)
    for agent in state.agents.values():
        for key, deadline in agent.deadlines.items():
            assert agent.state in AGENT_DEADLINES[key][0], f"agent {agent.id}: {key} while {agent.state}"
            generations.append(deadline.generation)
    for edge in state.edges.values():
        assert ("grace" in edge.deadlines) == (not edge.up), f"edge {edge.id}: a grace while down"
        for key, deadline in edge.deadlines.items():
            assert key in EDGE_DEADLINES, f"edge {edge.id}: {key}"
            generations.append(deadline.generation)
    assert len(set(generations)) == len(generations), "every deadline has its own generation"
    assert max(generations, default=0) <= state.generations, "generations are counted"


def _nobody_waits_beside_a_ready_agent(state: State) -> None:
    ready = [agent for agent in state.agents.values() if may_stand(state, agent)]
    for call in state.calls.values():
        if not state.edges[call.edge].up:
            continue
        if call.state == "waiting" or (
            call.state == "ringing" and len(call.ringing) < _ring_max(state, call)
        ):
            for agent in ready:
                assert not may_take(state, agent, call), (
                    f"call {call.id} waits in {call.queue} beside ready agent {agent.id}"
                )


def _ring_max(state: State, call: Call) -> int:
    definition = state.queues[call.queue].definition
    return definition.ring_max if definition.strategy == "ring_all" else 1


def may_take(state: State, agent: Agent, call: Call) -> bool:
    """Whether this agent serves this call by the documents and its steps, worked out the long way, from the state alone."""
    assert state.roster is not None
    entry = state.roster.agents.get(agent.id)
    if entry is None or (call.only and call.only != agent.id):
        return False
    if call.only and call.only == call.handed_to:
        return True
    taken = taken_steps(state.queues[call.queue].definition.steps, call.steps)
    lowered = sum(step.lower_levels for step in taken)
    teams = {team for step in taken for team in step.add_teams}
    added = {queue for step in taken for queue in step.add_queues if queue in state.queues}
    return _admitted(state, entry, call, call.queue, lowered, teams) or any(
        _admitted(state, entry, call, queue, 0, set()) for queue in added
    )


def _admitted(state: State, entry: Entry, call: Call, queue: str, lowered: int, teams: set[str]) -> bool:
    assert state.roster is not None
    definition = state.queues[queue].definition
    team = state.roster.teams.get(entry.team)
    serves = queue in entry.queues or entry.team in definition.teams or (team and queue in team.queues)
    if not serves and entry.team not in teams:
        return False
    needs = [*definition.skills.items(), *call.skills]
    return all(entry.skills.get(skill, 0) >= max(1, level - lowered) for skill, level in needs)
