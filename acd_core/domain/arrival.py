"""A call arrives: refused at the door, or let in, now answered or later, and led into its flow."""

from __future__ import annotations

from acd_core.domain import answer
from acd_core.domain.call import Call
from acd_core.domain.callers import recognise
from acd_core.domain.commands import CallStory, EntityGone, RefuseCall
from acd_core.domain.events import CallArrived, RecordingFinished
from acd_core.domain.flow import begin
from acd_core.domain.limits import CALLS_LIVE_MAX, RETRY_AFTER_S
from acd_core.domain.turn import Turn


def arrived(turn: Turn, event: CallArrived) -> None:
    """Let the call in, or refuse it; once."""
    state = turn.state
    if event.call in state.calls or event.call in state.ended:
        turn.stale(event, "known")
        return
    state.calls_arrived += 1
    turn.know_edge(event.edge)
    number = turn.index.look.numbers.get(event.dialled)
    # An edge's clock that is ahead must not put its callers behind those who come later.
    arrived_ms = min(event.at_ms, turn.now_ms)
    turn.emit(CallStory(call=event.call, step="arrived", at_ms=arrived_ms, detail=event.dialled))
    if state.plan is None or len(state.calls) >= CALLS_LIVE_MAX:
        reason = "no_plan" if state.plan is None else "full"
        _refuse(turn, event, 503, reason, RETRY_AFTER_S)
        return
    if number is None:
        _refuse(turn, event, 404, "unknown_number", 0)
        return
    call = Call(
        id=event.call,
        edge=event.edge,
        caller=event.caller,
        caller_name=event.caller_name,
        dialled=event.dialled,
        service=number.service,
        language=event.language or number.language,
        number=event.number,
        via=event.via,
        arrived_ms=arrived_ms,
        since_ms=turn.now_ms,
    )
    state.calls[call.id] = call
    recognise(turn, call, event, number)
    answer.begin(turn, call, number)
    begin(turn, call)


def _refuse(turn: Turn, event: CallArrived, status: int, reason: str, retry_after_s: int) -> None:
    turn.state.calls_ended += 1
    turn.state.calls_refused += 1
    turn.emit(
        RefuseCall(
            edge=event.edge, call=event.call, status=status, reason=reason, retry_after_s=retry_after_s
        )
    )
    turn.emit(CallStory(call=event.call, step="refused", at_ms=turn.now_ms, detail=reason))
    turn.gone.append(EntityGone(entity="call", id=event.call))


def recorded(turn: Turn, event: RecordingFinished) -> None:
    """A part of a conversation is on disk, perhaps after the call ended."""
    state = turn.state
    call = state.calls.get(event.call)
    ended = state.ended.get(event.call)
    if call is not None and event.part in call.unrecorded:
        call.unrecorded = _without(call.unrecorded, event.part)
    elif ended is not None and event.part in ended.unrecorded:
        ended.unrecorded = _without(ended.unrecorded, event.part)
        if not ended.unrecorded:
            del state.ended[event.call]
    else:
        turn.stale(event, "gone" if call is None and ended is None else "recorded")
        return
    turn.emit(
        CallStory(
            call=event.call,
            step="recorded",
            at_ms=turn.now_ms,
            agent=event.agent,
            queue="" if call is None else call.queue,
            detail=f"{event.part} {event.path}",
        )
    )


def _without(parts: tuple[int, ...], part: int) -> tuple[int, ...]:
    return tuple(other for other in parts if other != part)
