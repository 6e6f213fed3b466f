"""Deadlines as domain data: an entity, a key, a time and a generation.

The actors wait on them (`SetDeadline`, `ClearDeadline`) and report `DeadlinePassed`. The generation is drawn from one
counter of the whole state, so one that was cleared, replaced or belongs to an entity long gone never matches again.
"""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

import msgspec

EntityKind: TypeAlias = Literal["call", "agent", "edge", "web", "callback"]


class Deadline(msgspec.Struct, frozen=True, gc=False):
    """When, and which one of all the deadlines ever set."""

    at_ms: int
    generation: int


class Timed(Protocol):
    """An entity that has deadlines, at most one a key."""

    id: str
    deadlines: dict[str, Deadline]
