"""The transaction layer: datagrams and requests to send go in; what to send and what happened comes out.

`receive` parses a datagram and finds the transaction it belongs to (RFC 3261 17.1.3, 17.2.3); the tables in
`machines.py` say what it means there. What belongs to none is a new request, checked by `admission.py` and
handed to the user, or a stray, which is dropped and counted. Replies to what the layer refuses by itself
are stateless (8.2.7): a copy of the request is refused again in the same words, with the same tag.

Everything that leaves is collected in order and fetched with `take_output`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import cast

from gateways.sip import machines
from gateways.sip.actions import await_user, end, resend, send, start_calling, start_trying
from gateways.sip.admission import Refusal, judge, judge_malformed
from gateways.sip.build import derived_request, respond
from gateways.sip.errors import SipParseError, TransactionsFullError
from gateways.sip.events import (
    Address,
    ClientKey,
    InviteEnded,
    Output,
    Refused,
    RequestReceived,
    Send,
    ServerKey,
    Statistics,
    Transport,
)
from gateways.sip.headers import MAGIC_COOKIE, Via, default_port
from gateways.sip.limits import REASON_CHARS_MAX, LayerLimits
from gateways.sip.machines import Machine, step
from gateways.sip.matching import client_key, reply_address, server_key, stamp_via
from gateways.sip.message import Request, Response
from gateways.sip.parser import parse_message
from gateways.sip.stun import is_stun, stun_answer
from gateways.sip.tables import SharedTables, purpose_of
from gateways.sip.timers import Timed
from gateways.sip.transaction import (
    ClientTransaction,
    Environment,
    Input,
    ServerTransaction,
    State,
    input_of_status,
)

_BRANCH_CHARS = 16
_TAG_BYTES = 8
_UNRELIABLE = frozenset(("UDP",))


class TransactionLayer:
    """All transactions of one listening point. See the package's docstring for how to use it."""

    def __init__(
        self,
        token: Callable[[int], str],
        sent_by: Address,
        *,
        transport: Transport = "UDP",
        limits: LayerLimits | None = None,
        tables: SharedTables | None = None,
    ) -> None:
        """`tables`: what this layer has in common with the others of the same user agent."""
        self._token = token
        self.via = Via(transport, sent_by[0], sent_by[1], {"rport": None})  # RFC 3581 3
        self._limits = limits or LayerLimits()
        self._env = Environment(
            reliable=transport not in _UNRELIABLE,
            limits=self._limits,
            fire=self._fire,
            send_cancel=self._send_cancel,
        )
        self._counters = self._env.counters
        self._clients: dict[ClientKey, ClientTransaction] = {}
        self._servers: dict[ServerKey, ServerTransaction] = {}
        self._by_connection: dict[Address, set[ClientKey]] = {}  # of a reliable transport: requests of ours
        self._unscheduled: list[tuple[ServerTransaction, int]] = []
        self._tables = tables or SharedTables(self._limits)
        self._tag_secret = token(32).encode()

    # The clock

    def next_deadline_ms(self) -> int | None:
        """When to call `poll_timers`; None: nothing runs."""
        self._schedule_unanswered()
        return self._env.timers.next_deadline_ms()

    def poll_timers(self, now_ms: int) -> None:
        """Let everything happen that is due."""
        self._schedule_unanswered()
        self._env.timers.poll(now_ms)

    def _schedule_unanswered(self) -> None:
        """Start the clock of requests that our user did not answer at once.

        What is answered and forgotten at once never waits for anything, and would be remembered by the clock alone.
        """
        for tx, now_ms in self._unscheduled:
            if tx.state is not State.TERMINATED:
                self._env.timers.schedule(tx, now_ms)
        self._unscheduled.clear()

    def _fire(self, timed: Timed, now_ms: int) -> None:
        assert isinstance(timed, ClientTransaction | ServerTransaction)
        # When both are due (the clock was late), ending goes before repeating.
        timer = timed.expire_timer if timed.expire_at_ms <= now_ms else timed.resend_timer
        assert timer is not None
        self._step(timed, timer, None, now_ms)

    # Datagrams that came

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
            self._refuse(request, refusal, source)
        else:
            self._counters.malformed_dropped += 1
            self._env.outputs.append(Refused(source, 0, str(error)[:REASON_CHARS_MAX]))

    def _receive_response(self, response: Response, source: Address, now_ms: int) -> None:
        self._counters.responses_received += 1
        try:
            via = response.via
            # RFC 3261 17.1.3 and 18.1.2: our branch, our address.
            tx = None
            if via.sent_by == self.via.sent_by:
                tx = self._clients.get(client_key(via.branch, response.cseq.method))
            if tx is None:
                self._counters.stray_responses += 1
                return
            response.check()
            if len(response.vias) > 1:
                raise SipParseError("response for somebody else", "Via")  # RFC 3261 8.1.3.3
        except SipParseError as error:
            self._receive_malformed(error, source)
            return
        tx.source = source
        self._step(tx, input_of_status(response.status), response, now_ms)

    def _receive_request(self, request: Request, size_bytes: int, source: Address, now_ms: int) -> None:
        self._counters.requests_received += 1
        if not stamp_via(request, source):
            self._counters.malformed_dropped += 1
            self._env.outputs.append(Refused(source, 0, "Via: cannot be read"))
            return
        try:
            key = server_key(request)
            tx = self._servers.get(key)
            if request.method == "ACK":
                request.check()
                self._receive_ack(tx, request, source, now_ms)
                return
            if tx is not None:
                self._counters.requests_repeated_by_peer += 1
                self._step(tx, Input.REQUEST, request, now_ms)
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
        if tx is not None:
            self._acknowledged(tx, ack, source, now_ms)
            return
        # The ACK for a 2xx is a transaction of its own (RFC 3261 17.1.1.3): found by its dialog, whichever way it came.
        ack_key = (ack.call_id, ack.from_.tag or "", ack.to.tag or "", ack.cseq.number)
        if acknowledge := self._tables.unacknowledged.get(ack_key):
            acknowledge(ack, source, now_ms)
        else:
            self._counters.stray_acks += 1

    def _acknowledged(self, tx: ServerTransaction, ack: Request, source: Address, now_ms: int) -> None:
        if tx.believes is not None and not tx.believes(source[0]):
            self._counters.stray_acks += 1
            self._env.outputs.append(Refused(source, 0, "forged ACK"))
            return
        tx.source = source
        self._step(tx, Input.ACK, ack, now_ms)

    def _receive_cancel(
        self, key: ServerKey, cancel: Request, size_bytes: int, source: Address, now_ms: int
    ) -> None:
        """RFC 3261 9.2: the CANCEL has a transaction of its own, answered at once."""
        invite = self._servers.get(server_key(cancel, "INVITE"))
        if invite is None:
            self._counters.refused += 1
            self._refuse(cancel, Refusal(481), source)
            return
        # A branch can be overheard; whoever sent the INVITE also knows the rest of it, and sits where it came from.
        if (source[0], *_call_of(cancel)) != (invite.origin[0], *invite.call):
            self._counters.forged_cancels += 1
            self._refuse(cancel, Refusal(481), source, told="forged CANCEL")
            return
        if not self._tables.has_room("hang_up"):
            self._refuse_full(cancel, source)
            return
        tx = self._open_server(key, cancel, size_bytes, source, now_ms)
        self._step(tx, Input.SUCCESS, respond(cancel, 200, to_tag=invite.local_tag), now_ms)
        self._step(invite, Input.CANCEL, cancel, now_ms)

    def _admit(self, key: ServerKey, request: Request, size_bytes: int, source: Address, now_ms: int) -> None:
        """A request that is new to us."""
        merge_key = None
        if request.to.tag is None:
            merge_key = (request.call_id, request.from_.tag or "", str(request.cseq))
        refusal = judge(
            request,
            merged=merge_key in self._tables.merging,
            looped=self._is_looped(request),
            secure=self.via.transport == "TLS",
        )
        if refusal is not None:
            self._counters.refused += 1
            self._refuse(request, refusal, source)
            return
        if not self._tables.has_room(purpose_of(request)):
            self._refuse_full(request, source)
            return
        tx = self._open_server(key, request, size_bytes, source, now_ms)
        if merge_key is not None:
            tx.merge_key = merge_key
            self._tables.merging[merge_key] = key
        if tx.is_invite:
            # RFC 3261 17.2.1: at once, which also stops the peer's timer A.
            self._step(tx, Input.PROVISIONAL, respond(request, 100), now_ms)
        self._env.outputs.append(RequestReceived(key, request, source))

    def _is_looped(self, request: Request) -> bool:
        """A call of ours that comes back while it is not answered (RFC 3261 16.3 step 4)."""
        if request.method != "INVITE" or request.to.tag is not None:
            return False
        return not self._tables.inviting.isdisjoint(
            [client_key(via.branch, "INVITE") for via in request.vias]
        )

    def _open_server(
        self, key: ServerKey, request: Request, size_bytes: int, source: Address, now_ms: int
    ) -> ServerTransaction:
        destination, otherwise = self._reply_addresses(request, source)
        tx = ServerTransaction(self._env, key, request, destination)
        tx.otherwise = otherwise
        tx.origin, tx.call = source, _call_of(request)
        tx.local_tag = request.to.tag or self._stateless_tag(request)
        tx.purpose, tx.size_bytes = purpose_of(request), size_bytes
        self._tables.began(tx.purpose, size_bytes)
        self._servers[key] = tx
        await_user(tx, None, now_ms)
        self._unscheduled.append((tx, now_ms))
        return tx

    # What our user wants

    def send_request(self, request: Request, destination: Address, now_ms: int) -> ClientKey:
        """Send a request in a new transaction; its top Via is added. Raises `TransactionsFullError`."""
        if request.method == "ACK":
            raise ValueError("an ACK is sent with send_ack")
        if not self._tables.has_room(purpose_of(request)):
            self._counters.refused_full += 1
            raise TransactionsFullError
        branch = self._new_branch()
        request.push_via(self.via.with_params(branch=branch))
        return self._open_client(branch, request, destination, now_ms, internal=False).key

    def send_ack(
        self,
        key: ClientKey,
        ack: Request,
        destination: Address,
        now_ms: int,
        by: TransactionLayer | None = None,
    ) -> None:
        """Acknowledge a 2xx to the INVITE `key`; done again by itself for every copy of that 2xx.

        `by`: the layer of another transport, when the ACK goes that way.
        """
        del now_ms
        via = (by or self).via
        ack.push_via(via.with_params(branch=self._new_branch()))
        send = Send(
            ack.to_bytes(), destination, key, transport=cast(Transport, via.transport) if by else None
        )
        tx = self._clients.get(key)
        if tx is not None:
            tx.acks[ack.to.tag or ""] = send
        self._counters.requests_sent += 1
        self._env.outputs.append(send)

    def cancel(self, key: ClientKey, now_ms: int, headers: Iterable[tuple[str, str]] = ()) -> bool:
        """Cancel an INVITE; `headers` go with the CANCEL, such as Reason (RFC 3326).

        False: it has ended or was answered, so it needs a BYE or nothing.
        """
        tx = self._clients.get(key)
        if tx is None or tx.state not in (State.CALLING, State.PROCEEDING) or not tx.is_invite:
            return False
        tx.cancel_headers = tx.cancel_headers or tuple(headers)
        self._step(tx, Input.CANCEL, None, now_ms)
        return True

    def send_response(
        self,
        key: ServerKey,
        response: Response,
        now_ms: int,
        believes: Callable[[str], bool] | None = None,
    ) -> bool:
        """Answer a request. False: too late, it is finally answered or gone.

        `believes`: for a 2xx, whether an ACK from this host is one. Whoever has learnt the tags can send one.
        """
        tx = self._servers.get(key)
        if tx is None or tx.state not in (State.TRYING, State.PROCEEDING):
            self._counters.responses_late += 1
            return False
        if response.status > 100:
            _settle_tag(tx, response)
            if tx.is_invite and 200 <= response.status < 300:
                tx.ack_key = (
                    response.call_id,
                    response.from_.tag or "",
                    tx.local_tag,
                    response.cseq.number,
                )
                tx.believes = believes
                self._tables.unacknowledged[tx.ack_key] = partial(self._acknowledged, tx)
        self._step(tx, input_of_status(response.status), response, now_ms)
        return True

    def respond_statelessly(self, key: ServerKey, response: Response, now_ms: int) -> bool:
        """Answer for good and remember nothing: a copy of the request is a new one (RFC 3261 8.2.7).

        For answers that come out the same again and are asked for by strangers. Not for an INVITE, whose answer is repeated.
        False as in `send_response`.
        """
        tx = self._servers.get(key)
        if tx is not None and tx.is_invite:
            raise ValueError("an INVITE is answered with send_response")
        if tx is None or tx.state not in (State.TRYING, State.PROCEEDING):
            self._counters.responses_late += 1
            return False
        _settle_tag(tx, response)
        send(tx, response, now_ms)
        self._end_unremembered(tx, now_ms)
        return True

    def ignore(self, key: ServerKey, now_ms: int) -> None:
        """Answer nothing at all and remember nothing: for who is not heard. Not for an INVITE, which has its 100 already."""
        tx = self._servers.get(key)
        if tx is not None and tx.is_invite:
            raise ValueError("an INVITE is answered with send_response")
        if tx is not None:
            self._end_unremembered(tx, now_ms)

    def _end_unremembered(self, tx: ServerTransaction, now_ms: int) -> None:
        end(tx, None, now_ms)
        tx.state = State.TERMINATED
        self._forget(tx)

    def send_failed(self, failed: Send, now_ms: int) -> None:
        """The transport could not send this. Responses are left to their repetition (RFC 6026 8.8)."""
        tx = self._clients.get(ClientKey(failed.key)) if failed.key is not None else None
        if tx is not None:
            self._step(tx, Input.TRANSPORT_ERROR, None, now_ms)

    def connection_lost(self, address: Address, now_ms: int) -> None:
        """A connection that stood is gone.

        Requests that nothing came back for go out once more, by a new one: the other side may have closed the old one before it
        read them. If that ends as well, they could not be sent.
        """
        for key in tuple(self._by_connection.get(address, ())):
            tx = self._clients[key]
            if tx.state not in (State.CALLING, State.TRYING):
                continue
            if tx.sent_again:
                self._step(tx, Input.TRANSPORT_ERROR, None, now_ms)
            else:
                tx.sent_again = True
                resend(tx, None, now_ms)

    # What comes out

    def take_output(self) -> list[Output]:
        """Everything since the last time, in order."""
        outputs = self._env.outputs
        self._env.outputs = []
        return outputs

    def statistics(self) -> Statistics:
        """The counters as they are now."""
        counters = self._counters
        counters.clients_live = len(self._clients)
        counters.servers_live = len(self._servers)
        counters.timers = len(self._env.timers)
        return Statistics(**{name: getattr(counters, name) for name in Statistics.__struct_fields__})

    # Inside

    def _step(
        self,
        tx: ClientTransaction | ServerTransaction,
        what: Input,
        message: Request | Response | None,
        now_ms: int,
    ) -> None:
        step(_machine(tx), tx, what, message, now_ms)
        if tx.state is State.TERMINATED:
            self._forget(tx)
        else:
            self._env.timers.schedule(tx, now_ms)

    def _forget(self, tx: ClientTransaction | ServerTransaction) -> None:
        self._tables.ended(tx.purpose, tx.size_bytes)
        if isinstance(tx, ClientTransaction):
            del self._clients[tx.key]
            self._leave_connection(tx)
            if tx.is_invite:
                self._tables.inviting.discard(tx.key)
                self._env.outputs.append(InviteEnded(tx.key))
            return
        del self._servers[tx.key]
        if tx.ack_key is not None:
            self._tables.unacknowledged.pop(tx.ack_key, None)
        if tx.merge_key is not None:
            self._tables.merging.pop(tx.merge_key, None)

    def _leave_connection(self, tx: ClientTransaction) -> None:
        if keys := self._by_connection.get(tx.destination):
            keys.discard(tx.key)
            if not keys:
                del self._by_connection[tx.destination]

    def _reply_addresses(self, request: Request, source: Address) -> tuple[Address, Address | None]:
        """Where responses go, and where else when that is a connection which is gone (RFC 3261 18.2.2)."""
        via = request.via
        if self._env.reliable:
            return source, (source[0], via.port or default_port(via.transport))
        return reply_address(via, source), None

    def _open_client(
        self, branch: str, request: Request, destination: Address, now_ms: int, *, internal: bool
    ) -> ClientTransaction:
        key = client_key(branch, request.method)
        tx = ClientTransaction(self._env, key, request, destination, internal=internal)
        tx.wire = request.to_bytes()
        tx.purpose = purpose_of(request)
        self._tables.began(tx.purpose, 0)
        self._clients[key] = tx
        if self._env.reliable:
            self._by_connection.setdefault(destination, set()).add(key)
        if tx.is_invite:
            self._tables.inviting.add(key)
        self._counters.requests_sent += 1
        self._env.outputs.append(Send(tx.wire, destination, key))
        (start_calling if tx.is_invite else start_trying)(tx, None, now_ms)
        self._env.timers.schedule(tx, now_ms)
        return tx

    def _send_cancel(self, invite: ClientTransaction, now_ms: int) -> None:
        assert invite.request is not None
        cancel = derived_request("CANCEL", invite.request)
        for name, value in invite.cancel_headers:
            cancel.add(name, value)
        self._open_client(invite.request.via.branch, cancel, invite.destination, now_ms, internal=True)

    def _new_branch(self) -> str:
        return MAGIC_COOKIE + self._token(_BRANCH_CHARS)

    def _stateless_tag(self, request: Request) -> str:
        """RFC 3261 8.2.7: the same for every copy of the request, and not to be guessed."""
        seed = f"{request.get('Call-ID')}\n{request.get('CSeq')}\n{request.via.branch}".encode()
        return hashlib.blake2s(seed, key=self._tag_secret, digest_size=_TAG_BYTES).hexdigest()

    def _refuse(self, request: Request, refusal: Refusal, source: Address, *, told: str = "") -> None:
        """Answer without a transaction; `told`: to our own logs, in place of the reason."""
        response = respond(request, refusal.status, refusal.reason, headers=refusal.headers)
        try:
            if "tag" not in response.to.params:
                response.set("To", f"{response.get('To')};tag={self._stateless_tag(request)}")
        except SipParseError:
            pass  # a To that cannot be read is given back as it came
        self._counters.responses_sent += 1
        destination, otherwise = self._reply_addresses(request, source)
        self._env.outputs.append(Send(response.to_bytes(), destination, otherwise=otherwise))
        self._env.outputs.append(Refused(source, refusal.status, told or response.reason))

    def _refuse_full(self, request: Request, source: Address) -> None:
        self._counters.refused_full += 1
        retry_after = ("Retry-After", str(self._limits.retry_after_s))
        self._refuse(request, Refusal(503, headers=(retry_after,)), source)


def _call_of(request: Request) -> tuple[str, str, int]:
    """What a CANCEL has in common with its INVITE, besides the branch (RFC 3261 9.1)."""
    return request.call_id, request.from_.tag or "", request.cseq.number


def _settle_tag(tx: ServerTransaction, response: Response) -> None:
    """Every response of a transaction has the same To tag: our user's, else one of ours."""
    tag = response.to.tag
    if tag is None:
        response.set("To", f"{response.get('To')};tag={tx.local_tag}")
    else:
        tx.local_tag = tag


def _machine(tx: ClientTransaction | ServerTransaction) -> Machine:
    if isinstance(tx, ClientTransaction):
        return machines.INVITE_CLIENT if tx.is_invite else machines.REQUEST_CLIENT
    return machines.INVITE_SERVER if tx.is_invite else machines.REQUEST_SERVER
