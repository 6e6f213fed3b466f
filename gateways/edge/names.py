"""Questions to the DNS about a trunk's name: its servers (RFC 3263), their addresses, and for how long that holds.

Only names of the configuration are asked about, never one that a message brings: whoever sends messages could else have us ask
anybody anything. What comes back is bounded, whatever the name's owner writes into it.

A question that is not answered just now changes nothing: what was answered before holds for it, and all is asked again soon.

Without a DNS server in the configuration the system's are asked, and what the system knows besides (its file of hosts) counts for
names with a port, or without records of servers.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections import OrderedDict
from typing import NamedTuple

import dns.exception
import dns.resolver
from dns.asyncresolver import Resolver
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from acd_core.telephony import proxy_address
from gateways.edge.short_answers import ShortAnswers
from gateways.sip.events import Transport
from gateways.sip.headers import default_port
from gateways.sip.locate import Naptr, Server, srv_names

RECORDS_MAX = 32  # of one answer, in the order in which it came
SERVERS_MAX = 16  # whose addresses are asked for
ADDRESSES_MAX = 8  # of one server
NAMES_MAX = 4  # of SRV records that NAPTR records may name
_REMEMBERED_MAX = 1_024  # servers
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
        self._by_records: set[str] = set()  # names that were found so
        self._before: OrderedDict[str, tuple[str, ...]] = (
            OrderedDict()
        )  # the addresses of servers, as answered last

    async def find(self, host: str, port: int, transport: Transport) -> Found:
        """The servers of `host`. `port` 0: SRV records say it, if there are any. Raises `NamesError`."""
        host = host.rstrip(".")
        if port or (self._system and "." not in host):
            return await self._one_server(host, port or default_port(transport))
        try:
            found = await self._by_srv(host, transport)
        except NamesError:
            if not self._system or host in self._by_records:
                raise
            found = None  # no DNS here: the system may know the name all the same
        if found is not None:
            self._by_records.add(host)
        return found or await self._one_server(host, default_port(transport))

    async def _by_srv(self, host: str, transport: Transport) -> Found | None:
        """None: no SRV record says anything of this name and transport."""
        resolver = self._resolver()
        said = await _try(resolver, host, "NAPTR")
        # Routers that pass questions on may drop those that they have never heard of.
        naptr = _Answer([], 0.0) if isinstance(said, NamesError) else said
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
        if isinstance(said, NamesError):
            raise said
        return None

    async def _servers(self, resolver: Resolver, records: list[SRV], ttl_s: float) -> Found:
        records = sorted(records, key=lambda record: (record.priority, -record.weight))[:SERVERS_MAX]
        names = [record.target.to_text(omit_final_dot=True) for record in records]
        servers, ttls = [], [ttl_s]
        answers = await asyncio.gather(*(self._of_server(resolver, name) for name in names))
        for record, (addresses, address_ttl_s) in zip(records, answers, strict=True):
            ttls.append(address_ttl_s)
            if addresses:
                servers.append(Server(record.priority, record.weight, record.port, addresses))
        if not servers:
            raise NamesError(f"none of {', '.join(names)} has an address")
        return Found(tuple(servers), min(ttls))

    async def _one_server(self, host: str, port: int) -> Found:
        if self._system:
            addresses, ttl_s = await _system_addresses(host)
        else:
            addresses, ttl_s = await self._addresses(self._resolver(), host)
        return Found((Server(0, 0, port, addresses),), ttl_s)

    async def _of_server(self, resolver: Resolver, name: str) -> tuple[tuple[str, ...], float]:
        """One of several: what it has none of, or what is not answered, is another's to make up for."""
        try:
            return await self._addresses(resolver, name)
        except NamesError:
            return self._before.get(name, ()), 0.0

    async def _addresses(self, resolver: Resolver, host: str) -> tuple[tuple[str, ...], float]:
        """`NamesError`: neither question is answered, or there is none."""
        four, six = await asyncio.gather(_try(resolver, host, "A"), _try(resolver, host, "AAAA"))
        if isinstance(four, NamesError) and isinstance(six, NamesError):
            raise four
        before = self._before.pop(host, ())
        found: list[str] = []
        ttls = []
        for is_ipv6, answer in ((False, four), (True, six)):
            if isinstance(answer, NamesError):
                found += [address for address in before if (":" in address) == is_ipv6]
                ttls.append(0.0)
            else:
                addresses = (record.address for record in answer.records if isinstance(record, A | AAAA))
                found += [address for address in addresses if _is_of_one(address)]
                ttls.append(answer.ttl_s)
        if not found:
            raise NamesError(f"{host} has no address")
        self._before[host] = addresses_found = tuple(found[:ADDRESSES_MAX])
        if len(self._before) > _REMEMBERED_MAX:
            self._before.popitem(last=False)
        return addresses_found, min(ttls)

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


def _is_of_one(address: str) -> bool:
    """A server can be there: not at 0.0.0.0, which is this machine, and not with a group."""
    parsed = ipaddress.ip_address(address)
    return not (parsed.is_unspecified or parsed.is_multicast)


async def _system_addresses(host: str) -> tuple[tuple[str, ...], float]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError) as error:  # the latter of a name with a part that is empty or too long
        raise NamesError(str(error)) from error
    addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
    return tuple(addresses)[:ADDRESSES_MAX], SYSTEM_TTL_S


async def _ask(resolver: Resolver, name: str, kind: str) -> _Answer:
    """The records, none if there are none. `NamesError`: no answer."""
    try:
        answer = await resolver.resolve(
            name, kind, raise_on_no_answer=False, search=False, backend=ShortAnswers()
        )
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


async def _try(resolver: Resolver, name: str, kind: str) -> _Answer | NamesError:
    try:
        return await _ask(resolver, name, kind)
    except NamesError as error:
        return error
