"""Our side of the fuzz run: a user agent that does with each message all that ours do, with chance for decisions.

Nothing here catches more than the typed errors of the stack, so anything else that is raised ends the run.
"""

from __future__ import annotations

import contextlib
import random

from gateways.sip.admission import Refusal, hops_onward
from gateways.sip.auth import Challenger, DigestClient, DigestSecret, Granted
from gateways.sip.body import SDP_TYPE, session_part
from gateways.sip.build import make_request, respond
from gateways.sip.dialog import Dialog, DialogId, dialog_id_of
from gateways.sip.errors import NoCommonCodecError, SdpError, SipParseError, TransactionsFullError
from gateways.sip.events import (
    AckReceived,
    AckTimedOut,
    Address,
    CancelReceived,
    ClientKey,
    Flow,
    InviteEnded,
    Output,
    RequestReceived,
    ResponseReceived,
    ServerKey,
    TransactionTimedOut,
    TransportProblem,
)
from gateways.sip.headers import NameAddr
from gateways.sip.identity import read_identity
from gateways.sip.layer import TransactionLayer
from gateways.sip.limits import RegistrarLimits
from gateways.sip.message import Message, Request
from gateways.sip.negotiation import Negotiation
from gateways.sip.reason import read_reasons
from gateways.sip.redirect import redirect_targets
from gateways.sip.refer import parse_refer, replaces_of
from gateways.sip.registrar import Registrar
from gateways.sip.reliable import ReliableUac, ReliableUas, asks_for_prack, reliable_for
from gateways.sip.sdp import LocalMedia
from gateways.sip.session_timer import SessionTimer
from gateways.sip.uri import Uri
from tests.sip.fuzz_peer import PASSWORD, SOURCES, USERS

DIALOGS_MAX = 200
LATER_MAX = 500
LOCAL = LocalMedia("192.0.2.2", 20_000, 7)
_SECRETS = {user: DigestSecret.from_password(user, "santral", PASSWORD) for user in USERS[:2]}


def touch_everything(message: Message) -> None:
    """Every property: the layer has checked that none of them raises."""
    for name in _PROPERTIES[type(message)]:
        getattr(message, name)


_PROPERTIES = {
    kind: [name for name in dir(kind) if isinstance(getattr(kind, name), property)]
    for kind in (Request, *Message.__subclasses__())
}


class _Half:
    """One dialog of ours."""

    def __init__(self, dialog: Dialog, negotiation: Negotiation) -> None:
        self.dialog, self.negotiation = dialog, negotiation
        self.timer = SessionTimer()
        self.uas: ReliableUas | None = None


class User:
    """The user of one layer."""

    def __init__(self, rng: random.Random, layer: TransactionLayer) -> None:
        self._rng, self._layer = rng, layer
        self._registrar = Registrar(RegistrarLimits(bindings_max=50))
        self._challenger = Challenger("santral", b"key", self._token, nonces_max=200)
        self._client = DigestClient("us", "secret", self._token)
        self._dialogs: dict[DialogId, _Half] = {}
        self._later: dict[ServerKey, Request] = {}  # not answered yet
        self._calls: dict[ClientKey, tuple[Request, Negotiation, ReliableUac]] = {}  # INVITEs of ours
        self.handed_out = 0

    def _token(self, length: int) -> str:
        return f"{self._rng.getrandbits(4 * length):0{length}x}"

    @property
    def at_rest(self) -> bool:
        """Nothing is remembered of any transaction."""
        return not self._later and not self._calls

    # What comes

    def take(self, output: Output, now_ms: int) -> None:
        """One event of the layer."""
        match output:
            case RequestReceived(key=key, request=request, source=source):
                self.handed_out += 1
                self._request(key, request, source, now_ms)
            case CancelReceived(key=key):
                if key in self._later:
                    self._layer.send_response(key, respond(self._later.pop(key), 487), now_ms)
            case AckReceived(request=request):
                self._acknowledged(request)
            case ResponseReceived(key=key):
                self.handed_out += 1
                self._response(output, now_ms)
            case AckTimedOut(key=key) | TransactionTimedOut(key=key):
                self._later.pop(ServerKey(key), None)
            case InviteEnded(key=key):
                self._calls.pop(key, None)
            case TransportProblem():
                raise AssertionError("nothing failed to be sent")

    def _request(self, key: ServerKey, request: Request, source: Address, now_ms: int) -> None:
        touch_everything(request)
        hops_onward(request)
        read_identity(request, trusted=self._rng.random() < 0.5)
        read_reasons(request)
        half = self._dialogs.get(dialog_id) if (dialog_id := dialog_id_of(request)) is not None else None
        if half is not None:
            refusal = half.dialog.judge(request)
            half.dialog.accept(request)
            if refusal is not None:
                self._refuse(key, request, refusal, now_ms)
                return
        match request.method:
            case "INVITE" | "UPDATE":
                self._offered(key, request, half, now_ms)
            case "REGISTER":
                self._register(key, request, source, now_ms)
            case "PRACK" if half is not None and half.uas is not None:
                acknowledged = half.uas.acknowledged(request)
                self._refuse(key, request, acknowledged or Refusal(200), now_ms)
            case "REFER":
                with contextlib.suppress(SipParseError):
                    parse_refer(request)
                self._refuse(key, request, Refusal(self._rng.choice((202, 403))), now_ms)
            case "BYE":
                if half is not None:
                    del self._dialogs[half.dialog.id]
                self._layer.send_response(key, respond(request, 200 if half is not None else 481), now_ms)
            case _:
                self._layer.respond_statelessly(
                    key, respond(request, self._rng.choice((200, 404, 501))), now_ms
                )

    def _offered(self, key: ServerKey, request: Request, half: _Half | None, now_ms: int) -> None:
        if half is None and request.method == "UPDATE":
            self._refuse(key, request, Refusal(481), now_ms)
            return
        part = session_part(request)
        refusal = part if isinstance(part, Refusal) else None
        with contextlib.suppress(SipParseError):
            replaces_of(request)
        tag = self._token(8)
        half = half or _Half(Dialog.as_callee(request, tag), Negotiation(LOCAL))
        refusal = refusal or half.timer.judge(request)
        if refusal is None and isinstance(part, bytes) and part:
            refusal = half.negotiation.take_offer(part)
        if refusal is not None:
            self._refuse(key, request, refusal, now_ms)
            half.dialog.response_sent(request, respond(request, refusal.status))
            return
        self._dialogs[half.dialog.id] = half
        if len(self._dialogs) > DIALOGS_MAX:
            del self._dialogs[next(iter(self._dialogs))]
        if request.method == "INVITE" and self._rng.random() < 0.5:
            self._ring(key, request, half, now_ms)
            if len(self._later) < LATER_MAX:
                self._later[key] = request
                return
        self._accept(key, request, half, now_ms)

    def _ring(self, key: ServerKey, request: Request, half: _Half, now_ms: int) -> None:
        ringing = respond(request, 180, to_tag=half.dialog.id.local_tag, contact="<sip:185@192.0.2.2>")
        if reliable_for(request, "supported") is True:
            half.uas = ReliableUas(self._rng.randrange(1, 5))
            ringing = half.uas.number(ringing, now_ms) or ringing
        self._layer.send_response(key, ringing, now_ms)

    def _accept(self, key: ServerKey, request: Request, half: _Half, now_ms: int) -> None:
        body = b""
        if half.negotiation.state == "offer_in":
            body = half.negotiation.make_answer()[0]
        elif request.method == "INVITE":
            if half.negotiation.state == "offer_out":
                half.negotiation.rolled_back()
            body = half.negotiation.make_offer()
        response = respond(
            request,
            200,
            to_tag=half.dialog.id.local_tag,
            contact="<sip:185@192.0.2.2>",
            headers=half.timer.answer_headers(request),
            body=body,
            content_type=SDP_TYPE,
        )
        half.timer.agreed(response, ours=False, now_ms=now_ms)
        half.timer.due(now_ms)
        half.dialog.response_sent(request, response)
        self._layer.send_response(key, response, now_ms)

    def _acknowledged(self, ack: Request) -> None:
        touch_everything(ack)
        dialog_id = dialog_id_of(ack)
        half = self._dialogs.get(dialog_id) if dialog_id is not None else None
        if half is None:
            return
        half.dialog.ack_received(ack)
        part = session_part(ack)
        if half.negotiation.state == "offer_out" and isinstance(part, bytes):
            with contextlib.suppress(SdpError, NoCommonCodecError):
                half.negotiation.take_answer(part)

    def _register(self, key: ServerKey, request: Request, source: Address, now_ms: int) -> None:
        verdict = self._challenger.verify(request, _SECRETS.get, now_ms, peer=source[0])
        if not isinstance(verdict, Granted):
            headers = self._challenger.challenge(now_ms, stale=verdict.stale, peer=source[0])
            self._layer.respond_statelessly(key, respond(request, 401, headers=headers), now_ms)
            return
        response, _ = self._registrar.process(request, verdict.username, Flow("UDP", *source), now_ms)
        self._layer.send_response(key, response, now_ms)

    def _refuse(self, key: ServerKey, request: Request, refusal: Refusal, now_ms: int) -> None:
        response = respond(request, refusal.status, refusal.reason, headers=refusal.headers)
        self._layer.send_response(key, response, now_ms)

    def _response(self, output: ResponseReceived, now_ms: int) -> None:
        response = output.response
        touch_everything(response)
        read_reasons(response)
        call = self._calls.get(output.key)
        if call is None:
            return
        invite, negotiation, uac = call
        if response.status == 100 or response.status >= 300:
            redirect_targets(response, [invite.request_uri], depth=0)
            again = self._client.answer(invite, response)
            if again is not None:
                assert again.to_bytes()
            return
        dialog = Dialog.as_caller(invite, response)
        rack = uac.prack_for(response)
        if asks_for_prack(response) and rack is None:
            return  # a copy, or out of order
        part = session_part(response)
        if isinstance(part, bytes) and part:
            branch = negotiation.forked()
            with contextlib.suppress(SdpError, NoCommonCodecError):
                (branch.preview_answer if response.status < 200 else branch.take_answer)(part)
        with contextlib.suppress(TransactionsFullError):
            if rack is not None:
                prack = dialog.request("PRACK", headers=[("RAck", rack)])
                self._layer.send_request(prack, output.source, now_ms)
            if response.status >= 200:
                self._layer.send_ack(output.key, dialog.ack(), output.source, now_ms)
                if self._rng.random() < 0.5:
                    self._layer.send_request(dialog.request("BYE"), output.source, now_ms)

    # What we do by ourselves

    def act(self, now_ms: int) -> None:
        """Call somebody, take a call back, answer one that waits."""
        chance = self._rng.random()
        if chance < 0.4:
            self._call(now_ms)
        elif chance < 0.6 and self._calls:
            self._layer.cancel(self._rng.choice(list(self._calls)), now_ms)
        elif self._later:
            key = self._rng.choice(list(self._later))
            self._settle(key, now_ms)

    def _call(self, now_ms: int) -> None:
        source = self._rng.choice(SOURCES)
        negotiation = Negotiation(LOCAL)
        method = self._rng.choice(("INVITE", "INVITE", "OPTIONS", "REGISTER"))
        request = make_request(
            method,
            Uri.sip("phone", source[0]),
            from_=NameAddr(Uri.sip("185", "192.0.2.2"), params={"tag": self._token(8)}),
            to=NameAddr(Uri.sip("phone", source[0])),
            call_id=self._token(12),
            cseq=1,
            contact="<sip:185@192.0.2.2>",
            headers=SessionTimer().offer_headers() if method == "INVITE" else [],
            body=negotiation.make_offer() if method == "INVITE" else b"",
            content_type=SDP_TYPE,
        )
        sent = request.copy()
        with contextlib.suppress(TransactionsFullError):
            key = self._layer.send_request(request, source, now_ms)
            if method == "INVITE":
                self._calls[key] = (sent, negotiation, ReliableUac())

    def _settle(self, key: ServerKey, now_ms: int) -> None:
        request = self._later.pop(key)
        half = next(
            (half for half in self._dialogs.values() if half.dialog.id.call_id == request.call_id), None
        )
        if half is not None and self._rng.random() < 0.5:
            self._accept(key, request, half, now_ms)
        else:
            self._layer.send_response(key, respond(request, self._rng.choice((302, 404, 486, 603))), now_ms)

    def settle_all(self, now_ms: int) -> None:
        """Answer what waits, take back what was begun: from now on only the clock is waited for."""
        for key in list(self._later):
            self._settle(key, now_ms)
        for client_key in list(self._calls):
            self._layer.cancel(client_key, now_ms)
        for dialog_id, half in list(self._dialogs.items()):
            if half.uas is not None:
                half.uas.stop()
            del self._dialogs[dialog_id]
        self._registrar.sweep(now_ms)
