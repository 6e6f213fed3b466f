"""The number outside that a caller is handed on to: dialled as any number is, and then in the operator's place.

Towards its call it is what an operator's phone is: it can be joined once it is answered, and it is hung up. What it hears before
the answer is nobody's to hear: the operator still talks to the caller, or the caller has the queue's music.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acd_core.domain import commands, events
from gateways.edge.audio_leg import AudioLeg
from gateways.edge.dialling import DialledSide
from gateways.edge.parts import Parts
from gateways.sip.reason import Reason

if TYPE_CHECKING:
    from gateways.edge.call import Call


class OutsideLeg:
    """One attempt to reach it."""

    def __init__(self, parts: Parts, call: Call, command: commands.DialOutside) -> None:
        """Takes ports; `begin` comes next."""
        self._parts, self._call = parts, call
        self.id, self.agent, self.offer = call.id, "", command.attempt
        dials = commands.DialOut(
            edge=command.edge,
            call=command.call,
            number=command.number,
            agent="",
            offer=command.attempt,
            trunks=command.trunks,
            caller=command.caller,
        )
        name = f"{call.id}-o{command.attempt}"
        self._side = DialledSide(parts, dials, name=name, hops=call.caller.hops)

    @property
    def audio(self) -> AudioLeg:
        """What is joined."""
        return self._side.audio

    @property
    def answered(self) -> bool:
        """It can be joined."""
        return self._side.answered

    def begin(self) -> None:
        """Dial."""
        self._side.begin(self)

    def end(self, reason: Reason | None = None) -> None:
        """Hang up, or take it back."""
        self._side.end("")

    def transfer_answered(self, command: commands.TransferAnswered) -> None:
        """It asks for none."""

    # --- what the side tells, as to a call that begins with us ------------------------------------

    def ring_phone(self, command: commands.RingPhone) -> None:
        """No phone is rung first."""

    def let_hear(self, command: commands.DialOut) -> None:
        """Not before the answer."""

    def let_hear_ringing(self, command: commands.DialOut) -> None:
        """As above."""

    def dial_progress(self, status: int) -> None:
        """It rings there."""
        self._parts.tell(events.DialProgress(call=self.id, status=status, attempt=self.offer))

    def dial_answered(self, trunk: str) -> None:
        """Somebody picked up; the core says who is joined now."""
        self._parts.tell(events.DialAnswered(call=self.id, trunk=trunk, attempt=self.offer))

    def dial_failed(self, status: int, cause: str, trunk: str) -> None:
        """Nobody was reached."""
        if self._call.outside_gone(self):
            self._parts.tell(
                events.DialFailed(call=self.id, status=status, cause=cause, trunk=trunk, attempt=self.offer)
            )

    def caller_gone(self, cause: str, reason: str = "") -> None:
        """Who was called hung up, or is gone."""
        if self._call.outside_gone(self):
            told = "outside_hung_up" if cause == "caller_hung_up" else cause
            self._parts.tell(events.OutsideHungUp(call=self.id, attempt=self.offer, cause=told))

    def played(self, play: int, failed: bool) -> None:
        """They hear no prompts."""
