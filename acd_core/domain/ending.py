"""The end of a call, from whatever state it is in: once, with a cause."""

from __future__ import annotations

from acd_core.domain.call import Call, EndedCall
from acd_core.domain.commands import EndCall, EndPhone, EntityGone
from acd_core.domain.limits import ENDED_CALLS_MAX
from acd_core.domain.offers import withdraw
from acd_core.domain.talk import leave, leave_unanswered
from acd_core.domain.turn import Turn

AGENT_HUNG_UP = "agent_hung_up"
DIAL_CANCELLED = "dial_cancelled"
TALK_MAX = "talk_max"


def end(turn: Turn, call: Call, cause: str, *, edge_knows: bool = False, phone_is_gone: bool = False) -> None:
    """End the call; `edge_knows` when the caller's leg is gone already."""
    state, partner = turn.state, call.agent
    waited = call.state in ("waiting", "ringing")
    if call.id in turn.index.bucket_of:
        turn.index.remove_call(call)
    if call.state == "ringing":
        withdraw(turn, call, cause)
    elif call.state in ("talking", "held"):
        leave(turn, call, phone_is_gone=phone_is_gone)
    elif call.state == "away" and call.queue:
        state.queues[call.queue].talking -= 1
    elif call.state == "dialling":
        leave_unanswered(turn, call, phone_is_gone=phone_is_gone)
    if call.outside is not None:
        turn.emit(EndPhone(edge=call.edge, call=call.id, agent="", offer=call.outside.attempt))
    if waited:
        queue = state.queues[call.queue]
        queue.waiting -= 1
        queue.day.longest_wait_ms = max(queue.day.longest_wait_ms, turn.now_ms - call.queued_ms)
    if not edge_knows:
        turn.emit(EndCall(edge=call.edge, call=call.id, cause=cause))
    turn.story(call, "ended", agent=partner, detail=cause)
    state.calls_ended += 1
    del state.calls[call.id]
    call.deadlines.clear()  # the actor that waits on them goes with `EntityGone`
    turn.gone.append(EntityGone(entity="call", id=call.id))
    _await_recordings(turn, call)
    forget_if_empty(turn, call.queue)


def put_down(turn: Turn, call: Call, *, phone_is_gone: bool = False) -> None:
    """The agent ends it: a conversation, or what nobody has answered yet."""
    cause = DIAL_CANCELLED if call.state == "dialling" else AGENT_HUNG_UP
    end(turn, call, cause, phone_is_gone=phone_is_gone)


def talked_too_long(turn: Turn, call: Call) -> None:
    """No conversation goes on for ever."""
    end(turn, call, TALK_MAX)


def _await_recordings(turn: Turn, call: Call) -> None:
    if call.unrecorded:
        ended = turn.state.ended
        while len(ended) >= ENDED_CALLS_MAX:
            del ended[next(iter(ended))]
        ended[call.id] = EndedCall(unrecorded=call.unrecorded)


def forget_if_empty(turn: Turn, id_: str) -> None:
    """A queue that the plan no longer has goes when its last call has left."""
    queue = turn.state.queues.get(id_)
    if queue is not None and queue.retired and not queue.waiting and not queue.talking:
        del turn.state.queues[id_]
