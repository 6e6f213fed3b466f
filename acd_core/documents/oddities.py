"""What is odd about a plan that can be used, and about a roster beside it: nobody is refused for it, but somebody should look.

Who may have a call is asked as matching asks it when nothing has widened yet: an agent serves the queue (by their own entry, by
their team's, or because the queue takes the whole team) and has each of its skills at its level.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

from acd_core.documents.calendars import zone_of
from acd_core.documents.ranges import DAY_MS
from acd_core.domain.plan import HoursStep, Number, Plan, Queue, QueueStep, Step
from acd_core.domain.roster import LEVEL_MIN, Roster

_ENDS_SOON_DAYS = 90


def warnings(plan: Plan, roster: Roster | None = None, now_ms: int | None = None) -> tuple[str, ...]:
    """Sentences, in the order of the documents."""
    now = dt.datetime.now(dt.UTC).timestamp() * 1000 if now_ms is None else now_ms
    found = [*_prompts(plan), *_unreached(plan), *_dead_keys(plan), *_calendars(plan, now)]
    if roster is not None:
        found.extend(_Staff(plan, roster).oddities())
    return tuple(found)


def _prompts(plan: Plan) -> Iterator[str]:
    for id_, entry in plan.prompts.items():
        if entry.wav and not Path(entry.wav).is_file():
            instead = "its text is spoken instead" if entry.text else "and it has no text: its id is spoken"
            yield f"prompts.{id_}.wav: {entry.wav} does not exist; {instead}"


def _unreached(plan: Plan) -> Iterator[str]:
    ways = [
        way
        for queue in plan.queues.values()
        for way in (queue.when_full, queue.when_waited, queue.when_unstaffed)
    ]
    flows = {number.flow for number in plan.numbers} | {way.flow for way in ways}
    yield from (f"flows.{id_}: no number leads here" for id_ in plan.flows if id_ not in flows)
    queues = {step.queue for step in _steps(plan) if isinstance(step, QueueStep)} | {
        way.queue for way in ways
    }
    for queue in plan.queues.values():
        for step in queue.steps:
            queues |= {step.move_to, *step.add_queues}
    yield from (f"queues.{id_}: no flow leads here" for id_ in plan.queues if id_ not in queues)


def _dead_keys(plan: Plan) -> Iterator[str]:
    """What is written and never comes to pass."""
    unset = Number(dialled="", service="", flow="").early_media_max_ms
    for index, number in enumerate(plan.numbers, 1):
        if number.answer == "at_once" and number.early_media_max_ms != unset:
            yield f'numbers[{index}].early_media_max_ms: without answer = "when_connected" there is no early media'
    for id_, queue in plan.queues.items():
        for index, step in enumerate(queue.steps[:-1]):
            if step.move_to and step.when == type(step.when)():
                yield f"queues.{id_}.steps[{index + 2}]: all calls have moved to {step.move_to} before"
        if queue.when_unstaffed != type(queue.when_unstaffed)() and not queue.unstaffed_max_ms:
            yield f"queues.{id_}.when_unstaffed: without unstaffed_max_ms nobody is ever sent there"


def _calendars(plan: Plan, now_ms: float) -> Iterator[str]:
    used = {step.calendar for step in _steps(plan) if isinstance(step, HoursStep)}
    used |= {step.when.during for queue in plan.queues.values() for step in queue.steps}
    for id_, calendar in plan.calendars.items():
        if id_ not in used:
            yield f"calendars.{id_}: nothing asks for it"
        if not calendar.open_ms:
            yield f"calendars.{id_}: it is never open"
    if plan.compiled_ms[1] - now_ms < _ENDS_SOON_DAYS * DAY_MS:
        last_day = dt.datetime.fromtimestamp((plan.compiled_ms[1] - 1) // 1000, zone_of(plan)).date()
        yield f"calendars are known until {last_day} only: load the plan again before"


def _steps(plan: Plan) -> list[Step]:
    return [step for flow in plan.flows.values() for step in flow.steps.values()]


class _Staff:
    """Who may have which call."""

    def __init__(self, plan: Plan, roster: Roster) -> None:
        self._plan, self._roster = plan, roster
        self._of_team: dict[str, set[str]] = {team: set() for team in roster.teams}
        self._of_queue: dict[str, set[str]] = {queue: set() for queue in plan.queues}
        for id_, agent in roster.agents.items():
            queues = set(agent.queues)
            if agent.team:
                self._of_team[agent.team].add(id_)
                queues.update(roster.teams[agent.team].queues)
            for queue in queues & plan.queues.keys():
                self._of_queue[queue].add(id_)
        for id_, entry in plan.queues.items():
            self._of_queue[id_].update(*(self._of_team.get(team, ()) for team in entry.teams))

    def oddities(self) -> Iterator[str]:
        """All about the two documents beside each other."""
        yield from self._unknown()
        for id_, queue in self._plan.queues.items():
            serving = self._of_queue[id_]
            able = self._able(serving, queue, lowered=0)
            if not serving:
                yield f"queues.{id_}: no agent serves it"
            elif not able:
                yield f"queues.{id_}: no agent who serves it has its skills at their levels"
            yield from self._steps(id_, queue, able)
        yield from self._unused()

    def _unknown(self) -> Iterator[str]:
        for id_, queue in self._plan.queues.items():
            named = dict.fromkeys((*queue.teams, *(team for step in queue.steps for team in step.add_teams)))
            yield from (
                f"queues.{id_}: the roster has no team {team}"
                for team in named
                if team not in self._roster.teams
            )
        for id_, caller in self._plan.callers.items():
            if caller.agent and caller.agent not in self._roster.agents:
                yield f"callers.{id_}.agent: the roster has no agent {caller.agent}"

    def _steps(self, id_: str, queue: Queue, able: set[str]) -> Iterator[str]:
        """A step that is to widen the search, and does not."""
        serving, lowered = set(self._of_queue[id_]), 0
        helping: set[str] = set()
        for index, step in enumerate(queue.steps):
            if not (step.lower_levels or step.add_teams or step.add_queues):
                continue
            lowered += step.lower_levels
            serving.update(*(self._of_team.get(team, ()) for team in step.add_teams))
            # Another queue's agents are asked for what that queue asks for.
            for other in step.add_queues:
                helping |= self._able(self._of_queue[other], self._plan.queues[other], lowered=0)
            now_able = self._able(serving, queue, lowered) | helping
            if now_able == able:
                yield f"queues.{id_}.steps[{index + 1}]: it admits nobody new"
            able = now_able

    def _able(self, serving: set[str], queue: Queue, lowered: int) -> set[str]:
        wanted = {skill: max(LEVEL_MIN, level - lowered) for skill, level in queue.skills.items()}
        agents = self._roster.agents
        return {
            id_
            for id_ in serving
            if all(agents[id_].skills.get(skill, 0) >= level for skill, level in wanted.items())
        }

    def _unused(self) -> Iterator[str]:
        plan, roster = self._plan, self._roster
        had = {skill for agent in roster.agents.values() for skill in agent.skills}
        asking = (
            *(queue.skills for queue in plan.queues.values()),
            *(number.skills for number in plan.numbers),
            *(caller.skills for caller in plan.callers.values()),
            *(step.skills for step in _steps(plan) if isinstance(step, QueueStep)),
        )
        asked = {skill for skills in asking for skill in skills}
        for skill in plan.skills:
            if skill not in had:
                yield f"skills.{skill}: no agent has it"
            if skill not in asked:
                yield f"skills.{skill}: nothing asks for it"
        members = {agent.team for agent in roster.agents.values()}
        yield from (f"teams.{team}: no agent is in it" for team in roster.teams if team not in members)
        worked = {shift for agent in roster.agents.values() for shift in agent.shifts}
        yield from (f"shifts.{shift}: no agent has it" for shift in roster.shifts if shift not in worked)
