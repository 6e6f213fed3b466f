"""Offers: one attempt to give one call to one agent.

Reserving is the offer itself: the agent leaves the lines in the same step that chooses them, so nobody is offered two
calls. However an offer fails, the call goes back to its place in the queue and is offered to the next; what happens to
the agent depends on whose fault it was and is the caller's business.
"""

from __future__ import annotations

from acd_core.domain.agent import Agent
from acd_core.domain.call import Call, move
from acd_core.domain.commands import CallStep, EndPhone, OfferView, RingPhone
from acd_core.domain.turn import Turn


def offer(turn: Turn, call: Call, agent: Agent) -> None:
    """Reserve the agent and ring them."""
    state, now = turn.state, turn.now_ms
    state.offers += 1
    number = state.offers
    queue = state.queues[call.queue].definition
    deadline_ms = now + queue.offer_timeout_ms
    turn.index.remove_call(call)
    turn.index.remove_agent(agent.id)
    move(call, "ringing", now)
    call.agent, call.offer = agent.id, number
    call.audio = "phone" if agent.phone_chosen else "browser"
    agent.call, agent.offer = call.id, number
    agent.offered = OfferView(
        offer=number,
        call=call.id,
        caller=call.caller,
        caller_name=call.caller_name,
        dialled=call.dialled,
        service=call.service,
        queue=call.queue,
        queue_name=queue.name,
        waited_since_ms=call.queued_ms,
        deadline_ms=deadline_ms,
    )
    turn.story(call, "offered", agent=agent.id)
    turn.move_agent(agent, "ringing")
    turn.set_deadline("agent", agent, "offer", deadline_ms)
    if call.audio == "phone":
        ring_phone(turn, call, agent)


def ring_phone(turn: Turn, call: Call, agent: Agent) -> None:
    """Have the agent's SIP phone rung for this offer."""
    assert turn.state.roster is not None
    turn.emit(
        RingPhone(
            edge=call.edge,
            call=call.id,
            agent=agent.id,
            offer=call.offer,
            user=turn.state.roster.agents[agent.id].phone,
            caller=call.caller,
            service=call.service,
        )
    )


def take_back(
    turn: Turn, call: Call, agent: Agent, step: CallStep, *, detail: str = "", phone_is_gone: bool = False
) -> None:
    """The offer failed or is withdrawn: the call waits again at its place. Who calls this sees to the agent's next state."""
    lift(turn, call, agent, step, detail=detail, phone_is_gone=phone_is_gone)
    move(call, "waiting", turn.now_ms)
    turn.index.add_call(call)
    turn.fresh_calls.append(call)


def lift(
    turn: Turn, call: Call, agent: Agent, step: CallStep, *, detail: str = "", phone_is_gone: bool = False
) -> None:
    """The offer is over: call and agent no longer name each other, a phone stops ringing."""
    assert agent.state == "ringing"
    assert (agent.call, agent.offer) == (call.id, call.offer)
    turn.story(call, step, agent=agent.id, detail=detail)
    turn.clear_deadline("agent", agent, "offer")
    if call.audio == "phone" and not phone_is_gone:
        turn.emit(EndPhone(edge=call.edge, call=call.id, agent=agent.id, offer=call.offer))
    call.agent, call.offer, call.audio = "", 0, "none"
    agent.call, agent.offer, agent.offered = "", 0, None
