"""How conversations go: as the call's queue says, and for one that an operator dialled, as the plan's `outbound` does."""

from __future__ import annotations

from typing import TypeAlias

from acd_core.domain.plan import Outbound, Queue
from acd_core.domain.state import State

Manner: TypeAlias = Queue | Outbound


def manner(state: State, queue: str) -> Manner:
    """Of the calls of this queue; without one, of those that were dialled."""
    if queue:
        return state.queues[queue].definition
    assert state.plan is not None
    return state.plan.outbound
