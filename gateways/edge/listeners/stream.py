"""SIP over TCP and TLS: connections that come in and that we make (RFC 3261 18).

A connection is named by the address of its far end, whoever opened it. What is to be sent to an address goes by the connection
that has it; without one, a request makes a connection and a response goes where its Via says (18.2.2), so a phone behind NAT is
reached by the connection it opened and by no other.

Whoever connects costs us memory and a descriptor before a word was said. So there is a limit on connections, on those of one
host, on the time that a first message, a whole message and a handshake may take, and on what is kept for somebody who does not
read. Each ends the connection; whatever was not yet read is repeated by nobody, as on any connection that breaks.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Coroutine
from typing import Any, cast

import msgspec

from gateways.edge.clock import Clock
from gateways.edge.guard.guard import source_of
from gateways.edge.listeners.place import Owner, Place, bind, is_unspecified
from gateways.edge.listeners.tls import TlsContexts
from gateways.sip.events import Address, Send
from gateways.sip.stream import PONG, Ping, StreamError, StreamReader

_log = logging.getLogger(__name__)

_BACKLOG = 1_024
_ACCEPTS_A_TURN_MAX = 64
_PAUSE_S = 1.0  # when the process has no descriptor left
# A far end that lost its power says nothing more: after this it counts as gone, and the next message makes a new connection.
_KEPT_ALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (
        socket.IPPROTO_TCP,
        socket.TCP_USER_TIMEOUT,
        20_000,
    ),  # milliseconds for which what was written may stay unconfirmed
)
_NO_DESCRIPTOR = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class StreamLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Of one listener."""

    connections_max: int = 5_000  # a further one is closed at once
    connections_a_host_max: int = 200  # the phones of an office have one address; of IPv6, a /64 is one host
    handshake_s: float = 10.0
    connect_s: float = 4.0  # less than the patience of who waits for the answer
    first_message_s: float = 30.0  # after the connection stands
    message_s: float = 30.0  # from a message's first byte to its last
    idle_s: float = (
        3_600.0  # longer than a session timer's half (RFC 4028), or a call would lose its way back
    )
    unread_bytes_max: int = 256 * 1024  # sent by us and not taken by the other side
    waiting_max: int = 64  # messages for a connection that is being made; a further one is unsent
    sweep_s: float = 5.0


class StreamListener:
    """All connections of one address."""

    def __init__(
        self,
        place: Place,
        owner: Owner,
        clock: Clock,
        *,
        tls: TlsContexts | None = None,
        limits: StreamLimits | None = None,
    ) -> None:
        """Nothing is bound before `open`. `tls` when the place is one of TLS."""
        self.place, self.owner, self.clock = place, owner, clock
        self.limits = limits or StreamLimits()
        self.socket: socket.socket | None = None
        self._tls = tls
        self._all: set[Connection] = set()
        self._by_address: dict[Address, Connection] = {}
        self._of_host: Counter[str] = Counter()  # connections that came in
        self._tasks: set[asyncio.Task[None]] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        self._pause: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        """Connections, those being made among them."""
        return len(self._all)

    def open(self) -> None:
        """See `Listener`."""
        assert (self.place.transport == "TLS") == (self._tls is not None)
        self.socket = bind(self.place)
        self.socket.listen(_BACKLOG)
        self.place = msgspec.structs.replace(self.place, port=int(self.socket.getsockname()[1]))
        self._listen()
        self._sweep()

    def close(self) -> None:
        """See `Listener`."""
        for timer in (self._sweeping, self._pause):
            if timer is not None:
                timer.cancel()
        if self.socket is not None:
            asyncio.get_running_loop().remove_reader(self.socket.fileno())
            self.socket.close()
            self.socket = None
        for task in self._tasks:
            task.cancel()
        for connection in list(self._all):
            connection.close()

    def is_connected(self, address: Address) -> bool:
        """See `Listener`; a connection that is being made counts."""
        return address in self._by_address

    def send(self, send: Send) -> None:
        """See `Listener`."""
        if self.socket is None:
            return
        connection = self._by_address.get(send.destination)
        if connection is None:
            address = send.otherwise or send.destination
            connection = self._by_address.get(address) or self._connect(address)
        if connection is None:
            self.owner.unsent(send, "too many connections")
        else:
            connection.send(send)

    def gone(self, connection: Connection, reason: str) -> None:
        """The connection has ended, or never stood."""
        if connection not in self._all:
            return
        self._all.discard(connection)
        if self._by_address.get(connection.address) is connection:
            del self._by_address[connection.address]
        if connection.came_in:
            host = source_of(connection.address[0])
            self._of_host[host] -= 1
            if not self._of_host[host]:
                del self._of_host[host]
        for send in connection.take_waiting():
            self.owner.unsent(send, reason)
        if connection.stood:
            self.owner.flow_lost(connection.address)

    # --- connections that come in -----------------------------------------------------------------

    def _listen(self) -> None:
        if self.socket is not None:
            asyncio.get_running_loop().add_reader(self.socket.fileno(), self._acceptable)

    def _acceptable(self) -> None:
        for _ in range(_ACCEPTS_A_TURN_MAX):
            if self.socket is None:
                return
            try:
                accepted, address = self.socket.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _NO_DESCRIPTOR:
                    self._rest(error)
                    return
                continue  # it was given up before we came to it
            self._take(accepted, (str(address[0]), int(address[1])))

    def _rest(self, error: OSError) -> None:
        """No descriptor is left: the loop would come back here at once, again and again."""
        assert self.socket is not None
        _log.error("sip: no connection can be taken at %s: %s", self.place, error.strerror)
        loop = asyncio.get_running_loop()
        loop.remove_reader(self.socket.fileno())
        self._pause = loop.call_later(_PAUSE_S, self._listen)

    def _take(self, accepted: socket.socket, address: Address) -> None:
        host = address[0]
        if not self.owner.admits(host):
            accepted.close()
            return
        if (
            len(self._all) >= self.limits.connections_max
            or self._of_host[source_of(host)] >= self.limits.connections_a_host_max
        ):
            accepted.close()
            self.owner.broken(host, "too many connections")
            return
        accepted.setblocking(False)
        connection = self._new(address, came_in=True)
        self._of_host[source_of(host)] += 1
        self._start(connection, self._stand(connection, accepted))

    async def _stand(self, connection: Connection, accepted: socket.socket) -> None:
        await asyncio.get_running_loop().connect_accepted_socket(
            lambda: connection,
            accepted,
            ssl=self._tls.server if self._tls else None,
            ssl_handshake_timeout=self.limits.handshake_s if self._tls else None,
        )

    # --- connections that we make -----------------------------------------------------------------

    def _connect(self, address: Address) -> Connection | None:
        if len(self._all) >= self.limits.connections_max:
            return None
        connection = self._new(address, came_in=False)
        self._start(connection, self._reach(connection))
        return connection

    async def _reach(self, connection: Connection) -> None:
        host = self.place.host
        async with asyncio.timeout(self.limits.connect_s):
            await asyncio.get_running_loop().create_connection(
                lambda: connection,
                *connection.address,
                ssl=self._tls.client if self._tls else None,
                local_addr=None if is_unspecified(host) else (host, 0),
            )

    # --- both -------------------------------------------------------------------------------------

    def _new(self, address: Address, *, came_in: bool) -> Connection:
        connection = Connection(self, address, came_in=came_in)
        self._all.add(connection)
        self._by_address[address] = connection
        return connection

    def _start(self, connection: Connection, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(self._attempt(connection, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attempt(self, connection: Connection, work: Coroutine[Any, Any, None]) -> None:
        reason = "closed"
        try:
            await work
        except TimeoutError:
            reason = "no connection in time"
        except (OSError, ssl.SSLError, UnicodeError) as error:
            reason = f"no connection: {error}"
        finally:
            if not connection.stood:
                if connection.came_in and self._tls is not None:
                    self.owner.broken(connection.address[0], f"TLS: {reason}")
                self.gone(connection, reason)

    def _sweep(self) -> None:
        now_ms = self.clock.monotonic_ms()
        for connection in list(self._all):
            connection.check(now_ms)
        self._sweeping = asyncio.get_running_loop().call_later(self.limits.sweep_s, self._sweep)


class Connection(asyncio.Protocol):
    """One stream of messages in both directions."""

    def __init__(self, listener: StreamListener, address: Address, *, came_in: bool) -> None:
        self.address, self.came_in = address, came_in
        self.stood = False
        self._listener = listener
        self._reader = StreamReader()
        self._transport: asyncio.Transport | None = None
        self._waiting: list[Send] = []  # until the connection stands
        self._heard = False  # a whole message
        self._heard_ms = listener.clock.monotonic_ms()
        self._begun_ms: int | None = None  # when the message under way began

    def send(self, send: Send) -> None:
        """Now, or as soon as the connection stands."""
        if self._transport is not None:
            self._write(send.data)
        elif len(self._waiting) < self._listener.limits.waiting_max:
            self._waiting.append(send)
        else:
            self._listener.owner.unsent(send, "too many messages wait for the connection")

    def take_waiting(self) -> list[Send]:
        """What never left."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def close(self) -> None:
        """What was written still goes."""
        if self._transport is not None:
            self._transport.close()

    def check(self, now_ms: int) -> None:
        """End it when it keeps us waiting too long."""
        limits = self._listener.limits
        if self._transport is None:
            return  # the handshake and the connecting have their own time
        silent_ms = now_ms - self._heard_ms
        if self._begun_ms is not None and now_ms - self._begun_ms > limits.message_s * 1000:
            self._break(f"a message not ended within {limits.message_s:.0f} s")
        elif self.came_in and not self._heard and silent_ms > limits.first_message_s * 1000:
            self._break(f"no message within {limits.first_message_s:.0f} s")
        elif silent_ms > limits.idle_s * 1000:
            self.close()

    # --- asyncio.Protocol -------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands: everything that waited goes."""
        self._transport = cast(asyncio.Transport, transport)
        for level, option, value in _KEPT_ALIVE:
            transport.get_extra_info("socket").setsockopt(level, option, value)
        self.stood = True
        self._heard_ms = self._listener.clock.monotonic_ms()
        for send in self.take_waiting():
            self._write(send.data)

    def data_received(self, data: bytes) -> None:
        """Some bytes, which may be many messages."""
        now_ms = self._listener.clock.monotonic_ms()
        try:
            for item in self._reader.feed(data):
                if self._transport is None:  # closed by what came
                    return
                self._heard_ms = now_ms
                self._begun_ms = None
                if isinstance(item, Ping):
                    self._write(PONG)
                else:
                    self._heard = True
                    self._listener.owner.message(item, self.address)
        except StreamError as error:
            self._break(str(error))
            return
        if not self._reader.is_within_message:
            self._begun_ms = None
        elif self._begun_ms is None:
            self._begun_ms = now_ms

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, whoever ended it."""
        self._transport = None
        self._listener.gone(self, str(exc) if exc is not None else "closed")

    def _write(self, data: bytes) -> None:
        if self._transport is None:
            return
        self._transport.write(data)
        limit = self._listener.limits.unread_bytes_max
        if self._transport.get_write_buffer_size() > limit:
            self._break(f"more than {limit} bytes not read")

    def _break(self, reason: str) -> None:
        """End it without waiting for the other side, who may never read again."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        self._listener.owner.broken(self.address[0], reason)
        self._listener.gone(self, reason)
