"""The operator's SIP phone: rung for one offer, until it is over.

Its user may hand the caller on (`phone_transfer.py`); the phone then hangs up by itself, and is given a moment for that.

It may be several devices (`phone_ringing.py`), which share the audio leg: only one of them will ever be joined. The call
hears once how it went: `phone_answered` and later `phone_hung_up`, or `phone_failed`; after `end` it hears nothing.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from acd_core.domain import commands
from acd_core.domain.commands import RingPhone
from gateways.edge.alarms import Alarm
from gateways.edge.audio_leg import AudioLeg
from gateways.edge.identity import clean
from gateways.edge.parts import Parts
from gateways.edge.phone_ringing import PhoneRinging, audio_host
from gateways.edge.phone_transfer import PhoneTransfers
from gateways.sip.reason import Reason


class WithAudio(Protocol):
    """Whom a phone is joined to."""

    @property
    def audio(self) -> AudioLeg:
        """The phone's."""


class WithHops(Protocol):
    """Whom a phone is rung for."""

    @property
    def hops(self) -> int | None:
        """What Max-Forwards leaves."""


class RingingCall(Protocol):
    """What a phone is rung for: a call of ours, or one of another edge."""

    @property
    def id(self) -> str:
        """Of the call."""

    @property
    def caller(self) -> WithHops:
        """Of the call."""

    @property
    def joined(self) -> WithAudio | None:
        """The operator's audio that the caller is joined to."""

    def phone_answered(self, phone: PhoneLeg) -> None:
        """It can be joined."""

    def phone_failed(self, phone: PhoneLeg, status: int) -> None:
        """It could not be rung, or declined."""

    def phone_hung_up(self, phone: PhoneLeg, *, handing: bool = False) -> None:
        """After it was answered; `handing` its caller on, perhaps."""


class PhoneLeg:
    """One offer to one phone."""

    def __init__(self, parts: Parts, call: RingingCall, command: RingPhone) -> None:
        """Takes ports; the phone is rung when they are there."""
        self._parts, self._call, self._command = parts, call, command
        self.agent, self.offer = command.agent, command.offer
        self.user, self.call_id = command.user, call.id
        self._ended = False
        self._ringing: PhoneRinging | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._transfers: PhoneTransfers | None = None
        self._leaving: Alarm | None = None  # it has handed its caller on, and hangs up until then
        # In the family of its phone; if there is none, that is told once there is audio, as any failure to ring.
        self.audio = parts.audio.allocate(
            f"{call.id}-p{command.offer}", audio_host(parts, command.user), self
        )

    @property
    def answered(self) -> bool:
        """It can be joined."""
        return self._ringing is not None and self._ringing.answered

    @property
    def in_conversation(self) -> bool:
        """It is joined to a caller."""
        joined = self._call.joined
        return joined is not None and joined.audio is self.audio

    def end(self, reason: Reason | None = None) -> None:
        """CANCEL or BYE; the call no longer wants to hear of it."""
        self._ended = True
        self._stop_timer()
        if self._transfers is not None:
            self._transfers.end()
            if self._transfers.handed_on and self._leaving is None:
                due_ms = self._parts.clock.monotonic_ms() + int(self._parts.timing.transfer_bye_s * 1000)
                self._leaving = self._parts.alarms.at(due_ms, self._left)
                return
        self._left(reason)

    def _left(self, reason: Reason | None = None) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
        self.audio.free()
        if self._ringing is not None:
            self._ringing.end(reason)

    def moved_to(self, call: RingingCall) -> None:
        """It has come over from another call; it is answered."""
        assert self._ringing is not None
        self._call, self.call_id = call, call.id
        session = self._ringing.session
        session.party = (call.id, f"phone {self.user}")
        self._parts.trace.party(*session.party, session.call_id)

    def transfer_answered(self, command: commands.TransferAnswered) -> None:
        """What becomes of the transfer that the operator asked for."""
        if self._transfers is not None:
            self._transfers.answered(command)

    def _fail(self, status: int) -> None:
        if not self._ended:
            self.end()
            self._call.phone_failed(self, status)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- AudioUser --------------------------------------------------------------------------------

    def audio_bound(self, port: int) -> None:
        """Ring."""
        if self._ended or self._ringing is not None:
            return
        hops = self._call.caller.hops
        if hops is None:
            self._fail(483)
            return
        loop, command = asyncio.get_running_loop(), self._command
        self._timer = loop.call_later(self._parts.timing.ring_max_s, self._fail, 408)
        self._ringing = PhoneRinging(
            self._parts,
            self,
            self.audio,
            command.user,
            caller=command.caller,
            name=clean(command.service),
            party=(self._call.id, f"phone {command.user}"),
            hops=hops,
        )
        self._ringing.begin()

    def audio_remade(self) -> None:
        """A new engine has the ports."""
        self.audio_silent(0)

    def audio_refused(self, reason: str) -> None:
        """No ports, or no longer."""
        if self.answered:
            self.hung_up()
        else:
            self._fail(503)

    def audio_played(self, play: int, failed: bool) -> None:
        """Operators hear no prompts."""

    def audio_key(self, key: str) -> None:
        """Operators press no keys for us."""

    def audio_heard(self) -> None:
        """The phone sends."""
        if self._ringing is not None:
            self._ringing.heard()

    def audio_silent(self, silent_ms: int) -> None:
        """It has stopped."""
        if self._ringing is not None:
            self._ringing.silent(silent_ms)

    # --- RingingOwner -----------------------------------------------------------------------------

    def picked_up(self) -> None:
        """The operator took the call."""
        self._stop_timer()
        assert self._ringing is not None
        session = self._ringing.session
        session.refer_user = self._transfers = PhoneTransfers(self._parts, session, self)
        self._call.phone_answered(self)

    def nobody_took_it(self, status: int) -> None:
        """It could not be rung, or the operator would not."""
        self._fail(status)

    def hung_up(self) -> None:
        """The operator hung up, or the phone is gone."""
        if not self._ended:
            handing = self._transfers is not None and self._transfers.under_way
            self.end()
            self._call.phone_hung_up(self, handing=handing)
        if self._leaving is not None:
            self._left()
