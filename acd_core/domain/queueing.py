"""A call's time in a queue: it enters, its search is widened step by step, and it leaves by an answer or by a stated way out.

A call that leaves by a way out is told something, then goes on to another queue or flow, or ends. Where it goes on without a word
it does so at the end of the turn (`turn.onward`): the flow's rules are not known here.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from acd_core.domain.call import Call, Callback, move
from acd_core.domain.callers import keep, merged, release
from acd_core.domain.commands import EntityGone
from acd_core.domain.ending import end, forget_if_empty
from acd_core.domain.events import CallbackSettled
from acd_core.domain.limits import CALLBACKS_MAX
from acd_core.domain.offers import withdraw
from acd_core.domain.plan import QueueStep, SearchStep, WayOut
from acd_core.domain.reasons import decided, tell_no_room
from acd_core.domain.sound import play, play_music
from acd_core.domain.turn import Turn
from acd_core.domain.wait import LOOK_AGAIN_MS, arm, due_steps, holds, stand_again, wait

QUEUE_FULL = "queue_full"
WAITED_TOO_LONG = "waited_too_long"
NO_OPERATORS = "no_operators"
CALLBACK = "callback"
CALLBACK_KEY = "1"

Way: TypeAlias = Literal["waited_out", "unstaffed", "moved"]


def enter_by(turn: Turn, call: Call, step: QueueStep) -> None:
    """A flow's step leads into a queue."""
    definition = turn.state.queues[step.queue].definition
    call.priority = call.asked_priority + step.priority + (definition.repeat_priority if call.repeat else 0)
    call.skills = merged(call.asked_skills, step.skills)
    call.hazard = call.hazard or step.hazard  # no way out makes it less dangerous
    enter(turn, call, step.queue)


def enter(turn: Turn, call: Call, id_: str) -> None:
    """Wait in this queue from now on, if there is room; a hazard always has some."""
    queue = turn.state.queues[id_]
    definition = queue.definition
    # A call that comes back from a conversation was counted when it came first (counters.py), also where it goes from here.
    is_new = not call.answered_ms
    if queue.waiting >= definition.waiting_max and not call.hazard:
        queue.day.full += is_new
        tell_no_room(turn, call, queue)
        _way_out(turn, call, definition.when_full, QUEUE_FULL)
        return
    queue.waiting += 1
    queue.day.entered += is_new
    call.queue = id_
    call.queued_ms = call.search_ms = turn.now_ms
    call.steps, call.callback_offered = (), False
    move(call, "waiting", turn.now_ms)
    turn.story(call, "queued", detail=_marks(call))
    play_music(turn, call, definition.announce)
    keep(turn, call)
    wait(turn, call)


def _marks(call: Call) -> str:
    """What is special about it, for those who ask why it went before others."""
    if not (call.hazard or call.vip or call.repeat):
        return ""
    marks = (("hazard", call.hazard), ("vip", call.vip), ("repeat", call.repeat))
    return " ".join([name for name, has in marks if has])


def look(turn: Turn, call: Call) -> None:
    """The deadline of waiting passed: see what the time has brought."""
    queue = turn.state.queues[call.queue]
    definition = queue.definition
    now = turn.now_ms
    if now - call.search_ms >= definition.wait_max_ms:
        leave(turn, call, "waited_out", definition.when_waited, WAITED_TOO_LONG)
        return
    if definition.unstaffed_max_ms and queue.unstaffed_since_ms:
        since_ms = max(queue.unstaffed_since_ms, call.search_ms)
        if now - since_ms >= definition.unstaffed_max_ms:
            leave(turn, call, "unstaffed", definition.when_unstaffed, NO_OPERATORS)
            return
    changed = False
    if call.only and now >= call.only_until_ms:
        release(turn, call)
        changed = True
    for number, step in due_steps(turn, call, definition):
        if not holds(turn, call, step):
            if now - call.search_ms - step.after_ms < LOOK_AGAIN_MS:  # told once, not at every look
                decided(turn, call, "not_yet", step=number)
            continue
        changed = True
        if _take(turn, call, number, step):
            return
    if changed:
        stand_again(turn, call)
    else:
        arm(turn, call)


def rung_in_vain(turn: Turn, call: Call) -> None:
    """Offers of this call came to nothing. After the longest wait it is offered to nobody else: its way out comes first.

    While a call rings nobody looks at its time, and those who let it ring may be ready again before it has been to all.
    """
    definition = turn.state.queues[call.queue].definition
    if turn.now_ms - call.search_ms < definition.wait_max_ms:
        return
    if call.ringing:
        withdraw(turn, call, WAITED_TOO_LONG)
        move(call, "waiting", turn.now_ms)
    leave(turn, call, "waited_out", definition.when_waited, WAITED_TOO_LONG)


def _take(turn: Turn, call: Call, number: int, step: SearchStep) -> bool:
    """Take a step; true when the call left the queue by it."""
    turn.index.remove_call(call)  # its bucket goes by the steps
    call.steps += (number,)
    if call.only:
        release(turn, call)  # who is to be found more widely is kept for one no longer
    turn.story(call, "widened", detail=str(number))
    decided(turn, call, "widened", step=number)
    announce = step.announce
    if step.offer_callback and call.number and len(turn.state.callbacks) < CALLBACKS_MAX:
        call.callback_offered = True
        announce += step.offer_callback
        turn.story(call, "callback_offered")
    if announce:
        play_music(turn, call, announce)
    if step.to_sites:
        turn.story(call, "site_wanted", detail=str(number))
    if step.move_to and step.move_to in turn.state.queues:
        leave(turn, call, "moved", WayOut(queue=step.move_to), "")
        return True
    turn.index.add_call(call)
    return False


def leave(turn: Turn, call: Call, way: Way, out: WayOut, cause: str) -> None:
    """A waiting call whose deadline has passed, or is not set yet, leaves its queue without an operator."""
    queue = turn.state.queues[call.queue]
    if call.id in turn.index.bucket_of:
        turn.index.remove_call(call)
    queue.waiting -= 1
    queue.day.longest_wait_ms = max(queue.day.longest_wait_ms, turn.now_ms - call.queued_ms)
    is_new = not call.answered_ms
    if way == "moved":
        queue.day.moved += is_new
    elif way == "waited_out":
        queue.day.waited_out += is_new
    else:
        queue.day.unstaffed += is_new
    decided(turn, call, "left", detail=cause or out.queue)
    if way == "moved":
        turn.story(call, "moved", detail=out.queue)
    left, call.queue = call.queue, ""
    move(call, "playing", turn.now_ms)
    call.only, call.only_until_ms, call.callback_offered = "", 0, False
    forget_if_empty(turn, left)
    _way_out(turn, call, out, cause)


def _way_out(turn: Turn, call: Call, out: WayOut, cause: str) -> None:
    queue = out.queue if out.queue in turn.state.queues else ""
    flow = out.flow if out.flow in turn.plan.flows else ""
    if not out.prompts and queue:
        enter(turn, call, queue)
    elif not out.prompts and not flow:
        end(turn, call, cause)
    else:
        call.then_queue, call.then_flow = queue, flow
        call.ending = "" if queue or flow else cause
        move(call, "playing", turn.now_ms)
        if out.prompts:
            play(turn, call, out.prompts)
        else:
            turn.onward.append(call)


def callback_asked(turn: Turn, call: Call) -> None:
    """The caller wants to be called back instead of waiting."""
    state = turn.state
    queue = state.queues[call.queue]
    queue.day.callbacks += not call.answered_ms
    callback = Callback(
        id=call.id,
        number=call.number,
        caller=call.caller,
        queue=call.queue,
        arrived_ms=call.arrived_ms,
        asked_ms=turn.now_ms,
    )
    state.callbacks[call.id] = callback
    turn.story(call, "callback_asked", detail=call.number)
    turn.set_deadline("callback", callback, "expire", turn.now_ms + turn.plan.callback_max_ms)
    end(turn, call, CALLBACK)


def callback_settled(turn: Turn, event: CallbackSettled) -> None:
    """Somebody called back."""
    callback = turn.state.callbacks.get(event.callback)
    if callback is None:
        turn.stale(event, "unknown")
    else:
        _forget(turn, callback, "callback_settled", event.by)


def callback_expired(turn: Turn, callback: Callback) -> None:
    """Nobody called back for the longest time the plan allows."""
    _forget(turn, callback, "callback_expired", "")


def _forget(
    turn: Turn, callback: Callback, step: Literal["callback_settled", "callback_expired"], by: str
) -> None:
    del turn.state.callbacks[callback.id]
    callback.deadlines.clear()
    turn.tell(callback.id, step, queue=callback.queue, detail=by)
    turn.gone.append(EntityGone(entity="callback", id=callback.id))
