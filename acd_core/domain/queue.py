"""A queue of the plan with its counts. Who waits in it, and in which order, is the index's business (order.py)."""

from __future__ import annotations

import msgspec

from acd_core.domain import plan as plans


class Queue(msgspec.Struct, kw_only=True):
    """A queue: the plan's definition and what the counts stand at.

    A queue that a new plan no longer has is `retired`: it keeps its last definition and serves its calls until none is left.
    """

    id: str
    definition: plans.Queue
    retired: bool = False
    waiting: int = 0  # calls that wait or ring
    talking: int = 0  # calls in conversation or held
    day_answered: int = 0
    day_abandoned: int = 0
