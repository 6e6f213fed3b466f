"""The live transactions of one layer: how they begin, what is done to them, when their timers are due, how they are forgotten.

`machines.py` says what comes of each input. Here is what has to hold around it: each transaction is found by its key, is counted
in the tables that all layers share, and has its timers in the clock's queue.
"""

from __future__ import annotations

from gateways.sip import machines
from gateways.sip.actions import await_user, end, resend, start_calling, start_trying
from gateways.sip.build import derived_request
from gateways.sip.events import Address, ClientKey, InviteEnded, Send, ServerKey, Statistics, Transport
from gateways.sip.limits import LayerLimits
from gateways.sip.machines import Machine, step
from gateways.sip.matching import call_of, client_key, reply_addresses
from gateways.sip.message import Request, Response
from gateways.sip.tables import SharedTables, purpose_of
from gateways.sip.timers import Timed
from gateways.sip.transaction import ClientTransaction, Environment, Input, ServerTransaction, State

_UNRELIABLE = frozenset(("UDP",))


class TransactionTable:
    """`clients` are requests of ours, `servers` those that came."""

    def __init__(self, transport: Transport, limits: LayerLimits, shared: SharedTables) -> None:
        self.env = Environment(
            reliable=transport not in _UNRELIABLE,
            limits=limits,
            fire=self._fire,
            send_cancel=self._send_cancel,
        )
        self.clients: dict[ClientKey, ClientTransaction] = {}
        self.servers: dict[ServerKey, ServerTransaction] = {}
        self._by_connection: dict[Address, set[ClientKey]] = {}  # of a reliable transport: requests of ours
        self._unscheduled: list[tuple[ServerTransaction, int]] = []
        self._shared = shared

    # The clock

    def next_deadline_ms(self) -> int | None:
        """When to call `poll_timers`; None: nothing runs."""
        self._schedule_unanswered()
        return self.env.timers.next_deadline_ms()

    def poll_timers(self, now_ms: int) -> None:
        """Let everything happen that is due."""
        self._schedule_unanswered()
        self.env.timers.poll(now_ms)

    def _schedule_unanswered(self) -> None:
        """Start the clock of requests that our user did not answer at once.

        What is answered and forgotten at once never waits for anything, and would be remembered by the clock alone.
        """
        for tx, now_ms in self._unscheduled:
            if tx.state is not State.TERMINATED:
                self.env.timers.schedule(tx, now_ms)
        self._unscheduled.clear()

    def _fire(self, timed: Timed, now_ms: int) -> None:
        assert isinstance(timed, ClientTransaction | ServerTransaction)
        # When both are due (the clock was late), ending goes before repeating.
        timer = timed.expire_timer if timed.expire_at_ms <= now_ms else timed.resend_timer
        assert timer is not None
        self.step(timed, timer, None, now_ms)

    # Beginning

    def open_client(
        self, branch: str, request: Request, destination: Address, now_ms: int, *, internal: bool
    ) -> ClientTransaction:
        """A request of ours, which goes out."""
        key = client_key(branch, request.method)
        tx = ClientTransaction(self.env, key, request, destination, internal=internal)
        tx.wire = request.to_bytes()
        tx.purpose = purpose_of(request)
        self._shared.began(tx.purpose, 0)
        self.clients[key] = tx
        if self.env.reliable:
            self._by_connection.setdefault(destination, set()).add(key)
        if tx.is_invite:
            self._shared.inviting.add(key)
        self.env.counters.requests_sent += 1
        self.env.outputs.append(Send(tx.wire, destination, key))
        (start_calling if tx.is_invite else start_trying)(tx, None, now_ms)
        self.env.timers.schedule(tx, now_ms)
        return tx

    def open_server(
        self,
        key: ServerKey,
        request: Request,
        local_tag: str,
        size_bytes: int,
        source: Address,
        now_ms: int,
    ) -> ServerTransaction:
        """A request that came; our responses have this To tag until our user has one of its own."""
        destination, otherwise = reply_addresses(request, source, reliable=self.env.reliable)
        tx = ServerTransaction(self.env, key, request, destination)
        tx.otherwise = otherwise
        tx.origin, tx.call = source, call_of(request)
        tx.local_tag = local_tag
        tx.purpose, tx.size_bytes = purpose_of(request), size_bytes
        self._shared.began(tx.purpose, size_bytes)
        self.servers[key] = tx
        await_user(tx, None, now_ms)
        self._unscheduled.append((tx, now_ms))
        return tx

    def _send_cancel(self, invite: ClientTransaction, now_ms: int) -> None:
        assert invite.request is not None
        cancel = derived_request("CANCEL", invite.request)
        for name, value in invite.cancel_headers:
            cancel.add(name, value)
        self.open_client(invite.request.via.branch, cancel, invite.destination, now_ms, internal=True)

    # What happens to them

    def step(
        self,
        tx: ClientTransaction | ServerTransaction,
        what: Input,
        message: Request | Response | None,
        now_ms: int,
    ) -> None:
        """Something happened to one; `message` is None for a timer."""
        step(_machine(tx), tx, what, message, now_ms)
        if tx.state is State.TERMINATED:
            self._forget(tx)
        else:
            self.env.timers.schedule(tx, now_ms)

    def end_unremembered(self, tx: ServerTransaction, now_ms: int) -> None:
        """It is over at once: a copy of its request is a new one."""
        end(tx, None, now_ms)
        tx.state = State.TERMINATED
        self._forget(tx)

    def _forget(self, tx: ClientTransaction | ServerTransaction) -> None:
        self._shared.ended(tx.purpose, tx.size_bytes)
        if isinstance(tx, ClientTransaction):
            del self.clients[tx.key]
            self._leave_connection(tx)
            if tx.is_invite:
                self._shared.inviting.discard(tx.key)
                self.env.outputs.append(InviteEnded(tx.key))
            return
        del self.servers[tx.key]
        if tx.ack_key is not None:
            self._shared.unacknowledged.pop(tx.ack_key, None)
        if tx.merge_key is not None:
            self._shared.merging.pop(tx.merge_key, None)

    def _leave_connection(self, tx: ClientTransaction) -> None:
        if keys := self._by_connection.get(tx.destination):
            keys.discard(tx.key)
            if not keys:
                del self._by_connection[tx.destination]

    def connection_lost(self, address: Address, now_ms: int) -> None:
        """A connection that stood is gone.

        Requests that nothing came back for go out once more, by a new one: the other side may have closed the old one before it
        read them. If that ends as well, they could not be sent.
        """
        for key in tuple(self._by_connection.get(address, ())):
            tx = self.clients[key]
            if tx.state not in (State.CALLING, State.TRYING):
                continue
            if tx.sent_again:
                self.step(tx, Input.TRANSPORT_ERROR, None, now_ms)
            else:
                tx.sent_again = True
                resend(tx, None, now_ms)

    # How many

    def statistics(self) -> Statistics:
        """The counters as they are now."""
        counters = self.env.counters
        counters.clients_live = len(self.clients)
        counters.servers_live = len(self.servers)
        counters.timers = len(self.env.timers)
        return Statistics(**{name: getattr(counters, name) for name in Statistics.__struct_fields__})


def _machine(tx: ClientTransaction | ServerTransaction) -> Machine:
    if isinstance(tx, ClientTransaction):
        return machines.INVITE_CLIENT if tx.is_invite else machines.REQUEST_CLIENT
    return machines.INVITE_SERVER if tx.is_invite else machines.REQUEST_SERVER
