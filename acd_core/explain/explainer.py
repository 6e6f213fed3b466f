"""Answers of the core to "why did this call go there?": what the keeper remembers, and for a call that waits, what keeps it."""

from __future__ import annotations

from acd_core.domain.router import Router
from acd_core.explain.keeper import Keeper
from acd_core.explain.story import Told, agents_in, names_of, queues_in
from acd_core.explain.waiting import why_it_waits


def explain(router: Router, keeper: Keeper, id_: str, now_ms: int) -> Told | None:
    """All that the core knows of this call; None when it knows nothing."""
    state = router.state
    kept, call = keeper.find(id_), state.calls.get(id_)
    if kept is None and call is None:
        return None
    waiting = None if call is None else why_it_waits(state, router.index, call, now_ms)
    reasons = () if kept is None else kept.reasons
    mentioned = reasons if waiting is None else (*reasons, waiting.decision)
    return Told(
        call=id_,
        live=call is not None,
        whole=kept is not None and kept.whole,
        reasons=reasons,
        names=names_of(agents_in(mentioned), queues_in(mentioned), state.plan, state.roster),
        left_out=0 if kept is None else kept.left_out,
        gap_at=0 if kept is None else kept.gap_at,
        waiting=waiting,
    )
