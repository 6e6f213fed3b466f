"""Offers: one attempt to give one call to one agent.

Reserving is the offer itself: the agent leaves the lines in the same step that chooses them, so nobody is offered two
calls. However an offer fails, the call keeps its place and is offered to the next; what becomes of the agent is what the queue's
rule for that cause says. A queue that rings all offers one call to several agents at once: the call stays in its line until it
rings at as many as it may, the first to answer has it, and the others' offers are withdrawn once the winner is joined.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from acd_core.domain.agent import NO_ANSWER, PAGE_LOST, PHONE_UNREACHABLE, REJECTED, Agent
from acd_core.domain.call import Call, Ring, move
from acd_core.domain.commands import CallStep, Considered, EndPhone, OfferView, RingPhone
from acd_core.domain.order import audio_edge
from acd_core.domain.plan import AudioChannel, OfferRule
from acd_core.domain.plan import Queue as Definition
from acd_core.domain.reasons import score, tell_offer
from acd_core.domain.shift import apply_rule, back_to_ready
from acd_core.domain.squads import Bucket, Way
from acd_core.domain.turn import Turn
from acd_core.domain.wait import wait

Failure: TypeAlias = Literal["declined", "no_answer", "unreachable", "vanished"]

_STORY: dict[Failure, tuple[CallStep, str]] = {
    "declined": ("rejected", REJECTED),
    "no_answer": ("no_answer", NO_ANSWER),
    "unreachable": ("unreachable", PHONE_UNREACHABLE),
    "vanished": ("withdrawn", PAGE_LOST),
}


def offer(turn: Turn, call: Call, agent: Agent) -> None:
    """Reserve the agent and ring them."""
    state, index, now = turn.state, turn.index, turn.now_ms
    state.offers += 1
    number = state.offers
    queue = state.queues[call.queue]
    queue.day.offers += 1
    audio: AudioChannel = "phone" if agent.phone_chosen else "browser"
    timeout_ms = queue.definition.offer_timeout_by_channel_ms.get(audio, queue.definition.offer_timeout_ms)
    bucket = index.bucket_of[call.id]
    ways = bucket.ways
    way = ways[0] if len(ways) == 1 else _way_of(bucket, turn, agent)
    chosen = Considered(agent=agent.id, score=score(turn, way, agent))
    index.remove_agent(agent.id)
    following = index.first_agent(state, call)
    next_one = None
    if following:
        other = state.agents[following]
        others_way = ways[0] if len(ways) == 1 else _way_of(bucket, turn, other)
        next_one = Considered(agent=following, score=score(turn, others_way, other))
    if way.crew.strategy == "round_robin":
        agent.rounds[way.crew.queue] = number
    if "wait" in call.deadlines:
        turn.clear_deadline("call", call, "wait")
    call.ringing[agent.id] = Ring(number, audio, audio_edge(state, agent))
    if call.state == "waiting":
        move(call, "ringing", now)
    ring_max = queue.definition.ring_max if queue.definition.strategy == "ring_all" else 1
    if len(call.ringing) >= ring_max:
        index.remove_call(call)
    agent.call, agent.offer = call.id, number
    agent.offered = OfferView(
        offer=number,
        call=call.id,
        caller=call.caller,
        caller_name=call.caller_name,
        dialled=call.dialled,
        service=call.service,
        queue=call.queue,
        queue_name=queue.definition.name,
        waited_since_ms=call.queued_ms,
        deadline_ms=now + timeout_ms,
        vip=call.vip,
        hazard=call.hazard,
        repeat=call.repeat,
        kept=call.only == agent.id != call.handed_to,
        shared=ring_max - 1,
    )
    tell_offer(turn, call, bucket, chosen, next_one)
    turn.story(call, "offered", agent=agent.id)
    turn.move_agent(agent, "ringing")
    turn.set_deadline("agent", agent, "offer", now + timeout_ms)
    if audio == "phone":
        ring_phone(turn, call, agent)


def _way_of(bucket: Bucket, turn: Turn, agent: Agent) -> Way:
    """The first of the call's queues by which this agent may have it."""
    squads = turn.index.squads_of[agent.id]
    for way in bucket.ways:
        for squad in squads:
            if squad in way.squads:
                return way
    return bucket.ways[0]


def ring_phone(turn: Turn, call: Call, agent: Agent) -> None:
    """Have the agent's SIP phone rung for this offer."""
    assert turn.state.roster is not None
    turn.emit(
        RingPhone(
            edge=call.edge,
            call=call.id,
            agent=agent.id,
            offer=agent.offer,
            user=turn.state.roster.agents[agent.id].phone,
            caller=call.caller,
            service=call.service,
            at=call.ringing[agent.id].edge,
        )
    )


def fail(
    turn: Turn, call: Call, agent: Agent, failure: Failure, *, detail: str = "", phone_is_gone: bool = False
) -> None:
    """The offer came to nothing through the agent's doing or not doing: the queue's rule says what becomes of them."""
    step, reason = _STORY[failure]
    queue = turn.state.queues[call.queue]
    rule = _rule(queue.definition, failure)
    day = queue.day
    setattr(day, failure, getattr(day, failure) + 1)
    take_back(turn, call, agent, step, detail=detail, phone_is_gone=phone_is_gone)
    apply_rule(turn, agent, rule, reason)


def _rule(definition: Definition, failure: Failure) -> OfferRule:
    if failure == "declined":
        return definition.on_declined
    if failure == "no_answer":
        return definition.on_no_answer
    return definition.on_unreachable if failure == "unreachable" else definition.on_vanished


def withdraw(turn: Turn, call: Call, detail: str) -> None:
    """Nobody is to take the call any more: all who ring are free again, through no fault of theirs."""
    for id_ in sorted(call.ringing):
        agent = turn.state.agents[id_]
        lift(turn, call, agent, "withdrawn", detail=detail)
        back_to_ready(turn, agent)


def take_back(
    turn: Turn, call: Call, agent: Agent, step: CallStep, *, detail: str = "", phone_is_gone: bool = False
) -> None:
    """The offer failed or is withdrawn: the call waits again at its place, or rings on elsewhere.

    Who calls this sees to the agent's next state.
    """
    lift(turn, call, agent, step, detail=detail, phone_is_gone=phone_is_gone)
    if call.only == agent.id:
        call.only, call.only_until_ms = "", 0  # their chance is over
        if call.id in turn.index.bucket_of:
            turn.index.remove_call(call)
    if not call.ringing:
        if call.id in turn.index.bucket_of:
            turn.index.remove_call(call)
        move(call, "waiting", turn.now_ms)
        wait(turn, call)
    elif len(call.ringing) < turn.index.ring_max(call):  # a new plan may have lowered it since
        if call.id not in turn.index.bucket_of:
            turn.index.add_call(call)
        turn.fresh_calls.append(call)


def lift(
    turn: Turn, call: Call, agent: Agent, step: CallStep, *, detail: str = "", phone_is_gone: bool = False
) -> None:
    """The offer is over: call and agent no longer name each other, a phone stops ringing."""
    assert agent.state == "ringing"
    ring = call.ringing.pop(agent.id)
    assert (agent.call, agent.offer) == (call.id, ring.offer)
    turn.story(call, step, agent=agent.id, detail=detail)
    turn.clear_deadline("agent", agent, "offer")
    if ring.audio == "phone" and not phone_is_gone:
        turn.emit(EndPhone(edge=call.edge, call=call.id, agent=agent.id, offer=ring.offer))
    agent.call, agent.offer, agent.offered = "", 0, None
