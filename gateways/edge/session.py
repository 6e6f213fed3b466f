"""One SIP dialog with audio: all that happens between the 200 and the BYE, for callers and phones alike.

The peer may change its terms (re-INVITE: another address, hold and resume), send keys (INFO), ask whether we
are there (OPTIONS) and hang up. We watch that it still speaks: after a long silence an OPTIONS within the
dialog asks; one that knows nothing of the dialog or does not answer is gone. A BYE of ours waits for the ACK
of our 200, as RFC 3261 15 demands of the side that was called.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from gateways.edge.audio_leg import AudioLeg
from gateways.edge.keys import key_of_info
from gateways.edge.parts import Parts
from gateways.edge.terms import SDP_TYPE, Terms
from gateways.sip.build import respond
from gateways.sip.dialog import Dialog
from gateways.sip.errors import NoCommonCodecError, SdpError, TransactionsFullError
from gateways.sip.events import ClientKey, Flow, ServerKey
from gateways.sip.message import Request, Response
from gateways.sip.sdp import parse_sdp

_log = logging.getLogger(__name__)


class SessionOwner(Protocol):
    """The leg that the session is part of."""

    def session_ended(self, cause: str) -> None:
        """The peer hung up or is gone; the session is closed already."""

    def session_key(self, key: str) -> None:
        """A key came by INFO."""


class Session:
    """One dialog. `open` makes it reachable, `hang_up` ends it."""

    def __init__(
        self,
        parts: Parts,
        owner: SessionOwner,
        dialog: Dialog,
        audio: AudioLeg,
        peer: Flow,
        *,
        terms: Terms | None = None,
    ) -> None:
        """The dialog may still be early; the audio leg is bound. `terms` when an offer was made already."""
        self._parts, self._owner, self._dialog = parts, owner, dialog
        self._peer = peer
        self.terms = terms or Terms(
            audio, parts.addresses.rtp_host(peer.host), parts.clock.now_ms(), peer.host
        )
        self._awaiting_acks: set[ServerKey] = set()
        self._closed = False
        self._bye_due = False
        self._speaking = False
        self._silence: asyncio.TimerHandle | None = None
        parts.dialogs.add(dialog.id, self)

    @property
    def confirmed(self) -> bool:
        """Answered with 2xx."""
        return self._dialog.confirmed

    @property
    def contact(self) -> str:
        """Our Contact towards this peer."""
        return self._parts.point.contact(self._peer)

    def answer(self, key: ServerKey, invite: Request, body: bytes) -> None:
        """200 to the INVITE; the first or a later one of this dialog."""
        response = respond(
            invite,
            200,
            to_tag=self._dialog.id.local_tag,
            contact=self.contact,
            body=body,
            content_type=SDP_TYPE,
        )
        self._dialog.response_sent(invite, response)
        if self._parts.point.respond(key, response, self):
            self._awaiting_acks.add(key)
        self._watch_silence()

    def acknowledge(self, key: ClientKey, invite: Request) -> None:
        """ACK to the 200 of an INVITE of ours."""
        destination = self._parts.point.next_hop(self._dialog, self._peer)
        self._parts.point.acknowledge(key, self._dialog.ack(cseq_number=invite.cseq.number), destination)
        self._watch_silence()

    def hang_up(self) -> None:
        """BYE, now or when the ACK is there. An early dialog is ended by its INVITE's final response instead."""
        if self._closed or self._bye_due:
            return
        if self._awaiting_acks:
            self._bye_due = True
            self._stop_watching()
            return
        confirmed = self._dialog.confirmed
        self.close()
        if confirmed:
            self._send("BYE", _Ignored())

    def close(self) -> None:
        """Forget the dialog."""
        if not self._closed:
            self._closed = True
            self._stop_watching()
            self._parts.dialogs.remove(self._dialog.id)

    # --- silence ----------------------------------------------------------------------------------

    def heard(self) -> None:
        """The peer speaks."""
        self._speaking = True
        self._stop_watching()

    def silent(self, silent_ms: int) -> None:
        """The peer has not been heard for so long."""
        self._speaking = False
        self._watch_silence(silent_ms / 1000)

    def _watch_silence(self, silent_s: float = 0.0) -> None:
        """Ask when it has been too long; a peer that was never heard is silent from the start."""
        self._stop_watching()
        if not (self._closed or self._bye_due or self._speaking):
            wait_s = max(0.0, self._parts.timing.caller_silence_s - silent_s)
            self._silence = asyncio.get_running_loop().call_later(wait_s, self._ask)

    def _stop_watching(self) -> None:
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _ask(self) -> None:
        self._silence = None
        if not self._send("OPTIONS", _Question(self)):
            self._watch_silence()

    def answered(self, status: int) -> None:
        """What came of the question. 481 and silence mean that there is nobody (RFC 3261 12.2.1.2)."""
        if self._closed or self._bye_due:
            return
        if status in (408, 481):
            self.hang_up()
            self._owner.session_ended("media_timeout")
        elif self._silence is None:
            self._watch_silence()

    # --- requests of the peer ---------------------------------------------------------------------

    def request_received(self, key: ServerKey, request: Request, source: Flow) -> None:
        """A request within the dialog."""
        point = self._parts.point
        rejection = self._dialog.receive_request(request)
        if rejection is not None:
            point.respond(key, respond(request, rejection.status, headers=rejection.headers))
            return
        self._peer = source
        match request.method:
            case "BYE":
                point.respond(key, respond(request, 200))
                self._bye_due = False  # theirs was first: one of ours would find no dialog
                self.close()
                self._owner.session_ended("hung_up")
            case "INVITE":
                self._new_terms(key, request)
            case "INFO":
                self._info(key, request)
            case "OPTIONS":
                point.respond(key, respond(request, 200, contact=self.contact))
            case _:
                self._answer_late(key, request, respond(request, 405))

    def _new_terms(self, key: ServerKey, request: Request) -> None:
        """A re-INVITE (RFC 3261 14.2). What can't be agreed leaves everything as it was."""
        if self._bye_due:
            self._answer_late(key, request, respond(request, 491))
            return
        try:
            if request.body and request.content_type != SDP_TYPE:
                response = respond(request, 415, headers=[("Accept", SDP_TYPE)])
            else:
                body = self.terms.answer(parse_sdp(request.body)) if request.body else self.terms.offer()
                self.answer(key, request, body)
                return
        except SdpError as error:
            response = respond(request, 400, f"Bad SDP - {error}")
        except NoCommonCodecError:
            response = respond(request, 488)
        self._answer_late(key, request, response)

    def _answer_late(self, key: ServerKey, request: Request, response: Response) -> None:
        self._dialog.response_sent(request, response)
        self._parts.point.respond(key, response)

    def _info(self, key: ServerKey, request: Request) -> None:
        pressed = key_of_info(request.content_type, request.body)
        if pressed is None:
            accept = ("Accept", "application/dtmf-relay")
            self._parts.point.respond(key, respond(request, 415, headers=[accept]))
            return
        self._parts.point.respond(key, respond(request, 200))
        self._owner.session_key(pressed)

    # --- ServerUser: our 200 ----------------------------------------------------------------------

    def cancelled(self, key: ServerKey) -> None:
        """Every INVITE of a session is answered at once: nothing is left to cancel."""

    def answered_for(self, key: ServerKey) -> None:
        """As above."""

    def acknowledged(self, key: ServerKey, request: Request) -> None:
        """The ACK; it carries the answer when the offer was ours (RFC 3261 13.3.1.4)."""
        self._awaiting_acks.discard(key)
        if self._bye_due:
            self._bye_now()
        elif self.terms.awaits_answer and not self._closed:
            try:
                self.terms.take_answer(request.body)
            except (SdpError, NoCommonCodecError) as error:
                _log.warning("%s acknowledged with an unusable answer: %s", self._peer.host, error)
                self.hang_up()
                self._owner.session_ended("bad_answer")

    def not_acknowledged(self, key: ServerKey) -> None:
        """RFC 3261 13.3.1.4: the session is ended with a BYE."""
        self._awaiting_acks.discard(key)
        if self._bye_due:
            self._bye_now()
        elif not self._closed:
            self._awaiting_acks.clear()
            self.hang_up()
            self._owner.session_ended("no_ack")

    def _bye_now(self) -> None:
        if not self._awaiting_acks:
            self._bye_due = False
            self.close()
            self._send("BYE", _Ignored())

    def _send(self, method: str, user: _Ignored | _Question) -> bool:
        request = self._dialog.request(method, contact=self.contact if method != "BYE" else None)
        try:
            self._parts.point.request(request, self._parts.point.next_hop(self._dialog, self._peer), user)
        except TransactionsFullError:
            _log.error("too many transactions: %s to %s was not sent", method, self._peer.host)
            return False
        return True


class _Ignored:
    """Nothing follows from the answer to our BYE (RFC 3261 15.1.1)."""

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        """The dialog is gone on our side already."""

    def failed(self, key: ClientKey, status: int) -> None:
        """As above."""

    def ended(self, key: ClientKey) -> None:
        """Of an INVITE only."""


class _Question:
    """The OPTIONS that asks whether the peer is still there."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        """Any final answer but 481 and 408 is a sign of life."""
        if response.status >= 200:
            self._session.answered(response.status)

    def failed(self, key: ClientKey, status: int) -> None:
        """Silence."""
        self._session.answered(status)

    def ended(self, key: ClientKey) -> None:
        """Of an INVITE only."""
