"""The engine's link to the edges: an asyncio server in a thread of its own, so that no frame is ever decoded
on the clock's time.

Commands go to the clock's inbox as they come. What the engine tells goes the other way through a deque that
is emptied once a batch.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from pathlib import Path

import uvloop

from acd_core.link.aio import LinkServer, Peer
from gateways.media.inbox import Inbox, OwnerDown, OwnerUp
from gateways.media.limits import EVENTS_WAITING_MAX
from gateways.media.messages import FromEngine, LegRefused, ToEngine

_log = logging.getLogger(__name__)

_START_TIMEOUT_S = 10.0
_DRAIN_STEP_S = 0.01


class ControlError(Exception):
    """The link can't be served; the text says why."""


class Control:
    """`start`, then `tell` and `flush` from the clock's thread, then `close`."""

    def __init__(self, path: Path, inbox: Inbox) -> None:
        """Serve at the Unix socket `path`."""
        self._inbox = inbox
        self._events: deque[tuple[str, FromEngine]] = deque()
        self._deliver_due = False
        self._loop = uvloop.new_event_loop()
        self._server = LinkServer(
            path,
            role="media",
            name="media",
            send_type=FromEngine,
            receive_type=ToEngine,
            on_message=self._on_message,
            on_up=lambda peer, fresh: inbox.put(OwnerUp(peer.name, fresh)),
            on_down=lambda peer: inbox.put(OwnerDown(peer.name)),
        )
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._settled = threading.Event()  # serving, or failed
        self.error = ""
        self.commands_dropped = 0

    def start(self) -> None:
        """Return when edges can connect."""
        self._thread.start()
        self._settled.wait(_START_TIMEOUT_S)
        if not self.alive:
            raise ControlError(self.error or "the link did not start in time")

    @property
    def alive(self) -> bool:
        """Whether edges are served; once False, the process has no more use."""
        return self._thread.is_alive() and not self.error

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        except OSError as error:
            self.error = f"{self._server.path}: {error.strerror or error}"
        finally:
            self._settled.set()
            self._inbox.wake()
            self._loop.close()

    async def _serve(self) -> None:
        self._task = asyncio.create_task(self._server.run())
        started = asyncio.create_task(self._server.started.wait())
        await asyncio.wait((self._task, started), return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        self._settled.set()
        try:
            await self._task
        except asyncio.CancelledError:
            return

    def _on_message(self, peer: Peer, command: ToEngine) -> None:
        if self._inbox.put_command(peer.name, command):
            return
        if not self.commands_dropped:
            _log.error("commands come faster than they can be carried out; they are refused")
        self.commands_dropped += 1
        name = type(command).__name__
        peer.send(LegRefused(leg=getattr(command, "leg", ""), command=name, reason="too many commands wait"))

    def tell(self, owner: str, message: FromEngine) -> None:
        """Report to an edge at the next `flush`."""
        if len(self._events) >= EVENTS_WAITING_MAX:
            raise ControlError("the link does not take what the engine tells")
        self._events.append((owner, message))

    def flush(self) -> None:
        """Let what was told leave."""
        if self._events and not self._deliver_due and self.alive:
            self._deliver_due = True
            self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._deliver_due = False
        events = self._events
        peers = self._server.peers
        while events:
            owner, message = events.popleft()
            peer = peers.get(owner)
            if peer is not None:
                peer.send(message)

    def close(self, timeout_s: float) -> None:
        """Deliver what was told, as far as edges listen, and end."""
        if not self.alive:
            return
        asyncio.run_coroutine_threadsafe(self._drain(timeout_s), self._loop)
        self._thread.join(timeout_s + 1)

    async def _drain(self, timeout_s: float) -> None:
        self._deliver()
        for _ in range(int(timeout_s / _DRAIN_STEP_S)):
            peers = [peer for peer in self._server.peers.values() if peer.connected]
            if not any(peer.channel.unacknowledged for peer in peers):
                break
            await asyncio.sleep(_DRAIN_STEP_S)
        if self._task is not None:
            self._task.cancel()
