"""Calls that begin with us: an operator dials, at the page or at their own phone.

Whether the number may be dialled, and over which trunks, is judged before the event is written down (dialrules.py). The
operator is reserved first, as for an offer: from the moment they dial they are in this call and are offered no other. The edge
dials and reports; once the other side answers, the two are joined, recorded and counted like any conversation, and a wrap-up
follows. When it comes to nothing the operator goes on with what they were at: a break, being ready, the wrap-up of the call
before.

Only a phone whose operator is logged in and works with it may call out: nobody else's calls could be accounted for.
"""

from __future__ import annotations

import msgspec

from acd_core.domain.agent import NO_AUDIO, Agent
from acd_core.domain.call import Call, move
from acd_core.domain.commands import CallStory, DeskCall, DialOut, EndPhone, EntityGone, RefuseCall
from acd_core.domain.desk import refuse
from acd_core.domain.ending import end
from acd_core.domain.events import (
    DialAnswered,
    DialFailed,
    DialProgress,
    DialRequested,
    PhoneDialled,
    TrunkChanged,
)
from acd_core.domain.limits import CALLS_LIVE_MAX, RETRY_AFTER_S
from acd_core.domain.order import audio_edge
from acd_core.domain.shift import begin_dialling, dialled, end_interrupted, on_roster
from acd_core.domain.talk import give_back, hold, join
from acd_core.domain.turn import Turn

BUSY = "number_busy"
FULL = "full"
IN_CALL = "in_call"
NO_EDGE = "no_edge"
NO_REPLY = "no_reply"
NO_SUCH_NUMBER = "no_such_number"
NO_TRUNK = "no_trunk"
NOT_A_NUMBER = "not_a_number"
OFF_ROSTER = "unknown_agent"
PHONE_NOT_IN_USE = "phone_not_in_use"
REJECTED = "call_rejected"

# What the last response said (RFC 3261 21), in the words of our pages; all else is a line that failed.
_CAUSES = {
    403: REJECTED,
    404: NO_SUCH_NUMBER,
    408: NO_REPLY,
    410: NO_SUCH_NUMBER,
    480: NO_REPLY,
    484: NO_SUCH_NUMBER,
    486: BUSY,
    487: NO_REPLY,
    600: BUSY,
    603: REJECTED,
    604: NO_SUCH_NUMBER,
}
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"


def dial(turn: Turn, agent: Agent, event: DialRequested) -> None:
    """The operator calls a number from their page."""
    state = turn.state
    at = audio_edge(state, agent)
    edge = state.edges.get(at)
    if event.barred or not event.to:
        refuse(turn, agent, event.request, event.barred or NOT_A_NUMBER)
    elif not on_roster(turn, agent):
        refuse(turn, agent, event.request, OFF_ROSTER)
    elif not at:
        refuse(turn, agent, event.request, NO_AUDIO)
    elif edge is None or not edge.up:
        refuse(turn, agent, event.request, NO_EDGE)
    elif len(state.calls) >= CALLS_LIVE_MAX:
        refuse(turn, agent, event.request, FULL)
    else:
        state.calls_arrived += 1
        phone = turn.index.look.agents[agent.id].phone if agent.phone_chosen else ""
        id_ = f"c-{_base36(turn.now_ms)}-d{state.offers + 1}"
        _dial(turn, agent, id_, at, event.to, event.trunks, phone, event.request)


def phone_dialled(turn: Turn, event: PhoneDialled) -> None:
    """An operator calls a number from their phone; the phone waits for our answer."""
    state = turn.state
    if event.call in state.calls or event.call in state.ended:
        turn.stale(event, "known")
        return
    turn.know_edge(event.edge)
    state.calls_arrived += 1
    agent = state.agents.get(turn.index.look.phone_owner.get(event.user, ""))
    status, reason = _refusal(turn, agent, event)
    if agent is None or reason:
        _refuse(turn, event, status, reason)
        if agent is not None and agent.online:
            refuse(turn, agent, "", reason)
        return
    _dial(turn, agent, event.call, event.edge, event.to, event.trunks, "", "")


def _refusal(turn: Turn, agent: Agent | None, event: PhoneDialled) -> tuple[int, str]:
    if agent is None or agent.state == "logged_out" or not agent.phone_chosen or not on_roster(turn, agent):
        return 403, PHONE_NOT_IN_USE
    if event.barred or not event.to:
        return 403, event.barred or NOT_A_NUMBER
    if agent.state in ("ringing", "talking"):
        return 486, IN_CALL
    return (503, FULL) if len(turn.state.calls) >= CALLS_LIVE_MAX else (0, "")


def _refuse(turn: Turn, event: PhoneDialled, status: int, reason: str) -> None:
    turn.state.calls_ended += 1
    turn.state.calls_refused += 1
    turn.emit(CallStory(call=event.call, step="dialled", at_ms=turn.now_ms, detail=event.to or event.dialled))
    retry_after_s = RETRY_AFTER_S if status == 503 else 0
    turn.emit(
        RefuseCall(
            edge=event.edge, call=event.call, status=status, reason=reason, retry_after_s=retry_after_s
        )
    )
    turn.emit(CallStory(call=event.call, step="refused", at_ms=turn.now_ms, detail=reason))
    turn.gone.append(EntityGone(entity="call", id=event.call))


def _dial(
    turn: Turn,
    agent: Agent,
    id_: str,
    edge: str,
    number: str,
    trunks: tuple[str, ...],
    phone: str,
    request: str,
) -> None:
    state, now, plan = turn.state, turn.now_ms, turn.plan
    state.offers += 1
    known = turn.index.look.callers.get(number)
    call = Call(
        id=id_,
        edge=edge,
        caller=number,
        caller_name="" if known is None else known.name,
        dialled=number,
        service="",
        language="",
        via="sip",
        number=number if number.startswith("+") else "",
        vip=known is not None and known.vip,
        arrived_ms=now,
        outbound=True,
        request=request,
        state="dialling",
        since_ms=now,
        agent=agent.id,
        offer=state.offers,
        audio="phone" if agent.phone_chosen else "browser",
        audio_edge=edge,
    )
    state.calls[id_] = call
    agent.call, agent.offer = id_, call.offer
    dialled(turn, agent).dialled += 1
    turn.story(call, "dialled", agent=agent.id, detail=number)
    turn.emit(
        DialOut(
            edge=edge,
            call=id_,
            number=number,
            agent=agent.id,
            offer=call.offer,
            leg="" if agent.phone_chosen else agent.leg,
            user=phone,
            trunks=trunks,
            caller=plan.outbound.number or plan.numbers[0].dialled,
        )
    )
    begin_dialling(turn, agent, _desk_call(call))
    turn.set_deadline("call", call, "dial", now + plan.outbound.ring_max_ms)


def _desk_call(call: Call) -> DeskCall:
    return DeskCall(
        call=call.id,
        caller=call.caller,
        caller_name=call.caller_name,
        dialled=call.dialled,
        service="",
        queue="",
        queue_name="",
        arrived_ms=call.arrived_ms,
        answered_ms=0,
        vip=call.vip,
        outbound=True,
        dialling="dialled",
    )


def progress(turn: Turn, call: Call, event: DialProgress) -> None:
    """It rings there, or is heard already."""
    agent = turn.state.agents[call.agent]
    assert agent.desk is not None
    heard = "heard" if event.status == 183 else "rings"
    if agent.desk.dialling == heard:
        turn.stale(event, heard)
        return
    if agent.desk.dialling == "dialled":
        turn.story(call, "rings", agent=agent.id)
    agent.desk = msgspec.structs.replace(agent.desk, dialling=heard)
    turn.touch(agent)


def answered(turn: Turn, call: Call, event: DialAnswered) -> None:
    """The other side picked up."""
    was_answered(turn, call, event.trunk)


def was_answered(turn: Turn, call: Call, trunk: str) -> None:
    """Join the two: from here on it is a conversation like any other."""
    agent = turn.state.agents[call.agent]
    assert agent.desk is not None
    turn.clear_deadline("call", call, "dial")
    end_interrupted(turn, agent, call.arrived_ms)
    call.answered_ms = turn.now_ms
    agent.desk = msgspec.structs.replace(agent.desk, answered_ms=turn.now_ms, dialling="")
    dialled(turn, agent).answered += 1
    join(turn, call, agent)
    turn.story(call, "connected", agent=agent.id, detail=trunk)
    move(call, "talking", turn.now_ms)
    turn.set_deadline("call", call, "talk", turn.now_ms + turn.plan.outbound.talk_max_ms)
    turn.touch(agent)


def failed(turn: Turn, call: Call, event: DialFailed) -> None:
    """Nobody was reached; the operator is told why."""
    cause = cause_of(event)
    _tell(turn, call, cause)
    end(turn, call, cause, edge_knows=True)


def cause_of(event: DialFailed) -> str:
    """Why nobody was reached, in the words of our pages. Where no trunk was tried it is the edge's own word."""
    return _CAUSES.get(event.status, NO_TRUNK) if event.trunk else event.cause or NO_TRUNK


def not_answered(turn: Turn, call: Call) -> None:
    """It has rung for long enough."""
    _tell(turn, call, NO_REPLY)
    end(turn, call, NO_REPLY)


def _tell(turn: Turn, call: Call, cause: str) -> None:
    agent = turn.state.agents[call.agent]
    if agent.online:
        refuse(turn, agent, call.request, cause)


def cut_off(turn: Turn, call: Call) -> None:
    """The operator's audio did not come back: what a queue gave goes back to the queue, who was called is let go."""
    if call.outbound:
        end(turn, call, NO_AUDIO)
    else:
        give_back(turn, call)


def without_audio(turn: Turn, call: Call, cause: str, *, phone_is_gone: bool) -> None:
    """A conversation whose operator's device can't be had at its edge any more. Nobody hung up, so it need not be over."""
    agent = turn.state.agents[call.agent]
    if call.audio == "phone" and not phone_is_gone:
        turn.emit(EndPhone(edge=call.edge, call=call.id, agent=agent.id, offer=call.offer))
    hold(turn, call, agent, cause)
    turn.clear_deadline("call", call, "held")
    cut_off(turn, call)


def trunk_changed(turn: Turn, event: TrunkChanged) -> None:
    """No decision goes by the state of a trunk: the edge knows which of those named it can use."""
    turn.stale(event, "up" if event.up else "down")


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _BASE36[digit] + digits
    return digits
