"""The operator's SIP phone: an INVITE to its registered address for one offer, until the dialog is over.

The phone is rung where it registered from, which also reaches it behind a NAT. Its 2xx ends the ringing; a
2xx that crosses our CANCEL is acknowledged and hung up (RFC 3261 9.1, 13.2.2.4). A redirection is not
followed. The call hears once how it went: `phone_answered` and later `phone_hung_up`, or `phone_failed`;
after `end` it hears nothing.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Literal

from acd_core.domain.commands import RingPhone
from gateways.edge.identity import clean
from gateways.edge.parts import Parts
from gateways.edge.point import token
from gateways.edge.session import Session
from gateways.edge.terms import SDP_TYPE, Terms
from gateways.sip.build import make_request
from gateways.sip.dialog import Dialog
from gateways.sip.errors import NoCommonCodecError, SdpError, TransactionsFullError
from gateways.sip.events import ClientKey, Flow
from gateways.sip.headers import NameAddr
from gateways.sip.message import Request, Response
from gateways.sip.uri import Uri

if TYPE_CHECKING:
    from gateways.edge.call import Call

_log = logging.getLogger(__name__)


class PhoneLeg:
    """One offer to one phone."""

    def __init__(self, parts: Parts, call: Call, command: RingPhone) -> None:
        """Takes ports; the phone is rung when they are there."""
        self._parts, self._call, self._command = parts, call, command
        self.agent, self.offer = command.agent, command.offer
        self._state: Literal["opening", "ringing", "cancelled", "talking", "ended"] = "opening"
        self._invite: Request | None = None
        self._key: ClientKey | None = None
        self._destination: Flow | None = None
        self._terms: Terms | None = None
        self._session: Session | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.audio = parts.audio.allocate(
            f"{call.id}-p{command.offer}", parts.addresses.rtp_listen_host, self
        )

    @property
    def answered(self) -> bool:
        """It can be joined."""
        return self._state == "talking"

    def end(self) -> None:
        """CANCEL or BYE; the call no longer wants to hear of it."""
        match self._state:
            case "opening" | "talking":
                self._close()
            case "ringing":
                assert self._key is not None
                self._stop_timer()
                self._state = "cancelled"
                self.audio.free()
                self._parts.point.cancel(self._key)

    def _close(self) -> None:
        """Over, whatever it was."""
        self._state = "ended"
        self._stop_timer()
        self.audio.free()
        if self._key is not None:
            self._parts.point.forget(self._key)
        if self._session is not None:
            self._session.hang_up()

    def _fail(self, status: int) -> None:
        told = self._state in ("opening", "ringing")
        self._close()
        if told:
            self._call.phone_failed(self, status)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- AudioUser --------------------------------------------------------------------------------

    def audio_bound(self, port: int) -> None:
        """Ring."""
        if self._state != "opening":
            return
        binding = self._parts.registrar.binding(self._command.user)
        if binding is None:
            self._fail(480)
            return
        self._destination = binding.flow
        host = self._destination.host
        address = self._parts.addresses.rtp_host(host)
        self._terms = Terms(self.audio, address, self._parts.clock.now_ms(), host)
        self._invite = self._make_invite(binding.contact.uri, self._destination, self._terms.offer())
        self._parts.trace.party(self._call.id, f"phone {self._command.user}", self._invite.call_id)
        try:
            self._key = self._parts.point.request(self._invite, self._destination, self)
        except TransactionsFullError:
            self._fail(503)
            return
        if self._state == "opening":
            self._state = "ringing"
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._parts.timing.ring_max_s, self._rung_too_long)

    def audio_remade(self) -> None:
        """A new engine has the ports."""
        self.audio_silent(0)

    def audio_refused(self, reason: str) -> None:
        """No ports, or no longer."""
        if self._state == "talking":
            self._close()
            self._call.phone_hung_up(self)
        else:
            self._fail(503)

    def audio_played(self, play: int, failed: bool) -> None:
        """Operators hear no prompts."""

    def audio_key(self, key: str) -> None:
        """Operators press no keys for us."""

    def audio_heard(self) -> None:
        """The phone sends."""
        if self._session is not None:
            self._session.heard()

    def audio_silent(self, silent_ms: int) -> None:
        """It has stopped."""
        if self._session is not None:
            self._session.silent(silent_ms)

    # --- ClientUser of the INVITE -----------------------------------------------------------------

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        """How the phone takes it."""
        if response.status >= 300:
            if self._state == "cancelled":
                self._state = "ended"
            else:
                self._fail(response.status)
        elif response.status >= 200:
            self._accepted(key, response)

    def failed(self, key: ClientKey, status: int) -> None:
        """No answer at all."""
        if self._state == "cancelled":
            self._state = "ended"
        else:
            self._fail(status)

    def ended(self, key: ClientKey) -> None:
        """No other device answers any more."""

    def _accepted(self, key: ClientKey, response: Response) -> None:
        assert self._invite is not None
        assert self._destination is not None
        assert self._terms is not None
        wanted = self._state in ("opening", "ringing")
        dialog = Dialog.as_caller(self._invite, response)
        session = Session(self._parts, self, dialog, self.audio, self._destination, terms=self._terms)
        session.acknowledge(key, self._invite)
        if not wanted:
            # It crossed our CANCEL, or a second device behind the same address took the call too.
            session.hang_up()
            if self._state == "cancelled":
                self._state = "ended"
                self._parts.point.forget(key)
            return
        self._stop_timer()
        self._session = session
        try:
            self._terms.take_answer(response.body)
        except (SdpError, NoCommonCodecError) as error:
            _log.warning("phone %s answered with unusable audio: %s", self._command.user, error)
            self._fail(488)
            return
        self._state = "talking"
        self._call.phone_answered(self)

    def _rung_too_long(self) -> None:
        self.end()
        self._call.phone_failed(self, 408)

    # --- SessionOwner -----------------------------------------------------------------------------

    def session_ended(self, cause: str) -> None:
        """The operator hung up, or the phone is gone."""
        if self._state == "talking":
            self._close()
            self._call.phone_hung_up(self)

    def session_key(self, key: str) -> None:
        """Operators press no keys for us."""

    def _make_invite(self, contact: Uri, to: Flow, body: bytes) -> Request:
        """From shows the caller's number and the service that was dialled."""
        command, point = self._command, self._parts.point
        here = self._parts.addresses.sip_host(to.host)
        caller = Uri.sip(command.caller, here)
        return make_request(
            "INVITE",
            contact,
            from_=NameAddr(caller, clean(command.service)).with_params(tag=token(12)),
            to=NameAddr(Uri.sip(command.user, here)),
            call_id=f"{token(20)}@{here}",
            cseq=1,
            contact=point.contact(to),
            body=body,
            content_type=SDP_TYPE,
        )
