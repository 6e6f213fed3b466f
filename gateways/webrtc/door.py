"""The UDP sockets that browsers come to: one for each of our addresses, shared by all legs.

Whoever comes must knock first: a connectivity check with the user name and the password that a leg's answer
gave out. From then on datagrams from that address belong to that leg. Anything else is dropped without a
word, so that nobody learns anything here and nothing can be reflected at others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias, cast

from gateways.webrtc import stun
from gateways.webrtc.interface import Address

UdpAddress: TypeAlias = tuple[Any, ...]  # as the socket gives it; of IPv6 it has four parts

_ADDRESSES_MAX = 8  # of one guest; when there are more the first is forgotten
_UNSENT_MAX_BYTES = 256 * 1024  # audio that the kernel does not take at once is worth nothing soon


class UdpTransport(Protocol):
    """What a UDP socket does under asyncio and uvloop alike; their classes have no common base that says so."""

    def sendto(self, data: bytes, addr: UdpAddress) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def get_extra_info(self, name: str) -> Any: ...
    def close(self) -> None: ...


class Guest(Protocol):
    """A leg, as the door sees it."""

    ufrag: str
    password: bytes
    remote_ufrag: str

    def checked(self, door: Door, address: UdpAddress, *, nominated: bool) -> None:
        """An authentic check came from there."""

    def receive(self, data: bytes) -> None:
        """A datagram came from an address that was checked."""


class Doors:
    """All sockets and who may come in."""

    def __init__(self, hosts: Sequence[str], port: int = 0, advertised_host: str = "") -> None:
        """`port` 0: any free one. `advertised_host`: what pages are told instead of our own addresses (behind
        NAT).
        """
        self.strangers = 0  # datagrams of nobody we know
        self.guests: dict[str, Guest] = {}  # by our user name fragment
        self.candidates: list[Address] = []
        self._hosts, self._port, self._advertised_host = hosts, port, advertised_host
        self._doors: list[Door] = []

    async def open(self) -> None:
        """Bind; raises `OSError` when an address is not ours or the port is taken."""
        loop = asyncio.get_running_loop()
        for host in self._hosts:
            _, door = await loop.create_datagram_endpoint(lambda: Door(self), local_addr=(host, self._port))
            self._doors.append(door)
            self.candidates.append(Address(self._advertised_host or host, door.port))
        self.candidates = list(dict.fromkeys(self.candidates))

    async def close(self) -> None:
        """Give the sockets back."""
        for door in self._doors:
            await door.close()
        self._doors.clear()

    def admit(self, guest: Guest) -> None:
        """Answer this guest's checks from now on."""
        self.guests[guest.ufrag] = guest

    def forget(self, guest: Guest) -> None:
        """Know this guest no longer."""
        self.guests.pop(guest.ufrag, None)
        for door in self._doors:
            door.forget(guest)


class Door(asyncio.DatagramProtocol):
    """One socket."""

    def __init__(self, doors: Doors) -> None:
        """Used by `Doors` alone."""
        self._doors = doors
        self._known: dict[UdpAddress, Guest] = {}
        self._transport: UdpTransport | None = None
        self._freed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._transport is not None
        return int(self._transport.get_extra_info("sockname")[1])

    def send(self, data: bytes, address: UdpAddress) -> None:
        """Send now or not at all."""
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size() < _UNSENT_MAX_BYTES:
            transport.sendto(data, address)

    def forget(self, guest: Guest) -> None:
        """Drop what comes from this guest's addresses."""
        for address in [address for address, known in self._known.items() if known is guest]:
            del self._known[address]

    async def close(self) -> None:
        """Give the socket back."""
        if self._transport is not None:
            self._transport.close()
            await self._freed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is bound."""
        self._transport = cast(UdpTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._transport = None
        if not self._freed.done():
            self._freed.set_result(None)

    def datagram_received(self, data: bytes, addr: UdpAddress) -> None:
        """RFC 7983 section 7: the first byte tells STUN (0 to 3) from the rest."""
        if data and data[0] <= 3:
            self._check(data, addr)
            return
        guest = self._known.get(addr)
        if guest is None or not data:
            self._doors.strangers += 1
            return
        guest.receive(data)

    def error_received(self, exc: Exception) -> None:
        """A page's port is closed: its leg will notice the silence."""

    def _check(self, data: bytes, addr: UdpAddress) -> None:
        check = stun.parse_check(data)
        guest = self._doors.guests.get(check.local_ufrag) if check is not None else None
        if (
            check is None
            or guest is None
            or guest.remote_ufrag != check.remote_ufrag
            or not stun.is_authentic(check, guest.password)
        ):
            self._doors.strangers += 1
            return
        if check.controlled:
            self.send(stun.role_conflict(check, guest.password), addr)
            return
        if self._known.get(addr) is not guest:
            self._remember(addr, guest)
        self.send(stun.success(check, guest.password, addr[0], addr[1]), addr)
        guest.checked(self, addr, nominated=check.nominates)

    def _remember(self, address: UdpAddress, guest: Guest) -> None:
        theirs = [known for known, one in self._known.items() if one is guest]
        if len(theirs) >= _ADDRESSES_MAX:
            del self._known[theirs[0]]
        self._known[address] = guest
