"""When the caller's leg is answered: at once, or only when an operator is joined, as the number's plan says.

Until it is, all that the call hears is early media (RFC 3960), and who is never connected pays nothing. An unanswered call
does not stand for ever: carriers give it up. How long this one may is the edge's to keep, because the carrier's clock does not
stop while no core is there; it answers by itself and says so. It also does where a caller can't be let hear before the answer.
"""

from __future__ import annotations

from acd_core.domain.call import Call
from acd_core.domain.commands import AnswerCaller, ProgressCaller, RingCaller
from acd_core.domain.events import CallerAnswered
from acd_core.domain.plan import Number
from acd_core.domain.turn import Turn


def begin(turn: Turn, call: Call, number: Number) -> None:
    """Let the caller hear us."""
    if number.answer == "when_connected":
        call.early_max_ms = number.early_media_max_ms
        let_hear(turn, call)
    else:
        turn.emit(RingCaller(edge=call.edge, call=call.id))
        turn.emit(AnswerCaller(edge=call.edge, call=call.id))
        turn.story(call, "answered")


def let_hear(turn: Turn, call: Call) -> None:
    """Early media, now or once more."""
    turn.emit(ProgressCaller(edge=call.edge, call=call.id, max_ms=call.early_max_ms))


def answer(turn: Turn, call: Call) -> None:
    """Somebody is there: answer what is not answered yet."""
    if call.early_max_ms:
        turn.emit(AnswerCaller(edge=call.edge, call=call.id))
        is_answered(turn, call)


def caller_answered(turn: Turn, call: Call, event: CallerAnswered) -> None:
    """The edge answered by itself."""
    if call.early_max_ms:
        is_answered(turn, call)
    else:
        turn.stale(event, "answered")


def is_answered(turn: Turn, call: Call) -> None:
    """From here on it costs."""
    call.early_max_ms = 0
    turn.story(call, "answered")
