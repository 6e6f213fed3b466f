"""A caller is handed on to a number outside: they leave the centre, and their operator is free.

The number is dialled while the operator is still on the line, so one that can't be reached changes nothing: they are told, and
talk to the caller again. An operator who hangs up without waiting is free at once; then the caller waits with the queue's
music, and should nobody answer, goes back to the queue, to their old place. Once somebody answers, the call lives on between
those two: `away`, in no queue, not recorded, as nobody of the centre takes part. It ends when either hangs up, or when it has
gone on for as long as the plan lets a call outside (`outbound.talk_max_ms`).

Whether the number may be dialled is judged by the dial rules before the event is written down, as for any call out.
"""

from __future__ import annotations

import msgspec

from acd_core.domain.call import Call, Outside, move
from acd_core.domain.commands import DialOutside, EndPhone, Join, TransferAnswered
from acd_core.domain.ending import TALK_MAX, end, forget_if_empty
from acd_core.domain.events import DialAnswered, DialFailed, DialProgress, OutsideHungUp, TransferAsked
from acd_core.domain.outbound import NO_REPLY, cause_of
from acd_core.domain.sound import play_music
from acd_core.domain.talk import leave
from acd_core.domain.turn import Turn
from acd_core.domain.wait import wait

NOT_REACHED = 503


def dial(turn: Turn, call: Call, event: TransferAsked) -> None:
    """Call the number; the operator stays on the line for as long as they like."""
    plan = turn.plan
    turn.state.offers += 1
    call.outside = Outside(number=event.to, attempt=turn.state.offers, transfer=event.transfer)
    turn.story(call, "transferring", agent=call.agent, detail=event.to)
    turn.emit(
        DialOutside(
            edge=call.edge,
            call=call.id,
            attempt=call.outside.attempt,
            number=event.to,
            trunks=event.trunks,
            caller=plan.outbound.number or plan.numbers[0].dialled,
        )
    )
    # It is decided, and has its deadline here: who asked must not give it up because a network takes its time to ring.
    _tell(turn, call, call.outside, 100)
    turn.set_deadline("call", call, "outside", turn.now_ms + plan.outbound.ring_max_ms)


def progress(turn: Turn, call: Call, event: DialProgress) -> None:
    """It rings there."""
    outside = _dialled(call, event.attempt)
    if outside is None or outside.rings:
        turn.stale(event, f"{call.state}, another attempt")
        return
    call.outside = msgspec.structs.replace(outside, rings=True)
    if call.agent:
        _tell(turn, call, outside, 180)


def answered(turn: Turn, call: Call, event: DialAnswered) -> None:
    """Somebody picked up: the caller is theirs."""
    outside = _dialled(call, event.attempt)
    if outside is None:
        turn.stale(event, f"{call.state}, another attempt")
        return
    call.outside = msgspec.structs.replace(outside, answered=True)
    call.transfers += 1
    left = call.queue
    if call.state == "talking":
        call.handed_by = call.agent
        turn.story(call, "transferred", agent=call.agent, detail=outside.number)
        _tell(turn, call, outside, 200)
        turn.clear_deadline("call", call, "talk")
        leave(turn, call, phone_is_gone=False, hands_on=True)
        move(call, "away", turn.now_ms)
    else:
        turn.story(call, "transferred", agent=call.handed_by, detail=outside.number)
        turn.state.queues[left].talking -= 1
        turn.state.queues[left].day.transferred += 1
    call.queue = ""
    forget_if_empty(turn, left)
    join(turn, call)
    turn.set_deadline("call", call, "outside", turn.now_ms + turn.plan.outbound.talk_max_ms)


def join(turn: Turn, call: Call) -> None:
    """Have the two hear each other, now or once more."""
    assert call.outside is not None
    turn.emit(
        Join(
            edge=call.edge,
            call=call.id,
            agent="",
            offer=call.outside.attempt,
            part=call.part,
            unrecorded=True,
        )
    )


def failed(turn: Turn, call: Call, event: DialFailed) -> None:
    """Nobody was reached."""
    if _dialled(call, event.attempt) is None:
        turn.stale(event, f"{call.state}, another attempt")
    else:
        status = event.status if 300 <= event.status <= 699 else NOT_REACHED
        _not_reached(turn, call, status, cause_of(event))


def too_long(turn: Turn, call: Call) -> None:
    """It has rung for long enough; or they have spoken for longer than anybody does."""
    outside = call.outside
    assert outside is not None
    if outside.answered:
        end(turn, call, TALK_MAX)
    else:
        turn.emit(EndPhone(edge=call.edge, call=call.id, agent="", offer=outside.attempt))
        _not_reached(turn, call, 408, NO_REPLY)


def hung_up(turn: Turn, call: Call, event: OutsideHungUp) -> None:
    """Who was called hung up: the call is over."""
    outside = call.outside
    if outside is None or not outside.answered or outside.attempt != event.attempt:
        turn.stale(event, f"{call.state}, another attempt")
        return
    call.outside = None
    turn.clear_deadline("call", call, "outside")
    end(turn, call, event.cause)


def operator_left(turn: Turn, call: Call, *, phone_is_gone: bool) -> None:
    """The operator did not wait for the answer."""
    call.handed_by = call.agent
    turn.clear_deadline("call", call, "talk")
    leave(turn, call, phone_is_gone=phone_is_gone)
    turn.state.queues[call.queue].talking += 1
    move(call, "away", turn.now_ms)
    play_music(turn, call)


def wait_again(turn: Turn, call: Call) -> None:
    """In the queue that the call comes from, at its place, where the search for somebody begins anew."""
    turn.state.queues[call.queue].waiting += 1
    call.queued_ms = call.search_ms = turn.now_ms
    call.steps = ()
    move(call, "waiting", turn.now_ms)
    play_music(turn, call)
    wait(turn, call)


def _dialled(call: Call, attempt: int) -> Outside | None:
    """What is being dialled, if it is this attempt."""
    outside = call.outside
    return outside if outside is not None and outside.attempt == attempt and not outside.answered else None


def _not_reached(turn: Turn, call: Call, status: int, cause: str) -> None:
    outside, call.outside = call.outside, None
    assert outside is not None
    turn.clear_deadline("call", call, "outside")
    turn.story(call, "transfer_failed", agent=call.agent, detail=cause)
    if call.agent:
        _tell(turn, call, outside, status, cause)
    else:
        turn.state.queues[call.queue].talking -= 1
        wait_again(turn, call)


def _tell(turn: Turn, call: Call, outside: Outside, status: int, reason: str = "") -> None:
    turn.emit(
        TransferAnswered(
            edge=call.audio_edge or call.edge,  # that has the phone
            call=call.id,
            agent=call.agent,
            offer=call.offer,
            transfer=outside.transfer,
            status=status,
            reason=reason,
        )
    )
