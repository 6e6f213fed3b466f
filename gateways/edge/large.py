"""Requests too large for a datagram (RFC 3261 18.1.1): by TCP where somebody listens, by UDP where nobody does.

A request above 1,300 bytes may be cut up on its way, and a lost piece loses it whole. So it is sent by TCP to the same host and
port; when no connection comes about there, it goes by UDP after all, and so do the next ones to that host for a while.

Whoever sent it knows it by one key, whichever way it went in the end.
"""

from __future__ import annotations

from collections.abc import Callable

from gateways.sip.events import ClientKey, Flow
from gateways.sip.message import Request

REQUEST_BYTES_MAX = 1_300
_VIA_BYTES = 90  # what the layer adds
_NOBODY_FOR_MS = 600_000
_HOSTS_MAX = 1_000


def is_large(request: Request) -> bool:
    """Whether it is too large for a datagram once it has its Via."""
    size = len(request.body) + len(request.uri) + _VIA_BYTES
    return (
        size + sum(len(name) + len(value.encode()) + 4 for name, value in request.headers) > REQUEST_BYTES_MAX
    )


class LargeRequests:
    """Those under way by TCP, and those that went by UDP after all."""

    def __init__(self, monotonic_ms: Callable[[], int]) -> None:
        self._monotonic_ms = monotonic_ms
        self._by_tcp: dict[ClientKey, tuple[Request, Flow]] = {}
        self._current: dict[ClientKey, ClientKey] = {}  # the key that its sender knows → the one by UDP
        self._original: dict[ClientKey, ClientKey] = {}  # and back
        self._nobody_until_ms: dict[str, int] = {}

    def __len__(self) -> int:
        """All that is kept of requests under way."""
        return len(self._by_tcp) + len(self._current) + len(self._original)

    def may_go_by_tcp(self, host: str) -> bool:
        """Nobody was found missing there a short while ago."""
        return self._monotonic_ms() >= self._nobody_until_ms.get(host, 0)

    def sent(self, key: ClientKey, again: Request, to: Flow) -> None:
        """It went by TCP; `again` is to go to `to` when that fails."""
        self._by_tcp[key] = (again, to)

    def refused(self, key: ClientKey) -> tuple[Request, Flow] | None:
        """It did not leave. What is to be sent instead; None: nothing."""
        kept = self._by_tcp.pop(key, None)
        if kept is not None:
            if len(self._nobody_until_ms) >= _HOSTS_MAX:
                self._nobody_until_ms.clear()
            self._nobody_until_ms[kept[1].host] = self._monotonic_ms() + _NOBODY_FOR_MS
        return kept

    def moved(self, key: ClientKey, current: ClientKey) -> None:
        """It went by UDP after all."""
        self._current[key] = current
        self._original[current] = key

    def current(self, key: ClientKey) -> ClientKey:
        """What the layers call it."""
        return self._current.get(key, key)

    def original(self, key: ClientKey) -> ClientKey:
        """What its sender calls it."""
        return self._original.get(key, key)

    def forget(self, key: ClientKey) -> None:
        """Nothing more comes of it."""
        self._by_tcp.pop(key, None)
        if current := self._current.pop(key, None):
            del self._original[current]
