"""Which of the machine's addresses a peer should be told.

A socket bound to 0.0.0.0 has no address to write into Via, Contact and SDP. The one that the kernel would
send from is found by connecting a UDP socket to the peer, which sends nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache

from acd_core.config import Config
from acd_core.machines import host_and_port

_REMEMBERED_MAX = 4_096
# RFC 5737 and RFC 3849: any address beyond this machine, only to ask the routing table.
_ELSEWHERE, _ELSEWHERE_6 = "192.0.2.1", "2001:db8::1"


def is_address(host: str) -> bool:
    """An IP address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_unspecified(host: str) -> bool:
    """0.0.0.0 or ::."""
    return is_address(host) and ipaddress.ip_address(host).is_unspecified


@lru_cache(_REMEMBERED_MAX)
def is_reachable(host: str, peer: str) -> bool:
    """Whether `host`, which somebody at `peer` named as their own, can be sent to.

    Not when it is a name, of another family, or an address that only means something on the other side of a
    NAT.
    """
    if not is_address(host) or not is_address(peer):
        return False
    named, seen = ipaddress.ip_address(host), ipaddress.ip_address(peer)
    if named.version != seen.version or named.is_unspecified or named.is_multicast:
        return False
    if named.is_loopback:
        return seen.is_loopback
    return not named.is_private or seen.is_private


@lru_cache(_REMEMBERED_MAX)
def takes_audio(host: str, peer: str) -> bool:
    """Whether audio can go to `host`, which somebody at `peer` named in SDP.

    Not to a name, another family (IPv4 written as IPv6 is one, and a zone is this machine's to know) or a group, nor to this
    machine itself for somebody elsewhere. A private address is believed: carriers have media on networks of their own.
    """
    if not is_address(host) or not is_address(peer) or "%" in host:
        return False
    named, seen = ipaddress.ip_address(host), ipaddress.ip_address(peer)
    if named.version != seen.version or named.is_multicast:
        return False
    if isinstance(named, ipaddress.IPv6Address) and named.ipv4_mapped is not None:
        return False
    return not named.is_loopback or seen.is_loopback


class LocalAddresses:
    """Signalling and audio addresses as peers see them, each peer in its own family."""

    def __init__(self, config: Config) -> None:
        """Configured addresses go first; `[rtp]` falls back to `[sip]`."""
        sip, rtp = config.sip, config.rtp
        self._rtp_listen = rtp.listen_host or sip.listen_host
        self._rtp_listening = _by_family(rtp.listen_host, sip.listen_host6, sip.listen_host)
        self._sip = _by_family(sip.advertised_host, *_specified(sip.listen_host, sip.listen_host6))
        self._rtp = _by_family(
            rtp.advertised_host,
            *_specified(rtp.listen_host),
            sip.advertised_host,
            *_specified(self._rtp_listen, sip.listen_host6),
        )
        self._towards: dict[str, str] = {}
        self.near: frozenset[str] = (
            frozenset()
        )  # peers on our side of any translator (NAT): other edges of ours
        self._sip_listening = _by_family(*_specified(sip.listen_host, sip.listen_host6))
        self._rtp_near = _by_family(*_specified(self._rtp_listen, sip.listen_host6))
        self._link = _by_family(*_on_a_network(config.link.listen or config.link.core))

    @property
    def rtp_listen_host(self) -> str:
        """Where the engine binds its ports."""
        return self._rtp_listen

    def rtp_listen(self, peer: str) -> str:
        """Where the engine binds a leg towards `peer`; of the other family when this machine serves that one alone."""
        return self._rtp_listening.get(_is_ipv6(peer), self._rtp_listen)

    def sip_host(self, peer: str) -> str:
        """For Contact, and what else names us, towards `peer`."""
        if peer in self.near:
            return self._sip_listening.get(_is_ipv6(peer)) or self.towards(peer)
        return self._sip.get(_is_ipv6(peer)) or self.towards(peer)

    def near_host(self, *, ipv6: bool) -> str:
        """Where other edges of ours find us."""
        # On the network of the link, which all of them are on and which need have no way out of it.
        there = self._link.get(ipv6) or (_ELSEWHERE_6 if ipv6 else _ELSEWHERE)
        return self._sip_listening.get(ipv6) or self.towards(there)

    def own_host(self, *, ipv6: bool) -> str:
        """For Via, which is the same towards everybody."""
        return self.sip_host(_ELSEWHERE_6 if ipv6 else _ELSEWHERE)

    def rtp_host(self, peer: str) -> str:
        """For SDP towards `peer`."""
        if _is_ipv6(self.rtp_listen(peer)) != _is_ipv6(peer):
            peer = _ELSEWHERE_6 if _is_ipv6(self._rtp_listen) else _ELSEWHERE
        return self._rtp.get(_is_ipv6(peer)) or self.towards(peer)

    def near_rtp_host(self, peer: str) -> str:
        """For SDP towards another edge of ours."""
        return self._rtp_near.get(_is_ipv6(peer)) or self.towards(peer)

    def towards(self, peer: str) -> str:
        """The address the kernel would send from; loopback while there is no route."""
        found = self._towards.get(peer)
        if found is None:
            found = _source_address(peer)
            if not found:  # not to be remembered: the network may be on its way up
                return "::1" if _is_ipv6(peer) else "127.0.0.1"
            if len(self._towards) >= _REMEMBERED_MAX:
                self._towards.clear()
            self._towards[peer] = found
        return found


def _is_ipv6(host: str) -> bool:
    return ":" in host


def _by_family(*hosts: str) -> dict[bool, str]:
    """The first of each family that is there; a name is of both."""
    found: dict[bool, str] = {}
    for host in hosts:
        if host:
            for family in (_is_ipv6(host),) if is_address(host) else (False, True):
                found.setdefault(family, host)
    return found


def _specified(*hosts: str) -> tuple[str, ...]:
    return tuple(host for host in hosts if host and not is_unspecified(host))


def _on_a_network(place: str) -> tuple[str, ...]:
    """The host of a `host:port`, if it is an address that other machines know too."""
    known = host_and_port(place)
    if known is None or not is_address(known[0]) or ipaddress.ip_address(known[0]).is_loopback:
        return ()
    return _specified(known[0])


def _source_address(peer: str) -> str:
    """Empty when there is no route."""
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((peer, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return ""
