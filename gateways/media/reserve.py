"""Port pairs that are bound for legs to come, so that an edge can promise them without asking first."""

from __future__ import annotations

import contextlib
import socket

from gateways.media.limits import DATAGRAM_MAX_BYTES, RESERVED_MAX
from gateways.media.ports import Pair, PortRange, PortsError

_STALE_MAX = 4_096  # datagrams that waited at a pair; nobody may keep the clock by sending more


class Reserve:
    """The reserved pairs of all edges."""

    def __init__(self, ports: PortRange) -> None:
        """Empty. A small range is not to lie in reserve, where the edge that needs a port may be another."""
        self._max = min(RESERVED_MAX, len(ports) // 4)
        self._ports = ports
        self._pairs: dict[tuple[str, str, int], Pair] = {}  # owner, host, port

    def __len__(self) -> int:
        return len(self._pairs)

    def add(self, owner: str, host: str, count: int, room: int) -> tuple[int, ...]:
        """Bind up to `count` pairs, never more than `room`: as many as there are."""
        bound: list[int] = []
        with contextlib.suppress(
            PortsError
        ):  # the range is full, or the host not ours: the leg's own refusal says it
            for _ in range(min(count, room, self._max - len(self._pairs))):
                pair = self._ports.bind(host)
                self._pairs[owner, host, pair.port] = pair
                bound.append(pair.port)
        return tuple(bound)

    def take(self, owner: str, host: str, port: int) -> Pair | None:
        """The pair for a leg, without what came for whoever had the port before; None: it is not in reserve."""
        pair = self._pairs.pop((owner, host, port), None)
        if pair is not None:
            _empty(pair.rtp)
            _empty(pair.rtcp)
        return pair

    def forget(self, owner: str) -> None:
        """Close all of an edge."""
        for key in [key for key in self._pairs if key[0] == owner]:
            self._close(key)

    def close(self) -> None:
        """Close all."""
        for key in list(self._pairs):
            self._close(key)

    def _close(self, key: tuple[str, str, int]) -> None:
        pair = self._pairs.pop(key)
        pair.close()
        self._ports.release(pair.port)


def _empty(bound: socket.socket) -> None:
    with contextlib.suppress(OSError):
        for _ in range(_STALE_MAX):
            bound.recv(DATAGRAM_MAX_BYTES)
