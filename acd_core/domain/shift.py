"""An agent's states outside of offers and conversations: ready, not ready, wrap-up, logged out, and back from dialling."""

from __future__ import annotations

import msgspec

from acd_core.domain.agent import LOGGED_IN, LOGIN_OVER, NO_AUDIO, NOT_READY_TOO_LONG, Agent
from acd_core.domain.commands import DeskCall, DropAudio, EntityGone
from acd_core.domain.counters import DialCounters
from acd_core.domain.desk import show
from acd_core.domain.occupancy import rank
from acd_core.domain.order import audio_edge
from acd_core.domain.plan import OfferRule
from acd_core.domain.queue import handled
from acd_core.domain.turn import Turn


def log_in(turn: Turn, agent: Agent) -> None:
    """The agent's shift begins: not ready yet, and counted anew."""
    agent.calls, agent.spent_ms, agent.unpaid_ms = 0, {}, 0
    agent.leaving = False
    agent.idle_since_ms = turn.now_ms
    turn.move_agent(agent, "not_ready", LOGGED_IN)
    turn.set_deadline("agent", agent, "login", turn.now_ms + turn.plan.login_max_ms)
    _limit_not_ready(turn, agent)


def make_ready(turn: Turn, agent: Agent) -> None:
    """The agent takes calls from now on."""
    agent.next_reason = ""
    agent.idle_since_ms = turn.now_ms
    turn.move_agent(agent, "ready")
    if turn.index.look.least_occupied:
        agent.occupied_rank = rank(agent.occupied, agent.occupied_ms)


def back_to_ready(turn: Turn, agent: Agent) -> None:
    """The offer was withdrawn through no fault of theirs: ready again, idle since they were before."""
    if agent.leaving:
        log_out(turn, agent, LOGIN_OVER)
    else:
        turn.move_agent(agent, "ready")
        check_audio(turn, agent)


def stop(turn: Turn, agent: Agent, reason: str) -> None:
    """The agent takes no calls; what they asked for themselves outweighs the core's own reason."""
    if agent.leaving:
        log_out(turn, agent, LOGIN_OVER)
        return
    turn.move_agent(agent, "not_ready", agent.next_reason or reason)
    agent.next_reason = ""
    _limit_not_ready(turn, agent)


def _limit_not_ready(turn: Turn, agent: Agent) -> None:
    """Being not ready ends by itself: overdue after what is planned for the reason, logged out after the plan's longest time."""
    plan = turn.plan
    reason = plan.not_ready_reasons.get(agent.reason)
    if reason is not None and reason.planned_ms:
        turn.set_deadline("agent", agent, "planned", turn.now_ms + reason.planned_ms)
    turn.set_deadline("agent", agent, "not_ready", turn.now_ms + plan.not_ready_max_ms)


def overdue(turn: Turn, agent: Agent) -> None:
    """What is planned for this reason is over, and the agent is still not ready."""
    agent.overdue = True
    turn.touch(agent)


def not_ready_too_long(turn: Turn, agent: Agent) -> None:
    """Nobody takes a break that long: they went home without a word."""
    log_out(turn, agent, NOT_READY_TOO_LONG)


def login_over(turn: Turn, agent: Agent) -> None:
    """Nobody works that long; who has a call finishes it, and the work after it."""
    if agent.state in ("ringing", "talking", "wrap_up"):
        agent.leaving = True
    else:
        log_out(turn, agent, LOGIN_OVER)


def apply_rule(turn: Turn, agent: Agent, rule: OfferRule, reason: str) -> None:
    """What the queue wants of an agent whose offer failed; what they asked for themselves outweighs it."""
    if rule.then == "logged_out":
        log_out(turn, agent, reason)
    elif rule.then == "ready" and not agent.next_reason and not agent.leaving:
        turn.move_agent(agent, "ready")
        turn.set_deadline("agent", agent, "pause", turn.now_ms + rule.pause_ms)
        check_audio(turn, agent)
    else:
        stop(turn, agent, reason)


def pause_over(turn: Turn, agent: Agent) -> None:
    """Calls are offered again."""
    turn.touch(agent)


def begin_wrap_up(turn: Turn, agent: Agent, wrap_up_ms: int) -> None:
    """The conversation is over; the agent finishes what it left to do, or is let go when nobody is there any more."""
    assert agent.desk is not None
    if is_gone(agent):
        log_out(turn, agent)
        return
    agent.desk = msgspec.structs.replace(agent.desk, ended_ms=turn.now_ms, on_air=True)
    turn.move_agent(agent, "wrap_up")
    turn.set_deadline("agent", agent, "wrap_up", turn.now_ms + wrap_up_ms)


def end_wrap_up(turn: Turn, agent: Agent) -> None:
    """On to the next call, or to what was asked for meanwhile."""
    turn.clear_deadline("agent", agent, "wrap_up")
    _count_wrap_up(turn, agent, agent.desk, turn.now_ms)
    agent.desk = None
    if not on_roster(turn, agent):
        log_out(turn, agent)
    elif agent.leaving:
        log_out(turn, agent, LOGIN_OVER)
    elif agent.next_reason:
        stop(turn, agent, agent.next_reason)
    elif audio_edge(turn.state, agent):
        make_ready(turn, agent)
    else:
        stop(turn, agent, NO_AUDIO)


def _count_wrap_up(turn: Turn, agent: Agent, desk: DeskCall | None, ended_ms: int) -> None:
    if desk is None:
        return
    wrap_up_ms = ended_ms - desk.ended_ms
    queue = turn.state.queues.get(desk.queue)
    if queue is not None:
        queue.day.wrap_up_ms += wrap_up_ms
        queue.day.wrapped_up += 1
        handled(queue, desk.ended_ms - desk.answered_ms + wrap_up_ms)
    elif desk.outbound:
        dialled(turn, agent).wrap_up_ms += wrap_up_ms


def dialled(turn: Turn, agent: Agent) -> DialCounters:
    """What is counted of the calls that this agent dials."""
    counters = turn.state.dialled.get(agent.id)
    if counters is None:
        counters = turn.state.dialled[agent.id] = DialCounters()
    return counters


def begin_dialling(turn: Turn, agent: Agent, desk: DeskCall) -> None:
    """The agent is reserved for a call of their own; what they were at, they are at again when it comes to nothing."""
    agent.dials_from = agent.state
    if agent.state == "not_ready":
        agent.next_reason = agent.reason
    elif agent.state == "wrap_up":
        agent.interrupted = agent.desk
        agent.interrupted_ms = agent.deadlines["wrap_up"].at_ms - turn.now_ms
    agent.desk = desk
    turn.move_agent(agent, "talking")


def end_interrupted(turn: Turn, agent: Agent, at_ms: int) -> None:
    """The call that was dialled is answered: the wrap-up before it was over when they began to dial."""
    _count_wrap_up(turn, agent, agent.interrupted, at_ms)
    agent.interrupted, agent.interrupted_ms = None, 0


def back_from_dialling(turn: Turn, agent: Agent) -> None:
    """Nobody answered. A wrap-up has left what it had left; who was ready is idle since they were before."""
    agent.desk, left_ms = agent.interrupted, agent.interrupted_ms
    agent.interrupted, agent.interrupted_ms = None, 0
    gone = is_gone(agent) or not on_roster(turn, agent)
    if gone or (agent.leaving and agent.desk is None):
        _count_wrap_up(turn, agent, agent.desk, turn.now_ms)
        log_out(turn, agent, "" if gone else LOGIN_OVER)
    elif agent.desk is not None:
        turn.move_agent(agent, "wrap_up")
        turn.set_deadline("agent", agent, "wrap_up", turn.now_ms + left_ms)
    elif agent.next_reason:
        stop(turn, agent, agent.next_reason)
    elif agent.dials_from != "ready":
        make_ready(turn, agent)  # as they asked for meanwhile
        check_audio(turn, agent)
    else:
        turn.move_agent(agent, "ready")
        if turn.index.look.least_occupied:
            agent.occupied_rank = rank(agent.occupied, agent.occupied_ms)
        check_audio(turn, agent)


def log_out(turn: Turn, agent: Agent, reason: str = "") -> None:
    """The agent's shift is over: audio is dropped, the page, if there is one, is told, and forgotten."""
    if agent.state == "wrap_up":
        _count_wrap_up(turn, agent, agent.desk, turn.now_ms)
    drop_audio(turn, agent)
    agent.phone_chosen = False
    agent.next_reason = ""
    agent.audio_lost_ms = 0
    agent.desk = None
    agent.deadlines.clear()  # the actor that waits on them goes with `EntityGone`
    turn.move_agent(agent, "logged_out", reason)
    show(turn, agent)
    agent.online = False
    turn.gone.append(EntityGone(entity="agent", id=agent.id))


def drop_audio(turn: Turn, agent: Agent) -> None:
    """Close the agent's browser leg, if there is one."""
    if agent.leg:
        turn.emit(DropAudio(edge=agent.leg_edge, agent=agent.id, leg=agent.leg))
        forget_leg(agent)


def forget_leg(agent: Agent) -> None:
    """The agent has no browser leg any more."""
    agent.leg, agent.leg_edge = "", ""


def check_audio(turn: Turn, agent: Agent) -> None:
    """An agent who is ready must have audio."""
    turn.touch(agent)
    if agent.state == "ready" and not audio_edge(turn.state, agent):
        stop(turn, agent, NO_AUDIO)


def on_roster(turn: Turn, agent: Agent) -> bool:
    """False for one whom a new roster no longer has: logged out after the current call."""
    return turn.state.roster is not None and agent.id in turn.state.roster.agents


def is_gone(agent: Agent) -> bool:
    """The page is away, and its grace has passed while the conversation went on."""
    return not agent.online and "session" not in agent.deadlines
