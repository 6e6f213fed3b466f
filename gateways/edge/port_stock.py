"""Ports that the engine holds for legs to come.

A call needs ports twice before its telephone rings, for the caller and for the telephone, and each time would wait for two
processes to be woken. With some in stock the description goes out at once, and the leg is made meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from gateways.media.messages import PortsReserved, ReservePorts

STOCK = 32  # of each address: as many legs as 300 calls a second begin in 50 ms
_BATCH = 8  # asked for at once; each costs the audio clock's thread some 50 µs
_HOSTS_MAX = 4  # an edge listens at one address of each family, and calls out by as many


class PortStock:
    """Of one edge at one engine. Empty until the first leg was asked for: an edge without calls holds nothing."""

    def __init__(self, send: Callable[[ReservePorts], object]) -> None:
        """`send` asks the engine."""
        self._send = send
        self._ports: dict[str, deque[int]] = {}
        self._due: dict[str, int] = {}  # asked for, and not there yet

    def take(self, host: str) -> int:
        """A port at this address, the oldest; 0 when there is none, and then the leg waits for its own."""
        ports = self._ports.get(host)
        if ports is None:
            if len(self._ports) >= _HOSTS_MAX:
                return 0
            ports = self._ports[host] = deque()
            self._due[host] = 0
        port = ports.popleft() if ports else 0
        if len(ports) + self._due[host] <= STOCK - _BATCH:
            self._due[host] += _BATCH
            self._send(ReservePorts(local_host=host, count=_BATCH))
        return port

    def reserved(self, message: PortsReserved) -> None:
        """The engine's answer. What it could not give is asked for with the next leg."""
        if message.local_host in self._due:
            self._due[message.local_host] = max(0, self._due[message.local_host] - _BATCH)
            self._ports[message.local_host].extend(message.ports)

    def forget(self) -> None:
        """The engine is new: what it held is gone, and so is what it was asked for."""
        self._ports.clear()
        self._due.clear()
