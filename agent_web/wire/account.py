"""Logging in."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from agent_web.wire.base import Asked, Said, ShortText

Role: TypeAlias = Literal["operator", "supervisor", "admin"]


class LoginRequest(Asked, frozen=True, kw_only=True):
    """POST /api/login."""

    user: Annotated[ShortText, msgspec.Meta(min_length=1)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]


class Me(Said, frozen=True, kw_only=True):
    """Who is logged in. `csrf` goes into the header X-CSRF-Token of every POST, PATCH, PUT and DELETE."""

    user: str
    name: str
    roles: list[Role]
    agent: str | None
    csrf: str
    expires_at_ms: int
    now_ms: int
