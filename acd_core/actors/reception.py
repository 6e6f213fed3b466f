"""What arrives on the core's link: events of the right sender go to the engine, signals go on their way."""

from __future__ import annotations

import logging
import typing
from collections.abc import Callable

import msgspec

from acd_core.actors.board import Board
from acd_core.actors.lines import Lines
from acd_core.actors.peers import Peers
from acd_core.actors.spread import Spread
from acd_core.dialrules import Barred, Verdict
from acd_core.domain.events import (
    AudioConnected,
    DialRequested,
    EdgeDown,
    EdgeEvent,
    Event,
    ModeChanged,
    PhoneDialled,
    TransferAsked,
    WebDown,
    WebEvent,
)
from acd_core.engine import Engine
from acd_core.explain.story import Told
from acd_core.link.signals import (
    BanLifted,
    BrowserAnswer,
    BrowserEnded,
    BrowserHangUp,
    BrowserKey,
    BrowserOffer,
    EdgeAddress,
    EdgePicture,
    ExplainAsked,
    Explained,
    LinesHeld,
    ModeTold,
    PictureWanted,
    Siblings,
    StoreProgress,
    TraceLines,
    TraceWanted,
)
from acd_core.link.trio_server import CorePeer

_log = logging.getLogger(__name__)

BY_MAX_CHARS = 64
_EVENTS: dict[str, tuple[type, ...]] = {
    "edge": typing.get_args(EdgeEvent),
    "web": typing.get_args(WebEvent),
    "store": (),
    "control": (ModeChanged,),
    "probe": (),
}


class Reception:
    """Handles the messages of all peers."""

    def __init__(
        self,
        engine: Engine,
        peers: Peers,
        board: Board,
        explain: Callable[[str], Told | None],
        judge: Callable[[str], Verdict],
        now_ms: Callable[[], int],
    ) -> None:
        """Signals between web and edge are passed on, never read; `explain` tells what is known of a call, `judge` whether a
        number may be dialled.
        """
        self._engine, self._peers, self._board, self._explain = engine, peers, board, explain
        self._judge = judge
        self._spread = Spread(now_ms)
        self._lines = Lines(now_ms, peers.signal)
        self._addresses: dict[str, EdgeAddress] = {}
        self.refused = 0

    def on_message(self, peer: CorePeer, number: int, message: msgspec.Struct) -> None:
        """One message from a peer; number 0 is a signal."""
        if isinstance(message, _EVENTS.get(peer.role, ())):
            if number == 0 or not _speaks_for_itself(peer, message):
                self._refuse(peer, message)
            elif isinstance(message, ModeChanged) and peer.role == "control":
                self._change_mode(peer, message)
            else:
                assert isinstance(message, Event)
                if isinstance(message, DialRequested | PhoneDialled | TransferAsked):
                    message = self._judged(message)
                elif isinstance(message, AudioConnected):
                    self._spread.settled(message.edge)
                self._engine.handle(message, peer.channel.peer_stream, number)  # type: ignore[arg-type]
        elif not self._relay(peer, message):
            self._refuse(peer, message)

    def on_up(self, peer: CorePeer, fresh: bool) -> None:
        """A peer connected; its inventory follows. A web process is told the whole picture."""
        if self._peers.passes(peer):
            return
        _log.info("%s %s connected%s", peer.role, peer.name, ", new" if fresh else "")
        if peer.role == "web":
            self._board.welcome(peer.name)
        elif peer.role == "edge":
            self._spread.began(peer.name)
            self._lines.came(peer.name, fresh=fresh)
        self._board.touch()

    def on_down(self, peer: CorePeer) -> None:
        """A peer's connection ended; one that we end ourselves on our way out says nothing about the peer."""
        if self._peers.passes(peer):
            self._peers.forget(peer)
            return
        if self._engine.stopped:
            return
        _log.warning("%s %s is away", peer.role, peer.name)
        if peer.role == "edge":
            self._lines.gone(peer.name)
            self._engine.handle(EdgeDown(edge=peer.name))
        elif peer.role == "web":
            self._engine.handle(WebDown(web=peer.name))
        self._board.touch()

    def _judged(
        self, event: DialRequested | PhoneDialled | TransferAsked
    ) -> DialRequested | PhoneDialled | TransferAsked:
        """Dial rules are no part of the state, so what they come to is written down with the event; no peer says it for us."""
        if isinstance(event, DialRequested):
            typed = event.number
        else:
            typed = event.dialled if isinstance(event, PhoneDialled) else event.target
        verdict = self._judge(typed)
        if isinstance(verdict, Barred):
            return msgspec.structs.replace(event, to="", trunks=(), barred=verdict.reason)
        return msgspec.structs.replace(event, to=verdict.number, trunks=verdict.trunks, barred="")

    def _change_mode(self, peer: CorePeer, event: ModeChanged) -> None:
        """A command of a moment: its numbering is not remembered, so that a thousand of them leave nothing behind."""
        before = self._engine.router.state.mode
        self._engine.handle(ModeChanged(mode=event.mode, by=event.by[:BY_MAX_CHARS]))
        peer.signal(ModeTold(before=before, after=self._engine.router.state.mode))

    def _answer(self, peer: CorePeer, asked: ExplainAsked) -> None:
        told = None
        try:
            told = self._explain(asked.call)
        except Exception:  # noqa: BLE001
            # Whoever only looks must not end the process that calls depend on; the state is untouched.
            _log.exception("call %r can't be explained", asked.call[:64])
        peer.signal(Explained(call=asked.call, told=told))

    def _relay(self, peer: CorePeer, message: object) -> bool:
        if isinstance(message, ExplainAsked) and peer.role in ("web", "control"):
            self._answer(peer, message)
            return True
        if peer.role == "web":
            if isinstance(message, BrowserOffer):
                self._offer(peer, message)
                return True
            if isinstance(message, BrowserKey | BrowserHangUp | BanLifted):
                self._peers.signal_all("edge", message)
                return True
            if isinstance(message, PictureWanted | TraceWanted):
                self._peers.signal_all("edge", msgspec.structs.replace(message, web=peer.name))
                return True
        elif peer.role == "edge" and isinstance(message, BrowserAnswer | BrowserEnded | TraceLines):
            if isinstance(message, BrowserEnded) or (isinstance(message, BrowserAnswer) and message.error):
                self._spread.settled(peer.name)
            if self._failed_an_operator(message):
                self._spread.failed(peer.name)
            self._peers.signal(message.web, message)
            return True
        elif peer.role == "edge" and isinstance(message, EdgeAddress):
            self._addresses[peer.name] = msgspec.structs.replace(message, edge=peer.name)
            self._peers.signal_all("edge", Siblings(edges=tuple(self._addresses.values())))
            return True
        elif peer.role == "edge" and isinstance(message, LinesHeld):
            self._lines.held(peer.name, message.rows, message.number)
            return True
        elif peer.role == "edge" and isinstance(message, EdgePicture):
            self._peers.signal_all("web", msgspec.structs.replace(message, edge=peer.name))
            return True
        elif peer.role == "store" and isinstance(message, StoreProgress):
            self._board.shipped(message.shipped_seq)
            return True
        return False

    def _offer(self, peer: CorePeer, offer: BrowserOffer) -> None:
        edges = self._peers.connected("edge")
        offer = msgspec.structs.replace(offer, web=peer.name)
        chosen = self._spread.choose(self._engine.router.state, edges, offer.agent) if edges else ""
        if not self._peers.signal(chosen, offer):
            peer.signal(BrowserAnswer(web=peer.name, peer=offer.peer, error="no_edge"))

    def _failed_an_operator(self, message: BrowserAnswer | BrowserEnded | TraceLines) -> bool:
        """Whether another edge may do better. A visitor of the test call, who may be anybody, proves nothing."""
        if isinstance(message, BrowserAnswer):
            failed = message.error in ("audio_unavailable", "too_many")
        else:
            failed = isinstance(message, BrowserEnded) and message.cause == "not_connected"
        agents = self._engine.router.state.agents
        return failed and any(agent.session == message.peer for agent in agents.values())

    def _refuse(self, peer: CorePeer, message: object) -> None:
        self.refused += 1
        if self.refused == 1:
            _log.error(
                "a %s from %s %s was refused: not its business", type(message).__name__, peer.role, peer.name
            )


def _speaks_for_itself(peer: CorePeer, message: object) -> bool:
    """An event that names an edge or a web names its sender."""
    return all(getattr(message, field, peer.name) == peer.name for field in (peer.role,))
