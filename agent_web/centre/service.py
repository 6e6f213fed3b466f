"""What supervisors decide for the whole centre: its mode, and that a callback is settled.

Both are told to the core with the name of the user, and are with it part of the journal; the wallboard shows what became of
them. While the core is away nothing is kept for later: an emergency of ten minutes ago is not what somebody means now.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from acd_core.domain import events
from agent_web.auth.service import Login
from agent_web.core_port import CorePort
from agent_web.limits import CENTRE_CHANGES_A_MINUTE, CENTRE_USERS_MAX, RETRY_AFTER_S
from agent_web.pace import Pace
from agent_web.problems import RefusalError, core_away

_log = logging.getLogger(__name__)


class Centre:
    """Takes supervisors' decisions to the core."""

    def __init__(self, core: CorePort, clock_s: Callable[[], float]) -> None:
        self._core = core
        self._pace = Pace(CENTRE_CHANGES_A_MINUTE, CENTRE_USERS_MAX, clock_s)

    def change_mode(self, mode: events.CentreMode, login: Login) -> None:
        """Calls go by this mode from now on."""
        self._tell(events.ModeChanged(mode=mode, by=login.user), login)
        _log.info("%r put the centre into the mode %s", login.user, mode)

    def settle(self, callback: str, login: Login) -> None:
        """This callback is off the list."""
        self._tell(events.CallbackSettled(callback=callback, by=login.user), login)
        _log.info("%r settled the callback %r", login.user, callback)

    def _tell(self, event: events.WebEvent, login: Login) -> None:
        if not self._pace.allows(login.user):
            text = "Too many changes within a minute; wait a moment."
            raise RefusalError(429, "too_fast", text, retry_after_s=RETRY_AFTER_S)
        if not self._core.connected:
            raise core_away()
        self._core.send(event)
