"""The SIP point of an edge: all its listeners, each with the sans-IO transaction layer of its transport, as one.

Whole messages and due timers go into a layer; what comes out is put on the wire or handed to whoever owns the transaction
(`user_table.py`); a request that opens a transaction goes to the point's handler. Whoever acts on a layer from within such a call
only adds output, which the running loop takes up in order: nothing here is entered twice.

A `Flow` names the way: the door is that of its transport and of its address' family. Responses go back by the door that the
request came by. A request too large for a datagram goes by TCP, and back to UDP when there is nobody (`large.py`).
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from gateways.edge.addresses import LocalAddresses, is_reachable
from gateways.edge.admission import receive_backlog
from gateways.edge.chance import token
from gateways.edge.clock import Clock
from gateways.edge.door import Door
from gateways.edge.guard.guard import Guard
from gateways.edge.large import is_large
from gateways.edge.listeners.opening import listener_at
from gateways.edge.listeners.place import Place, is_ipv6
from gateways.edge.listeners.stream import StreamLimits, StreamListener
from gateways.edge.listeners.tls import TlsContexts
from gateways.edge.listeners.udp import UdpListener
from gateways.edge.trace import Trace
from gateways.edge.user_table import UserTable
from gateways.edge.users import ClientUser, RequestHandler, ServerUser
from gateways.sip.dialog import Dialog
from gateways.sip.events import (
    Address,
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
    Transport,
    TransportProblem,
)
from gateways.sip.headers import default_port
from gateways.sip.layer import TransactionLayer
from gateways.sip.message import Request, Response
from gateways.sip.tables import SharedTables
from gateways.sip.uri import Uri, bracket

# Nearly every transaction has a timer of 500 ms that finds nothing to do: they are looked at together, a little later.
_TIMER_GRAIN_MS = 10
_TRANSPORTS: dict[str, Transport] = {"udp": "UDP", "tcp": "TCP", "tls": "TLS"}


class SipPoint:
    """All places of one edge; `open` binds them."""

    def __init__(
        self,
        places: Sequence[Place],
        addresses: LocalAddresses,
        clock: Clock,
        trace: Trace,
        guard: Guard,
        *,
        make_tls: Callable[[], TlsContexts] | None = None,
        stream_limits: StreamLimits | None = None,
    ) -> None:
        """At most one place of each transport and family. `guard` says who is heard, and is told what was not in order.

        `make_tls` is called when a place of TLS is opened, and may raise `PointError`.
        """
        self._places = places
        self._addresses, self._clock, self._trace, self._guard = addresses, clock, trace, guard
        self._make_tls, self._stream_limits = make_tls, stream_limits
        self._tables = SharedTables()
        self._doors: dict[str, Door] = {}
        self._handler: RequestHandler | None = None
        self._users = UserTable(clock, guard, self._send_by)
        self._output: deque[tuple[Door, Output]] = (
            deque()
        )  # of the layers, not yet handled; empty between turns
        self._pumping = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_ms = 0
        self._unsendable = itertools.count(1)
        self._unsent = 0
        self._is_open = False
        self.on_flow_lost: Callable[[Flow], None] = lambda _: None  # a connection that stood is gone

    def open(self, handler: RequestHandler) -> None:
        """Bind and serve on the running loop; `PointError` when an address can't be had."""
        self._handler, self._is_open = handler, True
        try:
            for place in self._places:
                self._open(place)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Stop serving; unanswered transactions are forgotten."""
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for door in self._doors.values():
            door.listener.close()

    def _open(self, place: Place) -> None:
        assert place.name not in self._doors, "one place of each transport and family"
        door = Door(self, place.name)
        door.listener = listener = listener_at(place, door, self._clock, self._make_tls, self._stream_limits)
        listener.open()
        self._doors[door.name] = door
        door.layer = TransactionLayer(
            token,
            sent_by=(self._addresses.own_host(ipv6=place.is_ipv6), listener.place.port),
            transport=place.transport,
            tables=self._tables,
        )

    # --- what it is -------------------------------------------------------------------------------

    @property
    def places(self) -> list[Place]:
        """Where it listens, with the ports that were had."""
        return [door.listener.place for door in self._doors.values()]

    @property
    def port(self) -> int:
        """That of the first place."""
        return next(iter(self._doors.values())).listener.place.port

    def port_of(self, transport: Transport, *, ipv6: bool = False) -> int:
        """That of one place; 0 when it is not served."""
        door = self._doors.get(Place(transport, "::" if ipv6 else "", 0).name)
        return door.listener.place.port if door is not None else 0

    @property
    def sends_failed(self) -> int:
        """Messages that did not leave, and datagrams for which the system had no room."""
        listeners = (door.listener for door in self._doors.values())
        return self._unsent + sum(each.sends_lost for each in listeners if isinstance(each, UdpListener))

    @property
    def connections(self) -> int:
        """TCP and TLS, those being made among them."""
        listeners = (door.listener for door in self._doors.values())
        return sum(len(listener) for listener in listeners if isinstance(listener, StreamListener))

    def statistics(self) -> Statistics:
        """The layers' counters, added up."""
        counted = [door.layer.statistics() for door in self._doors.values()]
        names = Statistics.__struct_fields__
        return Statistics(**{name: sum(getattr(each, name) for each in counted) for name in names})

    @property
    def backlog(self) -> float:
        """How much of what may wait to be read does so, between 0 and 1."""
        sockets = [door.listener.socket for door in self._doors.values() if door.name.startswith("udp")]
        return max((receive_backlog(each) for each in sockets if each is not None), default=0.0)

    def contact(self, peer: Flow, user: str = "santral") -> str:
        """Our Contact towards `peer`."""
        door = self._door(peer)
        port = door.listener.place.port if door is not None else self.port
        transport = "" if peer.transport == "UDP" else f";transport={peer.transport.lower()}"
        return f"<sip:{user}@{bracket(self._addresses.sip_host(peer.host))}:{port}{transport}>"

    def is_connected(self, flow: Flow) -> bool:
        """Whether a message to it needs no new connection."""
        door = self._door(flow)
        return door is not None and door.listener.is_connected(flow.address)

    def next_hop(self, dialog: Dialog, peer: Flow) -> Flow:
        """Where a request of this dialog goes. A host name is not looked up: its messages came from `peer`.

        Without a transport in the URI it is the peer's (RFC 3263 4.1 would take UDP, where a phone on TCP may not listen). A
        connection that stands is used before another is made to the same host: behind a NAT there is no other way.
        """
        uri = dialog.next_hop()
        if not is_reachable(uri.host, peer.host):
            return peer
        transport = _transport_of(uri) or peer.transport
        flow = Flow(transport, uri.host, uri.port or default_port(transport))
        if self._door(flow) is None:
            return peer
        if (
            transport != "UDP"
            and peer.transport == transport
            and peer.host == uri.host
            and self.is_connected(peer)
        ):
            return peer
        return flow

    # --- server users -----------------------------------------------------------------------------

    def respond(
        self,
        key: ServerKey,
        response: Response,
        user: ServerUser | None = None,
        believes: Callable[[str], bool] | None = None,
    ) -> bool:
        """Answer a request; with `user`, who hears of its CANCEL or ACK. False: it is answered or gone.

        `believes`: whether an ACK from this host is one.
        """
        if user is not None:
            self._users.servers[key] = user
        elif response.status >= 200:
            self._users.servers.pop(key, None)
        door = self._door_of(key)
        now_ms = self._clock.monotonic_ms()
        sent = door.layer.send_response(door.server_key(key), response, now_ms, believes)
        self._pump()
        return sent

    def respond_statelessly(self, key: ServerKey, response: Response) -> bool:
        """Answer for good what anybody may ask, and keep no memory of it; never an INVITE."""
        door = self._door_of(key)
        sent = door.layer.respond_statelessly(door.server_key(key), response, self._clock.monotonic_ms())
        self._pump()
        return sent

    def ignore(self, key: ServerKey) -> None:
        """Answer nothing to who is not heard, and keep no memory of it; never an INVITE."""
        door = self._door_of(key)
        door.layer.ignore(door.server_key(key), self._clock.monotonic_ms())

    def watch(self, key: ServerKey, user: ServerUser) -> None:
        """`user` hears of the CANCEL of an INVITE that is not answered yet."""
        self._users.servers[key] = user

    # --- client users -----------------------------------------------------------------------------

    def request(self, request: Request, to: Flow, user: ClientUser) -> ClientKey:
        """Send a request; raises `TransactionsFullError`."""
        way = to
        if to.transport == "UDP" and is_large(request):
            by_tcp = Flow("TCP", to.host, to.port)
            if self._door(to) and self._door(by_tcp) and self._users.large.may_go_by_tcp(to.host):
                way = by_tcp
        door = self._door(way)
        if door is None:
            return self._cannot_send(to, user)
        again = request.copy() if way is not to else None
        key = self._send(door, request, way)
        self._users.clients[key] = user
        if again is not None:
            self._users.large.sent(key, again, to)
        self._pump()
        return key

    def cancel(self, key: ClientKey, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Take an INVITE back; `headers` go with the CANCEL."""
        key = self._users.large.current(key)
        if door := self._door_of_client(key):
            door.layer.cancel(door.client_key(key), self._clock.monotonic_ms(), headers)
            self._pump()

    def acknowledge(self, key: ClientKey, ack: Request, to: Flow) -> None:
        """ACK a 2xx."""
        key = self._users.large.current(key)
        door, way = self._door_of_client(key), self._door(to)
        if door is None:
            return
        by = way.layer if way is not None and way is not door else None
        door.layer.send_ack(door.client_key(key), ack, to.address, self._clock.monotonic_ms(), by)
        self._pump()

    def forget(self, key: ClientKey) -> None:
        """The client user is no longer interested."""
        self._users.clients.pop(key, None)

    def _send(self, door: Door, request: Request, to: Flow) -> ClientKey:
        key = door.layer.send_request(request, to.address, self._clock.monotonic_ms())
        return ClientKey(door.outer(key))

    def _send_by(self, request: Request, to: Flow) -> ClientKey:
        door = self._door(to)
        assert door is not None, "a request that may go by TCP instead has a door of its own"
        return self._send(door, request, to)

    def _cannot_send(self, to: Flow, user: ClientUser) -> ClientKey:
        """No listener of ours has this transport and family."""
        key = ClientKey(f"none {next(self._unsendable)}")
        self._users.clients[key] = user
        self._guard.unsent(to.host, f"no {to.transport} listener for it")
        asyncio.get_running_loop().call_soon(self._users.client_failed, key, 503)
        return key

    # --- doors ------------------------------------------------------------------------------------

    def _door(self, flow: Flow) -> Door | None:
        return self._doors.get(f"{flow.transport.lower()}{6 if is_ipv6(flow.host) else 4}")

    def _door_of(self, key: ServerKey) -> Door:
        return self._doors[key.partition(" ")[0]]

    def _door_of_client(self, key: ClientKey) -> Door | None:
        return self._doors.get(key.partition(" ")[0])

    def message(self, door: Door, data: bytes, source: Address) -> None:
        """A whole message came."""
        now_ms = self._clock.monotonic_ms()
        if not self._guard.admits(source[0], data, now_ms):
            return
        self._trace.message(False, door.flow(source), data)
        door.layer.receive(data, source, now_ms)
        self._pump()

    def unsent(self, door: Door, send: Send, reason: str) -> None:
        """It did not leave."""
        self._unsent += 1
        self._guard.unsent(send.destination[0], reason)
        door.layer.send_failed(send, self._clock.monotonic_ms())
        self._pump()

    def admits(self, host: str) -> bool:
        """Whether this host may open a connection: as often as it may send a message."""
        return self._guard.admits(host, b"", self._clock.monotonic_ms())

    def broken(self, host: str, reason: str) -> None:
        """A connection was closed for what the other side did."""
        self._guard.saw(host, "malformed", self._clock.monotonic_ms(), reason)

    def flow_lost(self, door: Door, address: Address) -> None:
        """A connection that stood is gone."""
        if not self._is_open:
            return
        door.layer.connection_lost(address, self._clock.monotonic_ms())
        self._pump()
        self.on_flow_lost(door.flow(address))

    def _put(self, door: Door, send: Send) -> None:
        if not self._is_open:
            return
        if send.transport is not None:
            door = self._door(Flow(send.transport, *send.destination)) or door
        self._trace.message(True, door.flow(send.destination), send.data)
        door.listener.send(send)

    # --- the layers' output -----------------------------------------------------------------------

    def _pump(self) -> None:
        if self._pumping:
            return
        self._pumping = True
        done = False
        try:
            while self._collect():
                self._take(*self._output.popleft())
            done = True
        finally:
            self._pumping = False
            if not done:
                # A fault over one item, which the loop logs, must not take the others with it.
                asyncio.get_running_loop().call_soon(self._pump)
        self._set_timer()

    def _collect(self) -> bool:
        """Whether there is something to take."""
        for door in self._doors.values():
            for item in door.layer.take_output():
                self._output.append((door, item))
        return bool(self._output)

    def _set_timer(self) -> None:
        deadline_ms: int | None = None
        for door in self._doors.values():
            due_ms = door.layer.next_deadline_ms()
            if due_ms is not None and (deadline_ms is None or due_ms < deadline_ms):
                deadline_ms = due_ms
        if deadline_ms is None or not self._is_open:
            return
        deadline_ms += -deadline_ms % _TIMER_GRAIN_MS
        if self._timer is not None:
            if self._timer_at_ms <= deadline_ms:
                return
            self._timer.cancel()
        delay_s = max(0, deadline_ms - self._clock.monotonic_ms()) / 1000
        self._timer_at_ms = deadline_ms
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._timer_due)

    def _timer_due(self) -> None:
        self._timer = None
        now_ms = self._clock.monotonic_ms()
        for door in self._doors.values():
            door.layer.poll_timers(now_ms)
        self._pump()

    def _take(self, door: Door, item: Output) -> None:
        match item:
            case Send():
                self._put(door, item)
            case RequestReceived(key=key, request=request, source=source):
                assert self._handler is not None
                self._handler.request_received(ServerKey(door.outer(key)), request, door.flow(source))
            case Refused(source=source, status=status, reason=reason):
                self._guard.refused(source[0], status, reason, self._clock.monotonic_ms())
            case ResponseReceived() | TransportProblem() | InviteEnded():
                self._users.client_told(door, item)
            case TransactionTimedOut():
                self._users.timed_out(door, item)
            case _:
                self._users.server_told(door, item)


def _transport_of(uri: Uri) -> Transport | None:
    if uri.scheme == "sips":
        return "TLS"
    return _TRANSPORTS.get((uri.params.get("transport") or "").lower())
