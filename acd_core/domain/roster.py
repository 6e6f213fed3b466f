"""The roster: the agents and the queues they serve, one validated and versioned document."""

from __future__ import annotations

import msgspec

from acd_core.domain.plan import Document


class Agent(Document, frozen=True, kw_only=True):
    """An operator as the core sees them; log-ins and passwords are the web's."""

    name: str
    queues: tuple[str, ...]
    phone: str = ""  # user of their SIP phone, when they have one
    team: str = ""


class Roster(Document, frozen=True, kw_only=True):
    """All agents by id."""

    agents: dict[str, Agent]
    teams: dict[str, str] = msgspec.field(default_factory=dict)  # id and name
