"""What a listener listens at, who owns it, and why an address can't be had."""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Final, Protocol

import msgspec

from gateways.sip.events import Address, Send, Transport

PORT_SETTINGS: Final[dict[Transport, str]] = {"UDP": "listen_port", "TCP": "tcp_port", "TLS": "tls_port"}


class PointError(Exception):
    """The address can't be served; the text says what to do."""


class Place(msgspec.Struct, frozen=True):
    """A transport at an address of ours; port 0 is any free one."""

    transport: Transport
    host: str
    port: int

    @property
    def is_ipv6(self) -> bool:
        """Of which of the two families it is."""
        return is_ipv6(self.host)

    @property
    def name(self) -> str:
        """Such as `tcp4`: one of each is all that a process has."""
        return f"{self.transport.lower()}{6 if self.is_ipv6 else 4}"

    def __str__(self) -> str:
        """For people."""
        return f"{self.transport} port {self.port} on {self.host}"


def is_ipv6(host: str) -> bool:
    """An IPv6 address; what is no address at all counts as IPv4."""
    return ":" in host


class Owner(Protocol):
    """Hears what happens at one listener."""

    def message(self, data: bytes, source: Address) -> None:
        """A whole message came."""

    def unsent(self, send: Send, reason: str) -> None:
        """It did not leave and is not tried again."""

    def admits(self, host: str) -> bool:
        """Whether this host may open a connection."""

    def broken(self, host: str, reason: str) -> None:
        """A connection was closed, or not taken, for what the other side did."""

    def flow_lost(self, address: Address) -> None:
        """A connection that stood is gone."""


class Listener(Protocol):
    """Listens at one place."""

    @property
    def place(self) -> Place:
        """With the port that it has, once it is open."""

    @property
    def socket(self) -> socket.socket | None:
        """What it listens with, while it is open."""

    def open(self) -> None:
        """Serve on the running loop; raises `PointError`."""

    def close(self) -> None:
        """Stop serving."""

    def send(self, send: Send) -> None:
        """Put it on the wire; what does not leave comes back as `Owner.unsent`, also later."""

    def is_connected(self, address: Address) -> bool:
        """Whether a message to this address needs no new connection."""


def bind(place: Place) -> socket.socket:
    """A socket of this place that does not block; raises `PointError`."""
    family = socket.AF_INET6 if place.is_ipv6 else socket.AF_INET
    kind = socket.SOCK_DGRAM if place.transport == "UDP" else socket.SOCK_STREAM
    try:
        bound = socket.socket(family, kind)
    except OSError as error:
        raise PointError(f"sip: {place}: {error.strerror}") from error
    try:
        bound.setblocking(False)
        if family == socket.AF_INET6:
            # IPv4 peers have a listener of their own; as ::ffff:192.0.2.1 they would be strangers to everything that compares.
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((place.host, place.port))
    except OSError as error:
        bound.close()
        raise PointError(f"sip: {place}{_what_to_do(place, error)}") from error
    return bound


def _what_to_do(place: Place, error: OSError) -> str:
    setting = PORT_SETTINGS[place.transport]
    if error.errno == errno.EADDRINUSE:
        return f" is in use by another program: stop it, or set another [sip] {setting}"
    if error.errno == errno.EADDRNOTAVAIL:
        host = "listen_host6" if place.is_ipv6 else "listen_host"
        return f": this machine has no such address: set [sip] {host}"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f": no right to use it: set a [sip] {setting} above 1023"
    return f": {error.strerror}"


def is_unspecified(host: str) -> bool:
    """0.0.0.0 or ::."""
    return ipaddress.ip_address(host).is_unspecified
