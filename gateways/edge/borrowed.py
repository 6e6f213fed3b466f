"""An operator's device that is at another edge, borrowed for a call of ours: a leg to that edge, which joins it to the device.

To the call it is what the device itself would be: it rings, is answered, can be joined and recorded, is hung up. The other
edge rings the phone, on all its contacts, or joins the browser at once; what comes of it is relayed with its reasons (`lent.py`).

Two things can happen to it that can't to a device of one's own: the other edge can't be reached, or is lost in the middle of a
conversation. Then nobody hung up, and the core is told so (`AudioCutOff`): the caller goes back to the front of the queue.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from acd_core.domain import commands, events
from acd_core.domain.commands import Join, RingPhone
from gateways.edge.identity import clean
from gateways.edge.outgoing_leg import Failure, OutgoingLeg, Target
from gateways.edge.parts import Parts
from gateways.sip.headers import NameAddr
from gateways.sip.reason import Reason
from gateways.sip.uri import Uri

if TYPE_CHECKING:
    from gateways.edge.call import Call

EDGE_UNREACHABLE = "edge_unreachable"
# What the other edge's BYE says of itself (RFC 3326), beside the reasons of a phone's user.
HANDING = Reason("SIP", 202, "handing on")
STOPPED = Reason("SIP", 503, "edge stopped")
LEG_GONE = 410
_NO_AUDIO_HERE = 503
_NO_HOPS = 483
_NOT_REACHED = frozenset({403, 408, 500, 503})


class Borrowed:
    """What both kinds share; `_taken`, `_failed` and `_over` say what they do differently."""

    def __init__(
        self,
        parts: Parts,
        call: Call,
        command: RingPhone | Join,
        device: Literal["phone", "leg"],
        name: str,
        leg: str,
    ) -> None:
        """Takes ports; the other edge is called when they are there. `leg` names it in the audio engine."""
        self._parts, self._call = parts, call
        self.agent, self.offer, self.edge = command.agent, command.offer, command.at
        self._claim = parts.siblings.own_claim(call.id, device, name, command.agent, command.offer)
        self._ended = self._rang = False
        self._leg: OutgoingLeg | None = None
        self._timer: asyncio.TimerHandle | None = None
        flow = parts.siblings.way_to(command.at)
        host = flow.host if flow is not None else ""
        self.audio = parts.audio.allocate(leg, parts.addresses.rtp_listen(host), self)
        self.audio.told_host = parts.addresses.near_rtp_host(host) if host else ""

    @property
    def answered(self) -> bool:
        """It can be joined."""
        return self._leg is not None and self._leg.answered

    @property
    def part(self) -> int:
        """Which time of joining it is lost to; 0: to all of the offer."""
        return 0

    def end(self, reason: Reason | None = None) -> None:
        """CANCEL or BYE; the call no longer wants to hear of it."""
        self._ended = True
        self._stop_timer()
        self.audio.free()
        if self._leg is not None:
            self._leg.end(reason)

    def transfer_answered(self, command: commands.TransferAnswered) -> None:
        """Whoever has the phone is told."""

    def _call_edge(self, caller: str, name: str) -> None:
        parts, claim = self._parts, self._claim
        flow, hops = parts.siblings.way_to(self.edge), self._call.caller.hops
        if flow is None or hops is None:
            self._fail(_NO_AUDIO_HERE if flow is None else _NO_HOPS)
            return
        uri = Uri.sip(claim.name, flow.host, flow.port)
        self._leg = OutgoingLeg(
            parts,
            self,
            self.audio,
            Target(uri, flow),
            from_=NameAddr(Uri.sip(caller, parts.addresses.sip_host(flow.host)), name),
            to=NameAddr(uri),
            party=(self._call.id, f"{self.edge} {claim.device} {claim.name}"),
            hops=hops,
            seal=lambda invite: parts.siblings.seal(invite, self.edge, claim),
        )
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(parts.timing.ring_max_s, self._fail, 408)
        self._leg.start(parts.timing.sibling_silence_s)

    def _fail(self, status: int) -> None:
        if not self._ended:
            self.end()
            self._failed(status)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- AudioUser --------------------------------------------------------------------------------

    def audio_bound(self, port: int) -> None:
        """Call. (The ports never move later: `Audio` asks for the same again.)"""
        if not self._ended and self._leg is None:
            self._begin()

    def audio_remade(self) -> None:
        """A new engine has the ports."""
        self.audio_silent(0)

    def audio_refused(self, reason: str) -> None:
        """No ports, or no longer."""
        if not self.answered:
            self._fail(_NO_AUDIO_HERE)
        elif not self._ended:
            self.end()
            self._cut_off("audio_lost")

    def audio_played(self, play: int, failed: bool) -> None:
        """Operators hear no prompts."""

    def audio_key(self, key: str) -> None:
        """Operators press no keys for us."""

    def audio_heard(self) -> None:
        """The other edge sends."""
        if self._leg is not None:
            self._leg.heard()

    def audio_silent(self, silent_ms: int) -> None:
        """It has stopped."""
        if self._leg is not None:
            self._leg.silent(silent_ms)

    # --- OutgoingOwner ----------------------------------------------------------------------------

    def leg_progressed(self, leg: OutgoingLeg, status: int, heard: bool) -> None:
        """It rings; the core knows that it was told to."""
        self._rang = self._rang or status > 100

    def leg_answered(self, leg: OutgoingLeg) -> None:
        """The device is there."""
        self._stop_timer()
        self._taken()

    def leg_failed(self, leg: OutgoingLeg, failure: Failure) -> None:
        """The device could not be had, or its user would not."""
        self._fail(failure.status)

    def leg_hung_up(self, leg: OutgoingLeg, cause: str, reason: str) -> None:
        """By the operator, or the other edge is gone."""
        if self._ended:
            return
        self.end()
        if cause == "hung_up" and reason != str(STOPPED):
            self._hung_up(handing=reason == str(HANDING))
        else:
            self._cut_off("edge_stopped" if cause == "hung_up" else cause)

    def leg_key(self, leg: OutgoingLeg, key: str) -> None:
        """Operators press no keys for us."""

    def leg_moved(self, leg: OutgoingLeg, uri: Uri) -> Target | None:
        """Nowhere: the core says where an operator is."""
        return None

    # --- what the kinds do differently ------------------------------------------------------------

    def _begin(self) -> None:
        raise NotImplementedError

    def _taken(self) -> None:
        raise NotImplementedError

    def _failed(self, status: int) -> None:
        raise NotImplementedError

    def _hung_up(self, *, handing: bool) -> None:
        raise NotImplementedError

    def _cut_off(self, cause: str) -> None:
        self._call.device_gone(self)
        self._parts.tell(
            events.AudioCutOff(
                agent=self.agent, call=self._call.id, offer=self.offer, cause=cause, part=self.part
            )
        )


class BorrowedPhone(Borrowed):
    """Of one offer."""

    def __init__(self, parts: Parts, call: Call, command: RingPhone) -> None:
        """As a phone here."""
        self._command = command
        super().__init__(parts, call, command, "phone", command.user, f"{call.id}-p{command.offer}")

    def _begin(self) -> None:
        self._call_edge(self._command.caller, clean(self._command.service))

    def _taken(self) -> None:
        self._call.phone_answered(self)

    def _failed(self, status: int) -> None:
        unreachable = status in _NOT_REACHED and not self._rang
        self._call.phone_failed(self, status, EDGE_UNREACHABLE if unreachable else "")

    def _hung_up(self, *, handing: bool) -> None:
        self._call.phone_hung_up(self, handing=handing)


class BorrowedBrowser(Borrowed):
    """For one `Join`, which is carried out once the browser is there."""

    def __init__(self, parts: Parts, call: Call, command: Join) -> None:
        """Nobody rings: its user has accepted."""
        self.command = command
        super().__init__(parts, call, command, "leg", command.leg, f"{call.id}-b{command.part}")

    @property
    def part(self) -> int:
        """Of the `Join` that was carried out last."""
        return self.command.part

    def _begin(self) -> None:
        self._call_edge(self._claim.call, "")

    def _taken(self) -> None:
        self._call.join(self.command)

    def _failed(self, status: int) -> None:
        if status == LEG_GONE:
            self._call.device_gone(self)
            self._parts.tell(events.AudioLost(agent=self.agent, leg=self.command.leg))
        else:
            self._cut_off(EDGE_UNREACHABLE)

    def _hung_up(self, *, handing: bool) -> None:
        self._cut_off("edge_stopped")
