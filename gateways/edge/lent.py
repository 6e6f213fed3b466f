"""Operators' devices at this edge, lent to calls of other edges.

A sibling that has proved to be one (`siblings.py`) asks by INVITE for a phone or a browser's leg. It reaches that device and
nothing else: the number, the trunk and the routes of its request are not looked at. A phone is rung on all its contacts as for
a call of our own and its answer relayed; a browser's leg is joined at once. CANCEL and BYE are relayed with their reasons, both
ways. The call itself, its queue and its recording are the other edge's.

A browser that falls silent or goes is the core's to know, which parts it there; the leg between the edges only ends with
whoever asked for it. When the core tells that another process is at work there, what was lent to the one before is taken back.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Protocol

from acd_core.domain import commands
from acd_core.domain.commands import RingPhone
from gateways.edge.audio_leg import AudioLeg
from gateways.edge.borrowed import HANDING, LEG_GONE, STOPPED
from gateways.edge.caller_leg import Invitation, judge_invite
from gateways.edge.chance import token
from gateways.edge.identity import clean
from gateways.edge.parts import Parts
from gateways.edge.phone_leg import PhoneLeg
from gateways.edge.session import Session, refused
from gateways.edge.siblings import Claim
from gateways.edge.sources import OnceLog
from gateways.sip.admission import Refusal, hops_onward
from gateways.sip.build import respond
from gateways.sip.dialog import Dialog
from gateways.sip.events import Flow, ServerKey
from gateways.sip.message import Request
from gateways.sip.reason import Reason, read_reason

_TAG_CHARS = 12


class Lender(Protocol):
    """Who keeps what is lent."""

    def returned(self, device: LentDevice, phone: PhoneLeg | None) -> None:
        """It is over."""


@dataclass(frozen=True, slots=True)
class _Joined:
    audio: AudioLeg


@dataclass(frozen=True, slots=True)
class _Asked:
    """As the phone's call sees its caller."""

    hops: int | None


class LentDevice:
    """One device, for one INVITE of a sibling."""

    def __init__(
        self,
        parts: Parts,
        lender: Lender,
        claim: Claim,
        key: ServerKey,
        invitation: Invitation,
        source: Flow,
        leg: str,
    ) -> None:
        """Takes ports; the device is joined or rung when they are there. `leg` names it in the audio engine."""
        self._parts, self._lender, self.claim = parts, lender, claim
        self.key, self._invitation, self._source = key, invitation, source
        self._invite = invitation.request
        self.id = claim.call
        self.caller = _Asked(hops_onward(self._invite))
        self._tag = token(_TAG_CHARS)
        self._session: Session | None = None
        self._phone: PhoneLeg | None = None
        self._operator: AudioLeg | None = None  # joined
        self._answered = self._ended = self._silent = False
        self.audio = parts.audio.allocate(leg, parts.addresses.rtp_listen(source.host), self)
        self.audio.told_host = parts.addresses.near_rtp_host(source.host)
        parts.point.watch(key, self)
        parts.trace.party(claim.call, f"from {claim.edge}", self._invite.call_id)

    @property
    def joined(self) -> _Joined | None:
        """The phone that takes part in the call."""
        return _Joined(self._operator) if self._operator is not None else None

    @property
    def in_use(self) -> bool:
        """It was answered, and the other edge sends: that needs no core."""
        return self._answered and not self._silent

    def take_back(self, reason: Reason) -> None:
        """We end it."""
        if self._ended:
            return
        if self._answered and self._session is not None:
            self._session.hang_up(reason)
            self._end(reason)
        else:
            self._refuse(503)

    def transfer_answered(self, command: commands.TransferAnswered) -> None:
        """What becomes of the transfer that the phone asked for."""
        if self._phone is not None:
            self._phone.transfer_answered(command)

    # --- inside -----------------------------------------------------------------------------------

    def _answer(self, operator: AudioLeg) -> None:
        assert self._session is not None
        self._answered = True
        self._operator = operator
        self._session.answer(self.key, self._invite)
        self._parts.audio.join(self.audio, operator)

    def _refuse(self, status: int, reason: str = "") -> None:
        if self._ended or self._answered:
            return
        self._parts.point.respond(self.key, respond(self._invite, status, reason or None, to_tag=self._tag))
        self._end()

    def _end(self, reason: Reason | None = None) -> None:
        self._ended = True
        if self._operator is not None:
            self._parts.audio.part(self.audio, self._operator)
        self.audio.free()
        if self._phone is not None:
            self._phone.end(reason)
        if self._session is not None and not self._answered:
            self._session.close()
        self._lender.returned(self, self._phone)

    # --- AudioUser --------------------------------------------------------------------------------

    def audio_bound(self, port: int) -> None:
        """The ports are there. (They never move later: `Audio` asks for the same again.)"""
        if self._session is not None or self._ended:
            return
        parts, claim = self._parts, self.claim
        dialog = Dialog.as_callee(self._invite, self._tag)
        self._session = Session(parts, self, dialog, self.audio, self._source)
        self._session.party = (claim.call, f"from {claim.edge}")
        self._session.negotiation.take_offer(self._invitation.offer)  # was judged at the door
        if claim.device == "leg":
            operator = parts.operator_legs.get(claim.name)
            if operator is None:
                self._refuse(LEG_GONE)
            else:
                self._answer(operator)
            return
        parts.point.respond(
            self.key,
            respond(self._invite, 180, to_tag=self._tag, contact=self._session.contact),
            self,
        )
        from_ = self._invite.from_
        command = RingPhone(
            edge=parts.edge,
            call=claim.call,
            agent=claim.agent,
            offer=claim.offer,
            user=claim.name,
            caller=from_.uri.user_text,
            service=clean(from_.display_name),
            at=parts.edge,
        )
        self._phone = PhoneLeg(parts, self, command)

    def audio_remade(self) -> None:
        """A new engine has the ports."""
        self.audio_silent(0)

    def audio_refused(self, reason: str) -> None:
        """No ports, or no longer."""
        self.take_back(STOPPED)

    def audio_played(self, play: int, failed: bool) -> None:
        """Nothing is played here."""

    def audio_key(self, key: str) -> None:
        """The caller's keys are heard where the call is."""

    def audio_heard(self) -> None:
        """The other edge sends."""
        self._silent = False
        if self._session is not None:
            self._session.heard()

    def audio_silent(self, silent_ms: int) -> None:
        """It has stopped."""
        self._silent = True
        if self._session is not None:
            self._session.silent(silent_ms)

    # --- the phone's call -------------------------------------------------------------------------

    def phone_answered(self, phone: PhoneLeg) -> None:
        """The operator picked up."""
        self._answer(phone.audio)

    def phone_failed(self, phone: PhoneLeg, status: int) -> None:
        """It could not be rung, or the operator would not."""
        self._refuse(status)

    def phone_hung_up(self, phone: PhoneLeg, *, handing: bool = False) -> None:
        """The operator hung up."""
        if not self._ended:
            assert self._session is not None
            self._session.hang_up(HANDING if handing else None)
            self._end()

    # --- ServerUser, before the answer; then the session is ---------------------------------------

    def cancelled(self, key: ServerKey, request: Request) -> None:
        """RFC 3261 9.2: 487 to the INVITE. The phone is told why, so that it shows no missed call."""
        if not self._ended:
            self._parts.point.respond(self.key, respond(self._invite, 487, to_tag=self._tag))
            self._end(read_reason(request))

    def answered_for(self, key: ServerKey) -> None:
        """The INVITE stood unanswered for so long that it was refused."""
        if not self._ended:
            self._end()

    def acknowledged(self, key: ServerKey, request: Request) -> None:
        """Only a 2xx is acknowledged here, and that is the session's."""

    def not_acknowledged(self, key: ServerKey) -> None:
        """As above."""

    # --- SessionOwner -----------------------------------------------------------------------------

    def session_ended(self, cause: str, reason: str) -> None:
        """BYE, or the other edge is gone."""
        if not self._ended:
            if not self._answered:
                self._parts.point.respond(self.key, respond(self._invite, 487, to_tag=self._tag))
            self._end()

    def session_key(self, key: str) -> None:
        """As `audio_key`."""


class Lending:
    """All devices that are lent."""

    def __init__(self, parts: Parts, bury: Lender, log: OnceLog) -> None:
        """`bury` hears of each that is over, `log` of those who are none of us."""
        self._parts, self._bury, self._log = parts, bury, log
        self._lent: dict[ServerKey, LentDevice] = {}
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        """Each takes the room of a call."""
        return len(self._lent)

    def invite_received(self, key: ServerKey, invite: Request, source: Flow, *, full: bool) -> None:
        """An INVITE that says to be a sibling's."""
        parts = self._parts
        claim = parts.siblings.proven(invite)
        if isinstance(claim, str):
            self._log.note("an INVITE in an edge's name", source.host, claim)  # anybody may send them all day
            parts.guard.saw(source.host, "spoofed", parts.clock.monotonic_ms(), f"edge: {claim}")
            parts.point.respond(key, respond(invite, 403))
            return
        if full:
            retry_after = ("Retry-After", str(parts.limits.retry_after_s))
            parts.point.respond(key, respond(invite, 503, headers=[retry_after]))
            return
        invitation = judge_invite(invite, parts.sip)
        if isinstance(invitation, Refusal) or not invitation.offer:
            refusal = invitation if isinstance(invitation, Refusal) else Refusal(400)
            parts.point.respond(key, refused(invite, refusal))
            return
        leg = f"{claim.call}-l{next(self._numbers)}"
        self._lent[key] = LentDevice(parts, self, claim, key, invitation, source, leg)

    def transfer_answered(self, command: commands.TransferAnswered) -> bool:
        """The core's word on what a phone asked for that is lent; False when it is not."""
        for device in self._lent.values():
            if (device.claim.call, device.claim.offer) == (command.call, command.offer):
                device.transfer_answered(command)
                return True
        return False

    def look(self, gone: str = "") -> None:
        """Take back what was lent to processes that are no more, and what an edge whose calls have ended does not use."""
        for device in list(self._lent.values()):
            now = self._parts.siblings.instance_of(device.claim.edge)
            unused = device.claim.edge == gone and not device.in_use
            if unused or (now and now != device.claim.instance):
                device.take_back(STOPPED)

    def close(self) -> None:
        """The edge stops."""
        for device in list(self._lent.values()):
            device.take_back(STOPPED)

    def returned(self, device: LentDevice, phone: PhoneLeg | None) -> None:
        """It is over."""
        self._lent.pop(device.key, None)
        self._bury.returned(device, phone)
