"""One page's audio on its way to the edge and back: the offer must be answered in time, or the page is told.

The offer and its answer are signals, which nobody repeats: a core or edge that went away in between says
nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from acd_core.link.signals import BrowserAnswer, BrowserEnded, BrowserOffer
from agent_web import wire
from agent_web.core_port import CorePort
from agent_web.limits import AUDIO_ANSWER_TIMEOUT_S
from agent_web.sockets import PageSocket


class PageAudio:
    """The audio of one page; one offer at a time, a newer one replaces it."""

    def __init__(self, core: CorePort, socket: PageSocket, given_up: Callable[[], None]) -> None:
        """`given_up` is called when an offer is not answered in time."""
        self._core, self._socket, self._given_up = core, socket, given_up
        self._timer: asyncio.TimerHandle | None = None

    def offer(self, message: BrowserOffer) -> bool:
        """Send an offer; False, and the page knows, when the core is away."""
        self.forget()
        if not self._core.signal(message):
            self._say_error("core_away")
            return False
        self._timer = asyncio.get_running_loop().call_later(AUDIO_ANSWER_TIMEOUT_S, self._time_out)
        return True

    def answered(self, message: BrowserAnswer) -> None:
        """The edge answered. An answer that nobody waits for any more belongs to an offer that was given up."""
        if self._timer is not None:
            self.forget()
            self._socket.send(wire.AudioAnswer(sdp=message.sdp, call=message.call, error=message.error))

    def ended(self, message: BrowserEnded) -> None:
        """The edge says that the leg ended."""
        self.forget()
        self._socket.send(wire.AudioEnded(cause=message.cause))

    def forget(self) -> None:
        """No answer is expected any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_out(self) -> None:
        self._timer = None
        self._given_up()
        self._say_error("no_answer")

    def _say_error(self, error: str) -> None:
        self._socket.send(wire.AudioAnswer(sdp="", call="", error=error))
