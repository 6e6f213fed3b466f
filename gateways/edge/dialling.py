"""A call that begins with us: the number is dialled over one trunk after the other, until somebody is reached.

The operator's audio is there first: the browser's, or their phone, which is rung before anything goes out. What the core
decided about the number is decided here once more, by the same rules: nothing but a number that they let through ever
goes out, whoever asked. The next trunk is tried when a trunk can't, never when the called party won't: what rang has been
reached. What is heard before the answer (RFC 3960) is the operator's to hear at once.

Towards its `Call` the called side is what a caller is otherwise: it can be joined, it hangs up, it is hung up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Protocol

from acd_core.dialrules import Barred, Dialled, judge
from acd_core.domain.commands import DialOut, RingPhone
from gateways.edge.outgoing_leg import Failure, OutgoingLeg, Target
from gateways.edge.parts import Parts
from gateways.edge.trunks import TRUNK_FAILED, TrunkState
from gateways.sip.build import MAX_FORWARDS
from gateways.sip.events import Flow
from gateways.sip.headers import NameAddr
from gateways.sip.identity import assert_identity, from_address
from gateways.sip.reason import Reason
from gateways.sip.uri import Uri

if TYPE_CHECKING:
    from gateways.edge.dialling_phone import DiallingPhone

_log = logging.getLogger(__name__)

NO_TRUNK = "no_trunk"
NO_AUDIO = "no_audio"
_CLEARED = Reason("Q.850", 16, "Normal call clearing")


class DiallingCall(Protocol):
    """What the number is dialled for."""

    id: str

    def ring_phone(self, command: RingPhone) -> None:
        """The operator's phone comes first."""

    def let_hear(self, command: DialOut) -> None:
        """There is something to be heard."""

    def let_hear_ringing(self, command: DialOut) -> None:
        """It rings, and nothing is heard of it."""

    def dial_progress(self, status: int) -> None:
        """It rings there, or is heard."""

    def dial_answered(self, trunk: str) -> None:
        """Somebody picked up."""

    def dial_failed(self, status: int, cause: str, trunk: str) -> None:
        """Nobody was reached; it is over."""

    def caller_gone(self, cause: str, reason: str = "") -> None:
        """Who had picked up is gone; it is over."""

    def played(self, play: int, failed: bool) -> None:
        """A playback ended."""


class DialledSide:
    """The called side of one call."""

    def __init__(
        self,
        parts: Parts,
        command: DialOut,
        phone: DiallingPhone | None = None,
        *,
        name: str = "",
        hops: int | None = MAX_FORWARDS,
    ) -> None:
        """Takes ports; `begin` comes next. `phone`: who dialled, and hears how it goes. `name`: of the audio leg.

        `hops`: what the call has left that this is dialled for; None: it goes no further.
        """
        self._parts, self._command, self._phone = parts, command, phone
        self._call: DiallingCall | None = None
        self._verdict: Dialled | None = None
        self._tried: list[TrunkState] = []
        self._trunk: TrunkState | None = None  # whose line is taken
        self._ways: deque[Flow] = deque()  # servers of the trunk that this call may still try
        self._flow = Flow("UDP", "", 0)  # the one that it tries
        self._leg: OutgoingLeg | None = None
        self._failure = Failure(503)
        self._operator_there = not command.user
        self._rang = self._ended = False
        self._moves = 0  # of audio, to ports of the other family
        self._told = 0  # the progress that the core knows of
        self._timer: asyncio.TimerHandle | None = None
        self.answered = False
        self.hops = hops if phone is None else phone.hops
        self._name = name or f"{command.call}-d"
        self.audio = parts.audio.allocate(self._name, self._audio_host(), self)

    def _audio_host(self) -> str:
        """Of the family that the first of its trunks has."""
        verdict = judge(self._command.number, self._parts.country, self._parts.dial)
        trunk = self._parts.trunks.get(verdict.trunks[0]) if isinstance(verdict, Dialled) else None
        addresses = self._parts.addresses
        return addresses.rtp_listen_host if trunk is None else addresses.rtp_listen(trunk.address)

    def begin(self, call: DiallingCall) -> None:
        """Of this call."""
        self._call = call
        verdict = judge(self._command.number, self._parts.country, self._parts.dial)
        if isinstance(verdict, Barred):
            _log.warning("call %s: %s is not dialled: %s", call.id, self._command.number, verdict.reason)
            self._fail(403, verdict.reason)
            return
        if self.hops is None:
            self._fail(483, NO_TRUNK)
            return
        self._verdict = verdict
        if self._command.user:
            command = self._command
            call.ring_phone(
                RingPhone(
                    edge=command.edge,
                    call=command.call,
                    agent=command.agent,
                    offer=command.offer,
                    user=command.user,
                    caller=command.number,
                    service=command.service,
                )
            )

    def operator_there(self) -> None:
        """Their phone was picked up: now the number is dialled."""
        self._operator_there = True
        if self.audio.port:  # promised, or there
            self._dial()

    # --- CallerSide -------------------------------------------------------------------------------

    def ring(self) -> None:
        """Nobody waits to be told."""

    def progress(self, max_ms: int = 0) -> None:
        """Nor to hear anything of us."""

    def answer(self) -> None:
        """They answer, not we."""

    def refuse(self, status: int, reason: str, retry_after_s: int = 0) -> None:
        """As far as one can refuse whom one calls."""
        self.end(reason)

    def end(self, cause: str) -> None:
        """Hang up, or take it back."""
        if not self._ended:
            self._close()

    def _close(self) -> None:
        self._ended = True
        self._stop_timer()
        if self._leg is not None:
            self._leg.end(_CLEARED)
        self._release()
        self.audio.free()

    def _release(self) -> None:
        if self._trunk is not None:
            self._parts.trunks.released(self._trunk)
            self._trunk = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- dialling ---------------------------------------------------------------------------------

    def _dial(self) -> None:
        """Over the next trunk."""
        assert self._verdict is not None
        parts = self._parts
        trunk = parts.trunks.take(self._verdict.trunks, self._tried)
        if trunk is None:
            last = self._tried[-1].name if self._tried else ""
            self._fail(self._failure.status, NO_TRUNK, last)
            return
        self._tried.append(trunk)
        self._trunk = trunk
        self._ways = deque(trunk.ways(parts.clock.monotonic_ms()))
        self._call_there()

    def _call_there(self) -> None:
        """To the next server of the trunk, with ports of its family: one may have IPv4, the next IPv6."""
        self._flow = self._ways.popleft()
        listen_host = self._parts.addresses.rtp_listen(self._flow.host)
        if listen_host == self.audio.local_host:
            self._invite()
            return
        self._leg = None
        self.audio.free()
        self._moves += 1
        self.audio = self._parts.audio.allocate(f"{self._name}{self._moves}", listen_host, self)

    def _invite(self) -> None:
        """The ports are there."""
        assert self._verdict is not None
        assert self._trunk is not None
        assert self.hops is not None
        parts, command, trunk = self._parts, self._command, self._trunk
        host = trunk.config.host if trunk.config.user else parts.addresses.sip_host(self._flow.host)
        uri = trunk.uri(self._verdict.sent)
        leg = self._leg = OutgoingLeg(
            parts,
            self,
            self.audio,
            Target(uri, self._flow, trunk.route, trunk.credentials()),
            from_=from_address(trunk.config.from_user or command.caller, "", host=host, private=False),
            to=NameAddr(uri),
            headers=assert_identity(
                command.caller, "", host=host, private=False, trusted=trunk.config.trusted
            ),
            party=(command.call, f"trunk {trunk.name}"),
            session_timer=trunk.config.session_timers,
            hops=self.hops,
        )
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(parts.timing.ring_max_s, self._rung_too_long)
        leg.start(parts.timing.trunk_silence_s)

    def _rung_too_long(self) -> None:
        self._fail(408, "no_reply", self._trunk.name if self._trunk is not None else "")

    def _fail(self, status: int, cause: str, trunk: str = "") -> None:
        if not self._ended:
            self._close()
            if self._phone is not None:
                self._phone.not_reached(status)
            if self._call is not None:
                self._call.dial_failed(status, cause, trunk)

    # --- OutgoingOwner ----------------------------------------------------------------------------

    def leg_progressed(self, leg: OutgoingLeg, status: int, heard: bool) -> None:
        """It rings there, or is heard already."""
        if status < 180 or self._call is None:
            return
        self._rang = True
        self._trunk_worked()
        if self._phone is not None:
            if heard:
                self._phone.progress()
            else:
                self._phone.ring()
        if heard:
            self._call.let_hear(self._command)
        elif self._phone is None and self._told < 183:
            self._call.let_hear_ringing(self._command)
        status = 183 if heard else 180
        if status > self._told:
            self._told = status
            self._call.dial_progress(status)

    def leg_answered(self, leg: OutgoingLeg) -> None:
        """Somebody picked up."""
        self.answered = True
        if self._phone is not None:
            self._phone.answer()
        self._stop_timer()
        self._trunk_worked()
        if self._call is not None and self._trunk is not None:
            self._call.dial_answered(self._trunk.name)

    def leg_failed(self, leg: OutgoingLeg, failure: Failure) -> None:
        """By the trunk: the next one. By the called party: that is it."""
        if self._ended or self._trunk is None:
            return
        trunk, self._failure = self._trunk, failure
        if failure.another_server and not self._rang:
            # RFC 3263 4.3: the same request to the next server of the name.
            trunk.places.failed(
                self._flow.address, self._parts.clock.monotonic_ms(), failure.retry_after_s * 1000
            )
            if self._ways:
                self._call_there()
                return
        if failure.status in TRUNK_FAILED and not self._rang:
            self._parts.trunks.failed(trunk, failure.status, failure.retry_after_s)
            self._release()
            self._dial()
            return
        self._trunk_worked()
        self._fail(failure.status, str(failure.reason or ""), trunk.name)

    def leg_hung_up(self, leg: OutgoingLeg, cause: str, reason: str) -> None:
        """After the answer."""
        if not self._ended:
            self._close()
            if self._call is not None:
                self._call.caller_gone("caller_hung_up" if cause == "hung_up" else cause, reason)

    def leg_key(self, leg: OutgoingLeg, key: str) -> None:
        """Whom we called presses no keys for us."""

    def leg_moved(self, leg: OutgoingLeg, uri: Uri) -> Target | None:
        """To another number, over this trunk, if the rules let it through; never to somebody the trunk does not answer for.

        Who may redirect our calls could else have us call premium numbers, or anybody anywhere.
        """
        trunk = self._trunk
        if trunk is None or self._verdict is None:
            return None
        text, sent = uri.user or "", self._verdict.sent
        allowed = uri.password is None and "maddr" not in uri.params
        if text != sent:
            verdict = judge(text, self._parts.country, self._parts.dial)
            # What is judged has to be what is sent: `rn` behind a number (RFC 4694) is another one.
            plain = text.isascii() and text.removeprefix("+").isdigit()
            if allowed := allowed and plain and isinstance(verdict, Dialled) and trunk.name in verdict.trunks:
                sent = verdict.sent
        if not allowed:
            _log.warning("trunk %s moves a call to %s, which may not be dialled there", trunk.name, uri)
            return None
        if uri.scheme == "tel":
            return Target(trunk.uri(sent), self._flow, trunk.route, trunk.credentials())
        flow = trunk.way_to(uri)
        return None if flow is None else Target(uri, flow, trunk.route, trunk.credentials())

    def _trunk_worked(self) -> None:
        if self._trunk is not None:
            self._trunk.places.worked(self._flow.address)
            self._parts.trunks.worked(self._trunk)

    # --- AudioUser --------------------------------------------------------------------------------

    def audio_bound(self, port: int) -> None:
        """Dial, once for each leg. (Its ports never move later: `Audio` asks for the same again.)"""
        if not self._ended and self._operator_there and self._leg is None:
            if self._trunk is None:
                self._dial()
            else:
                self._invite()

    def audio_remade(self) -> None:
        """A new engine has the ports."""
        self.audio_silent(0)

    def audio_refused(self, reason: str) -> None:
        """No ports, or no longer."""
        if self._ended or self._call is None:
            return
        if self.answered:
            self._close()
            self._call.caller_gone("audio_lost")
        else:
            self._fail(503, NO_AUDIO)

    def audio_played(self, play: int, failed: bool) -> None:
        """Playback ended."""
        if self._call is not None:
            self._call.played(play, failed)

    def audio_key(self, key: str) -> None:
        """Whom we called presses no keys for us."""

    def audio_heard(self) -> None:
        """They are heard."""
        if self._leg is not None:
            self._leg.heard()

    def audio_silent(self, silent_ms: int) -> None:
        """No longer."""
        if self._leg is not None:
            self._leg.silent(silent_ms)
