"""The citizen's test call: a page without log-in calls the hotline with its microphone.

The page is a visitor with a name of the server's; what it dials is for the core to know or refuse. Anybody
can open this page, so the number of pages and of calls is limited, in all and for each address.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from acd_core.link.signals import BrowserAnswer, BrowserEnded, BrowserHangUp, BrowserKey, BrowserOffer
from agent_web import wire
from agent_web.core_port import CorePort
from agent_web.limits import (
    CALL_PAGES_A_SOURCE_MAX,
    CALL_PAGES_MAX,
    CALL_SOURCES_MAX,
    CALLS_A_SOURCE_A_MINUTE,
)
from agent_web.pace import Pace
from agent_web.page_audio import PageAudio
from agent_web.sockets import TOO_MANY, PageSocket


class Visitor:
    """One page of the test call while it is connected."""

    def __init__(self, visitors: Visitors, source: str) -> None:
        self.visitors, self.source = visitors, source
        self.socket = PageSocket(on_gone=self._gone)
        self.audio = PageAudio(visitors.core, self.socket, self.hang_up)
        self.peer = ""  # of the call that is on, a new one each call

    def receive(self, message: Any) -> None:
        """What the page says (`wire.CallToServer` without pong)."""
        match message:
            case wire.CallOffer():
                self._call(message)
            case wire.CallKey(key=key) if self.peer:
                self.visitors.core.signal(BrowserKey(peer=self.peer, key=key))
            case wire.CallHangUp():
                self.hang_up()
            case _:
                self._say_error("no_call", "there is no call")

    def _call(self, message: wire.CallOffer) -> None:
        if self.peer:
            self._say_error("call_is_on", "hang up first")
            return
        if not self.visitors.may_call(self.source):
            self._say_error("too_fast", "too many test calls from this address; wait a minute")
            return
        self.peer = f"visitor-{secrets.token_hex(8)}"
        self.visitors.by_peer[self.peer] = self
        offer = BrowserOffer(
            web=self.visitors.web,
            purpose="citizen",
            peer=self.peer,
            sdp=message.sdp,
            dialled=message.dialled,
            caller=message.caller or "web",
        )
        if not self.audio.offer(offer):
            self.forget()

    def hang_up(self) -> None:
        """The page let go of its call."""
        if self.peer:
            self.visitors.core.signal(BrowserHangUp(peer=self.peer))
            self.forget()

    def forget(self) -> None:
        """The call is over on this side."""
        self.audio.forget()
        self.visitors.by_peer.pop(self.peer, None)
        self.peer = ""

    def _say_error(self, error: str, text: str) -> None:
        self.socket.send(wire.Error(error=error, text=text, request=""))

    def _gone(self) -> None:
        self.hang_up()
        self.visitors.gone(self)


class Visitors:
    """All pages of the test call of this process."""

    def __init__(self, core: CorePort, web: str, clock_s: Callable[[], float]) -> None:
        self.core, self.web = core, web
        self.by_peer: dict[str, Visitor] = {}
        self._pages: dict[Visitor, None] = {}
        self._pace = Pace(CALLS_A_SOURCE_A_MINUTE, CALL_SOURCES_MAX, clock_s)

    def came(self, source: str) -> Visitor:
        """A page connected; one too many is closed as soon as it runs."""
        visitor = Visitor(self, source)
        here = sum(other.source == source for other in self._pages)
        if len(self._pages) >= CALL_PAGES_MAX or here >= CALL_PAGES_A_SOURCE_MAX:
            visitor.socket.close(TOO_MANY, "too many test calls")
        else:
            self._pages[visitor] = None
        visitor.socket.send(self._core_state(), replaces="core")
        return visitor

    def gone(self, visitor: Visitor) -> None:
        """A page's socket closed."""
        self._pages.pop(visitor, None)

    def may_call(self, source: str) -> bool:
        """Whether this address may call once more now; counts it if so."""
        return self._pace.allows(source)

    def close_all(self, code: int, reason: str) -> None:
        """The process stops."""
        for visitor in list(self._pages):
            visitor.socket.close(code, reason)

    # --- what the core says ---------------------------------------------------------------------------------

    def core_changed(self) -> None:
        """The link came or went."""
        for visitor in list(self._pages):
            visitor.socket.send(self._core_state(), replaces="core")

    def audio_answered(self, signal: BrowserAnswer) -> None:
        """The edge answered a visitor's offer, or nobody can."""
        visitor = self.by_peer.get(signal.peer)
        if visitor is not None:
            visitor.audio.answered(signal)
            if signal.error:
                visitor.forget()

    def audio_ended(self, signal: BrowserEnded) -> None:
        """A visitor's call ended on the other side."""
        visitor = self.by_peer.get(signal.peer)
        if visitor is not None:
            visitor.audio.ended(signal)
            visitor.forget()

    def _core_state(self) -> wire.Core:
        return wire.Core(state="up" if self.core.connected else "away")
