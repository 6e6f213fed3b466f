"""Calls of the past, and why each went where it went."""

from __future__ import annotations

from agent_web.wire.base import Said


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
