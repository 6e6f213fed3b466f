"""Between which values every number of a plan or roster has to lie.

A test sees to it that no number is left out. What depends on another key (`ring_max`, `wait_max_ms` after the last step) is
checked where that key is.
"""

from __future__ import annotations

from typing import TypeAlias

from acd_core.documents.source import Place, Source
from acd_core.domain.limits import CALLS_LIVE_MAX
from acd_core.domain.plan import (
    Caller,
    Condition,
    Document,
    MenuStep,
    NotReadyReason,
    Number,
    OfferRule,
    Outbound,
    Plan,
    Queue,
    QueueStep,
    SearchStep,
    Site,
)
from acd_core.domain.roster import Agent

Range: TypeAlias = tuple[int, int]

DAY_MS = 24 * 3600 * 1000
_YEAR_MS = 366 * DAY_MS
_ORDER: Range = (0, 1_000_000)
# Low enough that priority, aging and everything added to them stay exact in JavaScript, which shows them.
_PRIORITY: Range = (-1_000_000, 1_000_000)
_SPAN: Range = (1, DAY_MS)
_SPAN_OR_NONE: Range = (0, DAY_MS)
# Less than the three minutes after which a proxy may give up an INVITE (RFC 3261 16.6 (11), timer C).
_UNANSWERED: Range = (1_000, 170_000)

RANGES: dict[type[Document], dict[str, Range]] = {
    Number: {"priority": _PRIORITY, "early_media_max_ms": _UNANSWERED},
    Caller: {"priority": _PRIORITY},
    MenuStep: {"timeout_ms": _SPAN, "repeats": (0, 100)},
    QueueStep: {"priority": _PRIORITY},
    Condition: {
        "waiting_over": (-1, CALLS_LIVE_MAX),
        "expected_wait_over_ms": (-1, DAY_MS),
        "ready_at_most": (-1, CALLS_LIVE_MAX),
    },
    SearchStep: {"after_ms": _SPAN_OR_NONE, "lower_levels": (0, 4)},
    OfferRule: {"pause_ms": _SPAN_OR_NONE},
    Queue: {
        "priority": _PRIORITY,
        "aging_per_min": (0, 1_000_000),
        "aging_max": (0, 1_000_000),
        "ring_max": (2, 20),
        "waiting_max": (1, CALLS_LIVE_MAX),
        "wait_max_ms": _SPAN,
        "unstaffed_max_ms": _SPAN_OR_NONE,
        "offer_timeout_ms": _SPAN,
        "vanished_grace_ms": _SPAN_OR_NONE,
        "wrap_up_ms": _SPAN_OR_NONE,
        "wrap_up_extension_ms": _SPAN_OR_NONE,
        "wrap_up_max_ms": _SPAN_OR_NONE,
        "talk_max_ms": _SPAN,
        "agent_grace_ms": _SPAN,
        "last_operator_ms": (0, _YEAR_MS),
        "preferred_hold_ms": _SPAN_OR_NONE,
        "repeat_priority": _PRIORITY,
        "service_level_ms": _SPAN,
        "short_abandon_ms": _SPAN_OR_NONE,
    },
    Outbound: {
        "ring_max_ms": _SPAN,
        "talk_max_ms": _SPAN,
        "agent_grace_ms": _SPAN,
        "wrap_up_ms": _SPAN_OR_NONE,
        "wrap_up_extension_ms": _SPAN_OR_NONE,
        "wrap_up_max_ms": _SPAN_OR_NONE,
    },
    Site: {
        "capacity": (1, CALLS_LIVE_MAX),
        "order": _ORDER,
        "weight": (1, 1_000),
        "cost": (0, 1_000_000_000),
    },
    NotReadyReason: {"planned_ms": _SPAN_OR_NONE},
    Plan: {
        "not_ready_max_ms": _SPAN,
        "login_max_ms": _SPAN,
        "session_grace_ms": _SPAN,
        "edge_grace_ms": _SPAN,
        "repeat_caller_ms": (0, _YEAR_MS),
        "callback_max_ms": (1, _YEAR_MS),
        "seed": (0, 2**63 - 1),
    },
    Agent: {"order": _ORDER},
}
# Only asked for when the strategy has a use for it.
RING_ALL_ONLY = frozenset({"ring_max"})


def check_ranges(entry: Document, place: Place, source: Source) -> None:
    """All numbers of this entry."""
    unasked = RING_ALL_ONLY if isinstance(entry, Queue) and entry.strategy != "ring_all" else frozenset()
    for key, range_ in RANGES[type(entry)].items():
        if key not in unasked:
            check_range(getattr(entry, key), range_, (*place, key), source)


def check_range(value: int, range_: Range, place: Place, source: Source) -> None:
    """One number."""
    least, most = range_
    if not least <= value <= most:
        source.fail(place, f"{value} is not within {least} to {most}")
