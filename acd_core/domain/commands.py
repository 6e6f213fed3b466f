"""What the core decides: commands to the edge and the web, deadlines for the actors, and the story for the journal.

`Router.apply` returns them in order and performs none. The dispatcher gives each an id (journal sequence, index) and puts it into
the mailbox of the actor that carries it out; receivers do each id once.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec


class Command(msgspec.Struct, frozen=True, tag=True, kw_only=True, gc=False):
    """Base of all commands; the tag is the class name.

    Every field is written (no `omit_defaults`, which goes by identity, not equality): the same decision is the same bytes. The
    collector of garbage need not look at them: frozen values of frozen values are part of no cycle.
    """


class Prompt(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Something to be heard: the recorded `wav` (absolute path) when that file exists, else `text` spoken in `language`."""

    id: str
    language: str = "tr"
    text: str = ""
    wav: str = ""


# --- to an edge: the caller's leg ------------------------------------------------------------------------------------


class EdgeCommand(Command, frozen=True, kw_only=True):
    """Base of commands to one edge, about one call."""

    edge: str
    call: str


class RefuseCall(EdgeCommand, frozen=True, kw_only=True):
    """Answer the INVITE with a final error (404 unknown number, 503 with Retry-After when full)."""

    status: int
    reason: str
    retry_after_s: int = 0


class RingCaller(EdgeCommand, frozen=True, kw_only=True):
    """180 Ringing to the caller."""


class ProgressCaller(EdgeCommand, frozen=True, kw_only=True):
    """183 Session Progress with our session description: the caller hears what is played, unanswered for `max_ms` at most.

    After that the edge answers by itself, as it does at once where there can be no early media, and reports `CallerAnswered`.
    """

    max_ms: int


class AnswerCaller(EdgeCommand, frozen=True, kw_only=True):
    """200 OK to the caller; audio starts, unless there was early media."""


class Play(EdgeCommand, frozen=True, kw_only=True):
    """Play these one after the other to the caller, then report `PlaybackDone(play)`; replaces what is playing."""

    play: int
    prompts: tuple[Prompt, ...]


class PlayMusic(EdgeCommand, frozen=True, kw_only=True):
    """Loop this to the caller until told otherwise; `announce` is heard once before."""

    music: Prompt
    announce: tuple[Prompt, ...] = ()


class EndCall(EdgeCommand, frozen=True, kw_only=True):
    """End the caller's leg (BYE, or a final error when unanswered) and stop its recording."""

    cause: str


# --- to an edge: the operator's leg ----------------------------------------------------------------------------------


class RingPhone(EdgeCommand, frozen=True, kw_only=True):
    """INVITE the operator's phone for this offer; `at` is the edge where it is registered."""

    agent: str
    offer: int
    user: str
    caller: str
    service: str = ""
    at: str = ""


class EndPhone(EdgeCommand, frozen=True, kw_only=True):
    """CANCEL or BYE the operator's phone leg of this offer."""

    agent: str
    offer: int


class Join(EdgeCommand, frozen=True, kw_only=True):
    """Connect caller and operator, both directions; stop prompts and music; record as `part` (1, 2 …).

    `leg` is the operator's browser leg, which the edge `at` has, or empty for the phone leg of `offer`.
    """

    agent: str
    offer: int
    part: int
    leg: str = ""
    at: str = ""
    unrecorded: bool = False  # with a number outside: nobody of the centre takes part


class SendKeys(EdgeCommand, frozen=True, kw_only=True):
    """Press these keys towards the caller, or who was called."""

    keys: str


class Part(EdgeCommand, frozen=True, kw_only=True):
    """Disconnect caller and operator and close the recording part; the caller's leg stays."""

    agent: str
    part: int


# --- to an edge: calls that begin with us ----------------------------------------------------------------------------


class DialOut(EdgeCommand, frozen=True, kw_only=True):
    """Call `number` (E.164 with +) over the first of `trunks` that takes it; report `DialProgress`, then `DialAnswered` or
    `DialFailed`. `EndCall` takes it back.

    The agent's audio is the browser leg `leg`, or the phone `user`, which is rung first; `caller` is the number to show.
    """

    number: str
    agent: str
    offer: int
    leg: str = ""
    user: str = ""
    service: str = ""
    trunks: tuple[str, ...] = ()
    caller: str = ""


class DialOutside(EdgeCommand, frozen=True, kw_only=True):
    """Call `number` as in `DialOut`, to hand the caller on to; report with `attempt`.

    `EndPhone` with it as the offer takes it back, `Join` gives it the caller; `OutsideHungUp` when it is over.
    """

    attempt: int
    number: str
    trunks: tuple[str, ...] = ()
    caller: str = ""


class TakeOver(EdgeCommand, frozen=True, kw_only=True):
    """The operator's phone leg of `offer`, or their browser's, is this call's from now on and no longer that of the call `of`."""

    of: str
    offer: int


class TransferAnswered(EdgeCommand, frozen=True, kw_only=True):
    """What has become of `TransferAsked` number `transfer`: 100 (a number is dialled), 180 (it rings there), 200 (the caller is
    handed on), else why not."""

    agent: str
    offer: int
    transfer: int
    status: int
    reason: str = ""


class DropAudio(Command, frozen=True, kw_only=True):
    """Close an operator's browser leg (page taken over, logged out)."""

    edge: str
    agent: str
    leg: str


class PreparePrompts(Command, frozen=True, kw_only=True):
    """Have these spoken texts ready as files before they are needed."""

    edge: str
    prompts: tuple[Prompt, ...]


# --- to a web process ------------------------------------------------------------------------------------------------


class OfferView(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The pop-up: who calls which service, in which queue, until when the offer stands."""

    offer: int
    call: str
    caller: str
    caller_name: str
    dialled: str
    service: str
    queue: str
    queue_name: str
    waited_since_ms: int
    deadline_ms: int
    vip: bool = False
    hazard: bool = False
    repeat: int = 0  # how often this caller called before, within the plan's `repeat_caller_ms`
    kept: bool = False  # for this operator, who knows the caller
    shared: int = 0  # how many others may ring for it


Dialling: TypeAlias = Literal["", "dialled", "rings", "heard"]


class DeskCall(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The call an operator has, or had when in wrap-up."""

    call: str
    caller: str
    caller_name: str
    dialled: str
    service: str
    queue: str
    queue_name: str
    arrived_ms: int
    answered_ms: int
    ended_ms: int = 0
    on_air: bool = True  # false while the operator's audio is away and the caller hears music
    vip: bool = False
    hazard: bool = False
    repeat: int = 0
    outbound: bool = False  # the operator dialled `caller`
    dialling: Dialling = ""  # until it is answered


AgentState: TypeAlias = Literal["logged_out", "not_ready", "ready", "ringing", "talking", "wrap_up"]
AudioKind: TypeAlias = Literal["none", "browser", "phone"]


class DeskView(Command, frozen=True, kw_only=True):
    """The whole of what one operator's page shows; replaces the one before. `revision` grows per agent."""

    web: str
    agent: str
    session: str
    revision: int
    state: AgentState
    since_ms: int
    reason: str = ""
    next_reason: str = ""  # not ready asked for, in force after this call
    deadline_ms: int = 0  # of the offer, the wrap-up, the pause, or what is planned for being not ready
    paused: bool = False  # ready, but offered nothing until `deadline_ms`
    overdue: bool = False  # not ready for longer than planned
    can_extend: bool = False  # the wrap-up
    audio: AudioKind = "none"
    phone: str = ""  # the phone's user from the roster
    phone_registered: bool = False
    offer: OfferView | None = None
    call: DeskCall | None = None


class SessionReplaced(Command, frozen=True, kw_only=True):
    """Another page of this operator took over; this page says so and lets go of the audio."""

    web: str
    agent: str
    session: str


class RequestRefused(Command, frozen=True, kw_only=True):
    """What an operator asked for can't be; `reason` is a key of the page's texts (no_audio, offer_gone, not_in_call …)."""

    web: str
    agent: str
    session: str
    request: str
    reason: str


# --- to the actors ---------------------------------------------------------------------------------------------------


class SetDeadline(Command, frozen=True, kw_only=True):
    """Tell me `DeadlinePassed` with this generation at `at_ms`; replaces the entity's deadline of this key."""

    entity: Literal["call", "agent", "edge", "web", "callback"]
    id: str
    key: str
    generation: int
    at_ms: int


class ClearDeadline(Command, frozen=True, kw_only=True):
    """The entity's deadline of this key is no longer wanted."""

    entity: Literal["call", "agent", "edge", "web", "callback"]
    id: str
    key: str


class EntityGone(Command, frozen=True, kw_only=True):
    """The entity ended, its deadlines with it; its actor ends. Always behind the entity's other commands of the event."""

    entity: Literal["call", "agent", "edge", "web", "callback"]
    id: str


# --- to the journal: the story ---------------------------------------------------------------------------------------

CallStep: TypeAlias = Literal[
    "arrived",
    "dialled",
    "rings",
    "refused",
    "answered",
    "flow",
    "queued",
    "offered",
    "rejected",
    "no_answer",
    "unreachable",
    "withdrawn",
    "connected",
    "held",
    "resumed",
    "requeued",
    "transferring",
    "transferred",
    "transfer_failed",
    "recorded",
    "preferred",
    "released",
    "widened",
    "moved",
    "site_wanted",
    "callback_offered",
    "callback_asked",
    "callback_settled",
    "callback_expired",
    "ended",
]


class CallStory(Command, frozen=True, kw_only=True):
    """One step of a call's story, as reports and explanations read it."""

    call: str
    step: CallStep
    at_ms: int
    queue: str = ""
    agent: str = ""
    detail: str = ""  # flow step, cause of the end, marks of a call that is queued (hazard, vip, repeat), …


class AgentStory(Command, frozen=True, kw_only=True):
    """An operator's state from `at_ms` on."""

    agent: str
    state: AgentState
    at_ms: int
    reason: str = ""


Reject: TypeAlias = Literal[
    "not_ready",
    "ringing",
    "talking",
    "wrap_up",
    "paused",
    "page_away",
    "edge_away",  # the call's own: nobody can be joined to it at present
    "level_too_low",
    "not_in_team",
    "kept_for_another",
]


class Rejected(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """How many operators could not have the call for this reason, and who, where they are few."""

    why: Reject
    count: int
    agents: tuple[str, ...] = ()


class Considered(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One of the ready operators that came into question, with what the queue's strategy goes by."""

    agent: str
    score: int


DecisionKind: TypeAlias = Literal[
    "offered",  # to `agent`
    "waits",  # nobody may have it now
    "kept",  # for `agent`, until `until_ms`
    "released",  # to all, `agent` did not come
    "widened",  # by step number `step`
    "no_room",  # in the queue: it is full
    "not_yet",  # step number `step` is due, but not what it asks for
    "left",  # the queue, because of `detail`
]


class Decided(Command, frozen=True, kw_only=True):
    """One decision about a call in a queue, with its reasons, short enough to be kept for every call."""

    call: str
    kind: DecisionKind
    at_ms: int
    queue: str
    agent: str = ""
    offer: int = 0
    strategy: str = ""
    priority: int = 0  # the effective one, in thousandths
    waited_ms: int = 0
    waiting: int = 0  # calls in the queue
    step: int = 0
    steps: tuple[int, ...] = ()  # that have widened the search so far, counted from 1
    candidates: int = 0  # ready operators who might have it
    considered: tuple[Considered, ...] = ()  # who was chosen, and who would have been next
    rejected: tuple[Rejected, ...] = ()
    asked: tuple[tuple[str, int], ...] = ()  # skills and levels, where a call waits that some have not
    until_ms: int = 0
    detail: str = ""


class StaleEvent(Command, frozen=True, kw_only=True):
    """An event that came too late to matter (a race that can happen): counted by name, nothing else."""

    event: str
    state: str


ToEdge: TypeAlias = (
    RefuseCall
    | RingCaller
    | ProgressCaller
    | AnswerCaller
    | Play
    | PlayMusic
    | EndCall
    | RingPhone
    | EndPhone
    | Join
    | SendKeys
    | Part
    | DialOut
    | DialOutside
    | TakeOver
    | TransferAnswered
    | DropAudio
    | PreparePrompts
)
ToWeb: TypeAlias = DeskView | SessionReplaced | RequestRefused
ToActors: TypeAlias = SetDeadline | ClearDeadline | EntityGone
Story: TypeAlias = CallStory | AgentStory | Decided
AnyCommand: TypeAlias = ToEdge | ToWeb | ToActors | Story | StaleEvent
