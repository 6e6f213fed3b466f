"""What is true of the state after every event. A violation is our bug, named by the assertion.

Walks everything, so it is for tests, simulations and a core that runs in debug, not for every event of a busy one.
"""

from __future__ import annotations

from collections import Counter

from acd_core.domain.agent import Agent
from acd_core.domain.call import Call
from acd_core.domain.order import Index, Line, Place, audio_edge, standing_edge
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
    _deadlines(state)
    _nobody_waits_beside_a_ready_agent(state)
    for id_, ended in state.ended.items():
        assert id_ not in state.calls, f"call {id_} is live or ended, not both"
        assert ended.unrecorded, f"ended call {id_} awaits no recording"


def check_index(state: State, index: Index) -> None:
    """The lines are what the state says they are."""
    derived = Index(state)
    assert _members(index.calls) == _members(derived.calls), "lines of calls"
    assert _members(index.agents) == _members(derived.agents), "lines of agents"
    assert index.standing.keys() == derived.standing.keys(), "standing agents"
    assert index.numbers == derived.numbers, "numbers"
    assert index.phone_owner == derived.phone_owner, "owners of phones"


def _members(lines: dict[Place, Line]) -> dict[Place, list[tuple[int, str]]]:
    return {place: line.members() for place, line in lines.items() if len(line)}


def _call(state: State, call: Call) -> None:
    name = f"call {call.id} ({call.state})"
    paired = call.state in ("ringing", "talking", "held")
    assert bool(call.agent) == paired, f"{name}: an agent while ringing, talking or held, and only then"
    assert bool(call.offer) == paired, f"{name}: an offer while ringing, talking or held, and only then"
    if paired:
        agent = state.agents.get(call.agent)
        assert agent is not None, f"{name}: names an agent that exists"
        assert (agent.call, agent.offer) == (call.id, call.offer), f"{name}: call and agent name each other"
        assert agent.state == ("ringing" if call.state == "ringing" else "talking"), f"{name}: agent's state"
        assert call.audio in ("browser", "phone"), f"{name}: a pair has audio"
    in_queue = call.state not in ("playing", "menu")
    assert bool(call.queue) == in_queue, f"{name}: a queue from waiting on"
    assert not in_queue or call.queue in state.queues, f"{name}: its queue exists"
    if call.state == "talking":
        assert call.part > 0, f"{name}: a conversation is a part of the recording"
        if call.audio == "browser":
            agent = state.agents[call.agent]
            assert call.leg == agent.leg, f"{name}: joined to the agent's leg"
            assert agent.leg_edge == call.edge, f"{name}: joined at its own edge"
    else:
        assert not call.leg, f"{name}: a leg only while talking"
    has_exit = call.state not in ("playing", "menu") or "flow" in call.deadlines
    assert has_exit, f"{name}: a step of the flow has a deadline"
    assert call.state != "held" or "held" in call.deadlines, f"{name}: a hold has a deadline"
    assert call.edge in state.edges, f"{name}: its edge is known"


def _agent(state: State, agent: Agent) -> None:
    name = f"agent {agent.id} ({agent.state})"
    paired = agent.state in ("ringing", "talking")
    assert bool(agent.call) == paired, f"{name}: a call while ringing or talking, and only then"
    assert bool(agent.offer) == paired, f"{name}: an offer while ringing or talking, and only then"
    if paired:
        call = state.calls.get(agent.call)
        assert call is not None, f"{name}: names a call that is live"
        assert call.agent == agent.id, f"{name}: call and agent name each other"
    assert (agent.offered is not None) == (agent.state == "ringing"), f"{name}: a pop-up while ringing"
    assert (agent.desk is not None) == (agent.state in ("talking", "wrap_up")), f"{name}: a call on the desk"
    assert agent.state != "ringing" or "offer" in agent.deadlines, f"{name}: an offer has a deadline"
    assert agent.state != "wrap_up" or "wrap_up" in agent.deadlines, f"{name}: wrap-up has a deadline"
    assert agent.state != "ready" or audio_edge(state, agent), f"{name}: ready with audio"
    assert (agent.leg_edge in state.edges) == bool(agent.leg), f"{name}: a leg is at an edge that is known"
    if agent.state == "logged_out":
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
    talking = Counter(call.queue for call in state.calls.values() if call.state in ("talking", "held"))
    for id_, queue in state.queues.items():
        assert queue.waiting == waiting[id_], f"queue {id_}: {queue.waiting} waiting, {waiting[id_]} found"
        assert queue.talking == talking[id_], f"queue {id_}: {queue.talking} talking, {talking[id_]} found"
        in_plan = state.plan is not None and id_ in state.plan.queues
        assert in_plan != queue.retired, f"queue {id_}: in the plan or retired"
        assert in_plan or waiting[id_] or talking[id_], f"queue {id_}: retired and empty"


def _deadlines(state: State) -> None:
    generations: list[int] = []
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
    ready: dict[tuple[str, str], str] = {}
    for agent in state.agents.values():
        edge = standing_edge(state, agent)
        if edge:
            assert state.roster is not None
            for queue in state.roster.agents[agent.id].queues:
                ready[queue, edge] = agent.id
    for call in state.calls.values():
        if call.state == "waiting":
            idle = ready.get((call.queue, call.edge), "")
            assert not idle, f"call {call.id} waits in {call.queue} beside ready agent {idle}"
