"""The addresses on which browsers reach this process."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import ifaddr

from acd_core.config import Config


def listen_hosts(config: Config) -> list[str]:
    """`webrtc.listen_hosts`, else the address of the pages; the unspecified address stands for all of the
    machine's.
    """
    hosts = config.webrtc.listen_hosts or (config.web.listen_host,)
    found: list[str] = []
    for host in hosts:
        address = ipaddress.ip_address(host)
        for one in _machine_addresses(address.version) if address.is_unspecified else [str(address)]:
            if one not in found:
                found.append(one)
    return found


def _machine_addresses(version: int) -> Sequence[str]:
    """All addresses of this machine, loopback last; link-local ones are left out: they mean nothing without
    an interface's name.
    """
    found: list[ipaddress.IPv4Address | ipaddress.IPv6Address] = []
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            address = ipaddress.ip_address(ip.ip if isinstance(ip.ip, str) else ip.ip[0])
            if address.version == version and not address.is_link_local:
                found.append(address)
    return [str(address) for address in sorted(found, key=lambda one: one.is_loopback)]
