"""The other ends of the core's links: edges, which hold calls and audio, and webs, which hold the operators' pages."""

from __future__ import annotations

import msgspec

from acd_core.domain.deadline import Deadline


class Edge(msgspec.Struct, kw_only=True):
    """An edge. While it is not `up`, nothing there is offered or rung. Its deadline: `grace`, after which its calls end."""

    id: str
    instance: str = ""
    up: bool = True
    deadlines: dict[str, Deadline] = {}


class Web(msgspec.Struct, kw_only=True):
    """A web process whose link is up; one whose link broke is forgotten, its pages with it (sessions.py)."""

    id: str
    instance: str = ""
