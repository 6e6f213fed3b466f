"""What came: to which transaction it belongs, and what it is when it belongs to none.

A message is parsed and matched with its transaction (RFC 3261 17.1.3, 17.2.3), whose table in `machines.py` says what it means.
What belongs to none is a new request, checked by `admission.py` and handed to the user, or a stray, which is dropped and counted.
"""

from __future__ import annotations

from gateways.sip.admission import Refusal, judge, judge_malformed
from gateways.sip.build import respond
from gateways.sip.errors import SipParseError
from gateways.sip.events import Address, Refused, RequestReceived, Send, ServerKey
from gateways.sip.headers import Via
from gateways.sip.limits import REASON_CHARS_MAX
from gateways.sip.matching import call_of, client_key, server_key, stamp_via
from gateways.sip.message import Request, Response
from gateways.sip.parser import parse_message
from gateways.sip.refusals import Refusals
from gateways.sip.stun import is_stun, stun_answer
from gateways.sip.tables import SharedTables, purpose_of
from gateways.sip.transaction import Input, ServerTransaction, input_of_status
from gateways.sip.transaction_table import TransactionTable


class Receiver:
    """That of one layer, whose Via is `via`."""

    def __init__(
        self, via: Via, transactions: TransactionTable, shared: SharedTables, refusals: Refusals
    ) -> None:
        self._via, self._transactions, self._shared, self._refusals = via, transactions, shared, refusals
        self._env, self._counters = transactions.env, transactions.env.counters

    def receive(self, data: bytes, source: Address, now_ms: int) -> None:
        """One datagram."""
        if len(data) <= 4 and not data.strip(b"\r\n\0 "):
            self._counters.keepalives += 1  # RFC 5626 4.4.1 and what routers' helpers send
            return
        if not self._env.reliable and is_stun(data):
            self._receive_stun(data, source)
            return
        try:
            message = parse_message(data)
        except SipParseError as error:
            self._receive_malformed(error, source)
            return
        if isinstance(message, Response):
            self._receive_response(message, source, now_ms)
        else:
            self._receive_request(message, len(data), source, now_ms)

    def _receive_stun(self, data: bytes, source: Address) -> None:
        answer = stun_answer(data, source)
        if answer is None:
            self._counters.malformed_dropped += 1
            self._env.outputs.append(Refused(source, 0, "STUN: not a request that can be answered"))
        else:
            self._counters.keepalives += 1
            self._env.outputs.append(Send(answer, source))

    def _receive_malformed(self, error: SipParseError, source: Address) -> None:
        """Answer with the error's status when that is possible, else drop it."""
        request = error.message
        refusal = judge_malformed(request, error)
        if refusal is not None and isinstance(request, Request) and stamp_via(request, source):
            self._counters.malformed_answered += 1
            self._refusals.refuse(request, refusal, source)
        else:
            self._counters.malformed_dropped += 1
            self._env.outputs.append(Refused(source, 0, str(error)[:REASON_CHARS_MAX]))

    def _receive_response(self, response: Response, source: Address, now_ms: int) -> None:
        self._counters.responses_received += 1
        try:
            via = response.via
            # RFC 3261 17.1.3 and 18.1.2: our branch, our address.
            tx = None
            if via.sent_by == self._via.sent_by:
                tx = self._transactions.clients.get(client_key(via.branch, response.cseq.method))
            if tx is None:
                self._counters.stray_responses += 1
                return
            response.check()
            if not response.has_one_via:
                raise SipParseError("response for somebody else", "Via")  # RFC 3261 8.1.3.3
        except SipParseError as error:
            self._receive_malformed(error, source)
            return
        tx.source = source
        self._transactions.step(tx, input_of_status(response.status), response, now_ms)

    def _receive_request(self, request: Request, size_bytes: int, source: Address, now_ms: int) -> None:
        self._counters.requests_received += 1
        if not stamp_via(request, source):
            self._counters.malformed_dropped += 1
            self._env.outputs.append(Refused(source, 0, "Via: cannot be read"))
            return
        try:
            key = server_key(request)
            tx = self._transactions.servers.get(key)
            if request.method == "ACK":
                request.check()
                self._receive_ack(tx, request, source, now_ms)
                return
            if tx is not None:
                self._counters.requests_repeated_by_peer += 1
                self._transactions.step(tx, Input.REQUEST, request, now_ms)
                return
            request.check()
        except SipParseError as error:
            error.message = request
            self._receive_malformed(error, source)
            return
        if request.method == "CANCEL":
            self._receive_cancel(key, request, size_bytes, source, now_ms)
        else:
            self._admit(key, request, size_bytes, source, now_ms)

    def _receive_ack(self, tx: ServerTransaction | None, ack: Request, source: Address, now_ms: int) -> None:
        # The ACK for a 2xx is a transaction of its own (RFC 3261 17.1.1.3): found by its dialog, whichever way it came. One that
        # has the branch of the INVITE all the same has to know our tag: it shows that our 2xx arrived, and whoever forges the
        # source of an INVITE knows the branch.
        ack_key = (ack.call_id, ack.from_.tag or "", ack.to.tag or "", ack.cseq.number)
        if tx is not None and tx.ack_key in (None, ack_key):
            self.acknowledged(tx, ack, source, now_ms)
        elif acknowledge := self._shared.unacknowledged.get(ack_key):
            acknowledge(ack, source, now_ms)
        else:
            self._counters.stray_acks += 1

    def acknowledged(self, tx: ServerTransaction, ack: Request, source: Address, now_ms: int) -> None:
        """An ACK of this transaction, if who sent it is believed."""
        if tx.believes is not None and not tx.believes(source[0]):
            self._counters.stray_acks += 1
            self._env.outputs.append(Refused(source, 0, "forged ACK"))
            return
        tx.source = source
        self._transactions.step(tx, Input.ACK, ack, now_ms)

    def _receive_cancel(
        self, key: ServerKey, cancel: Request, size_bytes: int, source: Address, now_ms: int
    ) -> None:
        """RFC 3261 9.2: the CANCEL has a transaction of its own, answered at once."""
        invite = self._transactions.servers.get(server_key(cancel, "INVITE"))
        if invite is None:
            self._counters.refused += 1
            self._refusals.refuse(cancel, Refusal(481), source)
            return
        # A branch can be overheard; whoever sent the INVITE also knows the rest of it, and sits where it came from.
        if (source[0], *call_of(cancel)) != (invite.origin[0], *invite.call):
            self._counters.forged_cancels += 1
            self._refusals.refuse(cancel, Refusal(481), source, told="forged CANCEL")
            return
        if not self._shared.has_room("hang_up"):
            self._refusals.full(cancel, source)
            return
        tag = cancel.to.tag or self._refusals.tag(cancel)
        tx = self._transactions.open_server(key, cancel, tag, size_bytes, source, now_ms)
        self._transactions.step(tx, Input.SUCCESS, respond(cancel, 200, to_tag=invite.local_tag), now_ms)
        self._transactions.step(invite, Input.CANCEL, cancel, now_ms)

    def _admit(self, key: ServerKey, request: Request, size_bytes: int, source: Address, now_ms: int) -> None:
        """A request that is new to us."""
        merge_key = None
        if request.to.tag is None:
            merge_key = (request.call_id, request.from_.tag or "", str(request.cseq))
        refusal = judge(
            request,
            merged=merge_key in self._shared.merging,
            looped=self._is_looped(request),
            secure=self._via.transport == "TLS",
        )
        if refusal is not None:
            self._counters.refused += 1
            self._refusals.refuse(request, refusal, source)
            return
        if not self._shared.has_room(purpose_of(request)):
            self._refusals.full(request, source)
            return
        tag = request.to.tag or self._refusals.tag(request)
        tx = self._transactions.open_server(key, request, tag, size_bytes, source, now_ms)
        if merge_key is not None:
            tx.merge_key = merge_key
            self._shared.merging[merge_key] = key
        if tx.is_invite:
            # RFC 3261 17.2.1: at once, which also stops the peer's timer A.
            self._transactions.step(tx, Input.PROVISIONAL, respond(request, 100), now_ms)
        self._env.outputs.append(RequestReceived(key, request, source))

    def _is_looped(self, request: Request) -> bool:
        """A call of ours that comes back while it is not answered (RFC 3261 16.3 step 4)."""
        if request.method != "INVITE" or request.to.tag is not None:
            return False
        return not self._shared.inviting.isdisjoint(
            [client_key(via.branch, "INVITE") for via in request.vias]
        )
