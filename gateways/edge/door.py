"""One listener together with its transaction layer."""

from __future__ import annotations

from typing import Protocol

from gateways.edge.listeners.place import Listener
from gateways.sip.events import Address, ClientKey, Flow, Send, ServerKey
from gateways.sip.layer import TransactionLayer


class Hub(Protocol):
    """What all doors lead to."""

    def message(self, door: Door, data: bytes, source: Address) -> None:
        """A whole message came."""

    def unsent(self, door: Door, send: Send, reason: str) -> None:
        """It did not leave."""

    def admits(self, host: str) -> bool:
        """Whether this host may open a connection."""

    def broken(self, host: str, reason: str) -> None:
        """A connection was closed for what the other side did."""

    def flow_lost(self, door: Door, address: Address) -> None:
        """A connection that stood is gone."""


class Door:
    """Keys of transactions begin with the door's name beyond it, so that the hub finds the way back."""

    listener: Listener
    layer: TransactionLayer

    def __init__(self, hub: Hub, name: str) -> None:
        """The listener, which needs its owner, and the layer, which needs the listener's port, are set by the hub."""
        self._hub, self.name = hub, name
        self._prefix = f"{name} "

    def outer(self, key: str) -> str:
        """The key as it is known beyond the door."""
        return self._prefix + key

    def client_key(self, key: str) -> ClientKey:
        """The layer's own."""
        return ClientKey(key[len(self._prefix) :])

    def server_key(self, key: str) -> ServerKey:
        """The layer's own."""
        return ServerKey(key[len(self._prefix) :])

    def flow(self, address: Address) -> Flow:
        """An address of this door's transport."""
        return Flow(self.listener.place.transport, *address)

    # --- Owner of the listener --------------------------------------------------------------------

    def message(self, data: bytes, source: Address) -> None:
        """See `Owner`."""
        self._hub.message(self, data, source)

    def unsent(self, send: Send, reason: str) -> None:
        """See `Owner`."""
        self._hub.unsent(self, send, reason)

    def admits(self, host: str) -> bool:
        """See `Owner`."""
        return self._hub.admits(host)

    def broken(self, host: str, reason: str) -> None:
        """See `Owner`."""
        self._hub.broken(host, reason)

    def flow_lost(self, address: Address) -> None:
        """See `Owner`."""
        self._hub.flow_lost(self, address)
