"""The caller's script: play, menu, queue, hang up.

What is heard is numbered per call, so the report of a playback that was replaced is stale. A call is always in a step of the
plan in force: when a change of plan took the step away, the call goes on from the beginning of its number's flow, once
what it is hearing has ended.
"""

from __future__ import annotations

from acd_core.domain.call import Call, move
from acd_core.domain.commands import Play
from acd_core.domain.ending import end
from acd_core.domain.events import CallerHungUp, KeyPressed, PlaybackDone
from acd_core.domain.limits import PLAYBACK_MAX_MS
from acd_core.domain.plan import HangUpStep, MenuStep, PlayStep, QueueStep, Step
from acd_core.domain.talk import play_music
from acd_core.domain.turn import Turn

FLOW_ENDED = "flow_ended"
QUEUE_FULL = "queue_full"


def begin(turn: Turn, call: Call) -> None:
    """Enter the flow of the dialled number (of the plan's first number, when a new plan no longer has it)."""
    number = turn.index.numbers.get(call.dialled) or turn.plan.numbers[0]
    call.flow = number.flow
    enter(turn, call, turn.plan.flows[number.flow].start)


def enter(turn: Turn, call: Call, name: str) -> None:
    """Begin a step of the call's flow."""
    step = turn.plan.flows[call.flow].steps[name]
    call.step, call.repeats = name, 0
    turn.story(call, "flow", detail=name)
    if isinstance(step, QueueStep):
        _enter_queue(turn, call, step.queue)
    elif isinstance(step, HangUpStep):
        _say_and_end(turn, call, step.prompts, FLOW_ENDED)
    else:
        move(call, "menu" if isinstance(step, MenuStep) else "playing", turn.now_ms)
        play(turn, call, step.prompts)


def play(turn: Turn, call: Call, prompts: tuple[str, ...]) -> None:
    """Say this instead of whatever is being said."""
    call.play += 1
    call.saying = prompts
    call.speaking = True
    turn.emit(
        Play(edge=call.edge, call=call.id, play=call.play, prompts=turn.prompts(prompts, call.language))
    )
    turn.set_deadline("call", call, "flow", turn.now_ms + PLAYBACK_MAX_MS)


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
    if isinstance(step, PlayStep) and step.type_ahead and not call.ending:
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
        turn.state.queues[call.queue].day_abandoned += 1
    end(turn, call, event.cause, edge_knows=True)


def sound_again(turn: Turn, call: Call) -> None:
    """The edge may not be playing what it should: have it do so, a playback under a new number."""
    if call.state in ("waiting", "ringing", "held"):
        play_music(turn, call)
    elif call.speaking:
        play(turn, call, call.saying)


def _said(turn: Turn, call: Call) -> None:
    call.speaking, call.saying = False, ()
    if call.ending:
        end(turn, call, call.ending)
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


def _enter_queue(turn: Turn, call: Call, id_: str) -> None:
    queue = turn.state.queues[id_]
    definition = queue.definition
    if queue.waiting >= definition.waiting_max:
        _say_and_end(turn, call, definition.when_full.prompts, QUEUE_FULL)
        return
    queue.waiting += 1
    call.queue, call.queued_ms = id_, turn.now_ms
    move(call, "waiting", turn.now_ms)
    turn.story(call, "queued")
    play_music(turn, call, definition.announce)
    turn.index.add_call(call)
    turn.fresh_calls.append(call)


def _say_and_end(turn: Turn, call: Call, prompts: tuple[str, ...], cause: str) -> None:
    if not prompts:
        end(turn, call, cause)
        return
    call.ending = cause
    move(call, "playing", turn.now_ms)
    play(turn, call, prompts)
