"""Messages on the core's link that are neither journalled nor repeated: browser audio offers on their way between web and edge,
views for the pages, progress of the store. Who misses one asks again.

The page's SDP travels page, web, core, edge as opaque text; the core never reads it.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from acd_core.domain.commands import AgentState, AudioKind, ToEdge, ToWeb
from acd_core.domain.events import CentreMode, EdgeEvent, WebEvent
from acd_core.explain.story import Told


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
    """One queue on the wallboard."""

    queue: str
    name: str
    waiting: int
    longest_since_ms: int  # 0: nobody waits
    talking: int
    agents: int
    ready: int
    answered: int  # since the core's day began
    abandoned: int


class AgentRow(msgspec.Struct, frozen=True, kw_only=True):
    """One operator on the wallboard."""

    agent: str
    name: str
    state: AgentState
    reason: str
    since_ms: int
    audio: AudioKind
    call: str
    queues: tuple[str, ...]


class CallRow(msgspec.Struct, frozen=True, kw_only=True):
    """One live call on the wallboard."""

    call: str
    caller: str
    service: str
    state: str
    since_ms: int
    arrived_ms: int
    queue: str
    agent: str


class ReasonRow(msgspec.Struct, frozen=True, kw_only=True):
    """One of the plan's reasons to be not ready; `planned_ms` is 0 when it says no length."""

    reason: str
    paid: bool
    planned_ms: int


class Wallboard(Signal, frozen=True, kw_only=True):
    """core → web: the live picture, whole, at most a few times a second and only when it changed."""

    at_ms: int
    queues: tuple[QueueRow, ...]
    agents: tuple[AgentRow, ...]
    calls: tuple[CallRow, ...]
    calls_live: int  # `calls` shows the first 200 by arrival
    not_ready_reasons: tuple[ReasonRow, ...]
    store_behind: int  # journal events not yet in the database
    edges: tuple[str, ...]


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


ToCore: TypeAlias = (
    EdgeEvent
    | WebEvent
    | BrowserOffer
    | BrowserKey
    | BrowserHangUp
    | BrowserAnswer
    | BrowserEnded
    | StoreProgress
    | ExplainAsked
)
FromCore: TypeAlias = (
    ToEdge
    | ToWeb
    | BrowserOffer
    | BrowserKey
    | BrowserHangUp
    | BrowserAnswer
    | BrowserEnded
    | Wallboard
    | Explained
    | ModeTold
)
