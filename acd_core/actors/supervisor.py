"""Long-lived tasks: started in order, restarted when they fail, given up on after too many restarts in a time, loudly.

In the manner of OTP's supervisor (one for one): a child is a name and an async function; a failure is logged with its cause and
the child begins again; more than `restarts_max` failures within `period_s` bring the whole process down, whose own supervisor
(`santral up`, systemd) then starts it from snapshot and journal.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Literal

import trio

_log = logging.getLogger(__name__)


class TooManyRestartsError(Exception):
    """The children of one supervisor failed too often; the process must begin anew."""


class Supervisor:
    """The only place that starts long-lived tasks of the core."""

    def __init__(
        self,
        nursery: trio.Nursery,
        *,
        fatal: tuple[type[Exception], ...] = (),
        restarts_max: int = 10,
        period_s: float = 30.0,
    ) -> None:
        """`nursery` holds the children; cancelling it stops them all. A `fatal` failure is nothing that a new start of
        the child mends: it ends the process at once."""
        self._nursery = nursery
        self._fatal = fatal
        self._restarts_max, self._period_s = restarts_max, period_s
        self._failures: deque[float] = deque()
        self.restarts = 0

    def start(
        self,
        name: str,
        run: Callable[[], Awaitable[None]],
        *,
        restart: Literal["permanent", "transient"] = "permanent",
    ) -> None:
        """Run a child: `permanent` ones never end by themselves, `transient` ones begin again only after a failure."""
        self._nursery.start_soon(self._keep, name, run, restart == "transient", name=name)

    async def _keep(self, name: str, run: Callable[[], Awaitable[None]], may_end: bool) -> None:
        while True:
            try:
                await run()
            except self._fatal:
                raise
            except Exception:  # noqa: BLE001
                # The supervisor is the one place that may take any failure of ours: it counts it and begins the child anew.
                _log.exception("%s failed and begins again", name)
            else:
                if may_end:
                    return
                _log.error("%s ended and begins again", name)
            self._count(name)
            await trio.lowlevel.checkpoint()

    def _count(self, name: str) -> None:
        now_s = trio.current_time()
        self.restarts += 1
        self._failures.append(now_s)
        while self._failures and self._failures[0] < now_s - self._period_s:
            self._failures.popleft()
        if len(self._failures) > self._restarts_max:
            raise TooManyRestartsError(f"{name}: {len(self._failures)} failures in {self._period_s:.0f} s")
