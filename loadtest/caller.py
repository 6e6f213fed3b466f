"""One caller: INVITE, ACK, a tone and keys, BYE; or a CANCEL when nobody answers.

The states go one way: *calling* until the final response, *cancelling* once the INVITE is taken back, *talking*,
*leaving* until our BYE is answered, *over*. A 200 that crosses our CANCEL is acknowledged and hung up (RFC 3261
9.1); so is a second one, of another callee behind a proxy (13.2.2.4).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from gateways.edge.addresses import LocalAddresses, takes_audio
from gateways.edge.chance import token
from gateways.edge.clock import Clock
from gateways.edge.dialogs import Dialogs
from gateways.edge.point import SipPoint
from gateways.sip.build import make_request, respond
from gateways.sip.dialog import Dialog
from gateways.sip.errors import NoCommonCodecError, SdpError, TransactionsFullError
from gateways.sip.events import ClientKey, Flow, ServerKey
from gateways.sip.headers import NameAddr
from gateways.sip.message import Request, Response
from gateways.sip.sdp import LocalMedia, accept_answer, make_offer, parse_sdp
from gateways.sip.uri import Uri
from loadtest.audio import Audio, Stream
from loadtest.options import CALLS_LIVE_MAX, CallersOptions
from loadtest.tally import CallRecord, Outcome, Side, Tally

_SDP_TYPE = "application/sdp"


class Parts(msgspec.Struct, frozen=True):
    """What all callers share."""

    options: CallersOptions
    point: SipPoint
    addresses: LocalAddresses
    clock: Clock
    dialogs: Dialogs
    audio: Audio
    tally: Tally


def number_of(call: int) -> str:
    """The caller's own number: of a range that is given to nobody."""
    return f"0599{call:07}"


class Caller:
    """One call, placed at once."""

    def __init__(self, parts: Parts, call: int, over: Callable[[Caller], None]) -> None:
        """`over` is called once, when nothing more will come of it."""
        self._parts, self._over = parts, over
        self._host = parts.addresses.sip_host(parts.options.target.flow.host)
        self._record = CallRecord(call, number_of(call), f"{token(20)}@{self._host}", parts.clock.now_ms())
        self._state: Literal["calling", "cancelling", "talking", "leaving", "over"] = "calling"
        self._verdict: tuple[Outcome, str] = ("answered", "")  # once it is cancelling or leaving
        self._stream: Stream | None = None
        self._invite: Request | None = None
        self._key: ClientKey | None = None
        self._dialog: Dialog | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._began_s = 0.0

    def place(self) -> None:
        """Dial."""
        parts = self._parts
        parts.tally.placed(self._record)
        if parts.tally.live > CALLS_LIVE_MAX:
            self._end("failed", "too_many_live")
            return
        try:
            self._stream = parts.audio.open()
        except OSError:
            self._end("failed", "no_socket")
            return
        local = LocalMedia(self._host, self._stream.port, parts.clock.now_ms(), codecs=("PCMU",))
        self._offer = make_offer(local)
        self._invite = self._make_invite(self._offer.to_bytes())
        self._began_s = time.perf_counter()
        try:
            self._key = parts.point.request(self._invite, parts.options.target.flow, self)
        except TransactionsFullError:
            self._end("failed", "transactions_full")
            return
        if self._state == "calling":  # else it could not be sent and is over already
            self._set_timer(parts.options.answer_wait_s, self._not_answered)

    def give_up(self) -> None:
        """The run is stopped."""
        if self._state == "calling":
            self._cancel("cancelled", "stopped")
        elif self._state == "talking":
            self._hang_up()

    def abandon(self) -> None:
        """The run ends and nobody waits for the rest."""
        self.give_up()
        if self._state == "leaving":
            self._parts.tally.byes_unanswered += 1
        self._end(*self._verdict)

    # --- ClientUser of the INVITE -----------------------------------------------------------------

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        """How it is taken."""
        if response.status >= 300:
            if self._state == "cancelling":
                self._end(*self._verdict)
            else:
                self._record.status = response.status
                self._end("refused", response.reason)
        elif response.status >= 200:
            self._accepted(key, response)

    def failed(self, key: ClientKey, status: int) -> None:
        """No response."""
        if self._state == "cancelling":
            self._end(*self._verdict)
        else:
            self._end("failed", "timeout" if status == 408 else "not_sendable")

    def ended(self, key: ClientKey) -> None:
        """No other callee answers any more."""

    def _accepted(self, key: ClientKey, response: Response) -> None:
        assert self._invite is not None
        point = self._parts.point
        took_ms = (time.perf_counter() - self._began_s) * 1_000
        dialog = Dialog.as_caller(self._invite, response)
        destination = point.next_hop(dialog, self._parts.options.target.flow)
        point.acknowledge(key, dialog.ack(cseq_number=self._invite.cseq.number), destination)
        if self._dialog is not None:
            point.request(dialog.request("BYE"), destination, _Ignored())
            return
        self._dialog = dialog
        self._parts.dialogs.add(dialog.id, self)
        self._record.status = response.status
        self._record.answered_ms = self._parts.clock.now_ms()
        self._record.answer_time_ms = round(took_ms, 3)
        if self._state == "cancelling":
            self._leave(*self._verdict)
            return
        reason = self._speak(response)
        if reason:
            self._leave("failed", reason)
            return
        self._state = "talking"
        self._parts.tally.was_answered()
        self._set_timer(self._parts.options.hold_s, self._hang_up)

    def _speak(self, response: Response) -> str:
        """Begin to; why that can't be, else empty."""
        assert self._stream is not None
        target, keys = self._parts.options.target, self._parts.options.keys
        try:
            agreed = accept_answer(self._offer, parse_sdp(response.body))
        except (SdpError, NoCommonCodecError):
            return "unusable_answer"
        if keys and agreed.dtmf_payload_type is None:
            return "no_key_events"
        host = agreed.remote_address
        remote = (host if takes_audio(host, target.flow.host) else target.flow.host, agreed.remote_port)
        listens = agreed.direction in ("sendrecv", "sendonly")
        self._stream.connect(remote if listens else None, keys, agreed.dtmf_payload_type or 0)
        return ""

    # --- requests of the other side ---------------------------------------------------------------

    def request_received(self, key: ServerKey, request: Request, source: Flow) -> None:
        """A request within the dialog."""
        assert self._dialog is not None
        point = self._parts.point
        rejection = self._dialog.receive_request(request)
        if rejection is not None:
            point.respond(key, respond(request, rejection.status, headers=rejection.headers))
        elif request.method == "BYE":
            point.respond(key, respond(request, 200))
            if self._state == "talking":
                self._end("answered", "", by="them")
        elif request.method == "OPTIONS":
            point.respond(key, respond(request, 200))
        else:
            # 488 to a re-INVITE leaves the session as it was (RFC 3261 14.2): callers here keep their terms.
            response = respond(request, 488 if request.method == "INVITE" else 405)
            self._dialog.response_sent(request, response)
            point.respond(key, response)

    # --- the end ----------------------------------------------------------------------------------

    def _not_answered(self) -> None:
        self._cancel("failed", "no_answer")

    def _cancel(self, outcome: Outcome, reason: str) -> None:
        assert self._key is not None
        self._stop_timer()
        self._state = "cancelling"
        self._verdict = (outcome, reason)
        self._parts.point.cancel(self._key)

    def _hang_up(self) -> None:
        self._leave("answered", "")

    def _leave(self, outcome: Outcome, reason: str) -> None:
        """BYE; `bye_answered` comes next."""
        assert self._dialog is not None
        point = self._parts.point
        self._stop_timer()
        self._state = "leaving"
        self._verdict = (outcome, reason)
        self._record.ended_ms = self._parts.clock.now_ms()
        self._quiet()
        try:
            destination = point.next_hop(self._dialog, self._parts.options.target.flow)
            point.request(self._dialog.request("BYE"), destination, _Bye(self))
        except TransactionsFullError:
            self.bye_answered(answered=False)

    def bye_answered(self, *, answered: bool) -> None:
        """Our BYE has its response, or never gets one."""
        if self._state == "leaving":
            self._parts.tally.byes_unanswered += not answered
            self._end(*self._verdict)

    def _end(self, outcome: Outcome, reason: str, *, by: Side = "us") -> None:
        if self._state == "over":
            return
        self._state = "over"
        self._stop_timer()
        self._quiet()
        parts, record = self._parts, self._record
        record.ended_ms = record.ended_ms or parts.clock.now_ms()
        record.outcome, record.reason = outcome, reason
        record.ended_by = by if record.answered_ms else ""
        if self._key is not None:
            parts.point.forget(self._key)
        if self._dialog is not None:
            parts.dialogs.remove(self._dialog.id)
        parts.tally.ended(outcome)
        self._over(self)

    def _quiet(self) -> None:
        """No more audio; what there was is noted."""
        stream, self._stream = self._stream, None
        if stream is not None:
            self._parts.audio.close(stream)
            self._record.rtp_sent, self._record.rtp_received = stream.sent, stream.received
            self._record.keys_pressed = stream.keys_pressed

    def _set_timer(self, after_s: float, then: Callable[[], None]) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(after_s, then)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _make_invite(self, body: bytes) -> Request:
        target, number = self._parts.options.target, self._record.caller
        invite = make_request(
            "INVITE",
            target.uri,
            from_=NameAddr(Uri.sip(number, self._host)).with_params(tag=token(12)),
            to=NameAddr(target.uri),
            call_id=self._record.sip_call_id,
            cseq=1,
            contact=self._parts.point.contact(target.flow, number),
            body=body,
            content_type=_SDP_TYPE,
        )
        invite.remove("Supported")  # this is a plain caller: no PRACK, no session timer
        return invite


class _Bye:
    """Hears what comes of our BYE."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        """Any final answer ends the call (RFC 3261 15.1.1)."""
        if response.status >= 200:
            self._caller.bye_answered(answered=True)

    def failed(self, key: ClientKey, status: int) -> None:
        """Silence ends it too."""
        self._caller.bye_answered(answered=False)

    def ended(self, key: ClientKey) -> None:
        """Of an INVITE only."""


class _Ignored:
    """The BYE to a second callee."""

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        """Nothing follows."""

    def failed(self, key: ClientKey, status: int) -> None:
        """Nothing follows."""

    def ended(self, key: ClientKey) -> None:
        """Nothing follows."""
