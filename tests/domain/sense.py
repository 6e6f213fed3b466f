"""What plan, roster and state say of a call or an operator, worked out the long way, for the oracle to judge by.

Nothing here uses the index, the squads or the lines of the domain.
"""

from __future__ import annotations

from typing import TypeAlias

from acd_core.domain import events as ev
from acd_core.domain.agent import Agent
from acd_core.domain.call import Call
from acd_core.domain.plan import OfferRule, SearchStep
from acd_core.domain.plan import Queue as Definition
from acd_core.domain.roster import Agent as Entry
from acd_core.domain.state import State

LOOK_AGAIN_MS = 5_000
IN_QUEUE = ("waiting", "ringing")

Order: TypeAlias = tuple[bool, int, int, str]


def order(state: State, call: Call, now_ms: int) -> Order:
    """The one total order: hazards, effective priority, arrival, id. In points of a 60,000th, to stay exact."""
    definition = state.queues[call.queue].definition
    aged = definition.aging_per_min * (now_ms - call.arrived_ms)
    points = (definition.priority + call.priority) * 60_000 + min(aged, definition.aging_max * 60_000)
    return (not call.hazard, -points, call.arrived_ms, call.id)


def ring_max(state: State, call: Call) -> int:
    definition = state.queues[call.queue].definition
    return definition.ring_max if definition.strategy == "ring_all" else 1


def steps_taken(state: State, call: Call) -> list[SearchStep]:
    steps = state.queues[call.queue].definition.steps
    return [steps[number - 1] for number in call.steps if number <= len(steps)]


def ways_of(state: State, call: Call) -> list[tuple[str, int, set[str]]]:
    """Queues whose agents may take a call: levels lowered by how much, teams added."""
    taken = steps_taken(state, call)
    lowered = sum(step.lower_levels for step in taken)
    ways = [(call.queue, lowered, {team for step in taken for team in step.add_teams})]
    for step in taken:
        for queue in step.add_queues:
            if queue in state.queues and all(queue != known for known, _, _ in ways):
                ways.append((queue, 0, set()))
    return ways


def way_of(state: State, agent: str, call: Call) -> tuple[int] | None:
    """By the how manieth of the call's queues this agent may have it, from 1; `None` when by none."""
    if call.only and call.only != agent:
        return None
    if call.only and call.only == call.handed_to:
        return (1,)  # a colleague named them, whatever they serve
    entry = entry_of(state, agent)
    for number, (queue, lowered, teams) in enumerate(ways_of(state, call), 1):
        if admitted(state, entry, call, queue, lowered, teams):
            return (number,)
    return None


def entry_of(state: State, agent: str) -> Entry:
    assert state.roster is not None
    return state.roster.agents[agent]


def serves(state: State, entry: Entry, queue: str) -> bool:
    assert state.roster is not None
    team = state.roster.teams.get(entry.team)
    return (
        queue in entry.queues
        or entry.team in state.queues[queue].definition.teams
        or (team is not None and queue in team.queues)
    )


def admitted(state: State, entry: Entry, call: Call, queue: str, lowered: int, teams: set[str]) -> bool:
    if not serves(state, entry, queue) and entry.team not in teams:
        return False
    needs = (*state.queues[queue].definition.skills.items(), *call.skills)
    return all(entry.skills.get(skill, 0) >= max(1, level - lowered) for skill, level in needs)


def audio_edge(state: State, agent: Agent) -> str:
    if not agent.phone_chosen:
        return agent.leg_edge
    return state.phones.get(entry_of(state, agent.id).phone, "")


def standing(state: State, agent: Agent) -> str:
    """The edge whose link is up and which has the audio of an agent who may be offered calls now."""
    roster = state.roster
    if agent.state != "ready" or not agent.online or "pause" in agent.deadlines:
        return ""
    if roster is None or agent.id not in roster.agents:
        return ""
    edge = audio_edge(state, agent)
    return edge if edge and state.edges[edge].up else ""


def failing(state: State, event: ev.AnyEvent) -> tuple[str, str, OfferRule] | None:
    """Who will have let a call go by this event, and what their queue wants of them for it."""
    agent: Agent | None = None
    if isinstance(event, ev.OfferRejected | ev.PhoneFailed):
        agent = state.agents.get(event.agent)
        if agent is None or (agent.call, agent.offer) != (event.call, event.offer):
            return None
        if isinstance(event, ev.OfferRejected) and agent.session != event.session:
            return None
    elif (
        isinstance(event, ev.DeadlinePassed) and event.entity == "agent" and event.key in ("offer", "vanish")
    ):
        agent = state.agents.get(event.id)
        deadline = None if agent is None else agent.deadlines.get(event.key)
        if deadline is None or deadline.generation != event.generation:
            return None
    if agent is None or agent.state != "ringing":
        return None
    call = state.calls[agent.call]
    definition = state.queues[call.queue].definition
    rule = definition.on_declined
    if isinstance(event, ev.DeadlinePassed):
        rule = definition.on_no_answer if event.key == "offer" else definition.on_vanished
    elif isinstance(event, ev.PhoneFailed):
        if call.ringing[agent.id].audio != "phone":
            return None
        if event.status not in (486, 603):
            rule = definition.on_unreachable
    return agent.id, call.id, rule


def due(state: State, call: Call, now_ms: int) -> tuple[str, list[int], str]:
    """What a call does that looks at the time now: the steps it takes, and why it leaves its queue."""
    queue = state.queues[call.queue]
    definition = queue.definition
    waited_ms = now_ms - call.search_ms
    if waited_ms >= definition.wait_max_ms:
        return call.id, [], "waited_too_long"
    if unstaffed_at_ms(state, call, definition) <= now_ms:
        return call.id, [], "no_operators"
    taken: list[int] = []
    for number, step in enumerate(definition.steps, 1):
        if number in call.steps or step.after_ms > waited_ms or not holds(state, call, step, now_ms):
            continue
        taken.append(number)
        if step.move_to in state.queues:
            return call.id, taken, step.move_to
    return call.id, taken, ""


def holds(state: State, call: Call, step: SearchStep, now_ms: int) -> bool:
    queue, plan, when = state.queues[call.queue], state.plan, step.when
    assert plan is not None
    assert state.roster is not None
    waiting = in_queue(state, queue.id)
    target = None if call.hazard else state.queues.get(step.move_to)
    if target is not None and in_queue(state, target.id) >= target.definition.waiting_max:
        return False
    own = [
        agent.state
        for agent in state.agents.values()
        if agent.id in state.roster.agents and serves(state, entry_of(state, agent.id), queue.id)
    ]
    if when.waiting_over >= 0 and not waiting > when.waiting_over:
        return False
    if when.ready_at_most >= 0 and own.count("ready") > when.ready_at_most:
        return False
    if when.expected_wait_over_ms >= 0:
        working = len(own) - own.count("logged_out") - own.count("not_ready")
        if working and waiting * queue.handling_ms // working <= when.expected_wait_over_ms:
            return False
    if when.during:
        calendar = plan.calendars.get(when.during)
        if calendar is None or not plan.compiled_ms[0] <= now_ms < plan.compiled_ms[1]:
            return True
        return any(start <= now_ms < end for start, end in calendar.open_ms)
    return True


def in_queue(state: State, queue: str) -> int:
    return sum(1 for call in state.calls.values() if call.queue == queue and call.state in IN_QUEUE)


def unstaffed_at_ms(state: State, call: Call, definition: Definition) -> int:
    """When a call leaves its queue because nobody is logged in for it."""
    since_ms = state.queues[call.queue].unstaffed_since_ms
    if not definition.unstaffed_max_ms or not since_ms:
        return 1 << 62
    return max(since_ms, call.search_ms) + definition.unstaffed_max_ms


def latest_look_ms(state: State, call: Call) -> int:
    """When a waiting call has to look at the time again."""
    definition, now_ms = state.queues[call.queue].definition, state.now_ms
    latest_ms = min(
        call.search_ms + definition.wait_max_ms,
        unstaffed_at_ms(state, call, definition),
        call.only_until_ms or 1 << 62,
    )
    for number, step in enumerate(definition.steps, 1):
        if number not in call.steps:
            due_ms = call.search_ms + step.after_ms
            latest_ms = min(latest_ms, due_ms if due_ms > now_ms else now_ms + LOOK_AGAIN_MS)
    return max(latest_ms, now_ms)
