"""Where requests come from, as far as limits count them."""

from __future__ import annotations

import ipaddress

_IPV6_NETWORK_BITS = 64  # one household or office; whoever has it may choose any address in it


def network_of(source: str) -> str:
    """What limits count as one: an IPv4 address, or the network of an IPv6 one."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return source
    if isinstance(address, ipaddress.IPv4Address):
        return source
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_NETWORK_BITS), strict=False))
