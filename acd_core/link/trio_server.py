"""The core's end of the link, on trio: a Unix socket, one reader and one coalescing writer task a connection. Streams of proven
processes on other machines come from `outside`.

Messages are handed to `on_message` synchronously and in order; what the core says goes out under the command's own number, so a
new core process on the same journal goes on where the last one stopped.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio

from acd_core.link.heartbeat import BEAT_S, Heartbeat
from acd_core.link.session import Channel, Hello, LinkError, LinkSession

_log = logging.getLogger(__name__)

RECEIVE_MAX_BYTES = 256 * 1024
CLOSE_GRACE_S = 1.0
HELLO_TIMEOUT_S = 5.0
REFUSAL_AGAIN_S = 60.0  # who is refused tries again every two seconds, for days perhaps
REFUSALS_MAX = 256
OUTSIDE_ROLES = frozenset(
    {"edge", "web", "probe"}
)  # the others work on the core's own files, or order it about


class CorePeer:
    """An edge, a web or a store process, by name; outlives its connections."""

    def __init__(self, role: str, name: str, channel: Channel) -> None:
        """`channel` carries the numbering; made at the first hello or from the journal."""
        self.role, self.name = role, name
        self.channel = channel
        self.connection: object | None = None

    @property
    def connected(self) -> bool:
        """The peer's socket stands."""
        return self.connection is not None

    def send_numbered(self, number: int, message: Any) -> None:
        """Queue a command under its id."""
        self.channel.send_numbered(number, message)

    def signal(self, message: Any) -> bool:
        """Send what nobody repeats; False when not connected."""
        return self.channel.signal(message)


class TrioLinkServer:
    """Serves the core's peers. `peer_of(hello)` finds, makes or refuses (`LinkError`) the peer and says how far its
    stream is known."""

    def __init__(
        self,
        path: Path,
        *,
        name: str,
        receive_type: Any,
        peer_of: Callable[[Hello], tuple[CorePeer, int]],
        on_message: Callable[[CorePeer, int, Any], None],
        on_up: Callable[[CorePeer, bool], None],
        on_down: Callable[[CorePeer], None],
        now_ms: Callable[[], int] = lambda: 0,
        beat_s: float = BEAT_S,
    ) -> None:
        """Callbacks are synchronous; `on_message` gets the number too (0: a signal). A failure in one is ours and
        stops the core. `now_ms`: the time that clients are told; `beat_s`: the pause of the heartbeat."""
        self.path, self.name = path, name
        self.receive_type = receive_type
        self.peer_of = peer_of
        self.on_message, self.on_up, self.on_down = on_message, on_up, on_down
        self.now_ms, self.beat_s = now_ms, beat_s
        self.refused = 0
        self._refusals: dict[str, float] = {}  # and when it was said

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen until cancelled; the socket is open to this user alone."""
        listener = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.is_socket():
            self.path.unlink()  # left by a killed core; the process lock keeps a second core away
        await listener.bind(os.fspath(self.path))
        self.path.chmod(0o600)
        listener.listen(64)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.serve_listeners, self.serve, [trio.SocketListener(listener)])
                task_status.started()
        finally:
            self.path.unlink(missing_ok=True)

    def refuse(self, text: str) -> None:
        """A client was cut off: counted, and said again after a while only."""
        self.refused += 1
        now_s = trio.current_time()
        said_s = self._refusals.get(text)
        if said_s is None or now_s - said_s >= REFUSAL_AGAIN_S:
            if len(self._refusals) >= REFUSALS_MAX:
                self._refusals.clear()
            self._refusals[text] = now_s
            _log.error("link: a client%s", text)

    async def serve(self, stream: trio.abc.Stream, host: str = "") -> None:
        """One client, until it goes; `host`: the other machine that it is on."""
        await _Served(self, stream, host).run()


class _Served:
    """One connection of a client."""

    def __init__(self, server: TrioLinkServer, stream: trio.abc.Stream, host: str) -> None:
        self._server, self._stream, self._host = server, stream, host
        self._due = trio.Event()
        self._peer: CorePeer | None = None
        self._resolved: CorePeer | None = None
        self._scope = trio.CancelScope()
        self._session = LinkSession(
            role="core",
            name=server.name,
            receive_type=server.receive_type,
            resolve=self._resolve,
            wake=self._wake,
            now_ms=server.now_ms,
        )

    async def run(self) -> None:
        """Read and write until the client goes away, breaks the protocol or comes again."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    nursery.start_soon(self._beat)
                    await self._read()
                    nursery.cancel_scope.cancel()
        finally:
            self._ended()
            with trio.move_on_after(CLOSE_GRACE_S, shield=True):
                await self._stream.aclose()

    def _wake(self) -> None:
        self._due.set()
        if self._session.overrun and not self._scope.cancel_called:
            _log.error(
                "link: %s does not read what it is told, cut off",
                self._peer.name if self._peer else "a client",
            )
            self._scope.cancel()

    def cut(self) -> None:
        """End this connection: the same client has come again."""
        self._scope.cancel()

    def _ended(self) -> None:
        if self._session.channel is not None:
            self._session.channel.detach(self._session)
        if self._peer is not None and self._peer.connection is self:
            self._peer.connection = None
            self._server.on_down(self._peer)

    def _resolve(self, hello: Hello) -> tuple[Channel, int]:
        if self._host and hello.role not in OUTSIDE_ROLES:
            raise LinkError(f"role {hello.role[:32]!r} is for the core's own machine")
        peer, received = self._server.peer_of(hello)
        present = peer.connection
        if isinstance(present, _Served) and present.is_another_process(hello):
            # The same process comes again before the end of its first connection is noticed; another one is a mistake.
            raise LinkError(
                f"{hello.name} is connected already, from {present.place}: each needs a number of its own ([edges] first)"
            )
        self._resolved = peer
        return peer.channel, received

    @property
    def place(self) -> str:
        """Where the client is."""
        return self._host or "this machine"

    def is_another_process(self, hello: Hello) -> bool:
        """Whether this connection is of a process other than the one that says this hello."""
        peer = self._session.peer
        return peer is not None and peer.stream != hello.stream

    async def _read(self) -> None:
        try:
            with trio.move_on_after(HELLO_TIMEOUT_S) as waiting:
                while self._peer is None and await self._take():
                    pass
            if waiting.cancelled_caught:
                raise LinkError("no hello in time")
            while self._peer is not None and await self._take():
                pass
        except LinkError as error:
            self._server.refuse(f"{f' at {self._host}' if self._host else ''} was cut off: {error}")
            await self._say_goodbye()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # gone; on_down says so

    async def _say_goodbye(self) -> None:
        """Let the refusal reach them, unless they are gone or what they were being told before has not left yet."""
        gone = (trio.BrokenResourceError, trio.ClosedResourceError, trio.BusyResourceError)
        with contextlib.suppress(*gone), trio.move_on_after(CLOSE_GRACE_S):
            await self._send()

    async def _take(self) -> bool:
        data = await self._stream.receive_some(RECEIVE_MAX_BYTES)
        if not data:
            return False
        try:
            messages = self._session.feed(bytes(data))
        finally:
            # Also of one that breaks the protocol with its next word: the channel is this connection's already.
            if self._peer is None and self._session.peer is not None:
                self._greet()
        for number, message in messages:
            assert self._peer is not None
            if self._peer.connection is self:
                self._server.on_message(self._peer, number, message)
        if self._session.failure is not None:
            raise self._session.failure
        return True

    def _greet(self) -> None:
        peer = self._resolved
        assert peer is not None
        earlier, peer.connection = peer.connection, self
        self._peer = peer
        if isinstance(earlier, _Served):
            _log.warning("link: %s connected again, the earlier connection is closed", peer.name)
            earlier.cut()
        self._server.on_up(peer, self._session.fresh)

    async def _beat(self) -> None:
        heartbeat = Heartbeat(self._session)
        alive = True
        while alive:
            await trio.sleep(self._server.beat_s)
            alive = heartbeat.beat(0)  # the core goes by nobody's clock but its own
        _log.error("link: %s gives no sign of life, cut off", self._peer.name if self._peer else "a client")
        self._scope.cancel()

    async def _write(self) -> None:
        try:
            while True:
                await self._due.wait()
                self._due = trio.Event()
                await self._send()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            self._scope.cancel()

    async def _send(self) -> None:
        if data := self._session.data_to_send():
            await self._stream.send_all(data)
