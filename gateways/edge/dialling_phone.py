"""A phone of ours that calls out: its INVITE, from the proof of who it is until its dialog is over.

On its way in it is like a caller's, so that leg is used as it is; but the core is asked with `PhoneDialled`, and once it
says `DialOut` the phone is the operator's side of that call. It hears 180 while it rings there, 183 with our session
description as soon as there is something to be heard (the network's own announcements), and 200 when somebody picks up: what
the phone counts and shows is the conversation. A number that nobody reaches ends it
with what that was, as far as a phone can show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from acd_core.domain import commands
from acd_core.domain.events import CallArrived, PhoneDialled
from gateways.edge.audio_leg import AudioLeg
from gateways.edge.caller_leg import CallerLeg, Invitation
from gateways.edge.parts import Parts
from gateways.sip.events import Flow, ServerKey
from gateways.sip.reason import Reason

if TYPE_CHECKING:
    from gateways.edge.call import Call

_SHOWN = {486: "busy", 600: "busy", 403: "declined", 603: "declined", 483: "too_many_hops"}


class PhoneDoor(Protocol):
    """Where phones that dial come in."""

    def phone_dialled(self, phone: DiallingPhone, event: PhoneDialled) -> None:
        """It has audio: the core is asked."""

    def phone_gave_up(self, call_id: str) -> None:
        """It no longer waits for what the core says."""

    def never_arrived(self, call_id: str) -> None:
        """It gave up, or there was no audio, before the core heard of it."""


class DiallingPhone:
    """One call of one phone."""

    def __init__(
        self,
        parts: Parts,
        door: PhoneDoor,
        call_id: str,
        user: str,
        number: str,
        key: ServerKey,
        invitation: Invitation,
        source: Flow,
        tag: str,
    ) -> None:
        """`user` is proven; `number` is what was dialled, in E.164 where it is such a number."""
        self._door, self._id, self._user, self._number = door, call_id, user, number
        self._call: Call | None = None
        self.agent, self.offer = "", 0
        self.answered = False
        self._leg = CallerLeg(parts, self, call_id, key, invitation, source, tag, known=True)

    @property
    def audio(self) -> AudioLeg:
        """The operator's."""
        return self._leg.audio

    @property
    def hops(self) -> int | None:
        """What its INVITE has left."""
        return self._leg.hops

    def dials(self, call: Call, agent: str, offer: int) -> None:
        """The core lets it: this is its call."""
        self._call, self.agent, self.offer = call, agent, offer

    def ring(self) -> None:
        """It rings there."""
        self._leg.ring()

    def progress(self) -> None:
        """There is something to be heard before that."""
        self._leg.progress()

    def answer(self) -> None:
        """Somebody picked up."""
        if not self.answered:
            self.answered = True
            self._leg.answer()

    def refuse(self, status: int, reason: str, retry_after_s: int = 0) -> None:
        """It may not, or not now."""
        self._leg.refuse(status, reason, retry_after_s)

    def not_reached(self, status: int) -> None:
        """Nobody was, for this reason."""
        self._leg.end(_SHOWN.get(status, ""))

    def end(self, reason: Reason | None = None) -> None:
        """Hang up; its call no longer wants to hear of it."""
        self._call = None
        self._leg.end("")

    def transfer_answered(self, command: commands.TransferAnswered) -> None:
        """It never asks for one."""

    # --- what the leg tells: as to a door, and as to a call -------------------------------------------

    def arrived(self, caller: CallerLeg, arrival: CallArrived) -> DiallingPhone:
        """It has audio."""
        event = PhoneDialled(
            edge=arrival.edge,
            call=self._id,
            user=self._user,
            dialled=arrival.dialled,
            at_ms=arrival.at_ms,
            number=self._number,
        )
        self._door.phone_dialled(self, event)
        return self

    def never_arrived(self, call_id: str) -> None:
        """Neither audio nor call."""
        self._door.never_arrived(call_id)

    def caller_gone(self, cause: str, reason: str = "") -> None:
        """The operator hung up, or took it back."""
        if self._call is not None:
            self._call.phone_hung_up(self)
        else:
            self._door.phone_gave_up(self._id)

    def played(self, play: int, failed: bool) -> None:
        """Operators hear no prompts."""

    def answered_early(self) -> None:
        """It brought no offer, so it has to be answered to hear anything: for the call, nobody has picked up yet."""

    def key_pressed(self, key: str) -> None:
        """Operators press no keys for us."""
