"""An agent's states outside of offers and conversations: ready, not ready, wrap-up, logged out."""

from __future__ import annotations

import msgspec

from acd_core.domain.agent import NO_AUDIO, Agent
from acd_core.domain.commands import DropAudio, EntityGone
from acd_core.domain.desk import show
from acd_core.domain.order import audio_edge
from acd_core.domain.turn import Turn


def make_ready(turn: Turn, agent: Agent) -> None:
    """The agent takes calls from now on."""
    agent.next_reason = ""
    agent.idle_since_ms = turn.now_ms
    turn.move_agent(agent, "ready")


def back_to_ready(turn: Turn, agent: Agent) -> None:
    """The offer was withdrawn through no fault of theirs: ready again, idle since they were before."""
    turn.move_agent(agent, "ready")
    check_audio(turn, agent)


def stop(turn: Turn, agent: Agent, reason: str) -> None:
    """The agent takes no calls; what they asked for themselves outweighs the core's own reason."""
    turn.move_agent(agent, "not_ready", agent.next_reason or reason)
    agent.next_reason = ""


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
    agent.desk = None
    if not on_roster(turn, agent):
        log_out(turn, agent)
    elif agent.next_reason:
        stop(turn, agent, agent.next_reason)
    elif audio_edge(turn.state, agent):
        make_ready(turn, agent)
    else:
        stop(turn, agent, NO_AUDIO)


def log_out(turn: Turn, agent: Agent) -> None:
    """The agent's shift is over: audio is dropped, the page, if there is one, is told, and forgotten."""
    drop_audio(turn, agent)
    agent.phone_chosen = False
    agent.next_reason = ""
    agent.audio_lost_ms = 0
    agent.desk = None
    agent.deadlines.clear()  # the actor that waits on them goes with `EntityGone`
    turn.move_agent(agent, "logged_out")
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
