"""The edges as they tell themselves once a second while somebody looks, and the messages of calls that are watched.

An edge forgets who fell silent, so what is wanted is said again and again; nothing is wanted while no page is open.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Callable, Iterator

import msgspec

from acd_core.link.signals import BanLifted, EdgePicture, PictureWanted, TraceLines, TraceWanted
from acd_core.link.trace_lines import TraceMessage, TraceParty
from agent_web import wire
from agent_web.auth.service import Login
from agent_web.broadcast import Broadcast
from agent_web.core_port import CorePort
from agent_web.limits import (
    CENTRE_CHANGES_A_MINUTE,
    CENTRE_USERS_MAX,
    EDGE_SILENT_MS,
    RETRY_AFTER_S,
    WANTED_AGAIN_S,
)
from agent_web.pace import Pace
from agent_web.problems import RefusalError, core_away
from agent_web.sockets import PageSocket

_log = logging.getLogger(__name__)

_PEER_BYTES = 8


class Page:
    """One open page."""

    def __init__(self, telephony: Telephony, socket: PageSocket) -> None:
        self.peer = secrets.token_hex(_PEER_BYTES)
        self.call = ""  # that is watched
        self._telephony, self._socket = telephony, socket
        self._party = ""

    def received(self, message: wire.WatchCall) -> None:
        """Another call is to be watched, or none."""
        self.call = message.call
        self._telephony.ask_for_trace(self)

    def traced(self, lines: TraceLines) -> None:
        """What is new of the call; a party's name stands before its message."""
        told = []
        for line in lines.lines:
            if isinstance(line, TraceParty):
                self._party = line.party
            elif isinstance(line, TraceMessage):
                told.append(
                    wire.TraceLine(
                        at_ms=line.at_ms,
                        party=self._party,
                        sent=line.sent,
                        peer=f"{line.host}:{line.port}",
                        transport=line.transport,
                        text=line.text,
                        lost=line.lost,
                    )
                )
        if self.call:
            self._socket.send(wire.TraceTold(call=self.call, lines=told))


class Telephony:
    """All open pages."""

    def __init__(self, core: CorePort, now_ms: Callable[[], int], clock_s: Callable[[], float]) -> None:
        self._core, self._now_ms = core, now_ms
        self._pace = Pace(CENTRE_CHANGES_A_MINUTE, CENTRE_USERS_MAX, clock_s)
        self.broadcast = Broadcast()
        self._pages: dict[str, Page] = {}
        self._edges: dict[str, tuple[int, wire.EdgeState]] = {}  # heard at

    @contextlib.contextmanager
    def showing(self, socket: PageSocket) -> Iterator[Page]:
        """A page is open: first what is known, then what comes."""
        page = Page(self, socket)
        self._pages[page.peer] = page
        socket.send(self._core_state(), replaces="core")
        socket.send(self._told(), replaces="edges")
        self._want()
        try:
            with self.broadcast.listening(socket):
                yield page
        finally:
            del self._pages[page.peer]
            page.call = ""
            self.ask_for_trace(page)
            if not self._pages:
                self._core.signal(PictureWanted(web="", on=False))

    def pictured(self, picture: EdgePicture) -> None:
        """An edge tells itself."""
        state = msgspec.convert(picture, wire.EdgeState, from_attributes=True)
        self._edges[picture.edge] = (self._now_ms(), state)
        self.broadcast.tell(self._told(), replaces="edges")

    def traced(self, lines: TraceLines) -> None:
        """New messages of a watched call; a page that is gone needs none."""
        if page := self._pages.get(lines.peer):
            page.traced(lines)

    def core_changed(self) -> None:
        """The link came or went."""
        self.broadcast.tell(self._core_state(), replaces="core")
        self._want()

    def ask_for_trace(self, page: Page) -> None:
        """Tell the edges what this page watches."""
        self._core.signal(TraceWanted(web="", peer=page.peer, call=page.call))

    def lift_ban(self, source: str, login: Login) -> None:
        """Every edge hears this source again."""
        if not self._pace.allows(login.user):
            text = "Too many changes within a minute; wait a moment."
            raise RefusalError(429, "too_fast", text, retry_after_s=RETRY_AFTER_S)
        if not self._core.signal(BanLifted(source=source)):
            raise core_away()
        _log.info("%r lifted the ban of %s", login.user, source)

    async def run(self) -> None:
        """Say again what is wanted, and notice edges that fell silent, until cancelled."""
        while True:
            await asyncio.sleep(WANTED_AGAIN_S)
            self._want()
            if self._pages:
                self.broadcast.tell(self._told(), replaces="edges")

    def _want(self) -> None:
        if self._pages:
            self._core.signal(PictureWanted(web="", on=True))
        for page in self._pages.values():
            if page.call:
                self.ask_for_trace(page)

    def _told(self) -> wire.Edges:
        now_ms = self._now_ms()
        self._edges = {
            edge: entry for edge, entry in self._edges.items() if now_ms - entry[0] < EDGE_SILENT_MS
        }
        return wire.Edges(now_ms=now_ms, edges=[self._edges[edge][1] for edge in sorted(self._edges)])

    def _core_state(self) -> wire.Core:
        return wire.Core(state="up" if self._core.connected else "away")
