"""What the core is told: every input event of the domain, journalled before it is applied.

Events are facts from outside, already stamped by the one who saw them; they never ask. Field names are the wire's and the
journal's names, so a renamed field is a new journal version. Ids: `call` is made by the edge, `agent` comes from the roster,
`session` is one page (tab) of an operator, `leg` is one browser audio leg, `offer` is made by the domain.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acd_core.domain.plan import Plan
from acd_core.domain.roster import Roster

CentreMode: TypeAlias = Literal["normal", "closed", "emergency"]


class Event(msgspec.Struct, frozen=True, tag=True, omit_defaults=True, kw_only=True):
    """Base of all events; the tag is the class name."""


# --- from the core itself -------------------------------------------------------------------------------------------


class CoreStarted(Event, frozen=True, kw_only=True):
    """A core process began to serve; `code_version` is the version that decides from here on."""

    code_version: str


class PlanChanged(Event, frozen=True, kw_only=True):
    """A validated plan takes effect; nobody who waits is dropped or reordered."""

    version: int
    plan: Plan


class RosterChanged(Event, frozen=True, kw_only=True):
    """A validated roster takes effect."""

    version: int
    roster: Roster


class DeadlinePassed(Event, frozen=True, kw_only=True):
    """A deadline set by `SetDeadline` is due; an old generation is stale and ignored."""

    entity: Literal["call", "agent", "edge", "web", "callback"]
    id: str
    key: str
    generation: int


class EdgeDown(Event, frozen=True, kw_only=True):
    """The link to an edge broke; its calls are kept until it reports an inventory or its grace ends."""

    edge: str


class WebDown(Event, frozen=True, kw_only=True):
    """The link to a web process broke; its sessions are kept for the grace."""

    web: str


# --- from an edge ----------------------------------------------------------------------------------------------------


class HeldCall(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A call an edge holds: `answered` once the caller's leg was answered, `agent` while joined to one.

    `ringing` are the offers whose phones ring, or were answered and are not joined yet.
    """

    call: str
    answered: bool = False
    agent: str = ""
    ringing: tuple[int, ...] = ()
    dialling: bool = False  # a call of ours that nobody has answered yet


class BrowserLeg(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An operator's connected browser audio."""

    agent: str
    leg: str


class EdgeInventory(Event, frozen=True, kw_only=True):
    """All that an edge holds, first thing on every (re)connection, behind whatever it had still to say."""

    edge: str
    instance: str
    calls: tuple[HeldCall, ...] = ()
    browser_legs: tuple[BrowserLeg, ...] = ()
    phones: tuple[str, ...] = ()
    trunks: tuple[str, ...] = ()  # those that are up


class CallArrived(Event, frozen=True, kw_only=True):
    """A caller's INVITE (or test call from the page) to `dialled`; `at_ms` is stamped where it arrived."""

    call: str
    edge: str
    caller: str
    dialled: str
    at_ms: int
    caller_name: str = ""
    via: Literal["sip", "web"] = "sip"
    number: str = ""  # the caller's in international form (+90…); empty: withheld, or none of a telephone
    language: str = ""  # empty: that of the dialled number
    priority: int = 0
    skills: dict[str, int] = {}  # beside those of the number, the caller and the flow
    trunk: str = ""  # of the plan of this machine; empty: not over one
    diverted: tuple[
        str, ...
    ] = ()  # numbers that passed the call on, the last one first (Diversion, History-Info)
    asserted: bool = False  # a trusted trunk says that the number is the caller's (RFC 3325)


class CallerHungUp(Event, frozen=True, kw_only=True):
    """The caller ended the call (BYE, CANCEL, closed page) or their leg failed; `cause` is for the story.

    `reason` is what their side said of it (RFC 3326), such as `Q.850;cause=16`.
    """

    call: str
    cause: str = "caller_hung_up"
    reason: str = ""


class CallerAnswered(Event, frozen=True, kw_only=True):
    """The edge answered a call by itself that was to be heard before the answer: its time was over, or it could not be heard."""

    call: str


class PlaybackDone(Event, frozen=True, kw_only=True):
    """Playback number `play` of this call ended; with `failed`, a prompt could not be played and was skipped."""

    call: str
    play: int
    failed: bool = False


class KeyPressed(Event, frozen=True, kw_only=True):
    """The caller pressed one of 0-9 * # A-D."""

    call: str
    key: str


class PhoneRegistered(Event, frozen=True, kw_only=True):
    """A SIP phone registered at this edge (`user` of its address of record)."""

    edge: str
    user: str


class PhoneUnregistered(Event, frozen=True, kw_only=True):
    """The last binding of a SIP phone ended or ran out."""

    edge: str
    user: str


class PhoneAnswered(Event, frozen=True, kw_only=True):
    """The operator's SIP phone answered the offer."""

    agent: str
    call: str
    offer: int


class PhoneFailed(Event, frozen=True, kw_only=True):
    """The operator's SIP phone could not be rung: busy, declined (`status` 486, 603 …), unreachable (408, 480).

    `cause` when it is not the phone's doing: `edge_unreachable`.
    """

    agent: str
    call: str
    offer: int
    status: int
    cause: str = ""


class PhoneHungUp(Event, frozen=True, kw_only=True):
    """The operator's SIP phone ended the conversation; `handing`: without having heard what became of a transfer it asked for."""

    agent: str
    call: str
    handing: bool = False


class TransferAsked(Event, frozen=True, kw_only=True):
    """The operator's phone asks, within the call of this offer, to hand the caller on to `target` (REFER, RFC 3515).

    `transfer` numbers what is asked in this edge's phones; `to`, `trunks` and `barred` of the target as in `DialRequested`. With
    `other` it is whoever the same phone speaks with in that call (Replaces, RFC 3891).
    """

    agent: str
    call: str
    offer: int
    transfer: int
    target: str
    at_ms: int
    to: str = ""
    trunks: tuple[str, ...] = ()
    barred: str = ""
    other: str = ""


class AudioConnected(Event, frozen=True, kw_only=True):
    """The operator's browser audio flows (ICE, DTLS and first packets seen). Replaces an older leg of the same agent."""

    agent: str
    session: str
    edge: str
    leg: str


class AudioLost(Event, frozen=True, kw_only=True):
    """The operator's browser audio closed or fell silent; a leg that is no longer the agent's is stale."""

    agent: str
    leg: str


class AudioCutOff(Event, frozen=True, kw_only=True):
    """The operator's device is at another edge, which can't be reached, or no longer: for this `cause` there is no audio."""

    agent: str
    call: str
    offer: int
    cause: str
    part: int = 0  # which time that the two were joined; 0: a phone, which has the whole offer


class RecordingFinished(Event, frozen=True, kw_only=True):
    """One part of a conversation is on disk: left channel the caller, right channel the operator."""

    call: str
    part: int
    agent: str
    path: str  # relative to the recordings folder
    started_at_ms: int
    duration_ms: int
    size_bytes: int
    sha256: str


class DialProgress(Event, frozen=True, kw_only=True):
    """The number that was dialled rings (180) or is heard already (183)."""

    call: str
    status: int
    attempt: int = 0  # of a caller who is handed on; 0: the number that an operator dialled


class DialAnswered(Event, frozen=True, kw_only=True):
    """The number that was dialled answered, over this trunk."""

    call: str
    trunk: str
    attempt: int = 0  # of a caller who is handed on; 0: the number that an operator dialled


class DialFailed(Event, frozen=True, kw_only=True):
    """Nobody was reached: the last `status` and its reason, over the trunk that was tried last (empty: none took it)."""

    call: str
    status: int
    cause: str
    trunk: str = ""
    attempt: int = 0  # of a caller who is handed on; 0: the number that an operator dialled


class OutsideHungUp(Event, frozen=True, kw_only=True):
    """Who answered this attempt, and has been handed a caller, hung up, or their leg failed."""

    call: str
    attempt: int
    cause: str = "outside_hung_up"


class PhoneDialled(Event, frozen=True, kw_only=True):
    """A registered phone, which proved to be `user`, calls out; `number` as in `CallArrived`, of what was dialled.

    `to`, `trunks` and `barred` as in `DialRequested`.
    """

    edge: str
    call: str
    user: str
    dialled: str
    at_ms: int
    number: str
    to: str = ""
    trunks: tuple[str, ...] = ()
    barred: str = ""


class TrunkChanged(Event, frozen=True, kw_only=True):
    """A trunk of this edge can be used from now on, or no longer."""

    edge: str
    trunk: str
    up: bool
    reason: str


# --- from a web process ----------------------------------------------------------------------------------------------


class OpenSession(msgspec.Struct, frozen=True, kw_only=True):
    """An operator's page that is connected now."""

    agent: str
    session: str


class WebInventory(Event, frozen=True, kw_only=True):
    """All sessions a web process holds, first thing on every (re)connection."""

    web: str
    instance: str
    sessions: tuple[OpenSession, ...] = ()


class SessionOpened(Event, frozen=True, kw_only=True):
    """An operator's page connected. A second page of the same operator takes over from the first."""

    agent: str
    session: str
    web: str


class SessionLost(Event, frozen=True, kw_only=True):
    """The page's socket closed without a log-out."""

    agent: str
    session: str


class SessionClosed(Event, frozen=True, kw_only=True):
    """The operator logged out."""

    agent: str
    session: str


class AgentRequest(Event, frozen=True, kw_only=True):
    """Base of what an operator asks for at the desk; refused by `RequestRefused` with the same `request`."""

    agent: str
    session: str
    request: str = ""


class ReadyRequested(AgentRequest, frozen=True, kw_only=True):
    """I take calls. Refused without audio."""


class NotReadyRequested(AgentRequest, frozen=True, kw_only=True):
    """I take no calls, because of `reason` (after the conversation and its wrap-up when one is on)."""

    reason: str = "break"


class OfferAccepted(AgentRequest, frozen=True, kw_only=True):
    """I take this call."""

    call: str
    offer: int


class OfferRejected(AgentRequest, frozen=True, kw_only=True):
    """I do not take this call."""

    call: str
    offer: int


class HangUpRequested(AgentRequest, frozen=True, kw_only=True):
    """I end this conversation."""

    call: str


class WrapUpFinished(AgentRequest, frozen=True, kw_only=True):
    """My work after the call is done."""


class WrapUpExtended(AgentRequest, frozen=True, kw_only=True):
    """I need more time after the call. Refused beyond the queue's `wrap_up_max_ms`."""


class PhoneChosen(AgentRequest, frozen=True, kw_only=True):
    """My registered SIP phone is my audio (`use` false: no longer)."""

    use: bool = True


class DialRequested(AgentRequest, frozen=True, kw_only=True):
    """I call this number, as typed. The core judges it before it is an event (dialrules.py): `to` and `trunks`, or `barred`."""

    number: str
    to: str = ""  # E.164 with +, short numbers as dialled
    trunks: tuple[str, ...] = ()
    barred: str = ""


class KeysRequested(AgentRequest, frozen=True, kw_only=True):
    """I press these keys (0-9 * # A-D) for whom I am talking to: a menu at the other end."""

    call: str
    keys: str


class ModeChanged(Event, frozen=True, kw_only=True):
    """A supervisor opened, closed or put the centre into emergency; flows go by it (`hours`)."""

    mode: CentreMode
    by: str = ""


class CallbackSettled(Event, frozen=True, kw_only=True):
    """Somebody called back, or took it off the list; `callback` is the id of the call that asked for it."""

    callback: str
    by: str = ""


CoreEvent: TypeAlias = CoreStarted | PlanChanged | RosterChanged | DeadlinePassed | EdgeDown | WebDown
EdgeEvent: TypeAlias = (
    EdgeInventory
    | CallArrived
    | CallerHungUp
    | CallerAnswered
    | PlaybackDone
    | KeyPressed
    | PhoneRegistered
    | PhoneUnregistered
    | PhoneAnswered
    | PhoneFailed
    | PhoneHungUp
    | TransferAsked
    | AudioConnected
    | AudioLost
    | AudioCutOff
    | RecordingFinished
    | DialProgress
    | DialAnswered
    | DialFailed
    | OutsideHungUp
    | PhoneDialled
    | TrunkChanged
)
WebEvent: TypeAlias = (
    WebInventory
    | SessionOpened
    | SessionLost
    | SessionClosed
    | ReadyRequested
    | NotReadyRequested
    | OfferAccepted
    | OfferRejected
    | HangUpRequested
    | WrapUpFinished
    | WrapUpExtended
    | PhoneChosen
    | DialRequested
    | KeysRequested
    | ModeChanged
    | CallbackSettled
)
AnyEvent: TypeAlias = CoreEvent | EdgeEvent | WebEvent
