"""One socket of the link on asyncio: bytes to the session and back, and the heartbeat."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any, cast

from acd_core.link.heartbeat import BEAT_S, Heartbeat
from acd_core.link.session import LinkError, LinkSession

_log = logging.getLogger(__name__)


def monotonic_ms() -> int:
    """Of this process' own clock."""
    return time.monotonic_ns() // 1_000_000


class Connection(asyncio.Protocol):
    """One socket: bytes to the session and back."""

    def __init__(
        self,
        make_session: Callable[[Callable[[], None]], LinkSession],
        on_greeted: Callable[[Connection], None],
        on_message: Callable[[Connection, Any], None],
        on_closed: Callable[[Connection], None],
        monotonic_ms: Callable[[], int],
        beat_s: float = BEAT_S,
    ) -> None:
        self._beat_s = beat_s
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._flush_due = False
        self._paused = False
        self._greeted = False
        self._on_greeted, self._on_message, self._on_closed = on_greeted, on_message, on_closed
        self.closed = self._loop.create_future()
        self.error = ""
        self.session = make_session(self._wake)
        self._heartbeat = Heartbeat(self.session)
        self._monotonic_ms = monotonic_ms
        self._next_beat: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are of no class of asyncio's
        self.session.ping(self._monotonic_ms())
        self._next_beat = self._loop.call_later(self._beat_s, self._beat)

    def data_received(self, data: bytes) -> None:
        try:
            messages = self.session.feed(data)
        except LinkError as error:
            self._refuse(error)
            return
        if not self._greeted and self.session.peer is not None:
            self._greeted = True
            self._on_greeted(self)
        for _, message in messages:
            try:
                self._on_message(self, message)
            except Exception:  # noqa: BLE001
                # All of the batch counts as received: cutting the connection would lose what comes behind this one.
                _log.exception("link: a %s met a fault of ours", type(message).__name__)
        if self.session.failure is not None:
            self._refuse(self.session.failure)

    def _refuse(self, error: LinkError) -> None:
        """They broke the protocol: say so and close."""
        self.error = str(error)
        self._flush()
        self.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self._next_beat is not None:
            self._next_beat.cancel()
        if not self.closed.done():
            self.closed.set_result(None)
        if self.session.channel is not None:
            self.session.channel.detach(self.session)
        self._on_closed(self)

    def pause_writing(self) -> None:
        """The other side reads slowly: what is new waits in the session, which knows its bounds."""
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._wake()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    @property
    def greeted(self) -> bool:
        return self._greeted

    def _beat(self) -> None:
        assert self._transport is not None
        if self._heartbeat.beat(self._monotonic_ms()):
            self._next_beat = self._loop.call_later(self._beat_s, self._beat)
        else:
            self.error = "the other side gives no sign of life"
            self._transport.abort()  # closing would wait for what it does not read

    def _wake(self) -> None:
        if self._paused:
            if self.session.overrun and self._transport is not None:
                self.error = "the other side does not read what it is told"
                self._transport.abort()
        elif not self._flush_due and self._transport is not None:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if self._transport is not None and not self._paused and not self._transport.is_closing():
            data = self.session.data_to_send()
            if data:
                self._transport.write(data)
