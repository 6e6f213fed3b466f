"""A core begins to serve; a new plan; a new roster. Nobody who waits is dropped or reordered."""

from __future__ import annotations

import msgspec

from acd_core.domain import plan as plans
from acd_core.domain.commands import PreparePrompts
from acd_core.domain.deadline import Timed
from acd_core.domain.events import CoreStarted, ModeChanged, PlanChanged, RosterChanged
from acd_core.domain.inventory import forget_link, take_down, texts
from acd_core.domain.occupancy import rank
from acd_core.domain.offers import take_back
from acd_core.domain.queue import Queue
from acd_core.domain.roster import Agent as Entry
from acd_core.domain.shift import check_audio, log_out
from acd_core.domain.state import deadlines
from acd_core.domain.turn import Turn
from acd_core.domain.wait import staffing_changed

REMOVED = "removed"


def core_started(turn: Turn, event: CoreStarted) -> None:
    """A new core process has no links yet; those it had come back with an inventory each."""
    state = turn.state
    state.code_version = event.code_version
    _stop_the_clock(turn)
    for id_ in sorted(state.edges):
        if state.edges[id_].up:
            take_down(turn, state.edges[id_])
    for id_ in sorted(state.webs):
        forget_link(turn, state.webs[id_])


def _stop_the_clock(turn: Turn) -> None:
    """Nobody could be heard while the core was away, so the time since its last event does not count against anybody."""
    if not turn.paused_ms:
        return
    state = turn.state
    for waiting in list(deadlines(state)):
        entity: Timed
        if waiting.entity == "call":
            entity = state.calls[waiting.id]
        elif waiting.entity == "agent":
            entity = agent = state.agents[waiting.id]
            if waiting.key == "offer" and agent.offered is not None:
                later_ms = waiting.at_ms + turn.paused_ms
                agent.offered = msgspec.structs.replace(agent.offered, deadline_ms=later_ms)
        elif waiting.entity == "callback":
            entity = state.callbacks[waiting.id]
        else:
            entity = state.edges[waiting.id]
        turn.set_deadline(waiting.entity, entity, waiting.key, waiting.at_ms + turn.paused_ms)
    for call in state.calls.values():
        if call.queue:
            call.search_ms += turn.paused_ms
        if call.only:
            call.only_until_ms += turn.paused_ms
    for queue in state.queues.values():
        if queue.unstaffed_since_ms:
            queue.unstaffed_since_ms += turn.paused_ms


def plan_changed(turn: Turn, event: PlanChanged) -> None:
    """The plan is replaced. Calls in a flow find their step in the new one (flow.py), waiting calls keep their places."""
    state, plan = turn.state, event.plan
    if event.version <= state.plan_version:
        turn.stale(event, "old version")
        return
    before, state.plan, state.plan_version = state.plan, plan, event.version
    # What the new plan may ask of nobody any more; agents are still told apart by it while such a call is there.
    skills = (skill for call in state.calls.values() for skill, _ in call.asked_skills + call.skills)
    state.arrived_skills = tuple(sorted(set(skills)))
    for id_ in sorted(plan.queues):
        queue = state.queues.get(id_)
        if queue is None:
            state.queues[id_] = Queue(id=id_, definition=plan.queues[id_])
        else:
            _renumber(turn, queue, plan.queues[id_].steps)
            queue.definition, queue.retired = plan.queues[id_], False
    for id_ in sorted(state.queues):
        queue = state.queues[id_]
        if id_ in plan.queues:
            continue
        if queue.waiting or queue.talking:
            queue.retired = True
        else:
            del state.queues[id_]
    _keep_prompts(turn, before)
    if not turn.index.look.least_occupied:
        _rank_anew(turn)
    _stand_anew(turn)
    for id_ in sorted(state.edges):
        if state.edges[id_].up:
            turn.emit(PreparePrompts(edge=id_, prompts=texts(plan)))


def _renumber(turn: Turn, queue: Queue, steps: tuple[plans.SearchStep, ...]) -> None:
    """A step that does what one did before is the same step, at whatever place and time: who took it has taken it.

    All others are new to the calls that wait, and come to them when they are due.
    """
    if steps == queue.definition.steps:
        return
    left = [(number, _effect(step)) for number, step in enumerate(steps, 1)]
    now: dict[int, int] = {}
    for number, step in enumerate(queue.definition.steps, 1):
        for place, (other, effect) in enumerate(left):
            if effect == _effect(step):
                now[number] = other
                del left[place]
                break
    for call in turn.state.calls.values():
        if call.queue == queue.id:
            call.steps = tuple(now[number] for number in call.steps if number in now)


def _effect(step: plans.SearchStep) -> plans.SearchStep:
    return msgspec.structs.replace(step, after_ms=0, when=plans.Condition())


def _rank_anew(turn: Turn) -> None:
    """Until now no queue asked who is the least occupied, so the ready ones have no rank, or an old one."""
    state = turn.state
    if any(queue.definition.strategy == "least_occupied" for queue in state.queues.values()):
        for agent in state.agents.values():
            if agent.state == "ready":
                agent.occupied_rank = rank(agent.occupied, agent.occupied_ms)


def _stand_anew(turn: Turn) -> None:
    """Who may take whose calls, and in which order, is worked out anew; nobody leaves a place that they still have."""
    state = turn.state
    turn.index.rebuild(state)
    for id_ in sorted(state.queues):
        staffing_changed(turn, id_)
    for id_ in sorted(state.calls):
        call = state.calls[id_]
        if call.state == "waiting" or id_ in turn.index.bucket_of:
            turn.fresh_calls.append(call)


def mode_changed(turn: Turn, event: ModeChanged) -> None:
    """The centre is open, closed, or in an emergency; calls that come to a step of hours go by it from now on."""
    if turn.state.mode == event.mode:
        turn.stale(event, event.mode)
    else:
        turn.state.mode = event.mode


def _keep_prompts(turn: Turn, before: plans.Plan | None) -> None:
    """What a retired queue says must outlive the plan that had it."""
    state = turn.state
    known = dict(state.old_prompts)
    if before is not None:
        known.update(before.prompts)
    kept: dict[str, plans.PromptText] = {}
    for id_ in sorted(state.queues):
        queue = state.queues[id_]
        if queue.retired:
            for prompt in _said_in(queue.definition):
                if prompt not in turn.plan.prompts:
                    kept[prompt] = known[prompt]
    state.old_prompts = kept


def _said_in(definition: plans.Queue) -> list[str]:
    prompts = [definition.music, *definition.announce, *definition.operator_lost]
    for step in definition.steps:
        prompts += step.announce + step.offer_callback
    for way in (definition.when_full, definition.when_waited, definition.when_unstaffed):
        prompts += way.prompts
    return prompts


def roster_changed(turn: Turn, event: RosterChanged) -> None:
    """The roster is replaced. Who is no longer on it is logged out, after the current call."""
    state = turn.state
    if event.version <= state.roster_version:
        turn.stale(event, "old version")
        return
    before = {} if state.roster is None else state.roster.agents
    state.roster, state.roster_version = event.roster, event.version
    _stand_anew(turn)
    for id_ in sorted(state.agents):
        if id_ not in event.roster.agents:
            _remove(turn, id_)
        elif _differ(before.get(id_), event.roster.agents[id_]):
            agent = state.agents[id_]
            if agent.state != "logged_out":
                check_audio(turn, agent)


def _differ(before: Entry | None, after: Entry) -> bool:
    return before is None or before != after


def _remove(turn: Turn, id_: str) -> None:
    agent = turn.state.agents[id_]
    if agent.state == "logged_out":
        turn.index.discharge(agent)
        del turn.state.agents[id_]
    elif agent.state == "ringing":
        take_back(turn, turn.state.calls[agent.call], agent, "withdrawn", detail=REMOVED)
        log_out(turn, agent)
    elif agent.state in ("ready", "not_ready"):
        log_out(turn, agent)
    else:
        turn.touch(agent)  # what their page shows of them is no longer so
