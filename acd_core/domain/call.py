"""One caller's presence with us, and the moves it may make.

A call is `playing` or in a `menu` of its flow, then `waiting` in a queue, `ringing` while it is offered to agents,
`talking`, and `held` while the agent's audio is away; `away` when it was handed on to a number outside. It keeps its arrival, and
with it its place, through everything.
One that an operator dialled begins as `dialling` and is `talking` once it is answered; the caller is who was called, and it has
no queue.
Its deadlines: `flow` (a playback that is never reported, a menu without a key), `wait` (the next time at which waiting may
change something: a step, the end of a hold, the way out), `dial` (nobody answers), `talk` (no conversation goes on for ever)
`outside` (nobody answers there, or nobody ends it) and `held` (the agent's grace). An ended call is no longer in the state.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acd_core.domain.agent import Agent
from acd_core.domain.commands import AudioKind
from acd_core.domain.deadline import Deadline

CallState: TypeAlias = Literal["playing", "menu", "waiting", "ringing", "dialling", "talking", "held", "away"]

MOVES: dict[CallState, frozenset[CallState]] = {
    "playing": frozenset({"playing", "menu", "waiting"}),
    "menu": frozenset({"playing", "menu", "waiting"}),
    "waiting": frozenset({"waiting", "ringing", "playing", "menu"}),
    "ringing": frozenset({"waiting", "talking"}),
    "dialling": frozenset({"talking"}),
    "talking": frozenset({"held", "waiting", "playing", "away"}),
    "away": frozenset({"waiting"}),
    "held": frozenset({"talking", "waiting"}),
}


class Ring(msgspec.Struct, frozen=True):
    """A standing offer of a call to one agent, and what is rung there."""

    offer: int
    audio: AudioKind
    edge: str = ""  # that has it


class Outside(msgspec.Struct, frozen=True, kw_only=True):
    """The number outside that a caller is handed on to (outside.py)."""

    number: str
    attempt: int  # to reach it; of the same count as offers
    transfer: int  # what the operator asked with, who hears of it for as long as they are on the line
    rings: bool = False
    answered: bool = False


class Call(msgspec.Struct, kw_only=True):
    """A live call. While ringing, `ringing` has every agent it is offered to, who name this call; while dialling, talking and
    held, `agent` and `offer` are set, and that agent names this call."""

    id: str
    edge: str
    caller: str
    caller_name: str
    dialled: str
    service: str
    language: str
    via: Literal["sip", "web"]
    arrived_ms: int
    outbound: bool = False  # dialled by an operator ...
    request: str = ""  # ... with this of their page
    early_max_ms: int = 0  # the caller's leg is not answered yet, and may stay so for so long; 0: it is
    state: CallState = "playing"
    since_ms: int = 0
    # Who calls, and what that means for the call's place.
    number: str = ""
    vip: bool = False
    repeat: int = 0  # calls of this caller before, within the plan's `repeat_caller_ms`
    preferred: str = ""  # the agent the plan gives this caller
    asked_priority: int = 0  # by number, caller and event; the flow step's and the queue's come on top
    asked_skills: tuple[tuple[str, int], ...] = ()  # likewise
    own_priority: int = (
        0  # of them, what the dialled number does not ask for: it stays when the caller is handed on
    )
    own_skills: tuple[tuple[str, int], ...] = ()
    # The flow. `saying` are the ids of the prompts of playback number `play`, until it is reported done.
    flow: str = ""
    step: str = ""
    play: int = 0
    saying: tuple[str, ...] = ()
    speaking: bool = False
    repeats: int = 0
    ending: str = ""  # the call ends with this cause once the playback is done
    then_queue: str = ""  # or goes on there
    then_flow: str = ""
    # The queue, kept while talking: a call whose agent is lost goes back to it.
    queue: str = ""
    queued_ms: int = 0
    search_ms: int = (
        0  # since when steps and the longest wait count: later by the time that no core was there
    )
    priority: int = 0  # beside the queue's own
    skills: tuple[tuple[str, int], ...] = ()
    hazard: bool = False
    steps: tuple[int, ...] = ()  # the queue's steps that were taken, counted from 1
    only: str = ""  # kept for this agent ...
    only_until_ms: int = 0  # ... until then
    callback_offered: bool = False
    # The offers and the conversation.
    ringing: dict[str, Ring] = {}
    agent: str = ""
    offer: int = 0
    audio: AudioKind = "none"  # how the agent takes part
    audio_edge: str = ""  # the edge that has it, which need not be the call's own
    leg: str = ""  # the agent's browser leg while talking; empty for a phone
    part: int = 0  # recording parts begun
    unrecorded: tuple[int, ...] = ()  # parts whose recording is not yet reported to be on disk
    answered_ms: int = 0  # the first conversation began
    # Handed on (transfer.py).
    transfers: int = 0  # so often
    outside: Outside | None = None  # while it is dialled for the caller, and while they are away
    handed_by: str = ""  # by this agent at last, whom it is not kept for ...
    handed_to: str = ""  # ... to this one, if to one alone: they may have it whatever they serve, while it is kept for them
    deadlines: dict[str, Deadline] = {}


class EndedCall(msgspec.Struct, kw_only=True):
    """A call that ended with recordings not yet reported."""

    unrecorded: tuple[int, ...]


class Contact(msgspec.Struct, kw_only=True):
    """What is remembered of a caller by their number."""

    called_ms: int
    calls: int = 1  # each within the plan's `repeat_caller_ms` of the one before
    agent: str = ""  # who they spoke with last
    spoke_ms: int = 0


class Callback(msgspec.Struct, kw_only=True):
    """A caller who asked to be called back. Its deadline: `expire`."""

    id: str  # of the call
    number: str
    caller: str
    queue: str
    arrived_ms: int
    asked_ms: int
    deadlines: dict[str, Deadline] = {}


def audio_in(call: Call, agent: Agent) -> AudioKind:
    """How this agent takes part in the call that they ring for, or have."""
    return call.ringing[agent.id].audio if call.state == "ringing" else call.audio


def move(call: Call, state: CallState, now_ms: int) -> None:
    """Put a call into another state; a move that the table does not know is our bug."""
    assert state in MOVES[call.state], f"call {call.id}: {call.state} to {state}"
    call.state = state
    call.since_ms = now_ms
