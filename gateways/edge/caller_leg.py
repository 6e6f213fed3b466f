"""The caller's leg over SIP: an INVITE that was let in, until its dialog is over.

The ports come first, because the core shall not hear of a call that cannot have audio. From then on the call
decides when to ring, answer or refuse. Whatever ends the leg, `Call.caller_gone` is told once when the caller
did it, and nobody when we did. An INVITE may say how long it wants to wait (RFC 3261 13.3.1); then it is over.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from acd_core.domain.events import CallArrived
from acd_core.telephony import Sip
from gateways.edge.alarms import Alarm
from gateways.edge.identity import caller_of, dialled_of, diverted_by, international
from gateways.edge.outgoing_leg import OutgoingLeg
from gateways.edge.parts import Parts
from gateways.edge.ringing import Ringing
from gateways.edge.session import Session
from gateways.edge.terms import judge_offer
from gateways.edge.transfers import Transfers
from gateways.edge.unanswered import unanswered
from gateways.sip.admission import Refusal, hops_onward
from gateways.sip.body import session_part
from gateways.sip.build import respond
from gateways.sip.dialog import Dialog
from gateways.sip.errors import SipParseError
from gateways.sip.events import Flow, ServerKey
from gateways.sip.identity import read_identity
from gateways.sip.limits import EXPIRES_S_MAX
from gateways.sip.message import Request
from gateways.sip.reason import Reason, read_reason, reason_header, reason_of_status
from gateways.sip.reliable import lists_option, reliable_for
from gateways.sip.scan import parse_number
from gateways.sip.session_timer import SessionTimer

_BEFORE_EXPIRY_MS = 1_000
# What one who was answered is told of it in the BYE (RFC 3326); anything else was a normal end.
_FAILED_LATER = {"audio_lost": 503, "edge_stopped": 503}
_CLEARED = 487


class Invitation(msgspec.Struct, frozen=True):
    """An INVITE that can become a call."""

    request: Request
    offer: bytes  # empty: it asks for ours
    reliable: bool  # its 18x are to be acknowledged
    expires_s: int | None


def judge_invite(invite: Request, sip: Sip) -> Invitation | Refusal:
    """What an INVITE asks for, or why it can't become a call."""
    offer = session_part(invite)
    if isinstance(offer, Refusal):
        return offer
    reliable = reliable_for(invite, sip.reliable_ringing)
    if isinstance(reliable, Refusal):
        return reliable
    refusal = SessionTimer(min_se_s=sip.min_se_s).judge(invite) or (judge_offer(offer) if offer else None)
    if refusal is not None:
        return refusal
    # One who brings no offer has to require it: see `Ringing`.
    required = sip.reliable_ringing == "required" or lists_option(invite, "Require", "100rel")
    return Invitation(invite, offer, reliable and (bool(offer) or required), _expires_s(invite))


def _expires_s(invite: Request) -> int | None:
    """RFC 3261 20.19; what cannot be read is as if it were not there."""
    try:
        return parse_number((invite.get("Expires") or "").strip(), EXPIRES_S_MAX, "Expires")
    except SipParseError:
        return None


class ArrivedCall(Protocol):
    """What the leg is part of, once it has audio."""

    def caller_gone(self, cause: str, reason: str = "") -> None:
        """The caller ended it, or the leg failed."""

    def played(self, play: int, failed: bool) -> None:
        """A playback ended."""

    def key_pressed(self, key: str) -> None:
        """A key was pressed."""

    def answered_early(self) -> None:
        """The leg is answered by itself: it was to be heard before, and that can't be, or not for longer."""


class CallerDoor(Protocol):
    """Where callers come in."""

    def arrived(self, caller: CallerLeg, arrival: CallArrived) -> ArrivedCall:
        """The leg has audio."""

    def never_arrived(self, call_id: str) -> None:
        """The caller gave up before, or there was no audio."""


class CallerLeg:
    """A caller's INVITE and dialog."""

    def __init__(
        self,
        parts: Parts,
        calls: CallerDoor,
        call_id: str,
        key: ServerKey,
        invitation: Invitation,
        source: Flow,
        tag: str,
        *,
        known: bool,
    ) -> None:
        """Takes ports; the call arrives when they are there. `known`: a trunk, or a phone of ours with its password."""
        self._parts, self._calls = parts, calls
        self._key, self._invitation, self._source, self._tag = key, invitation, source, tag
        self._invite = invitation.request
        self._arrived_ms, self._arrived_at_ms = parts.clock.now_ms(), parts.clock.monotonic_ms()
        self._call_id = call_id
        self._call: ArrivedCall | None = None
        self._session: Session | None = None
        self._ringing: Ringing | None = None
        self._transfers: Transfers | None = None
        self._leg: OutgoingLeg | None = None  # the other end, once the caller has been handed on
        self._expiry: Alarm | None = None
        self._early: Alarm | None = None  # how long it may be heard without an answer
        self._answer_due = self._ended = False
        self.answered = False
        self.hops = hops_onward(self._invite)
        listen_host = parts.addresses.rtp_listen(source.host)
        self.audio = parts.audio.allocate(call_id, listen_host, self, stranger=not known)
        if source.transport != "UDP":  # nobody connects in another's name
            self.audio.prove()
        parts.point.watch(key, self)
        parts.trace.party(call_id, "caller", self._invite.call_id)
        if invitation.expires_s is not None:
            due_ms = self._arrived_at_ms + invitation.expires_s * 1000
            self._expiry = parts.alarms.at(due_ms, self._expired)

    # --- what the call wants ----------------------------------------------------------------------

    def ring(self) -> None:
        """180 Ringing."""
        if not self.answered and not self._ended and self._ringing is not None:
            self._ringing.ring()

    def progress(self, max_ms: int = 0) -> None:
        """183 with our session description: heard and not answered, for `max_ms` at most (0: as long as the INVITE stands).

        An INVITE that ends by its `Expires` (RFC 3261 13.3.1) is answered before that: nobody hangs up on who waits.
        """
        if self.answered or self._ended or self._early is not None or self._ringing is None:
            return
        if not self._ringing.may_be_heard:
            self._answer_early()
            return
        self._ringing.let_hear()
        if max_ms:
            now_ms = self._parts.clock.monotonic_ms()
            if self._invitation.expires_s is not None:
                left_ms = self._arrived_at_ms + self._invitation.expires_s * 1000 - _BEFORE_EXPIRY_MS - now_ms
                max_ms = min(max_ms, max(left_ms, 0))
            self._early = self._parts.alarms.at(now_ms + max_ms, self._answer_early)

    def _answer_early(self) -> None:
        if self._call is not None:
            self._call.answered_early()
        self.answer()

    def answer(self) -> None:
        """200 OK with our answer, or with our offer when the INVITE had none."""
        if self.answered or self._ended or self._session is None or self._ringing is None:
            return
        if self._ringing.blocks_answer:
            self._answer_due = True
            return
        self.answered = True
        self._settled()
        self._session.answer(self._key, self._invite)

    def refuse(self, status: int, reason: str, retry_after_s: int = 0, why: Reason | None = None) -> None:
        """A final error to an INVITE that is not answered yet; `why` is for other networks (RFC 3326)."""
        if self._ended or self.answered:
            return
        if status == 404:  # one wrong number is a slip, many are a search for one that leads out
            self._parts.guard.saw(self._source.host, "sweep", self._parts.clock.monotonic_ms(), "404")
        headers = [("Retry-After", str(retry_after_s))] if retry_after_s else []
        if why is not None:
            headers.append(reason_header(why))
        response = respond(self._invite, status, reason or None, to_tag=self._tag, headers=headers)
        self._parts.point.respond(self._key, response)
        self._end()

    def end(self, cause: str) -> None:
        """Our side ends the call, answered or not."""
        if self._ended:
            return
        if self.answered:
            reason = reason_of_status(_FAILED_LATER.get(cause, _CLEARED))
            if self._leg is not None:
                self._leg.end(reason)
            elif self._session is not None:
                self._session.hang_up(reason)
            self._end()
        else:
            status, why = unanswered(cause)
            self.refuse(status, "", why=why)

    def _end(self) -> None:
        self._ended = True
        self._settled()
        if self._transfers is not None:
            self._transfers.end()
        self.audio.free()
        if self._session is not None and not self.answered:
            self._session.close()

    def _settled(self) -> None:
        """The INVITE is answered, one way or the other."""
        for alarm in (self._expiry, self._early):
            if alarm is not None:
                alarm.cancel()
        self._expiry = self._early = None
        if self._ringing is not None:
            self._ringing.stop()

    def _gone(self, cause: str, reason: str = "") -> None:
        """The caller ended it."""
        if self._ended:
            return
        self._end()
        if self._call is not None:
            self._call.caller_gone(cause, reason)
        else:
            self._calls.never_arrived(self._call_id)

    def _expired(self) -> None:
        """The caller waits no longer than this (RFC 3261 13.3.1 (1))."""
        self._terminated()
        self._gone("invite_expired")

    def _terminated(self) -> None:
        self._parts.point.respond(self._key, respond(self._invite, 487, to_tag=self._tag))

    # --- AudioUser --------------------------------------------------------------------------------

    def audio_bound(self, port: int) -> None:
        """The ports are there: the call arrives. (They never move later: `Audio` asks for the same again.)"""
        if self._session is not None or self._ended:
            return
        parts, invite, invitation = self._parts, self._invite, self._invitation
        dialog = Dialog.as_callee(invite, self._tag)
        self._session = session = Session(parts, self, dialog, self.audio, self._source)
        if invitation.offer:
            session.negotiation.take_offer(invitation.offer)  # was judged at the door
        self._ringing = Ringing(parts, session, self._key, invite, self, reliable=invitation.reliable)
        self._transfers = Transfers(parts, session, self)
        session.prack_user, session.refer_user = self._ringing, self._transfers
        session.party = (self._call_id, "caller")
        self._call = self._calls.arrived(self, self._arrival())

    def _arrival(self) -> CallArrived:
        parts, invite = self._parts, self._invite
        trunk = parts.trunks.of_source(self._source)
        identity = read_identity(invite, trusted=trunk is not None and trunk.config.trusted)
        caller, name = caller_of(identity)
        return CallArrived(
            call=self._call_id,
            edge=parts.edge,
            caller=caller,
            caller_name=name,
            dialled=trunk.dialled(invite) if trunk is not None else dialled_of(invite),
            at_ms=self._arrived_ms,
            number=international(caller, parts.country),
            trunk=trunk.name if trunk is not None else "",
            diverted=diverted_by(identity),
            asserted=identity.asserted,
        )

    def audio_remade(self) -> None:
        """A new engine has the ports."""
        self.audio_silent(0)

    def audio_refused(self, reason: str) -> None:
        """No ports, or no longer."""
        if self._call is None:
            self.refuse(503, "No audio ports", self._parts.limits.retry_after_s)
            self._calls.never_arrived(self._call_id)
        else:
            self.end("audio_lost")
            self._call.caller_gone("audio_lost")

    def audio_played(self, play: int, failed: bool) -> None:
        """Playback ended."""
        if self._call is not None:
            self._call.played(play, failed)

    def audio_key(self, key: str) -> None:
        """RFC 4733."""
        if self._call is not None:
            self._call.key_pressed(key)

    def audio_heard(self) -> None:
        """The caller's phone sends."""
        if other := self._leg or self._session:
            other.heard()

    def audio_silent(self, silent_ms: int) -> None:
        """It has stopped."""
        if other := self._leg or self._session:
            other.silent(silent_ms)

    # --- RingingUser ------------------------------------------------------------------------------

    def may_answer(self) -> None:
        """The PRACK came that the answer waited for."""
        if self._answer_due:
            self.answer()

    def prack_missing(self) -> None:
        """RFC 3262 3: a 5xx."""
        self.refuse(504, "No PRACK")
        if self._call is not None:
            self._call.caller_gone("no_prack")

    # --- SessionOwner -----------------------------------------------------------------------------

    def session_ended(self, cause: str, reason: str) -> None:
        """BYE, or nobody there. A BYE in the early dialog ends the INVITE too (RFC 3261 15.1.2)."""
        if not self.answered and not self._ended:
            self._terminated()
        if self._transfers is not None and self._transfers.under_way:
            return  # what becomes of the call is decided elsewhere now
        self._gone("caller_hung_up" if cause == "hung_up" else cause, reason)

    def session_key(self, key: str) -> None:
        """INFO."""
        self.audio_key(key)

    # --- TransferUser -----------------------------------------------------------------------------

    def transferred(self, leg: OutgoingLeg) -> None:
        """Another telephone of the caller's exchange is the caller's now."""
        self._leg = leg

    def not_transferred(self) -> None:
        """Nobody is there any more."""
        self._gone("caller_hung_up")

    def leg_hung_up(self, leg: OutgoingLeg, cause: str, reason: str) -> None:
        """Whom the caller was handed on to."""
        self._gone("caller_hung_up" if cause == "hung_up" else cause, reason)

    def leg_key(self, leg: OutgoingLeg, key: str) -> None:
        """As above."""
        self.audio_key(key)

    # --- ServerUser, before the answer; then the session is ---------------------------------------

    def cancelled(self, key: ServerKey, request: Request) -> None:
        """RFC 3261 9.2: 487 to the INVITE."""
        self._terminated()
        self._gone("caller_cancelled", str(read_reason(request) or ""))

    def answered_for(self, key: ServerKey) -> None:
        """The INVITE stood unanswered for so long that it was refused."""
        self._gone("never_answered")

    def acknowledged(self, key: ServerKey, request: Request) -> None:
        """Only a 2xx is acknowledged here, and that is the session's."""

    def not_acknowledged(self, key: ServerKey) -> None:
        """As above."""
