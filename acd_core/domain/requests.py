"""What operators ask for at their desk, in the states in which it can be granted (tables.py says which)."""

from __future__ import annotations

from acd_core.domain.agent import NO_AUDIO, Agent
from acd_core.domain.call import audio_in
from acd_core.domain.commands import SendKeys
from acd_core.domain.desk import can_extend, longest_wrap_up_ms, refuse
from acd_core.domain.ending import put_down
from acd_core.domain.events import (
    HangUpRequested,
    KeysRequested,
    NotReadyRequested,
    OfferAccepted,
    OfferRejected,
    PhoneChosen,
    ReadyRequested,
    WrapUpExtended,
    WrapUpFinished,
)
from acd_core.domain.limits import KEYS_AT_ONCE_MAX
from acd_core.domain.manner import manner
from acd_core.domain.offers import fail, take_back
from acd_core.domain.order import audio_edge
from acd_core.domain.outside import operator_left
from acd_core.domain.shift import check_audio, end_wrap_up, make_ready, on_roster, stop
from acd_core.domain.talk import connect
from acd_core.domain.turn import Turn

KEYS = frozenset("0123456789*#ABCD")

ANSWER_ON_PHONE = "answer_on_phone"
BAD_REASON = "bad_reason"
NOT_A_KEY = "not_a_key"
NOT_IN_CALL = "not_in_call"
NO_PHONE = "no_phone"
OFFER_GONE = "offer_gone"
PHONE_NOT_REGISTERED = "phone_not_registered"
WRAP_UP_MAX = "wrap_up_max"


def ready(turn: Turn, agent: Agent, event: ReadyRequested) -> None:
    """Take calls, or end the wrap-up and take calls."""
    if not audio_edge(turn.state, agent):
        refuse(turn, agent, event.request, NO_AUDIO)
    elif agent.state == "wrap_up":
        agent.next_reason = ""
        end_wrap_up(turn, agent)
    else:
        make_ready(turn, agent)


def ready_after_all(turn: Turn, agent: Agent, event: ReadyRequested) -> None:
    """Ready already, or about to be: a break asked for is no longer wanted."""
    agent.next_reason = ""
    turn.clear_deadline("agent", agent, "pause")
    turn.touch(agent)


def not_ready(turn: Turn, agent: Agent, event: NotReadyRequested) -> None:
    """Take no calls from now on; while ringing this rejects the offer."""
    if not _is_reason(turn, agent, event):
        return
    if agent.state == "ringing":
        take_back(turn, turn.state.calls[agent.call], agent, "rejected", detail=event.reason)
    stop(turn, agent, event.reason)


def not_ready_later(turn: Turn, agent: Agent, event: NotReadyRequested) -> None:
    """Take no calls after this one."""
    if _is_reason(turn, agent, event):
        agent.next_reason = event.reason
        turn.touch(agent)


def accept(turn: Turn, agent: Agent, event: OfferAccepted) -> None:
    """Take the call that is offered."""
    if not _is_offered(turn, agent, event):
        return
    call = turn.state.calls[agent.call]
    if audio_in(call, agent) == "phone":
        refuse(turn, agent, event.request, ANSWER_ON_PHONE)
    else:
        connect(turn, call, agent)


def reject(turn: Turn, agent: Agent, event: OfferRejected) -> None:
    """Do not take the call that is offered."""
    if _is_offered(turn, agent, event):
        fail(turn, turn.state.calls[agent.call], agent, "declined")


def no_answer(turn: Turn, agent: Agent) -> None:
    """The offer's deadline passed: redirect on no answer."""
    fail(turn, turn.state.calls[agent.call], agent, "no_answer")


def hang_up(turn: Turn, agent: Agent, event: HangUpRequested) -> None:
    """End the conversation, also while it is held, or no longer dial. Who hands the caller on is out of it, as at the phone."""
    if event.call != agent.call:
        refuse(turn, agent, event.request, NOT_IN_CALL)
        return
    call = turn.state.calls[agent.call]
    if call.outside is not None:
        operator_left(turn, call, phone_is_gone=False)
    else:
        put_down(turn, call)


def press_keys(turn: Turn, agent: Agent, event: KeysRequested) -> None:
    """Press keys for the other side, which must hear us: before an answer, too, where something is heard already."""
    call = turn.state.calls[agent.call]
    early = agent.desk is not None and agent.desk.dialling == "heard"
    if event.call != call.id or not (call.state == "talking" or early):
        refuse(turn, agent, event.request, NOT_IN_CALL)
    elif not 0 < len(event.keys) <= KEYS_AT_ONCE_MAX or not KEYS.issuperset(event.keys):
        refuse(turn, agent, event.request, NOT_A_KEY)
    else:
        turn.emit(SendKeys(edge=call.edge, call=call.id, keys=event.keys))


def finish_wrap_up(turn: Turn, agent: Agent, event: WrapUpFinished) -> None:
    """The work after the call is done."""
    end_wrap_up(turn, agent)


def extend_wrap_up(turn: Turn, agent: Agent, event: WrapUpExtended) -> None:
    """The work after the call takes longer; so often, but no longer than the queue's longest wrap-up."""
    if not can_extend(turn.state, agent):
        refuse(turn, agent, event.request, WRAP_UP_MAX)
        return
    assert agent.desk is not None
    extension_ms = manner(turn.state, agent.desk.queue).wrap_up_extension_ms
    at_ms = agent.deadlines["wrap_up"].at_ms + extension_ms
    latest_ms = longest_wrap_up_ms(turn.state, agent)
    turn.set_deadline("agent", agent, "wrap_up", min(at_ms, latest_ms))
    turn.touch(agent)


def choose_phone(turn: Turn, agent: Agent, event: PhoneChosen) -> None:
    """Use the SIP phone instead of the browser's audio, or no longer."""
    roster = turn.state.roster
    phone = roster.agents[agent.id].phone if roster is not None and on_roster(turn, agent) else ""
    if event.use and not phone:
        refuse(turn, agent, event.request, NO_PHONE)
    elif event.use and phone not in turn.state.phones:
        refuse(turn, agent, event.request, PHONE_NOT_REGISTERED)
    else:
        agent.phone_chosen = event.use
        check_audio(turn, agent)


def _is_reason(turn: Turn, agent: Agent, event: NotReadyRequested) -> bool:
    if event.reason in turn.plan.not_ready_reasons:
        return True
    refuse(turn, agent, event.request, BAD_REASON)
    return False


def _is_offered(turn: Turn, agent: Agent, event: OfferAccepted | OfferRejected) -> bool:
    if agent.call == event.call and agent.offer == event.offer:
        return True
    refuse(turn, agent, event.request, OFFER_GONE)
    return False
