"""One caller's presence with us, and the moves it may make.

A call is `playing` or in a `menu` of its flow, then `waiting` in a queue, `ringing` while it is offered to an agent,
`talking`, and `held` while the agent's audio is away. It keeps its arrival, and with it its place, through everything.
Its deadlines: `flow` (a playback that is never reported, a menu without a key) and `held` (the agent's grace).
An ended call is no longer in the state.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acd_core.domain.commands import AudioKind
from acd_core.domain.deadline import Deadline

CallState: TypeAlias = Literal["playing", "menu", "waiting", "ringing", "talking", "held"]

MOVES: dict[CallState, frozenset[CallState]] = {
    "playing": frozenset({"playing", "menu", "waiting"}),
    "menu": frozenset({"playing", "menu", "waiting"}),
    "waiting": frozenset({"ringing"}),
    "ringing": frozenset({"waiting", "talking"}),
    "talking": frozenset({"held"}),
    "held": frozenset({"talking", "waiting"}),
}


class Call(msgspec.Struct, kw_only=True):
    """A live call. `agent` and `offer` are set while ringing, talking and held, and that agent names this call."""

    id: str
    edge: str
    caller: str
    caller_name: str
    dialled: str
    service: str
    language: str
    via: Literal["sip", "web"]
    arrived_ms: int
    state: CallState = "playing"
    since_ms: int = 0
    # The flow. `saying` are the ids of the prompts of playback number `play`, until it is reported done.
    flow: str = ""
    step: str = ""
    play: int = 0
    saying: tuple[str, ...] = ()
    speaking: bool = False
    repeats: int = 0
    ending: str = ""  # the call ends with this cause once the playback is done
    # The queue, kept while talking: a call whose agent is lost goes back to it.
    queue: str = ""
    queued_ms: int = 0
    # The offer and the conversation.
    agent: str = ""
    offer: int = 0
    audio: AudioKind = "none"  # how the agent takes part
    leg: str = ""  # the agent's browser leg while talking; empty for a phone
    part: int = 0  # recording parts begun
    unrecorded: tuple[int, ...] = ()  # parts whose recording is not yet reported to be on disk
    answered_ms: int = 0  # the first conversation began
    deadlines: dict[str, Deadline] = {}


class EndedCall(msgspec.Struct, kw_only=True):
    """A call that ended with recordings not yet reported."""

    unrecorded: tuple[int, ...]


def move(call: Call, state: CallState, now_ms: int) -> None:
    """Put a call into another state; a move that the table does not know is our bug."""
    assert state in MOVES[call.state], f"call {call.id}: {call.state} to {state}"
    call.state = state
    call.since_ms = now_ms
