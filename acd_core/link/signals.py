"""Messages on the core's link that are neither journalled nor repeated: browser audio offers on their way between web and edge,
views for the pages, progress of the store. Who misses one asks again.

The page's SDP travels page, web, core, edge as opaque text; the core never reads it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acd_core.domain.commands import AgentState, AudioKind, ToEdge, ToWeb
from acd_core.domain.events import CentreMode, EdgeEvent, WebEvent
from acd_core.domain.plan import Strategy
from acd_core.explain.story import Told
from acd_core.link.trace_lines import TraceLine


class Signal(msgspec.Struct, frozen=True, tag=True, omit_defaults=True, kw_only=True):
    """Base of all signals."""


class BrowserOffer(Signal, frozen=True, kw_only=True):
    """web → core → edge: a page offers audio. `peer` is the operator's session, or the visitor of the test-call page."""

    web: str
    purpose: Literal["agent", "citizen"]
    peer: str
    sdp: str
    agent: str = ""
    dialled: str = ""
    caller: str = ""


class BrowserKey(Signal, frozen=True, kw_only=True):
    """web → core → edge: the visitor of the test-call page pressed a key."""

    peer: str
    key: str


class BrowserHangUp(Signal, frozen=True, kw_only=True):
    """web → core → edge: the page lets go of its audio (the visitor hung up, the operator disconnected audio)."""

    peer: str


class BrowserAnswer(Signal, frozen=True, kw_only=True):
    """edge → core → web: the answer to a page's offer, or why there is none (`error` is a key of the page's texts)."""

    web: str
    peer: str
    sdp: str = ""
    call: str = ""
    error: str = ""


class BrowserEnded(Signal, frozen=True, kw_only=True):
    """edge → core → web: the browser leg ended."""

    web: str
    peer: str
    cause: str


class QueueRow(msgspec.Struct, frozen=True, kw_only=True):
    """One queue on the wallboard; counts are of the plan's day, and what they mean is in docs/statistics.md."""

    queue: str
    name: str
    strategy: Strategy
    priority: int
    aging_per_min: int
    aging_max: int
    waiting: int
    longest_since_ms: int  # who has waited longest of those who wait; 0: nobody waits
    talking: int
    agents: int  # logged in
    ready: int
    entered: int
    answered: int
    abandoned: int  # short ones too
    short_abandoned: int
    service_level: float | None  # without short abandons; None: of nothing
    service_level_ms: int  # what is in time
    asa_ms: int | None
    aht_ms: int | None
    longest_wait_ms: int  # of the day, of those who no longer wait


class AgentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One operator on the wallboard."""

    agent: str
    name: str
    team: str  # its name
    state: AgentState
    reason: str
    since_ms: int
    audio: AudioKind
    call: str
    queues: tuple[str, ...]
    calls: int  # since the log-in
    dialled: int  # calls of theirs that were answered, since the day began
    occupancy: float | None  # since the log-in, as of `since_ms`
    overdue: bool  # not ready for longer than planned
    paused: bool  # ready, but offered nothing for a moment


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
    """One live call on the wallboard."""

    call: str
    caller: str
    outbound: bool  # `agent` dialled the caller
    service: str
    state: str
    since_ms: int
    arrived_ms: int
    queue: str
    agent: str  # who speaks with the caller
    ringing: tuple[str, ...]  # at whom it rings
    vip: bool
    hazard: bool
    repeat: int  # calls of this caller before
    only: str  # kept for this agent
    priority: int  # beside the queue's own
    steps: tuple[int, ...]  # of the queue's, that were taken


class CallbackRow(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who asked to be called back."""

    id: str  # of the call
    caller: str
    number: str
    queue: str
    asked_at_ms: int
    arrived_ms: int


class ReasonRow(msgspec.Struct, frozen=True, kw_only=True):
    """One of the plan's reasons to be not ready; `planned_ms` is 0 when it says no length."""

    reason: str
    paid: bool
    planned_ms: int


class WallboardHead(msgspec.Struct, frozen=True, kw_only=True):
    """What is said with every picture and every change."""

    at_ms: int
    calls_live: int  # the first 200 by arrival are shown
    callbacks_open: int  # the first 100 asked for are shown
    mode: CentreMode
    store_behind: int  # journal events not yet in the database
    edges: tuple[str, ...]


class Wallboard(Signal, frozen=True, kw_only=True):
    """core → web: the live picture, to a web process that connects or lost a change. The agents of a large centre follow in
    changes.
    """

    head: WallboardHead
    queues: tuple[QueueRow, ...]
    agents: tuple[AgentRow, ...]
    calls: tuple[CallRow, ...]
    callbacks: tuple[CallbackRow, ...]
    not_ready_reasons: tuple[ReasonRow, ...]


class WallboardDelta(Signal, frozen=True, kw_only=True):
    """core → web: rows that changed or are new, and ids of those that are gone; a few times a second at most."""

    head: WallboardHead
    queues: tuple[QueueRow, ...] = ()
    queues_gone: tuple[str, ...] = ()
    agents: tuple[AgentRow, ...] = ()
    agents_gone: tuple[str, ...] = ()
    calls: tuple[CallRow, ...] = ()
    calls_gone: tuple[str, ...] = ()
    callbacks: tuple[CallbackRow, ...] | None = None  # None: as before
    not_ready_reasons: tuple[ReasonRow, ...] | None = None  # None: as before


class StoreProgress(Signal, frozen=True, kw_only=True):
    """store → core: everything up to this sequence is in the database."""

    shipped_seq: int


class ExplainAsked(Signal, frozen=True, kw_only=True):
    """web, control → core: why did this call go where it went?"""

    call: str


class Explained(Signal, frozen=True, kw_only=True):
    """core → web, control: what the core remembers of the call; nothing when it does not know it (any more)."""

    call: str
    told: Told | None = None


class ModeTold(Signal, frozen=True, kw_only=True):
    """core → control: the centre's mode before and after its `ModeChanged`."""

    before: CentreMode
    after: CentreMode


class SourceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A host that the edge has something against, and how often, by kind."""

    source: str
    kinds: dict[str, int]
    banned_until_ms: int = 0  # 0: it is heard
    last_ms: int = 0
    scanner: str = ""  # the tool it gave itself away as


class TrunkRow(msgspec.Struct, frozen=True, kw_only=True):
    """One trunk of an edge."""

    trunk: str
    up: bool
    live: int  # calls, in and out
    capacity: int  # how many of them it may have; where edges share a trunk, this one's part
    refused: int  # calls that found it full
    reason: str  # why it is down, or what the other side said last
    since_ms: int


class TrunkLines(msgspec.Struct, frozen=True, kw_only=True):
    """One trunk of an edge that shares it with others."""

    trunk: str
    live: int
    lines: int  # it takes no call beyond
    capacity: int  # of all edges together


class LinesHeld(Signal, frozen=True, kw_only=True):
    """edge → core: every two seconds, at once after `LinesGiven` and when it comes."""

    rows: tuple[TrunkLines, ...]
    number: int  # of the last `LinesGiven` that it heard


class LinesGiven(Signal, frozen=True, kw_only=True):
    """core → edge: how many calls it may have over each trunk from now on."""

    number: int
    lines: dict[str, int]


class EdgePicture(Signal, frozen=True, kw_only=True):
    """edge → core → webs: an edge once a second while somebody watches; `sources` are the 100 that did most."""

    edge: str
    at_ms: int
    calls: int
    step: int  # of admission: 0 takes everything
    counters: dict[str, int]
    trunks: tuple[TrunkRow, ...] = ()
    sources: tuple[SourceRow, ...] = ()


class PictureWanted(Signal, frozen=True, kw_only=True):
    """web → core → edges: somebody at this web process watches the edges, or nobody does any longer."""

    web: str
    on: bool


class TraceWanted(Signal, frozen=True, kw_only=True):
    """web → core → edges: the page `peer` watches the SIP messages of this call; an empty `call` ends it."""

    web: str
    peer: str
    call: str


class TraceLines(Signal, frozen=True, kw_only=True):
    """edge → core → web: what was new in the trace, 200 lines at most."""

    web: str
    peer: str
    lines: tuple[TraceLine, ...]


class EdgeAddress(Signal, frozen=True, kw_only=True):
    """edge → core, on every connection, ahead of the inventory: where its SIP is for the other edges, and the key that they prove
    themselves to it with. A key is of one process (`instance`) and told to nobody else.
    """

    edge: str
    instance: str
    key: str
    host: str
    port: int  # UDP


class Siblings(Signal, frozen=True, kw_only=True):
    """core → edges: all edges that have told where they are, whenever one does; or one that was away for so long that its calls
    have ended.
    """

    edges: tuple[EdgeAddress, ...] = ()
    gone: str = ""


class BanLifted(Signal, frozen=True, kw_only=True):
    """web → core → edges: a supervisor wants this host to be heard again."""

    source: str


ToCore: TypeAlias = (
    EdgeEvent
    | WebEvent
    | BrowserOffer
    | BrowserKey
    | BrowserHangUp
    | BrowserAnswer
    | BrowserEnded
    | EdgePicture
    | EdgeAddress
    | PictureWanted
    | TraceWanted
    | TraceLines
    | BanLifted
    | StoreProgress
    | ExplainAsked
    | LinesHeld
)
FromCore: TypeAlias = (
    ToEdge
    | ToWeb
    | BrowserOffer
    | BrowserKey
    | BrowserHangUp
    | BrowserAnswer
    | BrowserEnded
    | EdgePicture
    | PictureWanted
    | TraceWanted
    | TraceLines
    | BanLifted
    | Siblings
    | Wallboard
    | WallboardDelta
    | Explained
    | ModeTold
    | LinesGiven
)
