"""A caller is handed on to whom their operator has asked first: from the same phone, in another call, to a number of the centre.

That call is one like any other, whose caller is the phone. So there are two, and one lives on: the caller's, with its arrival,
its story and its recordings. The operator who was asked comes over into it with the device they speak with, in the same
conversation as it is counted; the call that they come from ends. Before anybody has answered there, the caller goes the way of
the number instead, and the call that was to ask gives up its place.
"""

from __future__ import annotations

import msgspec

from acd_core.domain.call import Call, move
from acd_core.domain.commands import TakeOver
from acd_core.domain.desk import desk_call
from acd_core.domain.ending import end, forget_if_empty
from acd_core.domain.talk import join
from acd_core.domain.turn import Turn

HANDED_ON = "handed_on"


def can_join(call: Call, other: Call) -> bool:
    """Whether the operator of the other call, and their device, can come over."""
    here = other.audio_edge in ("", call.edge)
    apart = other.state == "talking" and other.agent != call.agent and other.outside is None
    return apart and here and other.edge == call.edge and not other.outbound


def give_up(turn: Turn, other: Call) -> None:
    """Nobody has answered the operator yet: the caller goes there themselves, and whoever would have come is theirs."""
    if other.state in ("waiting", "ringing") and not other.answered_ms:
        turn.state.queues[other.queue].day.moved += 1
    end(turn, other, HANDED_ON)


def come_over(turn: Turn, call: Call, other: Call) -> None:
    """The operator of the call before has left; the other one's takes their place, and their call ends."""
    agent = turn.state.agents[other.agent]
    assert agent.desk is not None
    left = call.queue
    turn.emit(TakeOver(edge=call.edge, call=call.id, of=other.id, offer=other.offer))
    call.queue, other.queue = other.queue, ""
    forget_if_empty(turn, left)
    call.agent, call.offer, call.audio, call.audio_edge = (
        other.agent,
        other.offer,
        other.audio,
        other.audio_edge,
    )
    other.agent, other.offer, other.audio, other.audio_edge, other.leg = "", 0, "none", "", ""
    move(other, "playing", turn.now_ms)
    call.since_ms = turn.now_ms
    agent.call = call.id
    agent.calls += 1
    desk = desk_call(turn.state, call, turn.now_ms)
    agent.desk = msgspec.structs.replace(desk, answered_ms=agent.desk.answered_ms)
    join(turn, call, agent)
    turn.story(call, "connected", agent=agent.id)
    definition = turn.state.queues[call.queue].definition
    turn.set_deadline("call", call, "talk", turn.now_ms + definition.talk_max_ms)
    turn.touch(agent)
    end(turn, other, HANDED_ON)
