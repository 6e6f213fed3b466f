"""The UDP sockets that browsers come to: one for each of our addresses, shared by all legs.

Whoever comes must knock first: a connectivity check with the user name and the password that a leg's answer
gave out. From then on datagrams from that address belong to that leg. Anything else is dropped without a
word, so that nobody learns anything here and nothing can be reflected at others.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from gateways.webrtc import stun
from gateways.webrtc.interface import Address
from gateways.webrtc.udp import UdpAddress, UdpSocket

log = logging.getLogger(__name__)

_ADDRESSES_MAX = 8  # of one guest; when there are more the first is forgotten, but for the one in use


class Guest(Protocol):
    """A leg, as the door sees it."""

    ufrag: str
    password: bytes
    remote_ufrag: str
    page: UdpAddress  # the address it speaks from; empty before it has one

    @property
    def connected(self) -> bool:
        """It is up."""

    def checked(self, door: Door, address: UdpAddress, *, nominated: bool) -> None:
        """An authentic check came from there."""

    def answered(self, door: Door, address: UdpAddress, data: bytes) -> None:
        """STUN that is no check came from an address that was checked: an answer, perhaps."""

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
            try:
                _, door = await loop.create_datagram_endpoint(
                    lambda: Door(self), local_addr=(host, self._port)
                )
            except OSError as error:
                raise OSError(error.errno, f"{host} port {self._port or 'any'}: {error.strerror}") from error
            self._doors.append(door)
            self.candidates.append(Address(self._advertised_host or host, door.bound_to[1]))
        self.candidates = list(dict.fromkeys(self.candidates))

    async def close(self) -> None:
        """Give the sockets back."""
        for door in self._doors:
            await door.close()
        self._doors.clear()

    def admit(self, guest: Guest) -> None:
        """Answer this guest's checks from now on."""
        self.guests[guest.ufrag] = guest

    def turn_away(self, address: UdpAddress) -> None:
        """Count a datagram that is dropped; a page whose leg was closed sends some, and so does whoever scans
        ports.
        """
        self.strangers += 1
        if self.strangers == 1:
            log.info("a datagram of %s, who has no leg here, is dropped; there may be more", address[0])

    def forget(self, guest: Guest) -> None:
        """Know this guest no longer."""
        self.guests.pop(guest.ufrag, None)
        for door in self._doors:
            door.forget(guest)


class Door(UdpSocket):
    """One socket."""

    def __init__(self, doors: Doors) -> None:
        """Used by `Doors` alone."""
        super().__init__()
        self._doors = doors
        self._known: dict[UdpAddress, Guest] = {}

    def forget(self, guest: Guest) -> None:
        """Drop what comes from this guest's addresses."""
        for address in [address for address, known in self._known.items() if known is guest]:
            del self._known[address]

    def datagram_received(self, data: bytes, addr: UdpAddress) -> None:
        """RFC 7983 section 7: the first byte tells STUN (0 to 3) from the rest."""
        if data and data[0] <= 3:
            self._check(data, addr)
            return
        guest = self._known.get(addr)
        if guest is None or not data:
            self._doors.turn_away(addr)
            return
        guest.receive(data)

    def _check(self, data: bytes, addr: UdpAddress) -> None:
        check = stun.parse_check(data)
        known = self._known.get(addr)
        if check is None and known is not None:
            known.answered(self, addr, data)
            return
        guest = self._doors.guests.get(check.local_ufrag) if check is not None else None
        if (
            check is None
            or guest is None
            or guest.remote_ufrag != check.remote_ufrag
            or not stun.is_authentic(check, guest.password)
        ):
            self._doors.turn_away(addr)
            return
        if check.controlled:
            self.send(stun.role_conflict(check, guest.password), addr)
            return
        if known is not guest:
            if known is not None and known.connected and known.page == addr:
                self._doors.turn_away(addr)  # a false source address must not silence another guest
                return
            self._remember(addr, guest)
        self.send(stun.success(check, guest.password, addr[0], addr[1]), addr)
        guest.checked(self, addr, nominated=check.nominates)

    def _remember(self, address: UdpAddress, guest: Guest) -> None:
        theirs = [known for known, one in self._known.items() if one is guest]
        if len(theirs) >= _ADDRESSES_MAX:
            del self._known[next(one for one in theirs if one != guest.page)]
        self._known[address] = guest
