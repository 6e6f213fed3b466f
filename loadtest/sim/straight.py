"""Straight into a queue: numbers and flows added to a plan for callers whose queue is given.

Such a caller has the language, priority and skills of the number they dialled, and where its flow leads into that queue by one
step, what that step asks for (priority, skills, hazard); but they hear nothing of the flow and wait from the moment they arrive.
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
    flows = dict(plan.flows)
    numbers = list(plan.numbers)
    for number in plan.numbers:
        for queue in sorted(plan.queues):
            dialled = dialled_for(number.dialled, queue)
            flows[dialled] = Flow(start=_STEP, steps={_STEP: _step(plan, number, queue)})
            numbers.append(msgspec.structs.replace(number, dialled=dialled, flow=dialled))
    return msgspec.structs.replace(plan, numbers=tuple(numbers), flows=flows)


def _step(plan: Plan, number: Number, queue: str) -> QueueStep:
    steps = plan.flows[number.flow].steps.values()
    there = [step for step in steps if isinstance(step, QueueStep) and step.queue == queue]
    return there[0] if len(there) == 1 else QueueStep(queue=queue)
