"""Who hears of which transaction of a SIP point.

A *server user* answers a request, a *client user* hears the responses to one (`users.py`); each is told until its transaction is
over, and never afterwards. A request that found nobody by TCP goes by UDP under the key that its user knows (`large.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from gateways.edge.clock import Clock
from gateways.edge.door import Door
from gateways.edge.guard.guard import Guard
from gateways.edge.large import LargeRequests
from gateways.edge.users import ClientUser, ServerUser
from gateways.sip.errors import TransactionsFullError
from gateways.sip.events import (
    AckReceived,
    AckTimedOut,
    CancelReceived,
    ClientKey,
    Flow,
    InviteEnded,
    ResponseReceived,
    ServerKey,
    TransactionTimedOut,
    TransportProblem,
)
from gateways.sip.message import Request


class UserTable:
    """Keys are those known beyond the doors."""

    def __init__(self, clock: Clock, guard: Guard, send: Callable[[Request, Flow], ClientKey]) -> None:
        """`guard` is told who has shown that he sits where he says; `send` may raise `TransactionsFullError`."""
        self._clock, self._guard, self._send = clock, guard, send
        self.servers: dict[ServerKey, ServerUser] = {}
        self.clients: dict[ClientKey, ClientUser] = {}
        self.large = LargeRequests(clock.monotonic_ms)

    def client_told(self, door: Door, item: ResponseReceived | TransportProblem | InviteEnded) -> None:
        """Something came of a request of ours."""
        current = ClientKey(door.outer(item.key))
        key = self.large.original(current)
        match item:
            case ResponseReceived(response=response, source=source, proves=proves):
                if proves:
                    self._guard.proved(source[0], self._clock.monotonic_ms())
                if client := self.clients.get(key):
                    if response.status >= 300 or (
                        response.status >= 200 and response.cseq.method != "INVITE"
                    ):
                        self._done(key)
                    client.response(key, response, door.flow(source))
            case TransportProblem():
                if not self._by_udp_instead(key):
                    self.client_failed(key, 503)
            case InviteEnded():
                # Not of an attempt by TCP that was given up for one by UDP.
                if current == self.large.current(key) and (client := self._done(key)):
                    client.ended(key)

    def timed_out(self, door: Door, item: TransactionTimedOut) -> None:
        """No answer came, or our own user gave none."""
        outer = door.outer(item.key)
        if server := self.servers.pop(ServerKey(outer), None):
            server.answered_for(ServerKey(outer))
        else:
            self.client_failed(self.large.original(ClientKey(outer)), 408)

    def server_told(self, door: Door, item: CancelReceived | AckReceived | AckTimedOut) -> None:
        """Something came of a request that we answer."""
        key = ServerKey(door.outer(item.key))
        server = self.servers.get(key)
        if server is None:
            return
        match item:
            case CancelReceived(request=request):
                server.cancelled(key, request)
            case AckReceived(request=request, source=source, proves=proves):
                if proves:
                    self._guard.proved(source[0], self._clock.monotonic_ms())
                del self.servers[key]
                server.acknowledged(key, request)
            case AckTimedOut():
                del self.servers[key]
                server.not_acknowledged(key)

    def client_failed(self, key: ClientKey, status: int) -> None:
        """No response comes: 408 in time, 503 not sendable."""
        if client := self._done(key):
            client.failed(key, status)

    def _by_udp_instead(self, key: ClientKey) -> bool:
        """A large request found nobody on TCP."""
        kept = self.large.refused(key)
        if kept is None or key not in self.clients:
            return False
        try:
            self.large.moved(key, self._send(*kept))
        except TransactionsFullError:
            return False
        return True

    def _done(self, key: ClientKey) -> ClientUser | None:
        """Nothing more is told of it; to whom it would have been."""
        self.large.forget(key)
        return self.clients.pop(key, None)
