"""Whether a roster makes sense, by itself and beside the plan that is in force with it."""

from __future__ import annotations

from acd_core.documents.calendars import WEEKDAYS
from acd_core.documents.ranges import check_ranges
from acd_core.documents.source import Place, Source
from acd_core.documents.values import (
    check_id,
    check_known,
    check_list,
    check_name,
    check_skills,
    minutes_of,
)
from acd_core.domain.limits import AGENTS_MAX
from acd_core.domain.plan import Plan
from acd_core.domain.roster import Agent, Roster, Shift


def check_roster(roster: Roster, plan: Plan | None, source: Source) -> None:
    """The first thing that is wrong raises `DocumentError`."""
    if len(roster.agents) > AGENTS_MAX:
        source.fail(("agents",), f"{len(roster.agents)} agents are more than {AGENTS_MAX}")
    for id_, team in roster.teams.items():
        check_id(id_, ("teams", id_), source)
        check_name(team.name, ("teams", id_, "name"), source)
        if plan is not None:
            check_list(team.queues, plan.queues, "queue", ("teams", id_, "queues"), source)
    for id_, shift in roster.shifts.items():
        _check_shift(id_, shift, source)
    phones = {site.user: f"the site {id_}" for id_, site in plan.sites.items()} if plan is not None else {}
    staffed = {team for queue in plan.queues.values() for team in queue.teams} if plan is not None else set()
    for id_, agent in roster.agents.items():
        _check_agent(id_, agent, roster, plan, source)
        _check_phone(id_, agent, phones, source)
        if not _serves(agent, roster, staffed, is_plan_known=plan is not None):
            source.fail(
                ("agents", id_, "queues"), "an agent serves at least one queue, alone or with the team"
            )
    if plan is not None:
        _check_against_plan(roster, plan, source)


def _check_shift(id_: str, shift: Shift, source: Source) -> None:
    place: Place = ("shifts", id_)
    check_id(id_, place, source)
    for key in ("start", "end"):
        text = getattr(shift, key)
        if minutes_of(text) is None or (key == "start" and text == "24:00"):
            source.fail((*place, key), f"{text!r} is no time of day (08:00)")
    if not shift.days:
        source.fail((*place, "days"), "a shift needs at least one day")
    check_list(shift.days, WEEKDAYS, "weekday", (*place, "days"), source)


def _check_agent(id_: str, agent: Agent, roster: Roster, plan: Plan | None, source: Source) -> None:
    place: Place = ("agents", id_)
    check_id(id_, place, source)
    check_name(agent.name, (*place, "name"), source)
    check_list(
        agent.queues, plan.queues if plan is not None else agent.queues, "queue", (*place, "queues"), source
    )
    check_skills(agent.skills, plan.skills if plan is not None else None, (*place, "skills"), source)
    if agent.team:
        check_known(agent.team, roster.teams, "team", (*place, "team"), source)
    check_list(agent.shifts, roster.shifts, "shift", (*place, "shifts"), source)
    check_ranges(agent, place, source)


def _check_phone(id_: str, agent: Agent, phones: dict[str, str], source: Source) -> None:
    if not agent.phone:
        return
    place: Place = ("agents", id_, "phone")
    check_id(agent.phone, place, source)
    if agent.phone in phones:
        source.fail(place, f"{agent.phone} is the phone of {phones[agent.phone]} already")
    phones[agent.phone] = id_


def _serves(agent: Agent, roster: Roster, staffed: set[str], *, is_plan_known: bool) -> bool:
    if agent.queues:
        return True
    if not agent.team:
        return False
    # Which queues take a whole team only the plan says.
    return not is_plan_known or agent.team in staffed or bool(roster.teams[agent.team].queues)


def _check_against_plan(roster: Roster, plan: Plan, source: Source) -> None:
    """What the plan says of teams and agents; its own place is in another text."""
    for id_, queue in plan.queues.items():
        for team in (*queue.teams, *(team for step in queue.steps for team in step.add_teams)):
            if team not in roster.teams:
                source.fail(("teams",), f"the plan's queue {id_} needs the team {team}")
    for id_, caller in plan.callers.items():
        if caller.agent and caller.agent not in roster.agents:
            source.fail(("agents",), f"the plan's caller {id_} prefers the agent {caller.agent}")
