"""The SIP listening point: one UDP socket around the sans-IO transaction layer.

Bytes read from the socket and due timers go into the layer; what comes out is put on the wire or handed to
whoever owns the transaction. A *server user* answers a request, a *client user* hears the responses to one; a
request that opens a transaction goes to the point's handler. Whoever acts on the layer from within such a
call only adds output, which the running loop takes up in order: nothing here is entered twice.

The socket is read and written directly, not through a transport, so that a failed send is known at once and a
burst is taken in one turn, up to a bound. A full send buffer loses the datagram: the layer repeats what
matters (RFC 3261 17).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import secrets
import socket
from collections import deque
from collections.abc import Iterable
from typing import Protocol

from gateways.edge.addresses import LocalAddresses, is_reachable
from gateways.edge.admission import receive_backlog
from gateways.edge.clock import Clock
from gateways.edge.guard.guard import Guard
from gateways.edge.trace import Trace
from gateways.sip.dialog import Dialog
from gateways.sip.events import (
    AckReceived,
    AckTimedOut,
    CancelReceived,
    ClientKey,
    Flow,
    InviteEnded,
    Output,
    Refused,
    RequestReceived,
    ResponseReceived,
    Send,
    ServerKey,
    Statistics,
    TransactionTimedOut,
    TransportProblem,
)
from gateways.sip.layer import TransactionLayer
from gateways.sip.message import Request, Response

_log = logging.getLogger(__name__)

_DATAGRAM_BYTES_MAX = 65_536
_READS_A_TURN_MAX = 64
_SOCKET_BUFFER_BYTES = 4 * 1024 * 1024
# 32 of the letters and digits, so that every byte of chance gives one of them without favour.
_TOKEN_LETTERS = bytes(b"abcdefghijkmnpqrstuvwxyz23456789"[byte % 32] for byte in range(256))


class PointError(Exception):
    """The address can't be served; the text says what to do."""


class RequestHandler(Protocol):
    """Takes every new request; ACK and CANCEL are told to the server user."""

    def request_received(self, key: ServerKey, request: Request, source: Flow) -> None:
        """Answer it with `respond`, now or later."""


class ServerUser(Protocol):
    """Owns an INVITE that was received."""

    def cancelled(self, key: ServerKey) -> None:
        """The caller took it back: answer 487."""

    def acknowledged(self, key: ServerKey, request: Request) -> None:
        """The 2xx arrived."""

    def not_acknowledged(self, key: ServerKey) -> None:
        """The 2xx was repeated for 32 s in vain."""

    def answered_for(self, key: ServerKey) -> None:
        """Nothing was answered for so long that the layer said 504."""


class ClientUser(Protocol):
    """Owns a request that was sent."""

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        """Provisional or final. After a 2xx to an INVITE that of another callee may follow, until `ended`."""

    def failed(self, key: ClientKey, status: int) -> None:
        """No response: 408 in time, 503 not sendable."""

    def ended(self, key: ClientKey) -> None:
        """Nothing more comes of an INVITE that was answered with 2xx (RFC 6026: timer M has passed)."""


def token(length: int) -> str:
    """Unguessable letters and digits."""
    return secrets.token_bytes(length).translate(_TOKEN_LETTERS).decode("ascii")


class SipPoint:
    """One listening point; `open` binds it."""

    def __init__(
        self, host: str, port: int, addresses: LocalAddresses, clock: Clock, trace: Trace, guard: Guard
    ) -> None:
        """`guard` says who is heard, and is told what the layer would not take."""
        self._host, self._asked_port = host, port
        self._addresses, self._clock, self._trace, self._guard = addresses, clock, trace, guard
        self._socket: socket.socket | None = None
        self._layer: TransactionLayer | None = None
        self._handler: RequestHandler | None = None
        self._servers: dict[ServerKey, ServerUser] = {}
        self._clients: dict[ClientKey, ClientUser] = {}
        self._output: deque[Output] = deque()  # taken from the layer, not yet handled; empty between turns
        self._pumping = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_ms = 0
        self.sends_failed = 0
        self.port = port

    def open(self, handler: RequestHandler) -> None:
        """Bind and serve on the running loop; `PointError` when the address can't be had."""
        self._handler = handler
        self._socket = self._bind()
        self.port = int(self._socket.getsockname()[1])
        self._layer = TransactionLayer(token, sent_by=(self._addresses.sip_host(), self.port))
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)

    def close(self) -> None:
        """Stop serving; unanswered transactions are forgotten."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def statistics(self) -> Statistics:
        """The layer's counters."""
        return self.layer.statistics()

    @property
    def backlog(self) -> float:
        """How much of what may wait to be read does so, between 0 and 1."""
        return receive_backlog(self._socket) if self._socket is not None else 0.0

    @property
    def layer(self) -> TransactionLayer:
        """The transaction layer of an open point."""
        assert self._layer is not None, "the point is not open"
        return self._layer

    def contact(self, peer: Flow, user: str = "santral") -> str:
        """Our Contact towards `peer`."""
        host = self._addresses.sip_host(peer.host)
        return f"<sip:{user}@{f'[{host}]' if ':' in host else host}:{self.port}>"

    def respond(self, key: ServerKey, response: Response, user: ServerUser | None = None) -> bool:
        """Answer a request; with `user`, who hears of its CANCEL or ACK. False: it is answered or gone."""
        if user is not None:
            self._servers[key] = user
        elif response.status >= 200:
            self._servers.pop(key, None)
        sent = self.layer.send_response(key, response, self._clock.monotonic_ms())
        self._pump()
        return sent

    def watch(self, key: ServerKey, user: ServerUser) -> None:
        """`user` hears of the CANCEL of an INVITE that is not answered yet."""
        self._servers[key] = user

    def request(self, request: Request, to: Flow, user: ClientUser) -> ClientKey:
        """Send a request; raises `TransactionsFullError`."""
        key = self.layer.send_request(request, to.address, self._clock.monotonic_ms())
        self._clients[key] = user
        self._pump()
        return key

    def cancel(self, key: ClientKey, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Take an INVITE back; `headers` go with the CANCEL."""
        self.layer.cancel(key, self._clock.monotonic_ms(), headers)
        self._pump()

    def acknowledge(self, key: ClientKey, ack: Request, to: Flow) -> None:
        """ACK a 2xx."""
        self.layer.send_ack(key, ack, to.address, self._clock.monotonic_ms())
        self._pump()

    def forget(self, key: ClientKey) -> None:
        """The client user is no longer interested."""
        self._clients.pop(key, None)

    def next_hop(self, dialog: Dialog, peer: Flow) -> Flow:
        """Where a request of this dialog goes; a host name is not looked up, its messages came from `peer`."""
        uri = dialog.next_hop()
        reachable = is_reachable(uri.host, peer.host)
        return Flow(peer.transport, uri.host, uri.port or 5060) if reachable else peer

    # --- the socket -------------------------------------------------------------------------------

    def _bind(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        place = f"sip: UDP port {self._asked_port} on {self._host}"
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            bound.setblocking(False)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER_BYTES)
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER_BYTES)
            bound.bind((self._host, self._asked_port))
        except OSError as error:
            bound.close()
            if error.errno == errno.EADDRINUSE:
                raise PointError(
                    f"{place} is in use by another program: stop it, or set another [sip] listen_port"
                ) from error
            if error.errno == errno.EADDRNOTAVAIL:
                raise PointError(
                    f"{place}: this machine has no such address: set [sip] listen_host"
                ) from error
            if error.errno in (errno.EACCES, errno.EPERM):
                raise PointError(
                    f"{place}: no right to use it: set a [sip] listen_port above 1023"
                ) from error
            raise PointError(f"{place}: {error.strerror}") from error
        return bound

    def _readable(self) -> None:
        if self._socket is None:
            return
        for _ in range(_READS_A_TURN_MAX):
            try:
                data, address = self._socket.recvfrom(_DATAGRAM_BYTES_MAX)
            except (BlockingIOError, InterruptedError):
                break
            except (
                OSError
            ) as error:  # an ICMP error of an earlier send; the layer's timers deal with the silence
                _log.debug("reading from the SIP socket: %s", error)
                continue
            source = (str(address[0]), int(address[1]))
            now_ms = self._clock.monotonic_ms()
            if not self._guard.admits(source[0], data, now_ms):
                continue
            self._trace.message(False, Flow("UDP", *source), data)
            self.layer.receive(data, source, now_ms)
            self._pump()

    def _put(self, send: Send) -> None:
        if self._socket is None:
            return
        self._trace.message(True, Flow("UDP", *send.destination), send.data)
        try:
            self._socket.sendto(send.data, send.destination)
        except (BlockingIOError, InterruptedError):
            self.sends_failed += 1
        except (OSError, UnicodeError, OverflowError) as error:
            self.sends_failed += 1
            self._guard.unsent(send.destination[0], str(error))
            self.layer.send_failed(send, self._clock.monotonic_ms())

    # --- the layer's output -----------------------------------------------------------------------

    def _pump(self) -> None:
        if self._pumping:
            return
        self._pumping = True
        done = False
        try:
            while self._collect():
                self._take(self._output.popleft())
            done = True
        finally:
            self._pumping = False
            if not done:
                # A fault over one item, which the loop logs, must not take the others with it.
                asyncio.get_running_loop().call_soon(self._pump)
        self._set_timer()

    def _collect(self) -> bool:
        """Whether there is something to take."""
        self._output += self.layer.take_output()
        return bool(self._output)

    def _set_timer(self) -> None:
        deadline_ms = self.layer.next_deadline_ms()
        if deadline_ms is None or self._socket is None:
            return
        if self._timer is not None:
            if self._timer_at_ms <= deadline_ms:
                return
            self._timer.cancel()
        delay_s = max(0, deadline_ms - self._clock.monotonic_ms()) / 1000
        self._timer_at_ms = deadline_ms
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._timer_due)

    def _timer_due(self) -> None:
        self._timer = None
        self.layer.poll_timers(self._clock.monotonic_ms())
        self._pump()

    def _take(self, item: Output) -> None:
        match item:
            case Send():
                self._put(item)
            case RequestReceived(key=key, request=request, source=source):
                assert self._handler is not None
                self._handler.request_received(key, request, Flow("UDP", *source))
            case ResponseReceived(key=key, response=response, source=source):
                self._guard.proved(source[0], self._clock.monotonic_ms())
                if client := self._clients.get(key):
                    if response.status >= 300 or (
                        response.status >= 200 and response.cseq.method != "INVITE"
                    ):
                        del self._clients[key]
                    client.response(key, response, Flow("UDP", *source))
            case Refused(source=source, status=status, reason=reason):
                self._guard.refused(source[0], status, reason, self._clock.monotonic_ms())
            case TransportProblem(key=key):
                self._client_failed(key, 503)
            case InviteEnded(key=key):
                if client := self._clients.pop(key, None):
                    client.ended(key)
            case TransactionTimedOut(key=key):
                if key in self._clients:
                    self._client_failed(ClientKey(key), 408)
                elif server := self._servers.pop(ServerKey(key), None):
                    server.answered_for(ServerKey(key))
            case _:
                self._take_server(item)

    def _take_server(self, item: CancelReceived | AckReceived | AckTimedOut) -> None:
        server = self._servers.get(item.key)
        if server is None:
            return
        match item:
            case CancelReceived(key=key):
                server.cancelled(key)
            case AckReceived(key=key, request=request, source=source):
                self._guard.proved(source[0], self._clock.monotonic_ms())
                del self._servers[key]
                server.acknowledged(key, request)
            case AckTimedOut(key=key):
                del self._servers[key]
                server.not_acknowledged(key)

    def _client_failed(self, key: ClientKey, status: int) -> None:
        client = self._clients.pop(key, None)
        if client is not None:
            client.failed(key, status)
