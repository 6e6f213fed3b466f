"""What the plan's calendars say of a moment: look-ups in the spans that were compiled when the plan was read."""

from __future__ import annotations

from bisect import bisect_right

from acd_core.domain.plan import HoursStep, Plan

_NO_END = 1 << 62
_DAY_MS = 86_400_000


def is_open(plan: Plan, calendar: str, at_ms: int) -> bool:
    """Whether this calendar is open; beyond the years that were compiled it is, so that an old plan turns nobody away.

    So is one that the plan no longer has: a queue that went with it may ask for it until its last call has left.
    """
    known = plan.calendars.get(calendar)
    if known is None or (plan.compiled_ms[1] and not plan.compiled_ms[0] <= at_ms < plan.compiled_ms[1]):
        return True
    return _within(known.open_ms, at_ms)


def is_holiday(plan: Plan, calendar: str, at_ms: int) -> bool:
    """Whether it is a holiday there."""
    return _within(plan.calendars[calendar].holiday_ms, at_ms)


def day_span(plan: Plan | None, at_ms: int) -> tuple[int, int]:
    """From when to when the day of counting lasts: by the plan's midnights, by those of UTC beyond them."""
    if plan is not None:
        place = bisect_right(plan.midnights_ms, at_ms)
        if 0 < place < len(plan.midnights_ms):
            return plan.midnights_ms[place - 1], plan.midnights_ms[place]
    start_ms = at_ms // _DAY_MS * _DAY_MS
    return start_ms, start_ms + _DAY_MS


def hours(plan: Plan, step: HoursStep, mode: str, at_ms: int) -> str:
    """The step that follows: emergency before closed before holiday before the hours."""
    if mode == "emergency" and step.emergency:
        return step.emergency
    if mode == "closed":
        return step.closed
    if is_open(plan, step.calendar, at_ms):
        return step.open
    if step.holiday and is_holiday(plan, step.calendar, at_ms):
        return step.holiday
    return step.closed


def _within(spans: tuple[tuple[int, int], ...], at_ms: int) -> bool:
    place = bisect_right(spans, (at_ms, _NO_END)) - 1
    return place >= 0 and spans[place][0] <= at_ms < spans[place][1]
