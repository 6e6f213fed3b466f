"""What arrives on the core's link: events of the right sender go to the engine, signals go on their way."""

from __future__ import annotations

import logging
import typing

import msgspec

from acd_core.actors.board import Board
from acd_core.actors.peers import Peers
from acd_core.domain.events import EdgeDown, EdgeEvent, Event, WebDown, WebEvent
from acd_core.engine import Engine
from acd_core.link.signals import (
    BrowserAnswer,
    BrowserEnded,
    BrowserHangUp,
    BrowserKey,
    BrowserOffer,
    StoreProgress,
)
from acd_core.link.trio_server import CorePeer

_log = logging.getLogger(__name__)

_EVENTS: dict[str, tuple[type, ...]] = {
    "edge": typing.get_args(EdgeEvent),
    "web": typing.get_args(WebEvent),
    "store": (),
}


class Reception:
    """Handles the messages of all peers."""

    def __init__(self, engine: Engine, peers: Peers, board: Board) -> None:
        """Signals between web and edge are passed on, never read."""
        self._engine, self._peers, self._board = engine, peers, board
        self.refused = 0

    def on_message(self, peer: CorePeer, number: int, message: msgspec.Struct) -> None:
        """One message from a peer; number 0 is a signal."""
        if isinstance(message, _EVENTS.get(peer.role, ())):
            if number == 0 or not _speaks_for_itself(peer, message):
                self._refuse(peer, message)
            else:
                assert isinstance(message, Event)
                self._engine.handle(message, peer.channel.peer_stream, number)  # type: ignore[arg-type]
        elif not self._relay(peer, message):
            self._refuse(peer, message)

    def on_up(self, peer: CorePeer, fresh: bool) -> None:
        """A peer connected; its inventory follows. A web process gets the present picture at once."""
        _log.info("%s %s connected%s", peer.role, peer.name, ", new" if fresh else "")
        if peer.role == "web":
            peer.signal(self._board.picture())
        self._board.touch()

    def on_down(self, peer: CorePeer) -> None:
        """A peer's connection ended; one that we end ourselves on our way out says nothing about the peer."""
        if self._engine.stopped:
            return
        _log.warning("%s %s is away", peer.role, peer.name)
        if peer.role == "edge":
            self._engine.handle(EdgeDown(edge=peer.name))
        elif peer.role == "web":
            self._engine.handle(WebDown(web=peer.name))
        self._board.touch()

    def _relay(self, peer: CorePeer, message: object) -> bool:
        if peer.role == "web":
            if isinstance(message, BrowserOffer):
                self._offer(peer, message)
                return True
            if isinstance(message, BrowserKey | BrowserHangUp):
                self._peers.signal_all("edge", message)
                return True
        elif peer.role == "edge" and isinstance(message, BrowserAnswer | BrowserEnded):
            self._peers.signal(message.web, message)
            return True
        elif peer.role == "store" and isinstance(message, StoreProgress):
            self._board.shipped(message.shipped_seq)
            return True
        return False

    def _offer(self, peer: CorePeer, offer: BrowserOffer) -> None:
        edges = self._peers.connected("edge")
        offer = msgspec.structs.replace(offer, web=peer.name)
        if not edges or not self._peers.signal(edges[0], offer):
            peer.signal(BrowserAnswer(web=peer.name, peer=offer.peer, error="no_edge"))

    def _refuse(self, peer: CorePeer, message: object) -> None:
        self.refused += 1
        if self.refused == 1:
            _log.error(
                "a %s from %s %s was refused: not its business", type(message).__name__, peer.role, peer.name
            )


def _speaks_for_itself(peer: CorePeer, message: object) -> bool:
    """An event that names an edge or a web names its sender."""
    return all(getattr(message, field, peer.name) == peer.name for field in (peer.role,))
