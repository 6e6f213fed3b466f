"""Every JSON message between the pages and the web process: HTTP bodies and WebSocket messages, defined once.

Names are snake_case on both sides. Times are milliseconds since 1970 (`…_ms`); the page learns the server's
clock from `now_ms` and shows durations by it. What the server says has every field, so that the page need not
guess; what the page says may leave out fields that have a default. Socket messages carry their name in
`type`. The page's TypeScript types are generated from these structs (`python -m agent_web.schema`).
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from acd_core.domain.commands import AgentState, AudioKind, Dialling
from acd_core.domain.events import CentreMode
from acd_core.domain.plan import Strategy

Role: TypeAlias = Literal["operator", "supervisor", "admin"]
OrderStatus: TypeAlias = Literal["new", "assigned", "in_progress", "waiting", "done", "cancelled"]
Priority: TypeAlias = Literal["low", "normal", "high", "urgent"]
CoreState: TypeAlias = Literal["up", "away"]

SDP_MAX_CHARS = 65_536
# Python's `$` also matches before a line end at the end of the text; hence `(?!\n)` behind it.
ShortText: TypeAlias = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
SdpText: TypeAlias = Annotated[str, msgspec.Meta(max_length=SDP_MAX_CHARS)]
OfferNumber: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]
Identifier: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{8,64}$(?!\n)")]
PhoneNumber: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9]{1,20}$(?!\n)")]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what the server says."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what a page says; an unknown field is an error."""


# --- HTTP: errors, log-in ------------------------------------------------------------


class FieldError(Said, frozen=True, kw_only=True):
    """One bad field of a form; `reason` is a key of the page's texts (required, too_long, unknown,
    not_a_phone_number …).
    """

    field: str
    reason: str


class Problem(Said, frozen=True, kw_only=True):
    """The body of every answer of 400 and above. `error` is a key of the page's texts, `text` is for people
    who read the API.
    """

    error: str
    text: str
    errors: list[FieldError]


class LoginRequest(Asked, frozen=True, kw_only=True):
    """POST /api/login."""

    user: Annotated[ShortText, msgspec.Meta(min_length=1)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class Me(Said, frozen=True, kw_only=True):
    """Who is logged in. `csrf` goes into the header X-CSRF-Token of every POST, PATCH, PUT and DELETE."""

    user: str
    name: str
    roles: list[Role]
    agent: str | None
    csrf: str
    expires_at_ms: int
    now_ms: int


class Health(Said, frozen=True, kw_only=True):
    """GET /healthz."""

    core: CoreState
    database: Literal["up", "away"]


# --- HTTP: catalogue and work orders ------------------------------------------------------------


class Category(Said, frozen=True, kw_only=True):
    """A kind of work order; `names` by language, `deadline_h` hours until it is late (none: 0)."""

    id: str
    names: dict[str, str]
    kind: str
    deadline_h: int


class Catalogue(Said, frozen=True, kw_only=True):
    """GET /api/catalogue: what forms offer. `next_statuses` says what each status may become."""

    categories: list[Category]
    priorities: list[Priority]
    statuses: list[OrderStatus]
    next_statuses: dict[OrderStatus, list[OrderStatus]]


class NewOrder(Asked, frozen=True, kw_only=True):
    """POST /api/orders. `key` is made by the page once per form: the same key again gives the same order, not
    a second.
    """

    key: str
    category: str
    description: str
    call: str = ""
    caller_phone: str = ""
    citizen_name: str = ""
    address: str = ""
    district: str = ""
    priority: str = "normal"


class OrderRow(Said, frozen=True, kw_only=True):
    """A work order as the register lists it. `call` is empty for an order without a call, `deadline_ms` 0
    without one.
    """

    id: int
    tracking_number: str
    call: str
    category: str
    caller_phone: str
    citizen_name: str
    address: str
    district: str
    priority: Priority
    status: OrderStatus
    created_by: str
    created_at_ms: int
    updated_at_ms: int
    deadline_ms: int
    version: int


class OrderChange(Said, frozen=True, kw_only=True):
    """One entry of an order's history: `field` changed (created, status, description), by whom, when."""

    at_ms: int
    by: str
    field: str
    before: str
    after: str
    version: int


class Order(OrderRow, frozen=True, kw_only=True):
    """A work order whole: the row, its description and its history, oldest first."""

    description: str
    history: list[OrderChange]


class OrderPage(Said, frozen=True, kw_only=True):
    """GET /api/orders: newest first; `next` is the `before` of the next page, null on the last."""

    orders: list[OrderRow]
    next: int | None


class OrderPatch(Asked, frozen=True, kw_only=True):
    """PATCH /api/orders/{id}: `version` is the one the page has seen; another one is answered by 409 with the
    present order.
    """

    version: int
    status: str | None = None
    description: str | None = None


class OrderConflict(Problem, frozen=True, kw_only=True):
    """409: somebody was faster (version_conflict), or the call has its order already (call_has_order);
    `order` is what is there.
    """

    order: Order


class PastCall(Said, frozen=True, kw_only=True):
    """A call as the store tells it; times are 0 when it did not come to that, `order` is its tracking number
    or empty. `via` is sip, web, or dialled: then an operator dialled `caller`.
    """

    call: str
    caller: str
    dialled: str
    via: str
    queue: str
    agent: str
    arrived_ms: int
    answered_ms: int
    ended_ms: int
    outcome: str
    cause: str
    order: str


class PastCalls(Said, frozen=True, kw_only=True):
    """GET /api/calls: newest first."""

    calls: list[PastCall]


# --- HTTP: the centre as a whole ------------------------------------------------------------


class NewMode(Asked, frozen=True, kw_only=True):
    """PUT /api/mode: the centre works as ever, is closed, or is in an emergency; flows go by it."""

    mode: CentreMode


class SettleCallback(Asked, frozen=True, kw_only=True):
    """POST /api/callbacks/settle: whoever asked for it in this call was called back, or need not be."""

    callback: Annotated[ShortText, msgspec.Meta(min_length=1)]


class LiftBan(Asked, frozen=True, kw_only=True):
    """POST /api/telephony/lift: this source, as the page was told it, is to be heard again by every edge."""

    source: Annotated[ShortText, msgspec.Meta(min_length=1)]


class ExplanationLine(Said, frozen=True, kw_only=True):
    """One sentence of a story; `at_ms` is 0 and `clock` empty for a remark that belongs to no moment. `clock` is the centre's."""

    at_ms: int
    clock: str
    text: str


class Explanation(Said, frozen=True, kw_only=True):
    """GET /api/calls/{call}/explanation: why the call went where it went, and for one that waits (`now`), what keeps it."""

    call: str
    live: bool
    timezone: str
    lines: list[ExplanationLine]
    now: list[str]


# --- every socket ------------------------------------------------------------


class Ping(Said, tag="ping", frozen=True, kw_only=True):
    """The server asks whether the page lives; it answers `pong` with the same `n`. A page that hears nothing
    for 10 s reconnects.
    """

    n: int


class Pong(Asked, tag="pong", frozen=True, kw_only=True):
    """The page lives."""

    n: int


class Core(Said, tag="core", frozen=True, kw_only=True):
    """Whether the core can be reached. While it is away conversations go on and nothing else moves."""

    state: CoreState


class Error(Said, tag="error", frozen=True, kw_only=True):
    """A message of the page was not understood or can't be obeyed now; the socket stays."""

    error: str  # bad_message, hello_first, core_away, too_fast, full
    text: str
    request: str  # of the message, when it could be read


# --- /ws/desk ------------------------------------------------------------


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
    | AudioOffer
    | AudioClose
    | Pong
)
DeskToPage: TypeAlias = (
    Welcome | Core | View | Reasons | Replaced | Refused | AudioAnswer | AudioEnded | Error | Ping
)


# --- /ws/call ------------------------------------------------------------


class CallOffer(Asked, tag="call_offer", frozen=True, kw_only=True):
    """A citizen's test call: the number they dial, their own number if they give one (unverified), the page's
    SDP offer.
    """

    dialled: PhoneNumber
    sdp: SdpText
    caller: Annotated[str, msgspec.Meta(pattern=r"^(\+?[0-9]{3,20})?$(?!\n)")] = ""


class CallKey(Asked, tag="key", frozen=True, kw_only=True):
    """A key of the dial pad."""

    key: Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#"]


class CallHangUp(Asked, tag="hang_up", frozen=True, kw_only=True):
    """The citizen hangs up."""


CallToServer: TypeAlias = CallOffer | CallKey | CallHangUp | Pong
CallToPage: TypeAlias = Core | AudioAnswer | AudioEnded | Error | Ping


# --- /ws/board ------------------------------------------------------------


class BoardQueue(Said, frozen=True, kw_only=True):
    """One queue; `longest_since_ms` is 0 when nobody waits. Counts are of the plan's day, `abandoned` has the short ones too.

    `service_level` (0 to 1) leaves short abandons out; it and the means are null of nothing (docs/statistics.md).
    Who waits here has the priority of the queue, that of the call, and `aging_per_min` for each minute since they arrived, up to
    `aging_max`. `longest_wait_ms` is that of the day, of those who no longer wait.
    """

    queue: str
    name: str
    strategy: Strategy
    priority: int
    aging_per_min: int
    aging_max: int
    waiting: int
    longest_since_ms: int
    talking: int
    agents: int
    ready: int
    entered: int
    answered: int
    abandoned: int
    short_abandoned: int
    service_level: float | None
    service_level_ms: int
    asa_ms: int | None
    aht_ms: int | None
    longest_wait_ms: int


class BoardAgent(Said, frozen=True, kw_only=True):
    """One operator. `calls` and `occupancy` (0 to 1) count since the log-in; `dialled` those of the day that they dialled and
    that were answered; `overdue`: not ready for longer than planned; `paused`: ready, but offered nothing for a moment.
    """

    agent: str
    name: str
    team: str
    state: AgentState
    reason: str
    since_ms: int
    audio: AudioKind
    call: str
    queues: list[str]
    calls: int
    dialled: int
    occupancy: float | None
    overdue: bool
    paused: bool


class BoardCall(Said, frozen=True, kw_only=True):
    """One live call: `agent` speaks with the caller, it rings at those in `ringing`, and is kept for `only`. `repeat` counts
    earlier calls of this caller; `steps` are those of the queue that were taken. `outbound`: `agent` dialled the caller.
    """

    call: str
    caller: str
    outbound: bool
    service: str
    state: str
    since_ms: int
    arrived_ms: int
    queue: str
    agent: str
    ringing: list[str]
    vip: bool
    hazard: bool
    repeat: int
    only: str
    priority: int
    steps: list[int]


class BoardCallback(Said, frozen=True, kw_only=True):
    """Somebody who asked to be called back; `id` is that of their call."""

    id: str
    caller: str
    number: str
    queue: str
    asked_at_ms: int
    arrived_ms: int


class Board(Said, tag="board", frozen=True, kw_only=True):
    """The live picture, whole; `calls` shows the first 200 by arrival of `calls_live`, `callbacks` the first 100 that were
    asked for of `callbacks_open`.
    """

    at_ms: int
    now_ms: int
    queues: list[BoardQueue]
    agents: list[BoardAgent]
    calls: list[BoardCall]
    callbacks: list[BoardCallback]
    calls_live: int
    callbacks_open: int
    mode: CentreMode
    store_behind: int
    edges: list[str]


BoardToServer: TypeAlias = Pong
BoardToPage: TypeAlias = Board | Core | Error | Ping


# --- /ws/orders ------------------------------------------------------------


class OrderChanged(Said, tag="order_changed", frozen=True, kw_only=True):
    """A work order is new or changed; the one with the larger `version` counts."""

    order: OrderRow


class OrdersMissed(Said, tag="orders_missed", frozen=True, kw_only=True):
    """Changes may have been missed (the database was away): load the register again."""


OrdersToServer: TypeAlias = Pong
OrdersToPage: TypeAlias = OrderChanged | OrdersMissed | Error | Ping


# --- /ws/telephony ------------------------------------------------------------


class EdgeSource(Said, frozen=True, kw_only=True):
    """A host that an edge has something against: how often, by kind; `banned_until_ms` is 0 while it is heard."""

    source: str
    kinds: dict[str, int]
    banned_until_ms: int
    last_ms: int
    scanner: str


class EdgeTrunk(Said, frozen=True, kw_only=True):
    """A trunk of an edge; `reason` says why it is down."""

    trunk: str
    up: bool
    live: int
    capacity: int
    refused: int
    reason: str
    since_ms: int


class EdgeState(Said, frozen=True, kw_only=True):
    """One edge; `step` is that of its admission, 0 takes everything. `sources` are the 100 that matter most."""

    edge: str
    at_ms: int
    calls: int
    step: int
    counters: dict[str, int]
    trunks: list[EdgeTrunk]
    sources: list[EdgeSource]


class Edges(Said, tag="edges", frozen=True, kw_only=True):
    """All edges that were heard within the last seconds."""

    now_ms: int
    edges: list[EdgeState]


class TraceLine(Said, frozen=True, kw_only=True):
    """One SIP message of the watched call, `sent` by us; `lost` messages before it are not in the trace."""

    at_ms: int
    party: str
    sent: bool
    peer: str
    transport: str
    text: str
    lost: int


class TraceTold(Said, tag="trace", frozen=True, kw_only=True):
    """What is new of the watched call, its past first."""

    call: str
    lines: list[TraceLine]


class WatchCall(Asked, tag="watch_call", frozen=True, kw_only=True):
    """Show the SIP messages of this call (its id, or a SIP Call-ID) as they come; empty: no longer."""

    call: Annotated[str, msgspec.Meta(max_length=256)]


TelephonyToServer: TypeAlias = Pong | WatchCall
TelephonyToPage: TypeAlias = Edges | TraceTold | Core | Error | Ping
