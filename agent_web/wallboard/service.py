"""The live picture for supervisors: kept as the core tells it, told whole to every open board.

The core tells changes in several messages at a time, and a large picture takes a page's line: so it is told at a pace, quickly
while it is small and at most so many bytes a second to each page.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator

from acd_core.link.signals import Wallboard, WallboardDelta
from agent_web import wire
from agent_web.broadcast import Broadcast
from agent_web.core_port import CorePort
from agent_web.limits import BOARD_BYTES_A_SECOND, BOARD_INTERVAL_S
from agent_web.sockets import PageSocket
from agent_web.wallboard.picture import LivePicture


class Boards:
    """All open boards."""

    def __init__(self, core: CorePort, now_ms: Callable[[], int]) -> None:
        self._core, self._now_ms = core, now_ms
        self.broadcast = Broadcast()
        self.picture: LivePicture | None = None
        self._due: asyncio.TimerHandle | None = None
        self._pause_until_s = 0.0

    @contextlib.contextmanager
    def showing(self, socket: PageSocket) -> Iterator[None]:
        """A board is open: first what is known, then what comes."""
        socket.send(self._core_state(), replaces="core")
        if self.picture is not None:
            socket.send_text(self.picture.text(self._now_ms()), replaces="board")
        with self.broadcast.listening(socket):
            yield

    def replaced(self, whole: Wallboard) -> None:
        """The core tells the picture anew."""
        self.picture = LivePicture(whole)
        self._tell_soon()

    def changed(self, delta: WallboardDelta) -> None:
        """The core tells what changed; a change before the first picture is one of an older link, and is left out."""
        if self.picture is not None:
            self.picture.change(delta)
            self._tell_soon()

    def core_changed(self) -> None:
        """The link came or went."""
        self.broadcast.tell(self._core_state(), replaces="core")

    def _tell_soon(self) -> None:
        """Once for all that comes within a moment."""
        if self._due is None and len(self.broadcast):
            loop = asyncio.get_running_loop()
            self._due = loop.call_at(max(loop.time(), self._pause_until_s), self._tell)

    def _tell(self) -> None:
        self._due = None
        assert self.picture is not None
        text = self.picture.text(self._now_ms())
        pause_s = max(BOARD_INTERVAL_S, len(text) / BOARD_BYTES_A_SECOND)
        self._pause_until_s = asyncio.get_running_loop().time() + pause_s
        self.broadcast.tell_text(text, replaces="board")

    def _core_state(self) -> wire.Core:
        return wire.Core(state="up" if self._core.connected else "away")
