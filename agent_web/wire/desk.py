"""`/ws/desk`: an operator's page."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from acd_core.domain.commands import AgentState, AudioKind, Dialling
from agent_web.wire.base import Asked, Identifier, Said, SdpText, ShortText
from agent_web.wire.sockets import Core, Error, Ping, Pong

OfferNumber: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]


class Hello(Asked, tag="hello", frozen=True, kw_only=True):
    """First message of a desk page.

    `tab` is kept in sessionStorage. `page` is made at random when the page loads and lives in its memory
    only, so a duplicated tab (same `tab`) is another page and takes over, while the same page that reconnects
    is the same session.
    """

    tab: Identifier
    page: Identifier
    lang: Literal["tr", "en", "pl", "zh"] = "en"


class Ready(Asked, tag="ready", frozen=True, kw_only=True):
    """I take calls."""

    request: ShortText = ""


class NotReady(Asked, tag="not_ready", frozen=True, kw_only=True):
    """I take no calls."""

    request: ShortText = ""
    reason: ShortText = "break"


class Accept(Asked, tag="accept", frozen=True, kw_only=True):
    """I take this call."""

    call: ShortText
    offer: OfferNumber
    request: ShortText = ""


class Reject(Asked, tag="reject", frozen=True, kw_only=True):
    """I do not take this call."""

    call: ShortText
    offer: OfferNumber
    request: ShortText = ""


class HangUp(Asked, tag="hang_up", frozen=True, kw_only=True):
    """I end this conversation."""

    call: ShortText
    request: ShortText = ""


class WrapUpDone(Asked, tag="wrap_up_done", frozen=True, kw_only=True):
    """My work after the call is done."""

    request: ShortText = ""


class MoreTime(Asked, tag="more_time", frozen=True, kw_only=True):
    """I need more time after the call."""

    request: ShortText = ""


class Phone(Asked, tag="phone", frozen=True, kw_only=True):
    """My registered SIP phone is my audio (`use` false: no longer)."""

    use: bool = True
    request: ShortText = ""


class Dial(Asked, tag="dial", frozen=True, kw_only=True):
    """I call this number, as typed. What comes of it is in the views; that nobody was reached, in a late `refused`."""

    number: Annotated[ShortText, msgspec.Meta(min_length=1)]
    request: ShortText = ""


class Keys(Asked, tag="keys", frozen=True, kw_only=True):
    """I press these keys for the other side of this conversation."""

    call: ShortText
    keys: Annotated[str, msgspec.Meta(min_length=1, max_length=32, pattern="^[0-9*#A-D]+$")]
    request: ShortText = ""


class AudioOffer(Asked, tag="audio_offer", frozen=True, kw_only=True):
    """The page's SDP offer, whole, after its candidates were gathered."""

    sdp: SdpText


class AudioClose(Asked, tag="audio_close", frozen=True, kw_only=True):
    """The page lets go of its audio."""


class NotReadyReason(Said, frozen=True, kw_only=True):
    """Why an operator may be not ready; `planned_ms` is how long it should last, 0 when the plan does not say."""

    reason: str
    paid: bool
    planned_ms: int


class Welcome(Said, tag="welcome", frozen=True, kw_only=True):
    """Answer to `hello`. `session` is this page as the core knows it; `dials`: there are rules by which numbers
    may be dialled.
    """

    session: str
    agent: str
    now_ms: int
    not_ready_reasons: list[NotReadyReason]
    dials: bool


class Offer(Said, frozen=True, kw_only=True):
    """The pop-up: who calls which service, until when the offer stands.

    `repeat` is how often the caller called before lately, `kept` says that they are kept for this operator, `shared` for how
    many others it rings too.
    """

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
    vip: bool
    hazard: bool
    repeat: int
    kept: bool
    shared: int


class DeskCall(Said, frozen=True, kw_only=True):
    """The call an operator has, or had when in wrap-up (`ended_ms` not 0). Not `on_air`: the caller hears
    music meanwhile. `outbound`: the operator dialled `caller`; until there is an answer `dialling` says how far it is: dialled,
    rings, or heard already (announcements before the answer).
    """

    call: str
    caller: str
    caller_name: str
    dialled: str
    service: str
    queue: str
    queue_name: str
    arrived_ms: int
    answered_ms: int
    ended_ms: int
    on_air: bool
    vip: bool
    hazard: bool
    repeat: int
    outbound: bool
    dialling: Dialling


class View(Said, tag="view", frozen=True, kw_only=True):
    """The whole of what the desk shows; replaces the one before. One with a smaller `revision` came late:
    ignore it.

    `deadline_ms` is the end of the offer, the wrap-up, the pause of one who is ready (`paused`: nothing is offered until then),
    or of what is planned for being not ready (`overdue` afterwards). `can_extend` says that `more_time` would be granted. After
    `logged_out` with its `reason` the socket is closed with code 4004.
    """

    revision: int
    now_ms: int
    state: AgentState
    since_ms: int
    reason: str
    next_reason: str
    deadline_ms: int
    paused: bool
    overdue: bool
    can_extend: bool
    audio: AudioKind
    phone: str
    phone_registered: bool
    offer: Offer | None
    call: DeskCall | None


class Reasons(Said, tag="reasons", frozen=True, kw_only=True):
    """The reasons to be not ready that the plan knows, when they became known or changed."""

    not_ready_reasons: list[NotReadyReason]


class Replaced(Said, tag="replaced", frozen=True, kw_only=True):
    """Another page of this operator took over; the socket is closed with code 4001 and the page does not come
    back by itself.
    """


class Refused(Said, tag="refused", frozen=True, kw_only=True):
    """The core refused what the page asked for; `reason` is a key of the page's texts (no_audio, offer_gone,
    wrap_up_max …).
    """

    request: str
    reason: str


class AudioAnswer(Said, tag="audio_answer", frozen=True, kw_only=True):
    """The answer to the page's offer; with `error` (a key of the page's texts) there is none. `call` only for
    the test call.
    """

    sdp: str
    call: str
    error: str


class AudioEnded(Said, tag="audio_ended", frozen=True, kw_only=True):
    """The page's audio ended on the other side."""

    cause: str


DeskToServer: TypeAlias = (
    Hello
    | Ready
    | NotReady
    | Accept
    | Reject
    | HangUp
    | WrapUpDone
    | MoreTime
    | Phone
    | Dial
    | Keys
    | AudioOffer
    | AudioClose
    | Pong
)
DeskToPage: TypeAlias = (
    Welcome | Core | View | Reasons | Replaced | Refused | AudioAnswer | AudioEnded | Error | Ping
)
