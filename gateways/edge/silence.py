"""Watches that the other end still speaks: after a long silence an OPTIONS within the dialog asks (RFC 3261 12.2.1.2).

One that knows nothing of the dialog, or does not answer, is gone. Any other answer is a sign of life.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from gateways.edge.line import Line
from gateways.sip.events import ClientKey
from gateways.sip.message import Response


class SilenceWatch:
    """Of one dialog. `stop` for good, once it is over."""

    def __init__(self, line: Line, patience_s: float, gone: Callable[[], None]) -> None:
        """Asks after `patience_s`; begins with `watch`."""
        self._line, self._patience_s, self._gone = line, patience_s, gone
        self._speaking = self._stopped = self._watching = False
        self._timer: asyncio.TimerHandle | None = None

    def heard(self) -> None:
        """The peer speaks."""
        self._speaking = True
        self._rest()

    def silent(self, silent_ms: int) -> None:
        """The peer has not been heard for so long. Before the answer that says nothing: many send no audio until then."""
        self._speaking = False
        if self._watching:
            self.watch(silent_ms / 1000)

    def watch(self, silent_s: float = 0.0) -> None:
        """Ask when it has been too long; a peer that was never heard is silent from the start."""
        self._watching = True
        self._rest()
        if not (self._stopped or self._speaking):
            wait_s = max(0.0, self._patience_s - silent_s)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._ask)

    def stop(self) -> None:
        """Nobody is watched any longer."""
        self._stopped = True
        self._rest()

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ask(self) -> None:
        self._timer = None
        if not self._line.request("OPTIONS", self._answered):
            self.watch()

    def _answered(self, key: ClientKey, status: int, response: Response | None) -> None:
        if self._stopped:
            return
        if response is None or status in (408, 481):
            self._gone()
        elif self._timer is None:
            self.watch()
