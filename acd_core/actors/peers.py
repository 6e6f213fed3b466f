"""The processes at the other ends of the core's link, by name.

A `control` connection is a command line's: one question or order, then it is gone, and nothing of it is kept. So is a `probe`,
which says nothing at all and learns whether the core can be reached, and its time.
"""

from __future__ import annotations

import re
from typing import Any

from acd_core.domain.commands import AnyCommand
from acd_core.domain.limits import CONTROLS_MAX, EDGES_MAX, WEBS_MAX
from acd_core.link.session import Channel, Hello, LinkError
from acd_core.link.trio_server import CorePeer
from acd_core.recovery import Recovered

_LIMITS = {"edge": EDGES_MAX, "web": WEBS_MAX, "store": 8, "control": CONTROLS_MAX, "probe": CONTROLS_MAX}
_PASSING = frozenset({"control", "probe"})
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


class Peers:
    """All peers that said hello since this core began, and those the journal left something for."""

    def __init__(self, recovered: Recovered, journal_id: str) -> None:
        """Commands that receivers had perhaps not confirmed are queued again."""
        self._journal_id = journal_id
        self._received = recovered.received
        self._peers: dict[str, CorePeer] = {}
        for name, items in recovered.unconfirmed.items():
            channel = self._get("", name).channel
            for number, item in items:
                channel.send_encoded(number, item)
        for name, commands in recovered.undelivered.items():
            channel = self._get("", name).channel
            for number, command in commands:
                channel.send_numbered(number, command)

    def send(self, name: str, number: int, command: AnyCommand) -> None:
        """Queue a command for the peer of this name, connected or not."""
        peer = self._peers.get(name)
        if peer is None:
            peer = self._get("", name)
        peer.channel.send_numbered(number, command)

    def undelivered(self) -> dict[str, tuple[tuple[int, bytes], ...]]:
        """What receivers have not confirmed, for a snapshot."""
        return {name: items for name, peer in self._peers.items() if (items := peer.channel.outbox())}

    def signal_all(self, role: str, message: Any) -> None:
        """Send a signal to all connected peers of a role."""
        for peer in self._peers.values():
            if peer.role == role:
                peer.signal(message)

    def signal(self, name: str, message: Any) -> bool:
        """Send a signal to one peer; False when it is not connected."""
        peer = self._peers.get(name)
        return peer is not None and peer.signal(message)

    def connected(self, role: str) -> list[str]:
        """The names of the connected peers of a role, in order."""
        return sorted(peer.name for peer in self._peers.values() if peer.role == role and peer.connected)

    def of_hello(self, hello: Hello) -> tuple[CorePeer, int]:
        """The peer of a hello and how far its stream is in the journal; raises `LinkError` for whom the core doesn't know."""
        limit = _LIMITS.get(hello.role)
        if limit is None:
            raise LinkError(f"role {hello.role[:32]!r} has no business with the core")
        if not _NAME.fullmatch(hello.name) or hello.stream.partition(":")[0] != hello.name:
            raise LinkError("a name is a letter and up to 31 letters, digits, - or _, and begins its stream")
        for role in _PASSING:
            if (hello.role == role) != hello.name.startswith(f"{role}-"):
                raise LinkError(f"the names of {role} connections, and no others, begin with {role}-")
        self._forget_passing()
        peer = self._get(hello.role, hello.name)
        if peer.role != hello.role:
            raise LinkError(f"{hello.name} is a {peer.role} already")
        if sum(1 for other in self._peers.values() if other.role == hello.role) > limit:
            del self._peers[hello.name]
            raise LinkError(f"{limit} processes of role {hello.role} are known already")
        stream, received = self._received.get(hello.name, ("", -1))
        return peer, received if stream == hello.stream else -1

    def forget(self, peer: CorePeer) -> None:
        """A control connection or a probe ended: nothing of it is kept."""
        if self._peers.get(peer.name) is peer:
            del self._peers[peer.name]

    @staticmethod
    def passes(peer: CorePeer) -> bool:
        """Whether it is here for a moment, and nobody need know."""
        return peer.role in _PASSING

    def _forget_passing(self) -> None:
        """Those that broke off in their first words, which nobody else is told of."""
        for name in [one.name for one in self._peers.values() if self.passes(one) and not one.connected]:
            del self._peers[name]

    def _get(self, role: str, name: str) -> CorePeer:
        peer = self._peers.get(name)
        if peer is None:
            peer = self._peers[name] = CorePeer(role, name, Channel(self._journal_id))
        elif not peer.role:
            peer.role = role
        return peer
