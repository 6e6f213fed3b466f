"""The caller's leg over SIP: an INVITE that was let in, until its dialog is over.

The ports come first, because the core shall not hear of a call that cannot have audio. From then on the call
decides when to ring, answer or refuse. Whatever ends the leg, `Call.caller_gone` is told once when the caller
did it, and nobody when we did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acd_core.domain.events import CallArrived
from gateways.edge.identity import caller_of, dialled_of, international
from gateways.edge.parts import Parts
from gateways.edge.session import Session
from gateways.edge.terms import SDP_TYPE, is_acceptable
from gateways.sip.build import respond
from gateways.sip.dialog import Dialog
from gateways.sip.errors import SdpError
from gateways.sip.events import Flow, ServerKey
from gateways.sip.message import Request, Response
from gateways.sip.sdp import SessionDescription, parse_sdp

if TYPE_CHECKING:
    from gateways.edge.call import Call
    from gateways.edge.calls import Calls

# What a caller who was not answered is told when the call ends (RFC 3261 21.4.18, 21.6.2).
_ENDED_UNANSWERED = {"declined": 603, "busy": 486}
_ENDED_OTHERWISE = 480


def check_invite(invite: Request) -> tuple[SessionDescription | None, Response | None]:
    """The offer, if there is one, and the answer to an INVITE that can't become a call."""
    if not invite.body:
        return None, None
    if invite.content_type != SDP_TYPE:
        return None, respond(invite, 415, headers=[("Accept", SDP_TYPE)])
    try:
        offer = parse_sdp(invite.body)
    except SdpError as error:
        return None, respond(invite, 400, f"Bad SDP - {error}")
    return offer, None if is_acceptable(offer) else respond(invite, 488)


class CallerLeg:
    """A caller's INVITE and dialog."""

    def __init__(
        self,
        parts: Parts,
        calls: Calls,
        call_id: str,
        key: ServerKey,
        invite: Request,
        offer: SessionDescription | None,
        source: Flow,
        tag: str,
    ) -> None:
        """Takes ports; the call arrives when they are there."""
        self._parts, self._calls = parts, calls
        self._key, self._invite, self._offer, self._source, self._tag = key, invite, offer, source, tag
        self._arrived_ms = parts.clock.now_ms()
        self._call_id = call_id
        self._call: Call | None = None
        self._session: Session | None = None
        self._ended = False
        self.answered = False
        self.audio = parts.audio.allocate(call_id, parts.addresses.rtp_listen(source.host), self)
        parts.point.watch(key, self)
        parts.trace.party(call_id, "caller", invite.call_id)

    # --- what the call wants ----------------------------------------------------------------------

    def ring(self) -> None:
        """180 Ringing."""
        if not self.answered and not self._ended and self._session is not None:
            response = respond(self._invite, 180, to_tag=self._tag, contact=self._session.contact)
            self._parts.point.respond(self._key, response, self)

    def answer(self) -> None:
        """200 OK with our answer, or with our offer when the INVITE had none."""
        if self.answered or self._ended or self._session is None:
            return
        self.answered = True
        terms = self._session.terms
        body = terms.answer(self._offer) if self._offer is not None else terms.offer()
        self._session.answer(self._key, self._invite, body)

    def refuse(self, status: int, reason: str, retry_after_s: int = 0) -> None:
        """A final error to an INVITE that is not answered yet."""
        if self._ended or self.answered:
            return
        if status == 404:  # one wrong number is a slip, many are a search for one that leads out
            self._parts.guard.saw(self._source.host, "sweep", self._parts.clock.monotonic_ms(), "404")
        headers = [("Retry-After", str(retry_after_s))] if retry_after_s else []
        response = respond(self._invite, status, reason or None, to_tag=self._tag, headers=headers)
        self._parts.point.respond(self._key, response)
        self._end()

    def end(self, cause: str) -> None:
        """Our side ends the call, answered or not."""
        if self._ended:
            return
        if self.answered:
            assert self._session is not None
            self._session.hang_up()
            self._end()
        else:
            self.refuse(_ENDED_UNANSWERED.get(cause, _ENDED_OTHERWISE), "")

    def _end(self) -> None:
        self._ended = True
        self.audio.free()
        if self._session is not None and not self.answered:
            self._session.close()

    def _gone(self, cause: str) -> None:
        """The caller ended it."""
        if self._ended:
            return
        self._end()
        if self._call is not None:
            self._call.caller_gone(cause)
        else:
            self._calls.never_arrived(self._call_id)

    # --- AudioUser --------------------------------------------------------------------------------

    def audio_bound(self, port: int) -> None:
        """The ports are there: the call arrives. (They never move later: `Audio` asks for the same again.)"""
        if self._session is not None or self._ended:
            return
        dialog = Dialog.as_callee(self._invite, self._tag)
        self._session = Session(self._parts, self, dialog, self.audio, self._source)
        caller, name = caller_of(self._invite)
        arrival = CallArrived(
            call=self._call_id,
            edge=self._parts.edge,
            caller=caller,
            caller_name=name,
            dialled=dialled_of(self._invite),
            at_ms=self._arrived_ms,
            number=international(caller, self._parts.country),
        )
        self._call = self._calls.arrived(self, arrival)

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
        if self._session is not None:
            self._session.heard()

    def audio_silent(self, silent_ms: int) -> None:
        """It has stopped."""
        if self._session is not None:
            self._session.silent(silent_ms)

    # --- SessionOwner -----------------------------------------------------------------------------

    def session_ended(self, cause: str) -> None:
        """BYE, or nobody there. A BYE in the early dialog ends the INVITE too (RFC 3261 15.1.2)."""
        if not self.answered and not self._ended:
            self._parts.point.respond(self._key, respond(self._invite, 487, to_tag=self._tag))
        self._gone("caller_hung_up" if cause == "hung_up" else cause)

    def session_key(self, key: str) -> None:
        """INFO."""
        self.audio_key(key)

    # --- ServerUser, before the answer; then the session is ---------------------------------------

    def cancelled(self, key: ServerKey) -> None:
        """RFC 3261 9.2: 487 to the INVITE."""
        self._parts.point.respond(key, respond(self._invite, 487, to_tag=self._tag))
        self._gone("caller_cancelled")

    def answered_for(self, key: ServerKey) -> None:
        """The INVITE stood unanswered for so long that it was refused."""
        self._gone("never_answered")

    def acknowledged(self, key: ServerKey, request: Request) -> None:
        """Only a 2xx is acknowledged here, and that is the session's."""

    def not_acknowledged(self, key: ServerKey) -> None:
        """As above."""
