"""Waiting in a queue: in the line, with one deadline for the next moment at which waiting may change something.

That moment is the first of: a step that is due, a condition to be looked at again, the end of a hold for one agent, the longest
wait, the longest time without operators. It is set when a call is still waiting at the end of a turn, so that one who is offered
to somebody at once never has it; what is overdue by then follows at once, as an event of its own.
"""

from __future__ import annotations

from acd_core.domain.calendars import is_open
from acd_core.domain.call import Call
from acd_core.domain.plan import Queue as Definition
from acd_core.domain.plan import SearchStep
from acd_core.domain.queue import Queue
from acd_core.domain.squads import Crew
from acd_core.domain.turn import Turn

LOOK_AGAIN_MS = 5_000  # at a condition that did not hold
ENDLESS_MS = 1 << 40  # expected when nobody is there to take a call


def wait(turn: Turn, call: Call) -> None:
    """Stand in line, as the call's steps allow, and be matched at the end of the turn."""
    turn.index.add_call(call)
    turn.fresh_calls.append(call)


def stand_again(turn: Turn, call: Call) -> None:
    """Something about the call's place or needs changed while it waits."""
    if call.id in turn.index.bucket_of:
        turn.index.remove_call(call)
    wait(turn, call)


def arm(turn: Turn, call: Call) -> None:
    """Set the deadline of a waiting call."""
    queue = turn.state.queues[call.queue]
    definition = queue.definition
    at_ms = call.search_ms + definition.wait_max_ms
    if call.only:
        at_ms = min(at_ms, call.only_until_ms)
    if definition.unstaffed_max_ms and queue.unstaffed_since_ms:
        at_ms = min(at_ms, max(call.search_ms, queue.unstaffed_since_ms) + definition.unstaffed_max_ms)
    for number, step in enumerate(definition.steps, 1):
        if number not in call.steps:
            at_ms = min(at_ms, _step_at(turn, call, step))
    turn.later("call", call, "wait", max(at_ms, turn.now_ms))


def _step_at(turn: Turn, call: Call, step: SearchStep) -> int:
    due_ms = call.search_ms + step.after_ms
    if due_ms > turn.now_ms:
        return due_ms
    return turn.now_ms if holds(turn, call, step) else turn.now_ms + LOOK_AGAIN_MS


def holds(turn: Turn, call: Call, step: SearchStep) -> bool:
    """Whether what a step asks for is so now. Nobody is moved into a full queue, out of which they might be sent away."""
    queues, when = turn.state.queues, step.when
    queue = queues[call.queue]
    target = None if call.hazard else queues.get(step.move_to)
    if target is not None and target.waiting >= target.definition.waiting_max:
        return False
    if 0 <= when.waiting_over >= queue.waiting:
        return False
    if 0 <= when.ready_at_most < turn.index.crews[call.queue].count("ready"):
        return False
    if 0 <= when.expected_wait_over_ms >= expected_wait_ms(queue, turn.index.crews[call.queue]):
        return False
    return not when.during or is_open(turn.plan, when.during, turn.now_ms)


def expected_wait_ms(queue: Queue, crew: Crew) -> int:
    """How long the calls of a queue will take its operators who work now: a rough figure to decide by."""
    working = crew.count("ready") + crew.count("ringing") + crew.count("talking") + crew.count("wrap_up")
    return queue.waiting * queue.handling_ms // working if working else ENDLESS_MS


def due_steps(turn: Turn, call: Call, definition: Definition) -> list[tuple[int, SearchStep]]:
    """The steps not yet taken whose time has come, with their numbers from 1."""
    waited_ms = turn.now_ms - call.search_ms
    return [
        (number, step)
        for number, step in enumerate(definition.steps, 1)
        if number not in call.steps and step.after_ms <= waited_ms
    ]


def staffing_changed(turn: Turn, id_: str) -> None:
    """Somebody logged in or out who serves this queue: note since when nobody is there, and have its calls look at the time."""
    queue = turn.state.queues[id_]
    staffed = turn.index.crews[id_].staffed() > 0
    if staffed != (queue.unstaffed_since_ms == 0):
        queue.unstaffed_since_ms = 0 if staffed else turn.now_ms
        if queue.definition.unstaffed_max_ms:
            for waiting in turn.index.calls_of(id_):
                call = turn.state.calls[waiting]
                # Without one it has come to wait in this turn, and is armed at the end of it.
                if "wait" in call.deadlines:
                    arm(turn, call)
