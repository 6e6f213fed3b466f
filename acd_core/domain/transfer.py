"""Callers who are handed on: their operator presses "transfer" at the phone and names who shall have them (REFER).

Who can have them, in this order: a number of the plan, which is where its flow leads; a colleague, by the user of their phone; a
number outside that the dial rules let through (outside.py). Or an operator whom they have asked first (consulted.py).
The caller keeps their arrival, and so their place by the plan's rule, wherever they are handed on to; the operator is free at
once and goes to wrap-up as after any conversation.

A colleague must be ready, so the call rings there in the same moment. Should they not take it, it waits in the queue that it
came from, at its old place, for all who serve it: whoever handed it on may be in their next call by then, so it is never given
back to them. So it is with a caller whose operator hangs up at once and who can't be handed on. What is asked too late, because
the core was away meanwhile, is refused: the operator has been told that it failed, and talks to the caller again.
"""

from __future__ import annotations

from acd_core.domain.agent import Agent
from acd_core.domain.call import Call, move
from acd_core.domain.callers import ask_as
from acd_core.domain.commands import TransferAnswered
from acd_core.domain.consulted import can_join, come_over, give_up
from acd_core.domain.ending import forget_if_empty
from acd_core.domain.events import TransferAsked
from acd_core.domain.flow import begin
from acd_core.domain.limits import TRANSFER_LATE_MS, TRANSFERS_A_CALL_MAX
from acd_core.domain.outbound import NOT_A_NUMBER
from acd_core.domain.outside import dial, operator_left, wait_again
from acd_core.domain.plan import Number
from acd_core.domain.talk import leave
from acd_core.domain.turn import Turn

AWAY = "colleague_away"
BUSY = "colleague_busy"
DIALLED = "dialled_call"
LATE = "too_late"
NOT_THERE = "nobody_to_join"
NO_RULE = "no_dial_rule"
TOO_OFTEN = "too_many_transfers"
UNDER_WAY = "transfer_under_way"
UNKNOWN = "unknown_number"


def asked(turn: Turn, agent: Agent, event: TransferAsked) -> None:
    """The operator hands their caller on, from the phone that they talk with."""
    call = turn.state.calls[agent.call]
    if (call.id, call.offer, call.audio) != (event.call, event.offer, "phone"):
        turn.stale(event, "another call")
        return
    look = turn.index.look
    number = look.numbers.get(event.target)
    colleague = turn.state.agents.get(look.phone_owner.get(event.target, ""))
    if call.outbound:
        _answer(turn, call, event, 403, DIALLED)
    elif call.outside is not None:
        _answer(turn, call, event, 491, UNDER_WAY)
    elif turn.now_ms - event.at_ms > TRANSFER_LATE_MS:
        _answer(turn, call, event, 408, LATE)
    elif call.transfers >= TRANSFERS_A_CALL_MAX:
        _answer(turn, call, event, 403, TOO_OFTEN)
    elif event.other:
        _to_other(turn, call, event)
    elif number is not None:
        _hand_on(turn, call, event)
        _to_number(turn, call, number)
    elif event.target in look.phone_owner:
        _to_colleague(turn, call, event, colleague)
    elif event.barred or not event.to:
        unknown = event.barred in ("", NO_RULE, NOT_A_NUMBER)
        _answer(turn, call, event, 404 if unknown else 403, UNKNOWN if unknown else event.barred)
    else:
        dial(turn, call, event)


def _answer(turn: Turn, call: Call, event: TransferAsked, status: int, reason: str = "") -> None:
    turn.emit(
        TransferAnswered(
            edge=call.audio_edge or call.edge,  # that has the phone
            call=call.id,
            agent=event.agent,
            offer=event.offer,
            transfer=event.transfer,
            status=status,
            reason=reason,
        )
    )


def _to_number(turn: Turn, call: Call, number: Number) -> None:
    """The call, which has been handed on, goes on as if its caller had dialled this one when they called."""
    left = call.queue
    call.queue = ""
    forget_if_empty(turn, left)
    call.dialled, call.service = number.dialled, number.service
    ask_as(call, number)
    move(call, "playing", turn.now_ms)
    begin(turn, call)


def _to_other(turn: Turn, call: Call, event: TransferAsked) -> None:
    """Whoever the operator has reached, or is about to reach, in another call of their phone."""
    other = turn.state.calls.get(event.other)
    number = None if other is None else turn.index.look.numbers.get(other.dialled)
    if other is None or other is call or other.edge != call.edge:
        _answer(turn, call, event, 404, UNKNOWN)
    elif can_join(call, other):
        _hand_on(turn, call, event)
        come_over(turn, call, other)
    elif other.state in ("playing", "menu", "waiting", "ringing") and number is not None:
        _hand_on(turn, call, event)
        give_up(turn, other)  # first: its place may be the last that its queue has
        _to_number(turn, call, number)
    else:
        _answer(turn, call, event, 403, NOT_THERE)


def _to_colleague(turn: Turn, call: Call, event: TransferAsked, colleague: Agent | None) -> None:
    """It rings at this one alone."""
    if colleague is None or colleague.state == "logged_out":
        _answer(turn, call, event, 480, AWAY)
        return
    standing = turn.index.standing.get(colleague.id)
    if standing is None or call.edge in turn.index.away:
        _answer(turn, call, event, 486, BUSY)
        return
    _hand_on(turn, call, event)
    call.handed_to = call.only = colleague.id
    call.only_until_ms = turn.now_ms + turn.state.queues[call.queue].definition.offer_timeout_ms
    wait_again(turn, call)


def left_alone(turn: Turn, call: Call) -> None:
    """The operator hung up as soon as they had asked. If it can't be, the caller waits again, as their place is."""
    if call.outside is not None:
        operator_left(turn, call, phone_is_gone=True)
        return
    turn.story(call, "requeued", agent=call.agent)
    turn.clear_deadline("call", call, "talk")
    leave(turn, call, phone_is_gone=True)
    wait_again(turn, call)


def _hand_on(turn: Turn, call: Call, event: TransferAsked) -> None:
    """The operator is out of it, and free."""
    call.transfers += 1
    call.handed_by, call.handed_to = call.agent, ""
    turn.story(call, "transferred", agent=call.agent, detail=event.target)
    _answer(turn, call, event, 200)
    turn.clear_deadline("call", call, "talk")
    leave(turn, call, phone_is_gone=False, hands_on=True)
