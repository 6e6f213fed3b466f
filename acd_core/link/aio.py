"""The link on asyncio: a client that reconnects for ever and a server for several clients, both over a Unix socket; the client
also over TLS to a core on another machine.

Callbacks run in the loop's thread, in the order of the wire; they must not block. Writes are coalesced: all that is queued in one
turn of the loop leaves in one write.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from acd_core.config import ConfigError
from acd_core.link.connection import Connection, monotonic_ms
from acd_core.link.heartbeat import BEAT_S
from acd_core.link.places import Remote
from acd_core.link.session import Channel, Hello, LinkError, LinkSession, Pong

_log = logging.getLogger(__name__)

RECONNECT_MIN_S = 0.05
RECONNECT_MAX_S = 2.0
CONNECT_TIMEOUT_S = 5.0


class LinkClient:
    """The end that connects. `send` is kept over reconnects, `signal` is not; see `acd_core.link.session`."""

    def __init__(
        self,
        place: Path | Remote,
        *,
        role: str,
        name: str,
        send_type: Any,
        receive_type: Any,
        on_message: Callable[[Any], None],
        on_up: Callable[[bool], None],
        on_down: Callable[[], None],
        on_time: Callable[[int, int, int], None] = lambda asked_ms, answered_ms, theirs_ms: None,
        monotonic_ms: Callable[[], int] = monotonic_ms,
        beat_s: float = BEAT_S,
    ) -> None:
        """`send_type` states what this end may say; msgspec checks `receive_type` on every message.

        `on_time` hears the other side's time whenever it is told, at the latest with `on_up`: when it was asked and answered
        on `monotonic_ms`, and what the other clock said in between.
        """
        self.place, self.role, self.name = place, role, name
        self.send_type, self._receive_type = send_type, receive_type
        self._on_message, self._on_up, self._on_down = on_message, on_up, on_down
        self._on_time, self._monotonic_ms, self._beat_s = on_time, monotonic_ms, beat_s
        self._channel = Channel(f"{name}:{secrets.token_hex(8)}")
        self._connection: Connection | None = None
        self.error = ""  # why there was no connection last; named in the log once

    @property
    def stream(self) -> str:
        """The identity of this process' numbering."""
        return self._channel.stream

    @property
    def connected(self) -> bool:
        """Hellos were exchanged and the socket stands."""
        return self._connection is not None

    @property
    def confirmed(self) -> int:
        """Every message up to this number has arrived, or never will."""
        return self._channel.confirmed

    def send(self, message: Any) -> int:
        """Queue a message that arrives once, also over a reconnect, unless the other side begins anew; its number."""
        return self._channel.send(message)

    def signal(self, message: Any) -> bool:
        """Send a message that nobody repeats; False when not connected."""
        return self._channel.signal(message)

    async def run(self) -> None:
        """Connect and stay connected until cancelled."""
        delay_s = RECONNECT_MIN_S
        while True:
            greeted = await self._connect_once()
            delay_s = RECONNECT_MIN_S if greeted else min(delay_s * 2, RECONNECT_MAX_S)
            await asyncio.sleep(delay_s)

    async def _connect_once(self) -> bool:
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                connection = await self._open()
        except (OSError, TimeoutError, LinkError, ConfigError) as error:
            if isinstance(self.place, Remote):
                self._failed(_reason(error))
            return False  # for a socket of this machine the normal case while processes start
        try:
            await connection.closed
        finally:
            connection.close()
        if connection.error:
            self._failed(connection.error)
        return connection.greeted

    async def _open(self) -> Connection:
        if isinstance(self.place, Remote):
            from acd_core.link.gate import open_remote  # most processes have no need of TLS

            return await open_remote(self.place, self._protocol)
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_unix_connection(self._protocol, os.fspath(self.place))
        return connection

    def _failed(self, error: str) -> None:
        if error != self.error:
            self.error = error
            _log.error("link to %s: %s", self.place.name, error)

    def _protocol(self) -> Connection:
        return Connection(
            self._make_session,
            self._greeted,
            lambda _, message: self._on_message(message),
            self._closed,
            self._monotonic_ms,
            self._beat_s,
        )

    def _make_session(self, wake: Callable[[], None]) -> LinkSession:
        return LinkSession(
            role=self.role,
            name=self.name,
            receive_type=self._receive_type,
            resolve=_never,
            wake=wake,
            client_channel=self._channel,
            on_pong=self._pong,
        )

    def _pong(self, pong: Pong) -> None:
        if pong.now_ms:
            self._on_time(pong.at_ms, self._monotonic_ms(), pong.now_ms)

    def _greeted(self, connection: Connection) -> None:
        self._connection = connection
        self.error = ""
        self._on_up(connection.session.fresh)

    def _closed(self, connection: Connection) -> None:
        if self._connection is connection:
            self._connection = None
            self._on_down()


class Peer:
    """One client of a `LinkServer`, by name; outlives its connections."""

    def __init__(self, role: str, name: str) -> None:
        """A peer is made at its first hello."""
        self.role, self.name = role, name
        self.channel = Channel(f"server:{secrets.token_hex(8)}")
        self.connection: Connection | None = None

    @property
    def stream(self) -> str:
        """The identity of the peer's present process."""
        return self.channel.peer_stream

    @property
    def connected(self) -> bool:
        """The peer's socket stands."""
        return self.connection is not None

    def send(self, message: Any) -> None:
        """Queue a message that arrives once, unless the peer begins anew."""
        self.channel.send(message)

    def signal(self, message: Any) -> bool:
        """Send a message that nobody repeats; False when not connected."""
        return self.channel.signal(message)


class LinkServer:
    """The end that listens, for several named clients of known roles."""

    PEERS_MAX = 64

    def __init__(
        self,
        path: Path,
        *,
        role: str,
        name: str,
        send_type: Any,
        receive_type: Any,
        on_message: Callable[[Peer, Any], None],
        on_up: Callable[[Peer, bool], None],
        on_down: Callable[[Peer], None],
        now_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        """Serves after `run` has bound the socket (`started` is set then). `now_ms`: the time that clients are told."""
        self.path, self.role, self.name = path, role, name
        self.send_type, self._receive_type = send_type, receive_type
        self._on_message, self._on_up, self._on_down = on_message, on_up, on_down
        self._now_ms = now_ms
        self.peers: dict[str, Peer] = {}
        self.started = asyncio.Event()
        self._connections: set[Connection] = set()

    async def run(self) -> None:
        """Listen until cancelled; the socket is open to this user alone."""
        remove_stale_socket(self.path)
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(self._protocol, os.fspath(self.path))
        self.path.chmod(0o600)
        self.started.set()
        try:
            # Not `serve_forever`: cancelled, it waits from Python 3.12 on until all clients have left by themselves.
            await asyncio.Event().wait()
        finally:
            server.close()
            for connection in list(self._connections):
                connection.close()
            self.path.unlink(missing_ok=True)

    def _protocol(self) -> Connection:
        connection = Connection(self._make_session, self._greeted, self._message, self._closed, monotonic_ms)
        self._connections.add(connection)
        return connection

    def _make_session(self, wake: Callable[[], None]) -> LinkSession:
        return LinkSession(
            role=self.role,
            name=self.name,
            receive_type=self._receive_type,
            resolve=self._resolve,
            wake=wake,
            now_ms=self._now_ms,
        )

    def _resolve(self, hello: Hello) -> tuple[Channel, int]:
        peer = self.peers.get(hello.name)
        if peer is None:
            if len(self.peers) >= self.PEERS_MAX:
                raise LinkError(f"{self.PEERS_MAX} peers are known already")
            peer = self.peers[hello.name] = Peer(hello.role, hello.name)
        return peer.channel, -1

    def _greeted(self, connection: Connection) -> None:
        assert connection.session.peer is not None
        peer = self.peers[connection.session.peer.name]
        earlier, peer.connection = peer.connection, connection
        if earlier is not None:
            _log.warning("link: %s connected again, the earlier connection is closed", peer.name)
            earlier.close()
        self._on_up(peer, connection.session.fresh)

    def _message(self, connection: Connection, message: Any) -> None:
        assert connection.session.peer is not None
        peer = self.peers[connection.session.peer.name]
        if peer.connection is connection:
            self._on_message(peer, message)

    def _closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if connection.error:
            _log.error("link: a client was cut off: %s", connection.error)
        hello = connection.session.peer
        peer = self.peers.get(hello.name) if hello is not None else None
        if peer is not None and peer.connection is connection:
            peer.connection = None
            self._on_down(peer)


def remove_stale_socket(path: Path) -> None:
    """Make room for a socket that a killed process left; anything that is no socket stays and makes the bind fail."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
        path.unlink()


def _reason(error: Exception) -> str:
    """In the system's words, which asyncio leaves out."""
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return str(error) or "no answer in time"


def _never(hello: Hello) -> tuple[Channel, int]:
    raise AssertionError(f"a client does not resolve {hello.name}")
