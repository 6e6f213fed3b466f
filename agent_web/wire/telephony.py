"""`/ws/telephony`: the edges, what they refuse, and a call's SIP messages as they come."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from agent_web.wire.base import Asked, Said, ShortText
from agent_web.wire.sockets import Core, Error, Ping, Pong


class LiftBan(Asked, frozen=True, kw_only=True):
    """POST /api/telephony/lift: this source, as the page was told it, is to be heard again by every edge."""

    source: Annotated[ShortText, msgspec.Meta(min_length=1)]


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
