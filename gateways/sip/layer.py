"""The transaction layer: messages that came and requests to send go in; what to send and what happened comes out.

Here is what our user wants of it: to send requests and ACKs, to answer, to cancel. What came is for `receiver.py`, which finds
the transaction or opens one; `transaction_table.py` has them all, and their timers.

Everything that leaves is collected in order and fetched with `take_output`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import cast

from gateways.sip.actions import send
from gateways.sip.errors import TransactionsFullError
from gateways.sip.events import Address, ClientKey, Output, Send, ServerKey, Statistics, Transport
from gateways.sip.headers import MAGIC_COOKIE, Via
from gateways.sip.limits import LayerLimits
from gateways.sip.message import Request, Response
from gateways.sip.receiver import Receiver
from gateways.sip.refusals import Refusals
from gateways.sip.tables import SharedTables, purpose_of
from gateways.sip.transaction import Input, ServerTransaction, State, input_of_status
from gateways.sip.transaction_table import TransactionTable

_BRANCH_CHARS = 16


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
        limits = limits or LayerLimits()
        self._shared = tables or SharedTables(limits)
        self._transactions = transactions = TransactionTable(transport, limits, self._shared)
        self._env, self._counters = transactions.env, transactions.env.counters
        refusals = Refusals(self._env, secret=token(32).encode())
        self._receiver = Receiver(self.via, transactions, self._shared, refusals)
        # What comes and what is due go there directly: `receive(data, source, now_ms)`, `poll_timers(now_ms)`.
        self.receive = self._receiver.receive
        self.next_deadline_ms, self.poll_timers = transactions.next_deadline_ms, transactions.poll_timers

    # What our user wants

    def send_request(self, request: Request, destination: Address, now_ms: int) -> ClientKey:
        """Send a request in a new transaction; its top Via is added. Raises `TransactionsFullError`."""
        if request.method == "ACK":
            raise ValueError("an ACK is sent with send_ack")
        if not self._shared.has_room(purpose_of(request)):
            self._counters.refused_full += 1
            raise TransactionsFullError
        branch = self._new_branch()
        request.push_via(self.via.with_params(branch=branch))
        return self._transactions.open_client(branch, request, destination, now_ms, internal=False).key

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
        tx = self._transactions.clients.get(key)
        if tx is not None:
            tx.acks[ack.to.tag or ""] = send
        self._counters.requests_sent += 1
        self._env.outputs.append(send)

    def cancel(self, key: ClientKey, now_ms: int, headers: Iterable[tuple[str, str]] = ()) -> bool:
        """Cancel an INVITE; `headers` go with the CANCEL, such as Reason (RFC 3326).

        False: it has ended or was answered, so it needs a BYE or nothing.
        """
        tx = self._transactions.clients.get(key)
        if tx is None or tx.state not in (State.CALLING, State.PROCEEDING) or not tx.is_invite:
            return False
        tx.cancel_headers = tx.cancel_headers or tuple(headers)
        self._transactions.step(tx, Input.CANCEL, None, now_ms)
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
        tx = self._transactions.servers.get(key)
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
                self._shared.unacknowledged[tx.ack_key] = partial(self._receiver.acknowledged, tx)
        self._transactions.step(tx, input_of_status(response.status), response, now_ms)
        return True

    def respond_statelessly(self, key: ServerKey, response: Response, now_ms: int) -> bool:
        """Answer for good and remember nothing: a copy of the request is a new one (RFC 3261 8.2.7).

        For answers that come out the same again and are asked for by strangers. Not for an INVITE, whose answer is repeated.
        False as in `send_response`.
        """
        tx = self._transactions.servers.get(key)
        if tx is not None and tx.is_invite:
            raise ValueError("an INVITE is answered with send_response")
        if tx is None or tx.state not in (State.TRYING, State.PROCEEDING):
            self._counters.responses_late += 1
            return False
        _settle_tag(tx, response)
        send(tx, response, now_ms)
        self._transactions.end_unremembered(tx, now_ms)
        return True

    def ignore(self, key: ServerKey, now_ms: int) -> None:
        """Answer nothing at all and remember nothing: for who is not heard. Not for an INVITE, which has its 100 already."""
        tx = self._transactions.servers.get(key)
        if tx is not None and tx.is_invite:
            raise ValueError("an INVITE is answered with send_response")
        if tx is not None:
            self._transactions.end_unremembered(tx, now_ms)

    # What its transport tells

    def send_failed(self, failed: Send, now_ms: int) -> None:
        """The transport could not send this. Responses are left to their repetition (RFC 6026 8.8)."""
        tx = self._transactions.clients.get(ClientKey(failed.key)) if failed.key is not None else None
        if tx is not None:
            self._transactions.step(tx, Input.TRANSPORT_ERROR, None, now_ms)

    def connection_lost(self, address: Address, now_ms: int) -> None:
        """A connection that stood is gone."""
        self._transactions.connection_lost(address, now_ms)

    # What comes out

    def take_output(self) -> list[Output]:
        """Everything since the last time, in order."""
        outputs = self._env.outputs
        self._env.outputs = []
        return outputs

    def statistics(self) -> Statistics:
        """The counters as they are now."""
        return self._transactions.statistics()

    def _new_branch(self) -> str:
        return MAGIC_COOKIE + self._token(_BRANCH_CHARS)


def _settle_tag(tx: ServerTransaction, response: Response) -> None:
    """Every response of a transaction has the same To tag: our user's, else one of ours."""
    if response.needed("To").endswith(f">;tag={tx.local_tag}"):
        return
    tag = response.to.tag
    if tag is None:
        response.set("To", f"{response.get('To')};tag={tx.local_tag}")
    else:
        tx.local_tag = tag
