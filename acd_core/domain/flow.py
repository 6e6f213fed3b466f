"""The caller's script: play, menu, queue, hang up.

What is heard is numbered per call, so the report of a playback that was replaced is stale. A call is always in a step of the
plan in force: when a change of plan took the step away, the call goes on from the beginning of its number's flow, once
what it is hearing has ended.
"""

from __future__ import annotations

from acd_core.domain.calendars import hours
from acd_core.domain.call import Call, move
from acd_core.domain.ending import end
from acd_core.domain.events import CallerHungUp, KeyPressed, PlaybackDone
from acd_core.domain.plan import HangUpStep, HoursStep, MenuStep, PlayStep, QueueStep, Step
from acd_core.domain.queue import Queue
from acd_core.domain.queueing import CALLBACK_KEY, callback_asked, enter_by
from acd_core.domain.queueing import enter as enter_queue
from acd_core.domain.sound import play
from acd_core.domain.turn import Turn

FLOW_ENDED = "flow_ended"


def begin(turn: Turn, call: Call) -> None:
    """Enter the flow of the dialled number (of the plan's first number, when a new plan no longer has it)."""
    number = turn.index.look.numbers.get(call.dialled) or turn.plan.numbers[0]
    begin_flow(turn, call, number.flow)


def begin_flow(turn: Turn, call: Call, id_: str) -> None:
    """Enter this flow at its start."""
    call.flow = id_
    enter(turn, call, turn.plan.flows[id_].start)


def go_on(turn: Turn, call: Call) -> None:
    """Where a call that left a queue goes, once it was told what there is to tell; from the beginning when that is gone."""
    queue, flow = call.then_queue, call.then_flow
    call.then_queue = call.then_flow = ""
    if queue in turn.state.queues:
        enter_queue(turn, call, queue)
    elif flow in turn.plan.flows:
        begin_flow(turn, call, flow)
    else:
        begin(turn, call)


def enter(turn: Turn, call: Call, name: str) -> None:
    """Begin a step of the call's flow."""
    step = turn.plan.flows[call.flow].steps[name]
    call.step, call.repeats = name, 0
    turn.story(call, "flow", detail=name)
    if isinstance(step, QueueStep):
        enter_by(turn, call, step)
    elif isinstance(step, HoursStep):
        enter(turn, call, hours(turn.plan, step, turn.state.mode, turn.now_ms))
    elif isinstance(step, HangUpStep):
        _say_and_end(turn, call, step.prompts, FLOW_ENDED)
    else:
        move(call, "menu" if isinstance(step, MenuStep) else "playing", turn.now_ms)
        play(turn, call, step.prompts)


def playback_done(turn: Turn, call: Call, event: PlaybackDone) -> None:
    """The edge played it all, or what could be played of it."""
    if event.play != call.play or not call.speaking:
        turn.stale(event, f"{call.state}, another play")
        return
    _said(turn, call)


def deadline(turn: Turn, call: Call) -> None:
    """No playback is that long, or no key came."""
    if call.speaking:
        _said(turn, call)
        return
    step = _menu(turn, call)
    if step is not None:
        _once_more(turn, call, step, step.prompts)


def key_pressed(turn: Turn, call: Call, event: KeyPressed) -> None:
    """A key in a menu, also while it is being said."""
    step = _menu(turn, call)
    if step is None:
        return
    target = step.keys.get(event.key)
    if target is None:
        _once_more(turn, call, step, step.invalid_prompts + step.prompts)
    else:
        _leave(turn, call)
        enter(turn, call, target)


def key_ahead(turn: Turn, call: Call, event: KeyPressed) -> None:
    """A key of the menu to come, from a caller who knows it: the rest of this and the whole menu are spared them."""
    step = _step(turn, call)
    leaves = call.ending or call.then_queue or call.then_flow
    if isinstance(step, PlayStep) and step.type_ahead and not leaves:
        menu = turn.plan.flows[call.flow].steps[step.next]
        target = menu.keys.get(event.key) if isinstance(menu, MenuStep) else None
        if target is not None:
            _leave(turn, call)
            turn.story(call, "flow", detail=step.next)
            enter(turn, call, target)
            return
    turn.stale(event, call.state)


def hung_up(turn: Turn, call: Call, event: CallerHungUp) -> None:
    """The caller is gone."""
    if call.state in ("waiting", "ringing") and not call.answered_ms:
        _count_abandon(turn.state.queues[call.queue], turn.now_ms - call.queued_ms)
    end(turn, call, event.cause, edge_knows=True)


def key_while_waiting(turn: Turn, call: Call, event: KeyPressed) -> None:
    """The key that asks for a callback, where one was offered."""
    if call.callback_offered and event.key == CALLBACK_KEY:
        callback_asked(turn, call)
    else:
        turn.stale(event, call.state)


def _count_abandon(queue: Queue, wait_ms: int) -> None:
    day, definition = queue.day, queue.definition
    day.abandoned += 1
    day.abandoned_wait_ms += wait_ms
    day.abandoned_in_time += wait_ms <= definition.service_level_ms
    day.short_abandoned += wait_ms <= definition.short_abandon_ms


def _said(turn: Turn, call: Call) -> None:
    call.speaking, call.saying = False, ()
    if call.ending:
        end(turn, call, call.ending)
        return
    if call.then_queue or call.then_flow:
        turn.clear_deadline("call", call, "flow")
        go_on(turn, call)
        return
    step = _step(turn, call)
    if isinstance(step, PlayStep):
        _leave(turn, call)
        enter(turn, call, step.next)
    elif isinstance(step, MenuStep):
        turn.set_deadline("call", call, "flow", turn.now_ms + step.timeout_ms)
    else:
        _leave(turn, call)
        begin(turn, call)


def _once_more(turn: Turn, call: Call, step: MenuStep, prompts: tuple[str, ...]) -> None:
    if call.repeats >= step.repeats:
        _leave(turn, call)
        enter(turn, call, step.otherwise)
    else:
        call.repeats += 1
        play(turn, call, prompts)


def _step(turn: Turn, call: Call) -> Step | None:
    """The step the call is in, if the plan in force still has it as the same kind of step."""
    flow = turn.plan.flows.get(call.flow)
    step = None if flow is None else flow.steps.get(call.step)
    return step if isinstance(step, MenuStep if call.state == "menu" else PlayStep) else None


def _menu(turn: Turn, call: Call) -> MenuStep | None:
    step = _step(turn, call)
    if isinstance(step, MenuStep):
        return step
    _leave(turn, call)
    begin(turn, call)
    return None


def _leave(turn: Turn, call: Call) -> None:
    turn.clear_deadline("call", call, "flow")
    call.speaking, call.saying = False, ()


def _say_and_end(turn: Turn, call: Call, prompts: tuple[str, ...], cause: str) -> None:
    if not prompts:
        end(turn, call, cause)
        return
    call.ending = cause
    move(call, "playing", turn.now_ms)
    play(turn, call, prompts)
