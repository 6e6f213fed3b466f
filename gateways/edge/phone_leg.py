"""The operator's SIP phone: rung at its registered address for one offer, until the dialog is over.

The phone is rung where it registered from, which also reaches it behind a NAT. A redirection is not followed: who
takes an offer is the core's decision, not a phone's. The call hears once how it went: `phone_answered` and later
`phone_hung_up`, or `phone_failed`; after `end` it hears nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from acd_core.domain.commands import RingPhone
from gateways.edge.identity import clean
from gateways.edge.outgoing_leg import Failure, OutgoingLeg, Target
from gateways.edge.parts import Parts
from gateways.sip.headers import NameAddr
from gateways.sip.uri import Uri

if TYPE_CHECKING:
    from gateways.edge.call import Call


class PhoneLeg:
    """One offer to one phone."""

    def __init__(self, parts: Parts, call: Call, command: RingPhone) -> None:
        """Takes ports; the phone is rung when they are there."""
        self._parts, self._call, self._command = parts, call, command
        self.agent, self.offer = command.agent, command.offer
        self._ended = False
        self._leg: OutgoingLeg | None = None
        self._timer: asyncio.TimerHandle | None = None
        binding = parts.registrar.binding(command.user)
        # In the family of its phone; if there is none, that is told once there is audio, as any failure to ring.
        host = parts.addresses.rtp_listen(binding.flow.host if binding is not None else "")
        self.audio = parts.audio.allocate(f"{call.id}-p{command.offer}", host, self)

    @property
    def answered(self) -> bool:
        """It can be joined."""
        return self._leg is not None and self._leg.answered

    def end(self) -> None:
        """CANCEL or BYE; the call no longer wants to hear of it."""
        self._ended = True
        self._stop_timer()
        self.audio.free()
        if self._leg is not None:
            self._leg.end()

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
        if self._ended or self._leg is not None:
            return
        binding = self._parts.registrar.binding(self._command.user)
        if binding is None:
            self._fail(480)
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._parts.timing.ring_max_s, self._fail, 408)
        command, here = self._command, self._parts.addresses.sip_host(binding.flow.host)
        self._leg = OutgoingLeg(
            self._parts,
            self,
            self.audio,
            Target(binding.contact.uri, self._parts.registrar.way_to(binding), binding.path),
            from_=NameAddr(Uri.sip(command.caller, here), clean(command.service)),
            to=NameAddr(Uri.sip(command.user, here)),
            party=(self._call.id, f"phone {command.user}"),
        )
        self._leg.start()

    def audio_remade(self) -> None:
        """A new engine has the ports."""
        self.audio_silent(0)

    def audio_refused(self, reason: str) -> None:
        """No ports, or no longer."""
        if self.answered:
            self.end()
            self._call.phone_hung_up(self)
        else:
            self._fail(503)

    def audio_played(self, play: int, failed: bool) -> None:
        """Operators hear no prompts."""

    def audio_key(self, key: str) -> None:
        """Operators press no keys for us."""

    def audio_heard(self) -> None:
        """The phone sends."""
        if self._leg is not None:
            self._leg.heard()

    def audio_silent(self, silent_ms: int) -> None:
        """It has stopped."""
        if self._leg is not None:
            self._leg.silent(silent_ms)

    # --- OutgoingOwner ----------------------------------------------------------------------------

    def leg_progressed(self, leg: OutgoingLeg, status: int, heard: bool) -> None:
        """It rings; the core knows that it was told to."""

    def leg_answered(self, leg: OutgoingLeg) -> None:
        """The operator took the call."""
        self._stop_timer()
        self._call.phone_answered(self)

    def leg_failed(self, leg: OutgoingLeg, failure: Failure) -> None:
        """It could not be rung, or the operator would not."""
        self._fail(failure.status)

    def leg_hung_up(self, leg: OutgoingLeg, cause: str, reason: str) -> None:
        """The operator hung up, or the phone is gone."""
        if not self._ended:
            self.end()
            self._call.phone_hung_up(self)

    def leg_key(self, leg: OutgoingLeg, key: str) -> None:
        """Operators press no keys for us."""

    def leg_moved(self, leg: OutgoingLeg, uri: Uri) -> Target | None:
        """Nowhere."""
        return None
