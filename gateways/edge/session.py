"""One SIP dialog with audio, for callers and phones alike: what the other end asks within it, and how it ends.

The peer may change its terms (re-INVITE, UPDATE: another address, hold and resume, another target), send keys (INFO),
ask whether we are there (OPTIONS) and hang up. It is believed only from where the dialog lives (`trust.py`); whoever
else has learnt the tags is told that there is no such dialog. Whether it still speaks is watched (`silence.py`), and
that the session is refreshed in time (`refresher.py`). A BYE of ours waits for the ACK of our first 200, as RFC 3261 15
demands of the side that was called.

The other end may also put another dialog in the place of this one (RFC 3891): an exchange does that when one of its people
hands a call on. Then the session moves, and nobody but the trace notices.

A session may be made of an early dialog; then there can be several of one INVITE, and `close` ends those that lost.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from gateways.edge.audio_leg import AudioLeg
from gateways.edge.chance import token
from gateways.edge.keys import key_of_info
from gateways.edge.line import Line, nothing_follows
from gateways.edge.parts import Parts
from gateways.edge.refresher import Refresher
from gateways.edge.silence import SilenceWatch
from gateways.edge.terms import connect, local_media
from gateways.edge.trust import may_speak
from gateways.sip.admission import Refusal
from gateways.sip.auth import DigestClient
from gateways.sip.body import SDP_TYPE, session_part
from gateways.sip.build import respond
from gateways.sip.dialog import Dialog
from gateways.sip.errors import NoCommonCodecError, SdpError
from gateways.sip.events import ClientKey, Flow, ServerKey
from gateways.sip.headers import NameAddr
from gateways.sip.message import Request, Response
from gateways.sip.negotiation import Negotiation
from gateways.sip.reason import Reason, read_reason, reason_header, reason_of_status
from gateways.sip.refer import Replaces
from gateways.sip.session_timer import SessionTimer

_log = logging.getLogger(__name__)

NO_SUCH_DIALOG = Refusal(481)
_TAG_CHARS = 12
_EXPIRES_S = 1_800  # of sessions that others want a timer for, where none of ours is configured
_NO_KEY = Refusal(415, headers=(("Accept", "application/dtmf-relay"),))
_NOT_YET = Refusal(500, headers=(("Retry-After", "1"),))


class SessionOwner(Protocol):
    """The leg that the session is part of."""

    def session_ended(self, cause: str, reason: str) -> None:
        """The peer hung up or is gone; the session is closed already. `reason` is what it said of it (RFC 3326)."""

    def session_key(self, key: str) -> None:
        """A key came by INFO."""


class PrackUser(Protocol):
    """Has sent a reliable provisional response in this dialog."""

    def prack_received(self, key: ServerKey, prack: Request) -> None:
        """Answer it."""


class ReferUser(Protocol):
    """Can hand its side of the call on."""

    def refer_received(self, key: ServerKey, refer: Request) -> None:
        """Answer it."""


class Session:
    """One dialog. `hang_up` ends it."""

    def __init__(
        self,
        parts: Parts,
        owner: SessionOwner,
        dialog: Dialog,
        audio: AudioLeg,
        peer: Flow,
        *,
        negotiation: Negotiation | None = None,
        credentials: DigestClient | None = None,
        timer: SessionTimer | None = None,
    ) -> None:
        """The dialog may still be early; the audio leg is bound. `negotiation` when an offer of ours began it."""
        self._parts, self._owner, self.audio = parts, owner, audio
        self.prack_user: PrackUser | None = None
        self.refer_user: ReferUser | None = None
        self.party = ("", "")  # the call, and what this is of it, for the trace
        self._closed = False
        self._begin(dialog, peer, negotiation, credentials, timer)

    def _begin(
        self,
        dialog: Dialog,
        peer: Flow,
        negotiation: Negotiation | None,
        credentials: DigestClient | None,
        timer: SessionTimer | None,
    ) -> None:
        parts, audio = self._parts, self.audio
        self._dialog = dialog
        self.line = Line(parts.point, dialog, peer, credentials)
        self.negotiation = negotiation or Negotiation(local_media(parts, audio, peer.host))
        self.refresher = Refresher(
            self.line,
            self.negotiation,
            audio,
            timer or SessionTimer(parts.sip.session_expires_s or _EXPIRES_S, parts.sip.min_se_s),
            parts.alarms,
            parts.clock,
            lambda: self._gone("session_expired"),
            called=negotiation is not None,
        )
        self._silence = SilenceWatch(
            self.line, parts.timing.caller_silence_s, lambda: self._gone("media_timeout")
        )
        self._first: ServerKey | None = None  # the INVITE that made the dialog, until our 200 is acknowledged
        self._answer_in_ack: ServerKey | None = None  # our open offer went out in the 200 to this INVITE
        self._bye: Reason | None = None  # waits for the first ACK
        parts.dialogs.add(dialog.id, self)

    @property
    def confirmed(self) -> bool:
        """Answered with 2xx."""
        return self._dialog.confirmed

    @property
    def closed(self) -> bool:
        """It is over."""
        return self._closed

    @property
    def local(self) -> NameAddr:
        """Who we are in the dialog."""
        return self._dialog.local

    @property
    def call_id(self) -> str:
        """Of the dialog."""
        return self._dialog.id.call_id

    @property
    def local_tag(self) -> str:
        """Our tag in the dialog."""
        return self._dialog.id.local_tag

    @property
    def contact(self) -> str:
        """Our Contact towards this peer."""
        return self.line.contact

    def answer(self, key: ServerKey, invite: Request) -> None:
        """200 to the INVITE; the first or a later one of this dialog."""
        first = not self._dialog.confirmed
        body = self._description(key)
        response = respond(
            invite,
            200,
            to_tag=self.local_tag,
            contact=self.contact,
            headers=self.refresher.answer_headers(invite),
            body=body,
            content_type=SDP_TYPE,
        )
        self._dialog.response_sent(invite, response)
        self.refresher.peer_said(invite)
        self.refresher.agreed(response, ours=False)
        # An ACK that says where our audio goes is heard from the peer alone; any other changes nothing.
        believes = self._believes if key == self._answer_in_ack else None
        if self._parts.point.respond(key, response, self, believes) and first:
            self._first = key
        self._silence.watch()

    def _description(self, key: ServerKey) -> bytes:
        """What our 200 says: the answer, else our offer unless one of the INVITE's is settled already."""
        negotiation = self.negotiation
        if negotiation.state == "offer_in":
            return self.answer_now()
        if negotiation.agreement is not None and not self._dialog.confirmed:
            return b""  # settled before the answer (RFC 3262 5)
        self._answer_in_ack = key
        return negotiation.make_offer()

    def answer_now(self) -> bytes:
        """Our answer to the offer that is open; it is in force."""
        body, agreement = self.negotiation.make_answer()
        connect(self.audio, agreement, self.line.peer.host)
        return body

    def early_answer(self) -> bytes:
        """What our answer will be; it is heard from now on, and the offer stays open."""
        body, agreement = self.negotiation.early_answer()
        connect(self.audio, agreement, self.line.peer.host)
        return body

    def acknowledge(self, key: ClientKey, invite: Request) -> None:
        """ACK to the 200 of the INVITE of ours that made the dialog."""
        self.line.acknowledge(key, invite.cseq.number)
        self._silence.watch()

    def hang_up(self, reason: Reason | None = None) -> None:
        """BYE, now or when the ACK is there. An early dialog is ended by its INVITE's final response instead."""
        if self._closed or self._bye is not None:
            return
        reason = reason or reason_of_status(487)
        if self._first is not None:
            self._bye = reason
            self._silence.stop()
            self.refresher.stop()
            return
        self._bye_now(reason)

    def _bye_now(self, reason: Reason) -> None:
        confirmed = self._dialog.confirmed
        self.close()
        if confirmed:
            self.line.request("BYE", nothing_follows, headers=[reason_header(reason)])

    def close(self) -> None:
        """Forget the dialog."""
        if not self._closed:
            self._closed = True
            self._bye = None
            self._leave()

    def _leave(self) -> None:
        self._silence.stop()
        self.refresher.stop()
        self._parts.dialogs.remove(self._dialog.id)

    def heard(self) -> None:
        """The peer speaks."""
        self._silence.heard()

    def silent(self, silent_ms: int) -> None:
        """The peer has not been heard for so long."""
        self._silence.silent(silent_ms)

    def is_of(self, source: Flow) -> bool:
        """Whether it is the one of who speaks from there, and still theirs to end, answered or not."""
        return self._may_speak(source, "REFER") and self._bye is None

    def judge_move(self, replaces: Replaces, source: Flow) -> Refusal | None:
        """Whether another dialog may take the place of this one (RFC 3891 3): for those who might also hang it up."""
        if not self._may_speak(source, "INVITE") or self._bye is not None or not self.confirmed:
            return NO_SUCH_DIALOG
        if replaces.early_only:
            return Refusal(486)
        return Refusal(491) if self._first is not None else None

    def move(self, key: ServerKey, invite: Request, offer: bytes, source: Flow) -> None:
        """The dialog of this INVITE takes the place of the one there is; audio and call stay as they are."""
        before = self.line
        self._leave()
        self._begin(Dialog.as_callee(invite, token(_TAG_CHARS)), source, None, None, None)
        self._parts.trace.party(*self.party, invite.call_id)
        if offer:
            self.negotiation.take_offer(offer)  # was judged at the door
        self.answer(key, invite)
        before.request("BYE", nothing_follows, headers=[reason_header(reason_of_status(487))])

    def notify(self, headers: Iterable[tuple[str, str]], body: bytes, content_type: str) -> None:
        """NOTIFY about a REFER."""
        self.line.request("NOTIFY", nothing_follows, headers=headers, body=body, content_type=content_type)

    def _gone(self, cause: str, reason: Reason | None = None) -> None:
        """There is nobody, or nobody to be talked to."""
        if not self._closed and self._bye is None:
            self.hang_up(reason or reason_of_status(408))
            self._owner.session_ended(cause, "")

    # --- requests of the peer ---------------------------------------------------------------------

    def request_received(self, key: ServerKey, request: Request, source: Flow) -> None:
        """A request within the dialog."""
        parts = self._parts
        if not self._may_speak(source, request.method):
            parts.point.respond(key, refused(request, NO_SUCH_DIALOG))
            return
        self.audio.prove()  # our tag came back
        refusal = self._dialog.judge(request)
        self._dialog.accept(request)
        if refusal is not None:
            self._refuse(key, request, refusal)
            return
        self.line.peer = source
        match request.method:
            case "BYE":
                self._hung_up(key, request)
            case "INVITE":
                self._reinvited(key, request)
            case "UPDATE":
                self._updated(key, request)
            case "PRACK" if self.prack_user is not None:
                self.prack_user.prack_received(key, request)
            case "PRACK":
                self._refuse(key, request, NO_SUCH_DIALOG)
            case "REFER" if self.refer_user is not None:
                self.refer_user.refer_received(key, request)
            case "REFER":
                self._refuse(key, request, Refusal(403))
            case "INFO":
                self._info(key, request)
            case "OPTIONS":
                parts.point.respond(key, respond(request, 200, contact=self.contact))
            case _:
                self._refuse(key, request, Refusal(405))

    def _may_speak(self, source: Flow, method: str) -> bool:
        parts = self._parts
        if may_speak(self._dialog, self.line.peer, source, parts.trunks):
            return True
        parts.guard.saw(source.host, "spoofed", parts.clock.monotonic_ms(), method)
        return False

    def _believes(self, host: str) -> bool:
        peer = self.line.peer
        return may_speak(self._dialog, peer, Flow(peer.transport, host, 0), self._parts.trunks)

    def _hung_up(self, key: ServerKey, request: Request) -> None:
        self._parts.point.respond(key, respond(request, 200))
        self.close()  # also when one of ours waits: it would find no dialog
        self._owner.session_ended("hung_up", str(read_reason(request) or ""))

    def _reinvited(self, key: ServerKey, request: Request) -> None:
        """A re-INVITE (RFC 3261 14.2). What can't be agreed leaves everything as it was."""
        refusal = Refusal(491) if self._bye is not None else self._judge_terms(request)
        if refusal is not None:
            self._refuse(key, request, refusal)
        else:
            self.answer(key, request)

    def _updated(self, key: ServerKey, request: Request) -> None:
        """RFC 3311: other terms or another target, also before the answer."""
        was_open = self.negotiation.state != "idle"
        refusal = Refusal(491) if self._bye is not None else self._judge_terms(request)
        if refusal is not None:
            self._refuse(key, request, refusal)
            return
        body = b""
        if self.negotiation.state == "offer_in" and not was_open:
            body = self.answer_now()
        headers = self.refresher.answer_headers(request)
        response = respond(
            request, 200, contact=self.contact, headers=headers, body=body, content_type=SDP_TYPE
        )
        self._dialog.response_sent(request, response)
        self.refresher.peer_said(request)
        if self._dialog.confirmed:
            self.refresher.agreed(response, ours=False)
        self._parts.point.respond(key, response)

    def _judge_terms(self, request: Request) -> Refusal | None:
        """Of a re-INVITE or UPDATE; when it has an offer that can be answered, that is open afterwards."""
        body = session_part(request)
        if isinstance(body, Refusal):
            return body
        refusal = self.refresher.judge(request)
        if refusal is not None:
            return refusal
        if body:
            return self.negotiation.take_offer(body)
        # A re-INVITE without one asks for ours (RFC 6337 4: not while another is open).
        if request.method != "INVITE" or self.negotiation.state == "idle":
            return None
        return Refusal(491) if self.negotiation.state == "offer_out" else _NOT_YET

    def _refuse(self, key: ServerKey, request: Request, refusal: Refusal) -> None:
        response = refused(request, refusal)
        self._dialog.response_sent(request, response)
        self._parts.point.respond(key, response)

    def _info(self, key: ServerKey, request: Request) -> None:
        pressed = key_of_info(request.content_type, request.body)
        if pressed is None:
            self._refuse(key, request, _NO_KEY)
            return
        self._parts.point.respond(key, respond(request, 200))
        self._owner.session_key(pressed)

    # --- ServerUser: our 200 ----------------------------------------------------------------------

    def cancelled(self, key: ServerKey, request: Request) -> None:
        """Every INVITE of a session is answered at once: nothing is left to cancel."""

    def answered_for(self, key: ServerKey) -> None:
        """As above."""

    def acknowledged(self, key: ServerKey, request: Request) -> None:
        """The ACK; it carries the answer when the offer was ours (RFC 3261 13.3.1.4)."""
        self._dialog.ack_received(request)
        self.audio.prove()
        if not self._first_is_over(key) and key == self._answer_in_ack and not self._closed:
            self._answer_in_ack = None
            self._take_answer(request)

    def _take_answer(self, ack: Request) -> None:
        body = session_part(ack)
        try:
            if isinstance(body, Refusal):
                raise SdpError(f"a body that is not understood: {body.status}")
            connect(self.audio, self.negotiation.take_answer(body), self.line.peer.host)
        except (SdpError, NoCommonCodecError) as error:
            _log.warning("%s acknowledged with an unusable answer: %s", self.line.peer.host, error)
            self._gone("bad_answer", reason_of_status(488))

    def not_acknowledged(self, key: ServerKey) -> None:
        """RFC 3261 13.3.1.4: the session is ended with a BYE."""
        self._dialog.ack_missing()
        if not self._first_is_over(key):
            self._first = None
            self._gone("no_ack")

    def _first_is_over(self, key: ServerKey) -> bool:
        """Whether a BYE of ours has waited for this."""
        if key == self._first:
            self._first = None
            if self._bye is not None:
                self._bye_now(self._bye)
                return True
        return False


def refused(request: Request, refusal: Refusal) -> Response:
    """The answer to a request that is refused."""
    return respond(request, refusal.status, refusal.reason, headers=refusal.headers)
