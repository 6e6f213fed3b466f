"""A queue of the plan with its counts. Who waits in it, and in which order, is the index's business (order.py)."""

from __future__ import annotations

import msgspec

from acd_core.domain import plan as plans
from acd_core.domain.counters import QueueCounters

HANDLING_FIRST_MS = 180_000  # assumed until calls were handled
_HANDLING_WEIGHT = 32


class Queue(msgspec.Struct, kw_only=True):
    """A queue: the plan's definition and what the counts stand at.

    A queue that a new plan no longer has is `retired`: it keeps its last definition and serves its calls until none is left.
    """

    id: str
    definition: plans.Queue
    retired: bool = False
    waiting: int = 0  # calls that wait or ring
    talking: int = 0  # calls in conversation or held
    unstaffed_since_ms: int = 0  # since when nobody is logged in for it; 0: somebody is
    handling_ms: int = HANDLING_FIRST_MS  # of the last calls: conversation and wrap-up
    day: QueueCounters = msgspec.field(default_factory=QueueCounters)


def handled(queue: Queue, handling_ms: int) -> None:
    """One more call was finished: the mean of the last ones moves towards it."""
    queue.handling_ms += (handling_ms - queue.handling_ms) // _HANDLING_WEIGHT
