"""What there is to tell of one call, as data: its reasons in order, why it waits now, and the names that go with the ids."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from acd_core.domain.commands import CallStory, Decided
from acd_core.domain.plan import Plan, SearchStep
from acd_core.domain.roster import Roster

Reason: TypeAlias = CallStory | Decided


class QueueNames(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue is called and does with time."""

    name: str
    steps: tuple[SearchStep, ...] = ()


class Names(msgspec.Struct, frozen=True, kw_only=True):
    """Names by id, as far as a story mentions them; an id without one stands for itself."""

    agents: dict[str, str] = {}
    queues: dict[str, QueueNames] = {}
    skills: dict[str, str] = {}
    teams: dict[str, str] = {}
    timezone: str = ""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Why a call waits at `decision.at_ms`, and what comes next; a time or number of 0 is none."""

    decision: Decided
    before: int  # calls of its queue that go first
    asked: tuple[tuple[str, int], ...] = ()  # the levels that an operator needs at present
    held: tuple[int, ...] = ()  # steps that are due and whose condition does not hold, counted from 1
    step: int = 0  # the next one that will come
    step_ms: int = 0
    leaves_ms: int = 0  # at the latest
    unstaffed_ms: int = 0  # leaves then, unless somebody logs in


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """The story of a call. Where `left_out` is not 0, so many reasons are missing behind the first `gap_at` of them."""

    call: str
    live: bool
    whole: bool  # begins with the call's arrival
    reasons: tuple[Reason, ...]
    names: Names
    left_out: int = 0
    gap_at: int = 0
    waiting: Waiting | None = None


def agents_in(reasons: tuple[Reason, ...]) -> set[str]:
    """All operators that the reasons mention."""
    found = {reason.agent for reason in reasons if reason.agent}
    for reason in reasons:
        if isinstance(reason, Decided):
            found.update(one.agent for one in reason.considered)
            found.update(agent for one in reason.rejected for agent in one.agents)
    return found


def queues_in(reasons: tuple[Reason, ...]) -> set[str]:
    """All queues that the reasons mention; a detail that is none harms nobody."""
    found = {reason.queue for reason in reasons}
    return found.union(reason.detail for reason in reasons)


def names_of(agents: set[str], queues: set[str], plan: Plan | None, roster: Roster | None) -> Names:
    """What plan and roster call them, and whatever the steps of those queues mention."""
    if plan is None:
        return Names()
    told = {
        id_: QueueNames(name=queue.name, steps=queue.steps)
        for id_ in sorted(queues | _queues_of_steps(queues, plan))
        if (queue := plan.queues.get(id_)) is not None
    }
    on_roster = {} if roster is None else roster.agents
    teams = {} if roster is None else roster.teams
    return Names(
        agents={id_: on_roster[id_].name for id_ in sorted(agents) if id_ in on_roster},
        queues=told,
        skills=dict(plan.skills),
        teams={id_: team.name for id_, team in teams.items()},
        timezone=plan.timezone,
    )


def _queues_of_steps(queues: set[str], plan: Plan) -> set[str]:
    found: set[str] = set()
    for id_ in queues:
        queue = plan.queues.get(id_)
        for step in () if queue is None else queue.steps:
            found.update(step.add_queues)
            found.add(step.move_to)
    return found


def merged(stored: Told, live: Told) -> Told:
    """The whole story of a call that the core remembers in part: what the database has, and what it does not have yet."""
    known = set(stored.reasons)
    fresh = tuple(reason for reason in live.reasons if reason not in known)
    return msgspec.structs.replace(
        live,
        whole=stored.whole,
        reasons=stored.reasons + fresh,
        names=live.names if not stored.reasons else _joined(stored.names, live.names),
        left_out=stored.left_out,
        gap_at=stored.gap_at,
    )


def _joined(first: Names, second: Names) -> Names:
    return Names(
        agents={**first.agents, **second.agents},
        queues={**first.queues, **second.queues},
        skills={**first.skills, **second.skills},
        teams={**first.teams, **second.teams},
        timezone=second.timezone or first.timezone,
    )
