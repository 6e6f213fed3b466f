"""What becomes of a caller who presses nothing: they must come to an end, not go round.

Everything that happens by itself is a way from one place to another: after an announcement, when no key was pressed, by the
hours, and out of a queue (full, waited too long, nobody there, a step that moves the call). Over all flows and queues these ways
must form no circle; then every caller reaches an operator or the end of a flow after finitely many steps, each of which has a
longest duration.
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from acd_core.documents.flow_sense import HOURS_BRANCHES
from acd_core.documents.source import Place, Source
from acd_core.domain.plan import HoursStep, MenuStep, Plan, PlayStep, Queue, QueueStep, Step

Way: TypeAlias = tuple[Place, Place]  # the key that says so, and where it leads


def check_ways(plan: Plan, source: Source) -> None:
    """No circle; everything that is referred to exists."""
    ways: dict[Place, list[Way]] = {}
    for flow_id, flow in plan.flows.items():
        for name, step in flow.steps.items():
            ways[("flows", flow_id, "steps", name)] = list(_of_step(flow_id, name, step))
    for id_, queue in plan.queues.items():
        ways[("queues", id_)] = list(_of_queue(id_, queue, plan))
    try:
        TopologicalSorter({at: [to for _, to in out] for at, out in ways.items()}).prepare()
    except CycleError as error:
        # Named from where each one is led to back to where it is led from; the first again at the end.
        circle: list[Place] = error.args[1][:0:-1]
        order = list(ways)
        first = min(range(len(circle)), key=lambda index: order.index(circle[index]))
        circle = circle[first:] + circle[:first]
        key = next(key for key, to in ways[circle[0]] if to == circle[1 % len(circle)])
        names = ", ".join(".".join(str(part) for part in place) for place in circle)
        source.fail(key, f"whoever presses nothing goes round in {names} and never gets out")


def _of_step(flow: str, name: str, step: Step) -> Iterator[Way]:
    at: Place = ("flows", flow, "steps", name)
    if isinstance(step, PlayStep):
        yield (*at, "next"), ("flows", flow, "steps", step.next)
    elif isinstance(step, MenuStep):
        yield (*at, "otherwise"), ("flows", flow, "steps", step.otherwise)
    elif isinstance(step, HoursStep):
        for branch in HOURS_BRANCHES:
            if target := getattr(step, branch):
                yield (*at, branch), ("flows", flow, "steps", target)
    elif isinstance(step, QueueStep):
        yield (*at, "queue"), ("queues", step.queue)


def _of_queue(id_: str, queue: Queue, plan: Plan) -> Iterator[Way]:
    at: Place = ("queues", id_)
    for index, step in enumerate(queue.steps):
        if step.move_to:
            yield (*at, "steps", index, "move_to"), ("queues", step.move_to)
    for key in ("when_full", "when_waited", "when_unstaffed"):
        way = getattr(queue, key)
        if way.queue:
            yield (*at, key, "queue"), ("queues", way.queue)
        elif way.flow:
            yield (*at, key, "flow"), ("flows", way.flow, "steps", plan.flows[way.flow].start)
