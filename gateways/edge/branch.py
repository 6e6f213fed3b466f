"""One of those who answer an INVITE of ours: its dialog, early at first, and what was said about audio in it.

A proxy may ring several phones for one INVITE, and each is a dialog of its own, told from the others by its To tag
(RFC 3261 12.1.2, 13.2.2.4), with an offer of ours open in it. A session description in a reliable 18x is the answer; in any
other 18x it says what the answer will be (13.2.1). Either way it is heard from then on.
"""

from __future__ import annotations

import logging

from gateways.edge.audio_leg import AudioLeg
from gateways.edge.line import nothing_follows
from gateways.edge.parts import Parts
from gateways.edge.session import Session, SessionOwner
from gateways.edge.terms import connect
from gateways.sip.admission import Refusal
from gateways.sip.auth import DigestClient
from gateways.sip.body import session_part
from gateways.sip.dialog import Dialog
from gateways.sip.errors import NoCommonCodecError, SdpError
from gateways.sip.events import ClientKey, Flow
from gateways.sip.message import Request, Response
from gateways.sip.negotiation import Negotiation
from gateways.sip.reliable import asks_for_prack
from gateways.sip.session_timer import SessionTimer

_log = logging.getLogger(__name__)


class Branch:
    """One callee."""

    def __init__(
        self,
        parts: Parts,
        owner: SessionOwner,
        audio: AudioLeg,
        invite: Request,
        response: Response,
        to: Flow,
        *,
        negotiation: Negotiation,
        credentials: DigestClient | None,
        timer: SessionTimer | None,
    ) -> None:
        """`response` is the first that came of it."""
        self._audio, self._invite, self._to, self._negotiation = audio, invite, to, negotiation
        self._dialog = Dialog.as_caller(invite, response)
        self.session = Session(
            parts,
            owner,
            self._dialog,
            audio,
            to,
            negotiation=negotiation,
            credentials=credentials,
            timer=timer,
        )

    def acknowledge_ringing(self, rack: str) -> None:
        """PRACK (RFC 3262 4). What it acknowledges is repeated until it arrives, so nothing follows from its answer."""
        self.session.line.request("PRACK", nothing_follows, headers=[("RAck", rack)])

    def hear_early(self, response: Response) -> bool:
        """Whether this 18x lets us hear something before the answer."""
        body = session_part(response)
        if isinstance(body, Refusal) or not body or self._negotiation.state != "offer_out":
            return False
        try:
            if asks_for_prack(response):
                agreement = self._negotiation.take_answer(body)
            else:
                agreement = self._negotiation.preview_answer(body)
        except (SdpError, NoCommonCodecError) as error:
            _log.info("%s rings with unusable audio: %s", self._to.host, error)
            return False
        connect(self._audio, agreement, self._to.host)
        return True

    def accept(self, key: ClientKey, response: Response) -> bool:
        """Acknowledge the 2xx; False: there can be no audio, and the session is to be hung up."""
        self._dialog.response_received(response)
        self.session.acknowledge(key, self._invite)
        self.session.refresher.peer_said(response)
        self.session.refresher.agreed(response, ours=True)
        body = session_part(response)
        try:
            if self._negotiation.state == "offer_out":
                # What a 2xx says after a reliable answer is not looked at (RFC 3261 13.2.1).
                agreement = self._negotiation.take_answer(b"" if isinstance(body, Refusal) else body)
            elif self._negotiation.agreement is not None:
                agreement = self._negotiation.agreement
            else:
                return False
        except (SdpError, NoCommonCodecError) as error:
            _log.warning("%s answered with unusable audio: %s", self._to.host, error)
            return False
        connect(self._audio, agreement, self._to.host)
        return True
