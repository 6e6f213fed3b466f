"""The desks: every connected operator's page, what it asks of the core and what the core tells it.

A page is a session of the core: its tab's id and an id that the page makes when it loads. The same page that
reconnects is the same session; a reloaded or duplicated tab, or another browser, is a new one and takes over.
The core is the one who decides that; within this process the older page is let go at once, so that the
inventory never names two pages of one operator. What an operator asks for while the core is away is refused,
not kept: a "ready" of a minute ago is not what they mean now. That a page came or went is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from acd_core.domain import commands, events
from acd_core.link.signals import BrowserAnswer, BrowserEnded, BrowserHangUp, BrowserOffer, ReasonRow
from agent_web import wire
from agent_web.auth.service import Login
from agent_web.core_port import CorePort
from agent_web.limits import DESK_PAGES_MAX
from agent_web.page_audio import PageAudio
from agent_web.sockets import LET_GO, LOGGED_OUT, NEWER_CONNECTION, TAKEN_OVER, TOO_MANY, PageSocket

_log = logging.getLogger(__name__)

_IN_CALL = ("ringing", "talking", "wrap_up")


class DeskPage:
    """One operator's page while it is connected."""

    def __init__(self, desks: Desks, login: Login, agent: str) -> None:
        self.desks, self.login, self.agent = desks, login, agent
        self.socket = PageSocket(on_gone=self._gone)
        self.audio = PageAudio(desks.core, self.socket, self._drop_audio)
        self.session = ""  # known with `hello`
        self.state: commands.AgentState = "logged_out"

    @property
    def busy(self) -> bool:
        """The operator has a call; nothing but the core or themselves may end that."""
        return self.state in _IN_CALL

    def receive(self, message: Any) -> None:
        """What the page says (`wire.DeskToServer` without pong)."""
        if isinstance(message, wire.Hello):
            if self.session:
                self._say_error("bad_message", "a second hello", "")
            else:
                self.session = f"{message.tab}.{message.page}"
                self.desks.opened(self)
        elif not self.session:
            self._say_error("hello_first", "the first message is hello", getattr(message, "request", ""))
        elif isinstance(message, wire.AudioOffer):
            self.audio.offer(
                BrowserOffer(
                    web=self.desks.web, purpose="agent", peer=self.session, sdp=message.sdp, agent=self.agent
                )
            )
        elif isinstance(message, wire.AudioClose):
            self.audio.forget()
            self._drop_audio()
        else:
            self._ask(message)

    def _ask(self, message: Any) -> None:
        if not self.desks.core.connected:
            self._say_error("core_away", "the core can't be reached now", message.request)
            return
        self.desks.core.send(_event(message, self.agent, self.session))

    def _drop_audio(self) -> None:
        self.desks.core.signal(BrowserHangUp(peer=self.session))

    def _say_error(self, error: str, text: str, request: str) -> None:
        self.socket.send(wire.Error(error=error, text=text, request=request))

    def _gone(self) -> None:
        self.audio.forget()
        self.desks.gone(self)


class Desks:
    """All desk pages of this process."""

    def __init__(self, core: CorePort, web: str, now_ms: Callable[[], int], *, dials: bool = False) -> None:
        """`dials`: there are dial rules, so that pages need somewhere to type a number."""
        self.core, self.web, self._now_ms, self._dials = core, web, now_ms, dials
        self._reasons: list[wire.NotReadyReason] = []
        self._by_agent: dict[str, DeskPage] = {}  # in the order they came

    def opened(self, page: DeskPage) -> None:
        """A page said hello."""
        earlier = self._by_agent.pop(page.agent, None)
        if earlier is None and len(self._by_agent) >= DESK_PAGES_MAX:
            page.socket.close(TOO_MANY, "too many pages")
            return
        self._by_agent[page.agent] = page
        if earlier is not None:
            self._let_go(earlier, page)
        page.socket.send(
            wire.Welcome(
                session=page.session,
                agent=page.agent,
                now_ms=self._now_ms(),
                not_ready_reasons=self._reasons,
                dials=self._dials,
            )
        )
        page.socket.send(wire.Core(state=self._core_state()), replaces="core")
        # Also for the same session again: the core answers with the whole view.
        self.core.send(events.SessionOpened(agent=page.agent, session=page.session, web=self.web))

    def _let_go(self, earlier: DeskPage, page: DeskPage) -> None:
        if earlier.session == page.session:
            earlier.socket.close(NEWER_CONNECTION, "a newer connection of this page")
        else:
            earlier.socket.send(wire.Replaced())
            earlier.socket.close(TAKEN_OVER, "taken over")

    def gone(self, page: DeskPage) -> None:
        """A page's socket closed."""
        if self._by_agent.get(page.agent) is page:
            del self._by_agent[page.agent]
            self.core.send(events.SessionLost(agent=page.agent, session=page.session))

    def log_out(self, login: Login) -> None:
        """The pages of this log-in go, and the core knows that it was meant."""
        for page in [page for page in self._by_agent.values() if page.login.token_hash == login.token_hash]:
            del self._by_agent[page.agent]
            self.core.send(events.SessionClosed(agent=page.agent, session=page.session))
            page.socket.close(LOGGED_OUT, "logged out")

    def talking(self, login: Login) -> bool:
        """Whether an operator of this log-in is in a conversation."""
        return any(
            page.state == "talking" and page.login.token_hash == login.token_hash
            for page in self._by_agent.values()
        )

    def inventory(self) -> tuple[events.OpenSession, ...]:
        """All sessions, in the order they came."""
        return tuple(
            events.OpenSession(agent=page.agent, session=page.session) for page in self._by_agent.values()
        )

    def close_all(self, code: int, reason: str) -> None:
        """The process stops. The core sees the link go down and keeps the sessions for its grace."""
        pages = list(self._by_agent.values())
        self._by_agent.clear()
        for page in pages:
            page.socket.close(code, reason)

    # --- what the core says ---------------------------------------------------------------------------------

    def core_changed(self) -> None:
        """The link came or went."""
        text = msgspec.json.encode(wire.Core(state=self._core_state())).decode()
        for page in list(self._by_agent.values()):
            page.socket.send_text(text, replaces="core")

    def reasons_changed(self, rows: Sequence[ReasonRow]) -> None:
        """The plan knows other reasons to be not ready."""
        reasons = msgspec.convert(rows, list[wire.NotReadyReason], from_attributes=True)
        if reasons != self._reasons:
            self._reasons = reasons
            text = msgspec.json.encode(wire.Reasons(not_ready_reasons=reasons)).decode()
            for page in list(self._by_agent.values()):
                page.socket.send_text(text, replaces="reasons")

    def viewed(self, command: commands.DeskView) -> None:
        """The whole of what a page shows."""
        page = self._page(command.agent, command.session)
        if page is not None:
            page.state = command.state
            page.socket.send(_view(command, self._now_ms()), replaces="view")
            if command.state == "logged_out":
                self._let_go_of(page)

    def _let_go_of(self, page: DeskPage) -> None:
        """The core logged the operator out: the page says why and does not come back by itself.

        The core is told that the page is gone, for a page that came back at that very moment is a log-in for the core.
        """
        del self._by_agent[page.agent]
        self.core.send(events.SessionClosed(agent=page.agent, session=page.session))
        page.socket.close(LET_GO, "logged out by the core")

    def replaced(self, command: commands.SessionReplaced) -> None:
        """A page at another web process took over."""
        page = self._page(command.agent, command.session)
        if page is not None:
            del self._by_agent[page.agent]
            page.socket.send(wire.Replaced())
            page.socket.close(TAKEN_OVER, "taken over")

    def refused(self, command: commands.RequestRefused) -> None:
        """The core refused what a page asked for."""
        page = self._page(command.agent, command.session)
        if page is not None:
            page.socket.send(wire.Refused(request=command.request, reason=command.reason))

    def audio_answered(self, signal: BrowserAnswer) -> None:
        """The edge answered a page's offer."""
        page = self._by_session(signal.peer)
        if page is not None:
            page.audio.answered(signal)

    def audio_ended(self, signal: BrowserEnded) -> None:
        """A page's browser leg ended."""
        page = self._by_session(signal.peer)
        if page is not None:
            page.audio.ended(signal)

    def _page(self, agent: str, session: str) -> DeskPage | None:
        page = self._by_agent.get(agent)
        return page if page is not None and page.session == session else None

    def _by_session(self, session: str) -> DeskPage | None:
        return next((page for page in self._by_agent.values() if page.session == session), None)

    def _core_state(self) -> wire.CoreState:
        return "up" if self.core.connected else "away"


def _event(message: Any, agent: str, session: str) -> events.WebEvent:
    request = message.request
    match message:
        case wire.Ready():
            return events.ReadyRequested(agent=agent, session=session, request=request)
        case wire.NotReady(reason=reason):
            return events.NotReadyRequested(agent=agent, session=session, request=request, reason=reason)
        case wire.Accept(call=call, offer=offer):
            return events.OfferAccepted(agent=agent, session=session, request=request, call=call, offer=offer)
        case wire.Reject(call=call, offer=offer):
            return events.OfferRejected(agent=agent, session=session, request=request, call=call, offer=offer)
        case wire.HangUp(call=call):
            return events.HangUpRequested(agent=agent, session=session, request=request, call=call)
        case wire.WrapUpDone():
            return events.WrapUpFinished(agent=agent, session=session, request=request)
        case wire.MoreTime():
            return events.WrapUpExtended(agent=agent, session=session, request=request)
        case wire.Dial(number=number):
            return events.DialRequested(agent=agent, session=session, request=request, number=number)
        case wire.Keys(call=call, keys=keys):
            return events.KeysRequested(agent=agent, session=session, request=request, call=call, keys=keys)
        case wire.Phone(use=use):
            return events.PhoneChosen(agent=agent, session=session, request=request, use=use)
    raise AssertionError(f"a desk page said {type(message).__name__}")


def _view(command: commands.DeskView, now_ms: int) -> wire.View:
    return wire.View(
        revision=command.revision,
        now_ms=now_ms,
        state=command.state,
        since_ms=command.since_ms,
        reason=command.reason,
        next_reason=command.next_reason,
        deadline_ms=command.deadline_ms,
        paused=command.paused,
        overdue=command.overdue,
        can_extend=command.can_extend,
        audio=command.audio,
        phone=command.phone,
        phone_registered=command.phone_registered,
        offer=_same(command.offer, wire.Offer),
        call=_same(command.call, wire.DeskCall),
    )


def _same(source: Any, kind: Any) -> Any:
    """The same fields as another struct, or nothing."""
    return None if source is None else msgspec.convert(source, kind, from_attributes=True)
