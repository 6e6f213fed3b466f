"""What is counted for a queue since its day began. Everything a report says about service is worked out of these (statistics.py).

Waiting is measured from the moment a call enters the queue. A call that an operator's lost audio sends back to the queue was
answered already and is counted once. What operators dial is counted for them, and for no queue.
"""

from __future__ import annotations

import msgspec


class QueueCounters(msgspec.Struct, kw_only=True):
    """Calls and milliseconds."""

    entered: int = 0
    answered: int = 0
    answered_in_time: int = 0  # within the queue's `service_level_ms`
    answered_wait_ms: int = 0
    abandoned: int = 0  # all of them, short ones too
    abandoned_in_time: int = 0
    abandoned_wait_ms: int = 0
    short_abandoned: int = 0  # within the queue's `short_abandon_ms`
    full: int = 0  # could not enter
    waited_out: int = 0  # left by the way out for who waited too long
    unstaffed: int = 0  # left by the way out for a queue without operators
    moved: int = 0  # to another queue, by a step
    callbacks: int = 0
    lost: int = 0  # ended in the queue with an edge
    longest_wait_ms: int = 0
    offers: int = 0
    declined: int = 0
    no_answer: int = 0
    unreachable: int = 0
    vanished: int = 0
    handled: int = 0  # conversations ended
    talk_ms: int = 0  # with holds
    wrap_up_ms: int = 0
    wrapped_up: int = 0
    transferred: int = 0  # of those handled: the operator handed the caller on


class DialCounters(msgspec.Struct, kw_only=True):
    """What an operator dialled since the day began. None of it is a queue's: nobody waited for it."""

    dialled: int = 0
    answered: int = 0
    talk_ms: int = 0  # with holds
    wrap_up_ms: int = 0
