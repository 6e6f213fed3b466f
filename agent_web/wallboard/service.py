"""The live picture for supervisors: kept whole as the core said it last, told to every open board."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import msgspec

from acd_core.link.signals import Wallboard
from agent_web import wire
from agent_web.broadcast import Broadcast
from agent_web.core_port import CorePort
from agent_web.sockets import PageSocket


class Boards:
    """All open boards."""

    def __init__(self, core: CorePort, now_ms: Callable[[], int]) -> None:
        self._core, self._now_ms = core, now_ms
        self.broadcast = Broadcast()
        self._latest: Wallboard | None = None

    @contextlib.contextmanager
    def showing(self, socket: PageSocket) -> Iterator[None]:
        """A board is open: first what is known, then what comes."""
        socket.send(self._core_state(), replaces="core")
        if self._latest is not None:
            socket.send(self._board(self._latest), replaces="board")
        with self.broadcast.listening(socket):
            yield

    def changed(self, picture: Wallboard) -> None:
        """The core has a new picture."""
        self._latest = picture
        if len(self.broadcast):
            self.broadcast.tell(self._board(picture), replaces="board")

    def core_changed(self) -> None:
        """The link came or went."""
        self.broadcast.tell(self._core_state(), replaces="core")

    def _core_state(self) -> wire.Core:
        return wire.Core(state="up" if self._core.connected else "away")

    def _board(self, picture: Wallboard) -> wire.Board:
        return wire.Board(
            at_ms=picture.at_ms,
            now_ms=self._now_ms(),
            queues=msgspec.convert(picture.queues, list[wire.BoardQueue], from_attributes=True),
            agents=msgspec.convert(picture.agents, list[wire.BoardAgent], from_attributes=True),
            calls=msgspec.convert(picture.calls, list[wire.BoardCall], from_attributes=True),
            calls_live=picture.calls_live,
            store_behind=picture.store_behind,
            edges=list(picture.edges),
        )
