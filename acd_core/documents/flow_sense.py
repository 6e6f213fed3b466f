"""Whether a flow makes sense: every step leads somewhere and can be reached."""

from __future__ import annotations

from acd_core.documents.ranges import check_ranges
from acd_core.documents.source import Place, Source
from acd_core.documents.values import check_id, check_known, check_prompts, check_skills
from acd_core.domain.limits import PROMPTS_A_PLAY_MAX
from acd_core.domain.plan import Flow, HangUpStep, HoursStep, MenuStep, Plan, PlayStep, QueueStep, Step

_KEYS = frozenset("0123456789*#ABCD")
HOURS_BRANCHES = ("open", "closed", "holiday", "emergency")


def check_flow(id_: str, flow: Flow, plan: Plan, source: Source) -> None:
    """One flow, beside the rest of its plan."""
    place: Place = ("flows", id_)
    check_id(id_, place, source)
    check_known(flow.start, flow.steps, "step", (*place, "start"), source)
    for name, step in flow.steps.items():
        check_id(name, (*place, "steps", name), source)
        _check_step(step, flow, plan, (*place, "steps", name), source)
    reached = {flow.start}
    waiting = [flow.start]
    while waiting:
        for target in _targets(flow.steps[waiting.pop()]):
            if target not in reached:
                reached.add(target)
                waiting.append(target)
    for name in flow.steps:
        if name not in reached:
            source.fail((*place, "steps", name), "no other step leads here")


def _check_step(step: Step, flow: Flow, plan: Plan, place: Place, source: Source) -> None:
    if isinstance(step, QueueStep):
        check_known(step.queue, plan.queues, "queue", (*place, "queue"), source)
        check_ranges(step, place, source)
        check_skills(step.skills, plan.skills, (*place, "skills"), source)
        return
    if isinstance(step, HoursStep):
        _check_hours(step, flow, plan, place, source)
        return
    check_prompts(step.prompts, plan, (*place, "prompts"), source)
    if not step.prompts and not isinstance(step, HangUpStep):
        source.fail((*place, "prompts"), "there is nothing to say")
    if isinstance(step, PlayStep):
        _check_target(step.next, flow, (*place, "next"), source)
        if step.type_ahead and not isinstance(flow.steps[step.next], MenuStep):
            source.fail((*place, "type_ahead"), f"{step.next} is no menu, so no key means anything there")
    elif isinstance(step, MenuStep):
        _check_menu(step, flow, plan, place, source)


def _check_menu(step: MenuStep, flow: Flow, plan: Plan, place: Place, source: Source) -> None:
    check_prompts(step.invalid_prompts, plan, (*place, "invalid_prompts"), source)
    if len(step.invalid_prompts) + len(step.prompts) > PROMPTS_A_PLAY_MAX:
        source.fail(
            (*place, "invalid_prompts"), f"more than {PROMPTS_A_PLAY_MAX} prompts with the menu's own"
        )
    if not step.keys:
        source.fail((*place, "keys"), "a menu needs at least one key")
    for key, target in step.keys.items():
        if key not in _KEYS:
            source.fail((*place, "keys", key), f"{key!r} is no key of a telephone (0-9, *, #, A-D)")
        _check_target(target, flow, (*place, "keys", key), source)
    _check_target(step.otherwise, flow, (*place, "otherwise"), source)
    check_ranges(step, place, source)


def _check_hours(step: HoursStep, flow: Flow, plan: Plan, place: Place, source: Source) -> None:
    check_known(step.calendar, plan.calendars, "calendar", (*place, "calendar"), source)
    for branch in HOURS_BRANCHES:
        if target := getattr(step, branch):
            _check_target(target, flow, (*place, branch), source)
    for branch in ("open", "closed"):
        if not getattr(step, branch):
            source.fail((*place, branch), "the name of a step is missing")


def _check_target(target: str, flow: Flow, place: Place, source: Source) -> None:
    if target not in flow.steps:
        source.fail(place, f"there is no step {target} in this flow")


def _targets(step: Step) -> list[str]:
    if isinstance(step, PlayStep):
        return [step.next]
    if isinstance(step, MenuStep):
        return [*step.keys.values(), step.otherwise]
    if isinstance(step, HoursStep):
        return [target for branch in HOURS_BRANCHES if (target := getattr(step, branch))]
    return []
