"""Why a call waits at this moment, worked out from the state: who could not have it, who goes first, what comes next.

Looks only. The reasons are those that the domain would give for a decision of now (`reasons.tell_waits`), told to a turn of our
own whose commands go nowhere.
"""

from __future__ import annotations

from acd_core.domain.call import Call
from acd_core.domain.commands import Decided
from acd_core.domain.order import Index
from acd_core.domain.plan import Queue as Definition
from acd_core.domain.queue import Queue
from acd_core.domain.reasons import tell_waits
from acd_core.domain.squads import Bucket
from acd_core.domain.state import State
from acd_core.domain.turn import Turn
from acd_core.domain.wait import due_steps, holds
from acd_core.explain.story import Waiting


def why_it_waits(state: State, index: Index, call: Call, now_ms: int) -> Waiting | None:
    """What there is to say now; None for a call that is in no line."""
    bucket = index.bucket_of.get(call.id)
    if call.state != "waiting" or bucket is None:
        return None
    turn = Turn(state, index)
    turn.begin(now_ms)
    tell_waits(turn, call)
    decision = turn.out[-1]
    assert isinstance(decision, Decided)
    queue = state.queues[call.queue]
    held = tuple(
        number for number, step in due_steps(turn, call, queue.definition) if not holds(turn, call, step)
    )
    step, step_ms = _next_step(call, queue.definition, held, now_ms)
    return Waiting(
        decision=decision,
        before=_before(index, call, bucket, now_ms),
        asked=bucket.ways[0].asks(),
        held=held,
        step=step,
        step_ms=step_ms,
        leaves_ms=call.search_ms + queue.definition.wait_max_ms,
        unstaffed_ms=_unstaffed_ms(call, queue),
    )


def _before(index: Index, call: Call, own: Bucket, now_ms: int) -> int:
    """How many calls of the same queue go first, as they stand now. Within a bucket they stand in that order."""
    rank = (not own.hazard, -own.points(call.arrived_ms, now_ms), call.arrived_ms, call.id)
    count = 0
    for bucket in index.crews[call.queue].buckets:
        if bucket.queue == call.queue:
            for arrived_ms, id_ in bucket.calls.members():
                if (not bucket.hazard, -bucket.points(arrived_ms, now_ms), arrived_ms, id_) >= rank:
                    break
                count += 1
    return count


def _next_step(call: Call, definition: Definition, held: tuple[int, ...], now_ms: int) -> tuple[int, int]:
    """The first step that only time keeps, and when it comes; zeros when there is none.

    One whose condition has begun to hold since the last look comes with the next look.
    """
    look = call.deadlines.get("wait")
    soonest_ms = now_ms if look is None else max(now_ms, look.at_ms)
    left = [
        (at_ms if (at_ms := call.search_ms + step.after_ms) > now_ms else soonest_ms, number)
        for number, step in enumerate(definition.steps, 1)
        if number not in call.steps and number not in held
    ]
    if not left:
        return 0, 0
    at_ms, number = min(left)
    return number, at_ms


def _unstaffed_ms(call: Call, queue: Queue) -> int:
    limit_ms = queue.definition.unstaffed_max_ms
    if not limit_ms or not queue.unstaffed_since_ms:
        return 0
    return max(call.search_ms, queue.unstaffed_since_ms) + limit_ms
