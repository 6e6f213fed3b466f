"""Straight into a queue: numbers and flows added to a plan for callers whose queue is given.

Such a caller has the language, priority and skills of the number they dialled, but hears nothing of its flow: they wait
in the queue from the moment they arrive.
"""

from __future__ import annotations

import msgspec

from acd_core.domain.plan import Flow, Number, Plan, QueueStep

_STEP = "wait"


def dialled_for(dialled: str, queue: str) -> str:
    """What a caller dials who goes straight into this queue; no such number can be written in a plan."""
    return f"{dialled} > {queue}"


def with_straight_ways(plan: Plan) -> Plan:
    """The plan, and a way into every queue for each of its numbers."""
    flows = {
        f"> {queue}": Flow(start=_STEP, steps={_STEP: QueueStep(queue=queue)})
        for queue in sorted(plan.queues)
    }
    numbers = tuple(_straight(number, queue) for number in plan.numbers for queue in sorted(plan.queues))
    return msgspec.structs.replace(plan, numbers=(*plan.numbers, *numbers), flows={**plan.flows, **flows})


def _straight(number: Number, queue: str) -> Number:
    return msgspec.structs.replace(number, dialled=dialled_for(number.dialled, queue), flow=f"> {queue}")
