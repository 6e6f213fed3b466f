"""Questions to the DNS about a trunk's name: its servers (RFC 3263), their addresses, and for how long that holds.

Only names of the configuration are asked about, never one that a message brings: whoever sends messages could else have us ask
anybody anything. What comes back is bounded, whatever the name's owner writes into it.

Without a DNS server in the configuration the system's are asked, and what the system knows besides (its file of hosts) counts for
names with a port, or without records of servers.
"""

from __future__ import annotations

import asyncio
import socket
from typing import NamedTuple

import dns.exception
import dns.resolver
from dns.asyncresolver import Resolver
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from acd_core.telephony import proxy_address
from gateways.sip.events import Transport
from gateways.sip.headers import default_port
from gateways.sip.locate import Naptr, Server, srv_names

RECORDS_MAX = 32  # of one answer, in the order in which it came
SERVERS_MAX = 16  # whose addresses are asked for
ADDRESSES_MAX = 8  # of one server
NAMES_MAX = 4  # of SRV records that NAPTR records may name
_QUESTION_S = 2.0  # until another of the system's DNS servers is asked
TTL_S_MAX = 3_600.0  # nobody makes us believe for longer
SYSTEM_TTL_S = 60  # the system's resolver keeps to the real lifetime, and does not tell it


class NamesError(Exception):
    """No server was found; the text says why."""


class Found(NamedTuple):
    """What a name stands for."""

    servers: tuple[Server, ...]
    ttl_s: float


class _Answer(NamedTuple):
    records: list[object]
    ttl_s: float


class Names:
    """The DNS as the trunks need it."""

    def __init__(self, server: str = "", answer_s: float = 5.0) -> None:
        """`server` as `host:port`; empty: the system's. `answer_s`: until there is no answer."""
        self._answer_s = answer_s
        self._server = proxy_address(server)
        self._system = self._server is None

    async def find(self, host: str, port: int, transport: Transport) -> Found:
        """The servers of `host`. `port` 0: SRV records say it, if there are any. Raises `NamesError`."""
        host = host.rstrip(".")
        if port or (self._system and "." not in host):
            return await self._one_server(host, port or default_port(transport))
        try:
            found = await self._by_srv(host, transport)
        except NamesError:
            if not self._system:
                raise
            found = None  # no DNS here: the system may know the name all the same
        return found or await self._one_server(host, default_port(transport))

    async def _by_srv(self, host: str, transport: Transport) -> Found | None:
        """None: no SRV record says anything of this name and transport."""
        resolver = self._resolver()
        naptr = await _ask(resolver, host, "NAPTR")
        records = [
            Naptr(
                record.order,
                record.preference,
                record.flags.decode("ascii", "replace"),
                record.service.decode("ascii", "replace"),
                record.replacement.to_text(omit_final_dot=True) if not record.regexp else "",
            )
            for record in naptr.records
            if isinstance(record, NAPTR)
        ]
        for name in srv_names(host, transport, records)[:NAMES_MAX]:
            answer = await _ask(resolver, name, "SRV")
            named = [record for record in answer.records if isinstance(record, SRV)]
            if not named:
                continue
            if [record.target.to_text() for record in named] == ["."]:
                raise NamesError(f"{name} says that there is no such service")
            return await self._servers(resolver, named, min(answer.ttl_s, naptr.ttl_s))
        return None

    async def _servers(self, resolver: Resolver, records: list[SRV], ttl_s: float) -> Found:
        records = sorted(records, key=lambda record: (record.priority, -record.weight))[:SERVERS_MAX]
        names = [record.target.to_text(omit_final_dot=True) for record in records]
        servers, ttls = [], [ttl_s]
        for record, name in zip(records, names, strict=True):
            try:
                addresses, address_ttl_s = await _addresses(resolver, name)
            except NamesError:
                continue  # another may have some
            servers.append(Server(record.priority, record.weight, record.port, addresses))
            ttls.append(address_ttl_s)
        if not servers:
            raise NamesError(f"none of {', '.join(names)} has an address")
        return Found(tuple(servers), min(ttls))

    async def _one_server(self, host: str, port: int) -> Found:
        if self._system:
            addresses, ttl_s = await _system_addresses(host)
        else:
            addresses, ttl_s = await _addresses(self._resolver(), host)
        return Found((Server(0, 0, port, addresses),), ttl_s)

    def _resolver(self) -> Resolver:
        """The system's servers may be others than last time."""
        try:
            resolver = Resolver(configure=self._system)
        except (OSError, dns.exception.DNSException) as error:
            raise NamesError(f"the system has no DNS server: {error}") from error
        if self._server is not None:
            host, port = self._server
            resolver.nameservers, resolver.port = [host], port or 53
        resolver.timeout, resolver.lifetime = _QUESTION_S, self._answer_s
        return resolver


async def _addresses(resolver: Resolver, host: str) -> tuple[tuple[str, ...], float]:
    four, six = await asyncio.gather(_ask(resolver, host, "A"), _ask(resolver, host, "AAAA"))
    both = [record.address for record in four.records if isinstance(record, A)]
    both += [record.address for record in six.records if isinstance(record, AAAA)]
    if not both:
        raise NamesError(f"{host} has no address")
    return tuple(both[:ADDRESSES_MAX]), min(four.ttl_s, six.ttl_s)


async def _system_addresses(host: str) -> tuple[tuple[str, ...], float]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise NamesError(str(error)) from error
    addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
    return tuple(addresses)[:ADDRESSES_MAX], SYSTEM_TTL_S


async def _ask(resolver: Resolver, name: str, kind: str) -> _Answer:
    """The records, none if there are none. `NamesError`: no answer."""
    try:
        answer = await resolver.resolve(name, kind, raise_on_no_answer=False, search=False)
    except dns.resolver.NXDOMAIN:
        return _Answer([], TTL_S_MAX)
    except dns.resolver.NoNameservers as error:
        if kind == "NAPTR":  # routers that pass questions on refuse what they have never heard of
            return _Answer([], TTL_S_MAX)
        raise NamesError(f"{name} {kind}: {error}") from error
    except (dns.exception.DNSException, OSError) as error:
        raise NamesError(f"{name} {kind}: {error}") from error
    if answer.rrset is None:
        return _Answer([], TTL_S_MAX)
    return _Answer(list(answer.rrset)[:RECORDS_MAX], min(answer.chaining_result.minimum_ttl, TTL_S_MAX))
