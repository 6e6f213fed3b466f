"""The roster: the agents, their teams, skills, queues and shifts, one validated and versioned document."""

from __future__ import annotations

import msgspec

from acd_core.domain.plan import Document

LEVEL_MIN, LEVEL_MAX = 1, 5


class Shift(Document, frozen=True, kw_only=True):
    """When people work, local to the plan's time zone. An end at or before the start is on the next day."""

    start: str  # 08:00
    end: str
    days: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Team(Document, frozen=True, kw_only=True):
    """Agents who work together; `queues` are served by all of them."""

    name: str
    queues: tuple[str, ...] = ()


class Agent(Document, frozen=True, kw_only=True):
    """An operator as the core sees them; log-ins and passwords are the web's."""

    name: str
    queues: tuple[str, ...] = ()  # beside those of the team
    skills: dict[str, int] = msgspec.field(default_factory=dict)  # and at which level, 1 to 5
    team: str = ""
    shifts: tuple[str, ...] = ()
    phone: str = ""  # user of their SIP phone, when they have one
    order: int = 100  # for top-down: the lower, the sooner


class Roster(Document, frozen=True, kw_only=True):
    """All agents by id."""

    agents: dict[str, Agent]
    teams: dict[str, Team] = msgspec.field(default_factory=dict)
    shifts: dict[str, Shift] = msgspec.field(default_factory=dict)
