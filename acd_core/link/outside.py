"""The core's port for processes on other machines, on trio: TCP, TLS, proof of the shared secret, and only then the link.

What a stranger costs is bounded by `door`; what a stranger can say before the proof is one answer of fixed length.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Awaitable, Callable

import trio

from acd_core.link.door import PROVE_WITHIN_S, Door
from acd_core.link.proof import ANSWER_BYTES, REFUSED, ServerProof, UnprovenError
from acd_core.link.secure import Secure

_log = logging.getLogger(__name__)

BACKLOG = 256
BIND_AGAIN_S = 5.0
_GONE = (trio.BrokenResourceError, trio.ClosedResourceError)
# What their TLS says to ours when they pinned another certificate.
_NOT_OURS = ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_UNKNOWN", "CERTIFICATE_EXPIRED")


class Outside:
    """Listens; whoever has proven themselves is given to `serve`, with the host they come from."""

    def __init__(
        self,
        host: str,
        port: int,
        secure: Secure,
        serve: Callable[[trio.abc.Stream, str], Awaitable[None]],
    ) -> None:
        """Nothing is bound before `run`."""
        self._host, self._port, self._secure, self._serve = host, port, secure, serve
        self.door = Door(trio.current_time)

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. A port that can't be had now is no reason to leave the processes here without a core."""
        listeners = await self._listeners()
        task_status.started()
        while listeners is None:
            await trio.sleep(BIND_AGAIN_S)
            listeners = await self._listeners(is_news=False)
        _log.info("link: listening for other machines at %s port %d", self._host, self._port)
        await trio.serve_listeners(self.arrived, listeners)

    async def _listeners(self, *, is_news: bool = True) -> list[trio.SocketListener] | None:
        try:
            return await trio.open_tcp_listeners(self._port, host=self._host, backlog=BACKLOG)
        except OSError as error:
            if is_news:
                _log.error(
                    "link: %s port %d can't be had (%s); other machines can't connect, it is tried again",
                    *(self._host, self._port, error.strerror or error),
                )
            return None

    async def arrived(self, stream: trio.SocketStream) -> None:
        """A connection came."""
        try:
            host = str(stream.socket.getpeername()[0])
        except OSError:
            await trio.aclose_forcefully(stream)
            return
        await self.greet(stream, host)

    async def greet(self, stream: trio.abc.HalfCloseableStream, host: str) -> None:
        """One connection from this host, until it ends."""
        patience = trio.CancelScope()
        number = self.door.enter(host, patience.cancel)
        if not number:
            self._note(host, "comes too often, or with too many connections at a time; closed unheard")
            await trio.aclose_forcefully(stream)
            return
        secure = await self._proven(stream, host, number, patience)
        if secure is not None:
            self.door.proven(host)
            await self._serve(secure, host)

    async def _proven(
        self, stream: trio.abc.HalfCloseableStream, host: str, number: int, patience: trio.CancelScope
    ) -> trio.abc.Stream | None:
        """The encrypted stream of somebody who holds the secret; None, and it is closed, otherwise."""
        secure = trio.SSLStream(stream, self._secure.tls, server_side=True, https_compatible=True)
        reason = ""
        try:
            patience.deadline = trio.current_time() + PROVE_WITHIN_S
            with patience:
                await self._prove(secure)
            if patience.cancelled_caught:
                reason = f"did not prove itself within {PROVE_WITHIN_S:.0f} s, or before many others came"
        except UnprovenError as error:
            reason = str(error)
        except _GONE as error:
            reason = _why(error)
        finally:
            self.door.leave(number)
        if not reason:
            return secure
        self.door.failed += 1
        self._note(host, reason)
        await trio.aclose_forcefully(secure)
        return None

    async def _prove(self, stream: trio.SSLStream[trio.abc.HalfCloseableStream]) -> None:
        await stream.do_handshake()
        binding: bytes | None = stream.get_channel_binding("tls-unique")
        if not binding:
            raise UnprovenError("made a TLS connection that can't be told from others")
        proof = ServerProof(self._secure.secret, binding)
        await stream.send_all(proof.challenge)
        answer = b""
        while len(answer) < ANSWER_BYTES:
            data = await stream.receive_some(ANSWER_BYTES - len(answer))
            if not data:
                raise UnprovenError("went away before it had proven that it has the key")
            answer += data
        try:
            verdict = proof.judge(answer)
        except UnprovenError:
            await stream.send_all(REFUSED)
            raise
        await stream.send_all(verdict)

    def _note(self, host: str, reason: str) -> None:
        """Once a host and reason; how often altogether is said with it."""
        if self.door.is_news(host, reason):
            _log.error(
                "link: %s %s (%d failed, %d turned away since the start; said once)",
                *(host, reason, self.door.failed, self.door.turned_away),
            )


def _why(error: Exception) -> str:
    cause = error.__cause__
    if not isinstance(cause, ssl.SSLError):
        return "went away before it had proven that it has the key"
    said = cause.reason or "no reason given"
    if "UNEXPECTED_EOF" in said:
        return "hung up in the TLS handshake: a look at the port, or another certificate is pinned there"
    if any(word in said for word in _NOT_OURS):
        return "does not know this core's certificate: link/core.crt there is another one"
    return f"does not speak TLS 1.3 as this core does ({said})"
