"""Whether a queue makes sense: its steps, its ways out, its offers."""

from __future__ import annotations

from acd_core.documents.ranges import RANGES, check_range, check_ranges
from acd_core.documents.source import Place, Source
from acd_core.documents.values import (
    check_id,
    check_known,
    check_list,
    check_name,
    check_once,
    check_prompts,
    check_skills,
)
from acd_core.domain.limits import SEARCH_STEPS_MAX
from acd_core.domain.plan import OfferRule, Plan, Queue, SearchStep, WayOut

# An operator who is offered the same call again at once would do nothing else.
_PAUSE_MIN_MS = 1_000


def check_queue(id_: str, queue: Queue, plan: Plan, source: Source) -> None:
    """One queue, beside the rest of its plan."""
    place: Place = ("queues", id_)
    check_id(id_, place, source)
    check_name(queue.name, (*place, "name"), source)
    check_ranges(queue, place, source)
    check_known(queue.music, plan.prompts, "prompt", (*place, "music"), source)
    check_prompts(queue.announce, plan, (*place, "announce"), source)
    check_prompts(queue.operator_lost, plan, (*place, "operator_lost"), source)
    check_skills(queue.skills, plan.skills, (*place, "skills"), source)
    check_once(queue.teams, (*place, "teams"), source)
    if bool(queue.aging_per_min) != bool(queue.aging_max):
        given, missing = ("aging_per_min", "aging_max")[:: 1 if queue.aging_per_min else -1]
        source.fail((*place, given), f"without {missing} it does nothing")
    _check_steps(id_, queue, plan, source)
    for key in ("when_full", "when_waited", "when_unstaffed"):
        _check_way_out(getattr(queue, key), plan, (*place, key), source)
    for key in ("on_declined", "on_no_answer", "on_unreachable", "on_vanished"):
        _check_offer_rule(getattr(queue, key), (*place, key), source)
    for channel, timeout_ms in queue.offer_timeout_by_channel_ms.items():
        check_range(
            timeout_ms,
            RANGES[Queue]["offer_timeout_ms"],
            (*place, "offer_timeout_by_channel_ms", channel),
            source,
        )
    if queue.wrap_up_ms > queue.wrap_up_max_ms:
        source.fail(
            (*place, "wrap_up_ms"), f"{queue.wrap_up_ms} is more than wrap_up_max_ms = {queue.wrap_up_max_ms}"
        )


def _check_steps(id_: str, queue: Queue, plan: Plan, source: Source) -> None:
    place: Place = ("queues", id_, "steps")
    if len(queue.steps) > SEARCH_STEPS_MAX:
        source.fail(place, f"{len(queue.steps)} steps are more than {SEARCH_STEPS_MAX}")
    before_ms = -1
    for index, step in enumerate(queue.steps):
        at: Place = (*place, index)
        _check_step(id_, step, plan, at, source)
        if step.after_ms <= before_ms:
            source.fail((*at, "after_ms"), f"{step.after_ms} is not after the step before ({before_ms})")
        before_ms = step.after_ms
    if queue.wait_max_ms <= before_ms:
        source.fail(
            ("queues", id_, "wait_max_ms"),
            f"{queue.wait_max_ms} is over before the last step ({before_ms}) begins",
        )


def _check_step(id_: str, step: SearchStep, plan: Plan, place: Place, source: Source) -> None:
    check_ranges(step, place, source)
    check_ranges(step.when, (*place, "when"), source)
    if step.when.during:
        check_known(step.when.during, plan.calendars, "calendar", (*place, "when", "during"), source)
    check_prompts(step.announce, plan, (*place, "announce"), source)
    check_prompts(step.offer_callback, plan, (*place, "offer_callback"), source)
    check_once(step.add_teams, (*place, "add_teams"), source)
    check_list(step.add_queues, plan.queues, "queue", (*place, "add_queues"), source)
    if id_ in step.add_queues:
        source.fail((*place, "add_queues"), "the calls of a queue wait in it already")
    if step.move_to:
        check_known(step.move_to, plan.queues, "queue", (*place, "move_to"), source)
        if step.move_to == id_:
            source.fail((*place, "move_to"), "a queue can't move its calls to itself")
    changes = (step.announce, step.lower_levels, step.add_teams, step.add_queues, step.offer_callback)
    if not (any(changes) or step.to_sites or step.move_to):
        source.fail(place, "a step that does nothing")


def _check_way_out(way: WayOut, plan: Plan, place: Place, source: Source) -> None:
    check_prompts(way.prompts, plan, (*place, "prompts"), source)
    if way.queue and way.flow:
        source.fail(place, "either to a queue or to a flow, not both")
    if way.queue:
        check_known(way.queue, plan.queues, "queue", (*place, "queue"), source)
    if way.flow:
        check_known(way.flow, plan.flows, "flow", (*place, "flow"), source)


def _check_offer_rule(rule: OfferRule, place: Place, source: Source) -> None:
    check_ranges(rule, place, source)
    if rule.then == "ready" and rule.pause_ms < _PAUSE_MIN_MS:
        source.fail(
            (*place, "pause_ms"),
            f"{rule.pause_ms} is too short: who is ready again needs a pause of at least {_PAUSE_MIN_MS}",
        )
