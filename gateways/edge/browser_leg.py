"""Audio legs of browsers: an operator's, held for the whole shift, and the caller's in a test call.

Both begin alike: the engine binds a port on loopback, the browser-audio process answers the page's offer, the
engine is told where to send, the page gets its answer. An operator's leg *speaks* once the browser is through
and packets arrive; it can be joined to a call while it speaks, and falling silent is the same to the core as
being closed, until it speaks again. A citizen's call arrives when the browser is through.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Literal

from acd_core.domain.events import AudioConnected, AudioLost, CallArrived
from acd_core.link.signals import BrowserAnswer, BrowserEnded, BrowserOffer
from gateways.edge.identity import ANONYMOUS, clean, international
from gateways.edge.limits import KEYS
from gateways.edge.parts import Parts
from gateways.sip.build import MAX_FORWARDS
from gateways.webrtc import messages as webrtc

if TYPE_CHECKING:
    from gateways.edge.browsers import Browsers
    from gateways.edge.call import Call
    from gateways.edge.calls import Calls

_log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
CLOSED_BY_PAGE = "closed"


class BrowserLeg:
    """What both kinds share; `_up`, `_speaks`, `_silent` and `_over` say what they do differently."""

    def __init__(self, parts: Parts, browsers: Browsers, leg: str, offer: BrowserOffer) -> None:
        """Takes a port; the rest follows by itself."""
        self._parts, self._browsers = parts, browsers
        self.id, self.offer = leg, offer
        self.state: Literal["opening", "answered", "up", "closed"] = "opening"
        self._speaking = False
        self.audio = parts.audio.allocate(leg, LOOPBACK, self, loopback=True)
        self._timer = asyncio.get_running_loop().call_later(
            parts.timing.browser_answer_timeout_s, self.close, "no_answer"
        )

    def close(self, cause: str, *, tell_page: bool = True) -> None:
        """End the leg from our side."""
        if self.state != "closed":
            self._browsers.tell(webrtc.CloseLeg(leg=self.id))
            self.gone(cause, tell_page=tell_page)

    def gone(self, cause: str, *, tell_page: bool = True) -> None:
        """The leg is over."""
        if self.state == "closed":
            return
        unanswered = self.state == "opening"
        self.state = "closed"
        self._timer.cancel()
        self._browsers.forget(self)
        self.audio.free()
        self._over(cause)
        if not tell_page:
            return  # it has let go, or waits for the answer to a later offer
        web, peer = self.offer.web, self.offer.peer
        if unanswered:
            self._parts.signal(BrowserAnswer(web=web, peer=peer, error=_page_error(cause)))
        else:
            self._parts.signal(BrowserEnded(web=web, peer=peer, cause=cause))

    # --- the browser-audio process ----------------------------------------------------------------

    def answered(self, message: webrtc.LegAnswered) -> None:
        """The page's answer is there, and where the engine sends."""
        if self.state != "opening":
            return
        self.state = "answered"
        self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(
            self._parts.timing.browser_connect_timeout_s, self.close, "not_connected"
        )
        self.audio.connect(message.relay_host, message.relay_port)
        web, peer = self.offer.web, self.offer.peer
        self._parts.signal(BrowserAnswer(web=web, peer=peer, sdp=message.sdp, call=self._call_id()))

    def connected(self) -> None:
        """The browser is through."""
        if self.state == "answered":
            self.state = "up"
            self._timer.cancel()
            self._up()

    # --- AudioUser --------------------------------------------------------------------------------

    def audio_bound(self, port: int) -> None:
        """The engine has a port: offer, or move what was offered."""
        if self.state == "opening":
            self._browsers.tell(
                webrtc.OfferLeg(leg=self.id, sdp=self.offer.sdp, engine_host=LOOPBACK, engine_port=port)
            )
        elif self.state != "closed":
            self._browsers.tell(webrtc.MoveLeg(leg=self.id, engine_host=LOOPBACK, engine_port=port))

    def audio_remade(self) -> None:
        """A new engine; a page that speaks is heard within a moment, and nobody need notice."""
        if self.state == "up":
            self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(
                self._parts.timing.browser_heard_again_s, self.audio_silent, 0
            )

    def audio_refused(self, reason: str) -> None:
        """The engine has none, or no longer."""
        self.close("audio_lost")

    def audio_played(self, play: int, failed: bool) -> None:
        """Nothing is played to operators; a citizen's leg says more."""

    def audio_key(self, key: str) -> None:
        """Browsers press keys on the page."""

    def audio_heard(self) -> None:
        """Packets arrive; they may be ahead of the word that the browser is through."""
        self._speaking = True
        if self.state == "up":
            self._timer.cancel()
            self._speaks()

    def audio_silent(self, silent_ms: int) -> None:
        """They have stopped."""
        self._speaking = False
        if self.state == "up":
            self._silent()

    # --- what the kinds do differently ------------------------------------------------------------

    def _call_id(self) -> str:
        return ""

    def _up(self) -> None:
        if self._speaking:
            self._speaks()

    def _speaks(self) -> None:
        """Up, and packets arrive."""

    def _silent(self) -> None:
        """Up, and packets have stopped."""

    def _over(self, cause: str) -> None:
        """Closed."""


class OperatorLeg(BrowserLeg):
    """An operator's browser audio."""

    def _speaks(self) -> None:
        if self.id not in self._parts.operator_legs:
            self._parts.operator_legs[self.id] = self.audio
            offer = self.offer
            self._parts.tell(
                AudioConnected(agent=offer.agent, session=offer.peer, edge=self._parts.edge, leg=self.id)
            )

    def _silent(self) -> None:
        if self._parts.operator_legs.pop(self.id, None) is not None:
            self._parts.tell(AudioLost(agent=self.offer.agent, leg=self.id))

    def _over(self, cause: str) -> None:
        self._silent()


class CitizenLeg(BrowserLeg):
    """The caller's side of a test call from the page."""

    def __init__(self, parts: Parts, browsers: Browsers, calls: Calls, leg: str, offer: BrowserOffer) -> None:
        """The call has its id from the start; it arrives when the browser is through."""
        self._calls = calls
        self._id = calls.new_id()
        self._call: Call | None = None
        self._arrived_ms = parts.clock.now_ms()
        super().__init__(parts, browsers, leg, offer)

    def key_pressed(self, key: str) -> None:
        """A key of the page."""
        if self._call is not None and key in KEYS and len(key) == 1:
            self._call.key_pressed(key)

    def audio_played(self, play: int, failed: bool) -> None:
        """Playback ended."""
        if self._call is not None:
            self._call.played(play, failed)

    def _call_id(self) -> str:
        return self._id

    def _up(self) -> None:
        offer = self.offer
        caller = clean(offer.caller) or ANONYMOUS
        arrival = CallArrived(
            call=self._id,
            edge=self._parts.edge,
            caller=caller,
            dialled=clean(offer.dialled),
            at_ms=self._arrived_ms,
            via="web",
            number=international(caller, self._parts.country),
        )
        self._call = self._calls.arrived(CitizenSide(self), arrival)

    def _over(self, cause: str) -> None:
        if self._call is not None:
            self._call.caller_gone("caller_hung_up" if cause == CLOSED_BY_PAGE else cause)
        else:
            self._calls.never_arrived(self._id)


class CitizenSide:
    """A citizen's leg as its call sees it: ringing and answering are the page's own affair."""

    def __init__(self, leg: CitizenLeg) -> None:
        """One a call."""
        self._leg = leg
        self.audio = leg.audio
        self.answered = False
        self.hops: int | None = MAX_FORWARDS

    def ring(self) -> None:
        """The page shows that by itself."""

    def progress(self, max_ms: int = 0) -> None:
        """As much: nobody counts what this call costs."""

    def answer(self) -> None:
        """Audio has been there since the call arrived."""
        self.answered = True

    def refuse(self, status: int, reason: str, retry_after_s: int = 0) -> None:
        """The page is told in the words of its texts."""
        self._leg.close({404: "unknown_number", 486: "busy", 503: "busy"}.get(status, "refused"))

    def end(self, cause: str) -> None:
        """Over."""
        self._leg.close(cause)


def _page_error(cause: str) -> str:
    """Why there is no answer, as a key of the page's texts."""
    if cause in ("bad_offer", "too_many"):
        return cause
    return "audio_unavailable"
