"""One page's WebSocket: a bounded outbox, a heartbeat, a limit on what the page may say, and one moment at
which it is gone.

Whoever has something to tell the page calls `send` and never waits; one task writes. A message that replaces
an older one of its kind (the whole desk, the whole board) takes its place in the outbox, so a slow page gets
the newest and not the backlog. An outbox that is full closes the socket: the page comes back and is told
everything anew. `on_gone` is called once, as soon as it is known that the page is gone or has to go, and not
after the connection has been taken down, which a dead network can delay.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable
from typing import Any

import msgspec
from quart import websocket

from agent_web import wire
from agent_web.inputs import UNREADABLE
from agent_web.limits import (
    FLUSH_TIMEOUT_S,
    MESSAGE_BURST,
    MESSAGE_MAX_BYTES,
    MESSAGES_A_SECOND,
    OUTBOX_MAX,
    PINGS_INTERVAL_S,
    PINGS_UNANSWERED_MAX,
)

_log = logging.getLogger(__name__)

NEWER_CONNECTION, TAKEN_OVER, LOGGED_OUT, LET_GO = 4000, 4001, 4003, 4004
LIMITS, SILENT, TOO_MANY = 4008, 4009, 4013
TOO_BIG, SERVER_RESTARTS = 1009, 1012  # RFC 6455 section 7.4.1 and its registry
_ERROR_MAX_CHARS = 200


class _Request(msgspec.Struct):
    request: str = ""


class PageSocket:
    """The server's end of one page's socket; made and run within its route."""

    def __init__(self, *, on_gone: Callable[[], None]) -> None:
        self._on_gone = on_gone
        self._outbox: dict[object, str] = {}
        self._keys = itertools.count()
        self._wake = asyncio.Event()
        self._drained = asyncio.Event()  # nothing waits and nothing is being written
        self._drained.set()
        self._closing = asyncio.Event()
        self._code, self._reason = 1000, ""
        self._gone = False
        self._pings_unanswered = 0
        self._allowance, self._allowance_s = float(MESSAGE_BURST), 0.0
        self._bad_messages = 0

    @property
    def closing(self) -> bool:
        """The page is gone or going."""
        return self._gone

    def send(self, message: wire.Said, *, replaces: str = "") -> None:
        """Tell the page; with `replaces`, instead of what waits under the same name."""
        self.send_text(msgspec.json.encode(message).decode(), replaces=replaces)

    def send_text(self, text: str, *, replaces: str = "") -> None:
        """The same for a message that is encoded already, for many pages at once."""
        if self._gone:
            return
        if len(self._outbox) >= OUTBOX_MAX and replaces not in self._outbox:
            self.close(LIMITS, "too slow")
            return
        self._outbox[replaces or next(self._keys)] = text
        self._drained.clear()
        self._wake.set()

    def close(self, code: int, reason: str) -> None:
        """Let the page go; what waits for it is still sent if that is quick."""
        if not self._closing.is_set():
            self._code, self._reason = code, reason
            self._closing.set()
        self._say_gone()

    async def run(self, receive: Callable[[bytes], None]) -> None:
        """Serve the page until it is closed by either side; `receive` takes its messages."""
        self._allowance_s = asyncio.get_running_loop().time()
        try:
            await websocket.accept()
            async with asyncio.TaskGroup() as group:
                reader = group.create_task(self._read(receive))
                others = [group.create_task(self._write()), group.create_task(self._beat())]
                await self._closing.wait()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FLUSH_TIMEOUT_S):
                        await self._drained.wait()
                for task in others:
                    task.cancel()
                await self._say_goodbye()
                reader.cancel()
        finally:
            # Also when the page closed the socket: Quart cancels this coroutine then.
            self._say_gone()

    async def _say_goodbye(self) -> None:
        """Close, and go on reading until the page has answered that: hypercorn stands still when nobody takes
        its messages.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FLUSH_TIMEOUT_S):
                await websocket.close(self._code, self._reason)
                await asyncio.sleep(FLUSH_TIMEOUT_S)  # Quart cancels us here as soon as the page has gone

    async def _read(self, receive: Callable[[bytes], None]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            data = await websocket.receive()
            self._pings_unanswered = 0
            if self._gone:
                continue
            if not self._may_speak(loop.time()):
                self.close(LIMITS, "too many messages")
                continue
            message = data.encode() if isinstance(data, str) else data
            if len(message) > MESSAGE_MAX_BYTES:
                self.close(TOO_BIG, "message too long")
                continue
            receive(message)

    def _may_speak(self, now_s: float) -> bool:
        refill = (now_s - self._allowance_s) * MESSAGES_A_SECOND
        self._allowance = min(MESSAGE_BURST, self._allowance + refill)
        self._allowance_s = now_s
        self._allowance -= 1
        return self._allowance >= 0

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox:
                text = self._outbox.pop(next(iter(self._outbox)))
                await websocket.send(text)
            self._drained.set()

    async def _beat(self) -> None:
        """Counts pings and not seconds: when this process stood still, the page is not the one that was silent."""
        for number in itertools.count(1):
            await asyncio.sleep(PINGS_INTERVAL_S)
            if self._pings_unanswered >= PINGS_UNANSWERED_MAX:
                self.close(SILENT, "silent")
                return
            self._pings_unanswered += 1
            self.send(wire.Ping(n=number), replaces="ping")

    def _say_gone(self) -> None:
        if not self._gone:
            self._gone = True
            self._on_gone()

    def bad_message(self, data: bytes, error: Exception) -> None:
        """Answer a message that could not be understood; the socket stays."""
        self._bad_messages += 1
        text = str(error)[:_ERROR_MAX_CHARS]  # may quote what the page said
        if self._bad_messages == 1:
            _log.warning("a page said something that is no message: %r", text)
        request = ""
        with contextlib.suppress(*UNREADABLE):
            request = msgspec.json.decode(data, type=_Request).request[:64]
        self.send(wire.Error(error="bad_message", text=text, request=request))


class Reader:
    """Takes the messages of one kind of page: decodes, answers what can't be decoded, keeps pongs to itself."""

    def __init__(self, kind: Any, socket: PageSocket, receive: Callable[[Any], None]) -> None:
        """`kind` is a union of `wire`, or `wire.Pong` alone."""
        self._decoder = msgspec.json.Decoder(kind)
        self._socket, self._receive = socket, receive

    def __call__(self, data: bytes) -> None:
        """One message as it came."""
        try:
            message = self._decoder.decode(data)
        except UNREADABLE as error:
            self._socket.bad_message(data, error)
            return
        if not isinstance(message, wire.Pong):
            self._receive(message)
