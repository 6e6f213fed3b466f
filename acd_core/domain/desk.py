"""What an operator's page shows, from the state."""

from __future__ import annotations

import msgspec

from acd_core.domain.agent import Agent
from acd_core.domain.call import Call
from acd_core.domain.commands import AgentState, AudioKind, DeskCall, DeskView, RequestRefused
from acd_core.domain.manner import manner
from acd_core.domain.order import audio_edge
from acd_core.domain.state import State
from acd_core.domain.turn import Turn


def audio_kind(state: State, agent: Agent) -> AudioKind:
    """What the agent hears and speaks with now."""
    if not agent.phone_chosen:
        return "browser" if agent.leg_edge else "none"
    return "phone" if audio_edge(state, agent) else "none"


def show(turn: Turn, agent: Agent) -> None:
    """Send the agent's page the whole of its desk, if there is a page."""
    if not agent.online:
        return
    state, now = turn.state, agent.state
    entry = turn.index.look.agents.get(agent.id)
    phone = "" if entry is None else entry.phone
    deadlines = agent.deadlines
    deadline = deadlines.get(_SHOWN[now]) if deadlines else None
    state.revisions = revision = state.revisions + 1
    turn.emit(
        DeskView(
            web=agent.web,
            agent=agent.id,
            session=agent.session,
            revision=revision,
            state=now,
            since_ms=agent.since_ms,
            reason=agent.reason,
            next_reason=agent.next_reason,
            deadline_ms=0 if deadline is None else deadline.at_ms,
            paused=now == "ready" and "pause" in deadlines,
            overdue=agent.overdue,
            can_extend=now == "wrap_up" and can_extend(state, agent),
            audio="browser" if agent.leg_edge and not agent.phone_chosen else audio_kind(state, agent),
            phone=phone,
            phone_registered=phone in state.phones,
            offer=agent.offered,
            call=agent.desk,
        )
    )


def refuse(turn: Turn, agent: Agent, request: str, reason: str) -> None:
    """Tell the agent's page that what was asked for can't be."""
    turn.emit(
        RequestRefused(web=agent.web, agent=agent.id, session=agent.session, request=request, reason=reason)
    )


def desk_call(state: State, call: Call, now_ms: int) -> DeskCall:
    """The call as its agent's page shows it from the moment they are connected."""
    return DeskCall(
        call=call.id,
        caller=call.caller,
        caller_name=call.caller_name,
        dialled=call.dialled,
        service=call.service,
        queue=call.queue,
        queue_name=state.queues[call.queue].definition.name,
        arrived_ms=call.arrived_ms,
        answered_ms=now_ms,
        vip=call.vip,
        hazard=call.hazard,
        repeat=call.repeat,
    )


def put_on_air(agent: Agent, on_air: bool) -> None:
    """Say whether the agent's call hears them."""
    assert agent.desk is not None
    agent.desk = msgspec.structs.replace(agent.desk, on_air=on_air)


def can_extend(state: State, agent: Agent) -> bool:
    """Whether the wrap-up may be made longer still."""
    return agent.state == "wrap_up" and longest_wrap_up_ms(state, agent) > agent.deadlines["wrap_up"].at_ms


def longest_wrap_up_ms(state: State, agent: Agent) -> int:
    """When the wrap-up ends at the latest, with all extensions; 0 when its queue is gone."""
    desk = agent.desk
    if desk is None or (desk.queue and desk.queue not in state.queues):
        return 0
    return desk.ended_ms + manner(state, desk.queue).wrap_up_max_ms


# The deadline of each state that a page shows.
_SHOWN: dict[AgentState, str] = {
    "logged_out": "",
    "talking": "",
    "ringing": "offer",
    "wrap_up": "wrap_up",
    "ready": "pause",
    "not_ready": "planned",
}
