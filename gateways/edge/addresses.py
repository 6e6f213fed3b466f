"""Which of the machine's addresses a peer should be told.

A socket bound to 0.0.0.0 has no address to write into Via, Contact and SDP. The one that the kernel would
send from is found by connecting a UDP socket to the peer, which sends nothing.
"""

from __future__ import annotations

import ipaddress
import socket

from acd_core.config import Config

_REMEMBERED_MAX = 4_096
# TEST-NET-1 (RFC 5737): any address beyond this machine, only to ask the routing table.
_ELSEWHERE = "192.0.2.1"


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


def takes_audio(host: str, peer: str) -> bool:
    """Whether audio can go to `host`, which somebody at `peer` named in SDP.

    Not to a name, another family or a group, nor to this machine itself for somebody elsewhere. A private
    address is believed: carriers have media on networks of their own.
    """
    if not is_address(host) or not is_address(peer):
        return False
    named, seen = ipaddress.ip_address(host), ipaddress.ip_address(peer)
    if named.version != seen.version or named.is_multicast:
        return False
    return not named.is_loopback or seen.is_loopback


class LocalAddresses:
    """Signalling and audio addresses as peers see them."""

    def __init__(self, config: Config) -> None:
        """Configured addresses go first; `[rtp]` falls back to `[sip]`."""
        self._sip_listen = config.sip.listen_host
        self._rtp_listen = config.rtp.listen_host or config.sip.listen_host
        self._sip = config.sip.advertised_host or _unless_unspecified(self._sip_listen)
        self._rtp = (
            config.rtp.advertised_host
            or _unless_unspecified(config.rtp.listen_host)
            or config.sip.advertised_host
            or _unless_unspecified(self._rtp_listen)
        )
        self._towards: dict[str, str] = {}

    @property
    def rtp_listen_host(self) -> str:
        """Where the engine binds its ports."""
        return self._rtp_listen

    def sip_host(self, peer: str = _ELSEWHERE) -> str:
        """For Via and Contact towards `peer`."""
        return self._sip or self.towards(peer)

    def rtp_host(self, peer: str) -> str:
        """For SDP towards `peer`."""
        return self._rtp or self.towards(peer)

    def towards(self, peer: str) -> str:
        """The address the kernel would send from; loopback when there is no route."""
        found = self._towards.get(peer)
        if found is None:
            found = _source_address(peer)
            if len(self._towards) >= _REMEMBERED_MAX:
                self._towards.clear()
            self._towards[peer] = found
        return found


def _unless_unspecified(host: str) -> str:
    return "" if not host or is_unspecified(host) else host


def _source_address(peer: str) -> str:
    family = socket.AF_INET6 if ":" in peer else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((peer, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return "::1" if ":" in peer else "127.0.0.1"
