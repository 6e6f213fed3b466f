"""All browser legs of this edge: what pages ask for, carried out by the browser-audio process.

One leg for each page (`peer`); a page that offers again has lost its former leg. A browser-audio process that
was restarted has lost them all: their pages are told and offer anew.
"""

from __future__ import annotations

import logging
import secrets
from pathlib import Path

from acd_core.domain.commands import DropAudio
from acd_core.domain.events import BrowserLeg as HeldLeg
from acd_core.link.signals import BrowserAnswer, BrowserHangUp, BrowserKey, BrowserOffer
from gateways.edge.browser_leg import CLOSED_BY_PAGE, BrowserLeg, CitizenLeg, OperatorLeg
from gateways.edge.calls import Calls
from gateways.edge.limits import SDP_BYTES_MAX
from gateways.edge.links import link_to
from gateways.edge.parts import Parts
from gateways.webrtc import messages as webrtc

_log = logging.getLogger(__name__)


class Browsers:
    """The table of browser legs."""

    def __init__(self, path: Path, parts: Parts, calls: Calls) -> None:
        """`path` is the socket of the browser-audio process."""
        self._parts, self._calls = parts, calls
        self._legs: dict[str, BrowserLeg] = {}
        self._by_peer: dict[str, BrowserLeg] = {}
        self.link = link_to(
            path,
            parts.edge,
            send_type=webrtc.ToBrowserAudio,
            receive_type=webrtc.FromBrowserAudio,
            on_message=self._message,
            on_up=self._up,
        )

    def __len__(self) -> int:
        """Legs that are not closed."""
        return len(self._legs)

    def tell(self, message: webrtc.ToBrowserAudio) -> None:
        """To the browser-audio process."""
        self.link.send(message)

    def offered(self, offer: BrowserOffer) -> None:
        """A page offers audio; it always gets an answer or an error."""
        former = self._by_peer.get(offer.peer)
        if former is not None:
            former.close("replaced", tell_page=False)
        error = self._refusal(offer)
        if error:
            self._parts.signal(BrowserAnswer(web=offer.web, peer=offer.peer, error=error))
            return
        leg_id = f"b-{secrets.token_hex(8)}"
        leg = (
            OperatorLeg(self._parts, self, leg_id, offer)
            if offer.purpose == "agent"
            else CitizenLeg(self._parts, self, self._calls, leg_id, offer)
        )
        self._legs[leg_id] = self._by_peer[offer.peer] = leg

    def key_pressed(self, signal: BrowserKey) -> None:
        """On a citizen's page."""
        leg = self._by_peer.get(signal.peer)
        if isinstance(leg, CitizenLeg):
            leg.key_pressed(signal.key)

    def hung_up(self, signal: BrowserHangUp) -> None:
        """The page lets go of its audio."""
        leg = self._by_peer.get(signal.peer)
        if leg is not None:
            leg.close(CLOSED_BY_PAGE, tell_page=False)

    def drop(self, command: DropAudio) -> None:
        """The core no longer wants an operator's leg."""
        leg = self._legs.get(command.leg)
        if leg is not None:
            leg.close("dropped")

    def inventory(self) -> tuple[HeldLeg, ...]:
        """Operators' legs that speak."""
        return tuple(HeldLeg(agent=self._legs[leg].offer.agent, leg=leg) for leg in self._parts.operator_legs)

    def forget(self, leg: BrowserLeg) -> None:
        """Closed."""
        self._legs.pop(leg.id, None)
        if self._by_peer.get(leg.offer.peer) is leg:
            del self._by_peer[leg.offer.peer]
        self._calls.browser_leg_gone(leg.id)

    def close(self) -> None:
        """The edge stops."""
        for leg in list(self._legs.values()):
            leg.close("edge_stopped")

    def _refusal(self, offer: BrowserOffer) -> str:
        if not self.link.connected or not self._parts.audio.link.connected:
            return "audio_unavailable"
        if len(self._legs) >= self._parts.limits.browser_legs_max:
            return "too_many"
        if len(offer.sdp) > SDP_BYTES_MAX:
            return "bad_offer"
        if offer.purpose == "citizen":
            visitors = sum(isinstance(leg, CitizenLeg) for leg in self._legs.values())
            # Anybody can open the page of the test call: half of the legs is always the operators'.
            if self._calls.full or visitors >= max(1, self._parts.limits.browser_legs_max // 2):
                return "busy"
        return ""

    def _up(self, fresh: bool) -> None:
        if fresh and self._legs:
            _log.warning("the browser-audio process is new: %d legs are gone", len(self._legs))
            for leg in list(self._legs.values()):
                leg.gone("browser_audio_restarted")

    def _message(self, message: webrtc.FromBrowserAudio) -> None:
        leg = self._legs.get(message.leg)
        if leg is None:
            return
        match message:
            case webrtc.LegAnswered():
                leg.answered(message)
            case webrtc.LegConnected():
                leg.connected()
            case webrtc.LegClosed(reason=reason):
                leg.gone(reason)
