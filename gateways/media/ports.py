"""RTP ports: an even one for RTP, the odd one after it for RTCP (RFC 3550, section 11), bound before they are
promised.

Ports of the range are given out round robin, so that packets on their way to an ended call do not reach the
next one. Legs towards our own WebRTC process live outside the range, on ports that the system chooses.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import socket
from typing import NamedTuple

_EPHEMERAL_TRIES = 64
_TAKEN = (errno.EADDRINUSE, errno.EACCES)
_EXPEDITED_FORWARDING = 46 << 2  # RFC 3246: voice before data, where the network cares


class PortsError(Exception):
    """No pair of ports could be bound; the text says why."""


class Pair(NamedTuple):
    """Two bound, non-blocking sockets."""

    port: int
    rtp: socket.socket
    rtcp: socket.socket

    def close(self) -> None:
        """Close both."""
        self.rtp.close()
        self.rtcp.close()


class PortRange:
    """The public range of one engine."""

    def __init__(self, port_min: int, port_max: int) -> None:
        """`port_min` to `port_max`, both included; a pair begins at an even port."""
        first = port_min + port_min % 2
        self._ports = range(first, port_max, 2)
        self._next = 0
        self._used: set[int] = set()  # of the range; the system itself knows the others
        self._text = f"{port_min} to {port_max}"

    def __len__(self) -> int:
        return len(self._ports)

    def bind(self, host: str, port: int = 0) -> Pair:
        """A pair at `port`, or at the next free one of the range."""
        if port:
            return self._bind_exact(host, port)
        count = len(self._ports)
        if len(self._used) < count:
            for step in range(count):
                index = (self._next + step) % count
                candidate = self._ports[index]
                if candidate in self._used:
                    continue
                pair = _try_pair(host, candidate)
                if pair is not None:
                    self._next = index + 1
                    self._used.add(candidate)
                    return pair
        raise PortsError(f"no free RTP port in {self._text}")

    def _bind_exact(self, host: str, port: int) -> Pair:
        if port % 2 or not 0 < port < 65_535:
            raise PortsError(f"{port} is not an even port")
        pair = None if port in self._used else _try_pair(host, port)
        if pair is None:
            raise PortsError(f"RTP port {port} is taken")
        if port in self._ports:
            self._used.add(port)
        return pair

    def bind_outside(self, host: str) -> Pair:
        """A pair that is not of the range."""
        for _ in range(_EPHEMERAL_TRIES):
            with _socket(host) as probe:
                try:
                    probe.bind((host, 0))
                except OSError as error:
                    raise PortsError(f"{host} can't be bound: {error.strerror}") from error
                port = int(probe.getsockname()[1])
            port -= port % 2
            if port in self._ports:
                continue
            pair = _try_pair(host, port)
            if pair is not None:
                return pair
        raise PortsError(f"no pair of free ports on {host}")

    def release(self, port: int) -> None:
        """The pair at `port` is closed."""
        self._used.discard(port)


def _socket(host: str) -> socket.socket:
    try:
        version = ipaddress.ip_address(host).version
    except ValueError as error:
        raise PortsError(f"{host!r} is not an IP address") from error
    try:
        made = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
        if version == 6:  # else it would send to, and be reached by, IPv4 as well
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        return made
    except OSError as error:
        raise PortsError(f"no socket: {error.strerror}") from error


def _try_pair(host: str, port: int) -> Pair | None:
    """Both ports bound, or None when one of them is taken; an address that is not ours is an error, not a taken port."""
    with contextlib.ExitStack() as stack:
        pair = []
        for number in (port, port + 1):
            bound = stack.enter_context(_socket(host))
            try:
                bound.bind((host, number))
            except OSError as error:
                if error.errno in _TAKEN:
                    return None
                raise PortsError(f"{host}:{number} can't be bound: {error.strerror}") from error
            bound.setblocking(False)
            if bound.family == socket.AF_INET:
                bound.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _EXPEDITED_FORWARDING)
            else:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _EXPEDITED_FORWARDING)
            pair.append(bound)
        stack.pop_all()
        return Pair(port, pair[0], pair[1])
