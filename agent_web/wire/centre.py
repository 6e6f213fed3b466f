"""The centre as a whole: whether it can be reached, its mode, those who wait to be called back."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from acd_core.domain.events import CentreMode
from agent_web.wire.base import Asked, Said, ShortText

CoreState: TypeAlias = Literal["up", "away"]


class Health(Said, frozen=True, kw_only=True):
    """GET /healthz."""

    core: CoreState
    database: Literal["up", "away"]


class NewMode(Asked, frozen=True, kw_only=True):
    """PUT /api/mode: the centre works as ever, is closed, or is in an emergency; flows go by it."""

    mode: CentreMode


class SettleCallback(Asked, frozen=True, kw_only=True):
    """POST /api/callbacks/settle: whoever asked for it in this call was called back, or need not be."""

    callback: Annotated[ShortText, msgspec.Meta(min_length=1)]
