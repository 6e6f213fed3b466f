"""Names of trunks at a DNS server that leaves some questions unanswered, or gives answers that are none."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import dns.flags
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from gateways.edge import names
from gateways.edge.names import Found, Names, NamesError
from gateways.sip.locate import Server

ANSWER_S = 0.2
ONE, TWO = Server(10, 0, 5070, ("127.0.0.1", "::1")), Server(20, 0, 5080, ("127.0.0.3",))
RECORDS = {
    ("_sip._udp.carrier.test.", "SRV"): ["10 0 5070 one.test.", "20 0 5080 two.test."],
    ("one.test.", "A"): ["127.0.0.1"],
    ("one.test.", "AAAA"): ["::1"],
    ("two.test.", "A"): ["127.0.0.3"],
    ("plain.test.", "A"): ["127.0.0.1"],
}


class Zone(asyncio.DatagramProtocol):
    """Answers out of `records`; not at all what is in `silent`, as the name and the kind or as the kind alone."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = dict(RECORDS)
        self.silent: set[tuple[str, str] | str] = set()
        self.address = ""
        self.truncates, self.more = False, 0
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self.address = "{}:{}".format(*transport.get_extra_info("sockname"))

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        response = self.answer(query)
        if response is None:
            return
        if self.truncates:
            response = dns.message.make_response(query)
            response.flags |= dns.flags.TC
        else:
            _add(response, self.more)
        self._transport.sendto(response.to_wire(max_size=65_535), addr)

    def answer(self, query: dns.message.Message) -> dns.message.Message | None:
        [question] = query.question
        asked = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        if asked in self.silent or asked[1] in self.silent:
            return None
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA
        if found := self.records.get(asked):
            response.answer.append(dns.rrset.from_text(asked[0], 300, "IN", asked[1], *found))
        return response


def _add(response: dns.message.Message, more: int) -> None:
    """So many records that nobody asked for."""
    for number in range(more):
        response.additional.append(dns.rrset.from_text(f"m{number}.test.", 1, "IN", "A", "127.0.0.1"))


@contextlib.asynccontextmanager
async def zone() -> AsyncIterator[tuple[Zone, Names]]:
    transport, served = await asyncio.get_running_loop().create_datagram_endpoint(
        Zone, local_addr=("127.0.0.1", 0)
    )
    try:
        yield served, Names(served.address, ANSWER_S)
    finally:
        transport.close()


async def find(known: Names, host: str = "carrier.test") -> Found:
    return await known.find(host, 0, "UDP")


@pytest.mark.parametrize(
    ("silent", "servers"),
    [
        ("NAPTR", (ONE, TWO)),
        ("AAAA", (ONE._replace(addresses=("127.0.0.1",)), TWO)),
        (("one.test.", "A"), (ONE._replace(addresses=("::1",)), TWO)),
    ],
)
def test_one_question_without_an_answer_spoils_nothing_else(
    silent: tuple[str, str] | str, servers: tuple[Server, ...]
) -> None:
    async def story() -> None:
        async with zone() as (served, known):
            served.silent.add(silent)
            assert await find(known) == Found(servers, 0.0), "and all is asked again soon"
            served.silent.clear()
            assert await find(known) == Found((ONE, TWO), 300)

    asyncio.run(story())


@pytest.mark.parametrize(
    "silent", [{("one.test.", "A")}, {("one.test.", "A"), ("one.test.", "AAAA")}, {"AAAA"}]
)
def test_what_is_not_answered_is_as_it_was(silent: set[tuple[str, str] | str]) -> None:
    async def story() -> None:
        async with zone() as (served, known):
            assert await find(known) == Found((ONE, TWO), 300)
            served.silent |= silent
            assert await find(known) == Found((ONE, TWO), 0.0)
            served.silent.clear()
            served.records["one.test.", "A"] = ["127.0.0.9"]
            moved = ONE._replace(addresses=("127.0.0.9", "::1"))
            assert (await find(known)).servers == (moved, TWO)
            del served.records["one.test.", "A"], served.records["one.test.", "AAAA"]
            assert (await find(known)).servers == (TWO,), "that there is none is an answer"

    asyncio.run(story())


def test_a_name_that_had_servers_is_no_address_while_they_are_not_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the system is asked, it may know the name as well: of the carrier's web server, perhaps."""

    async def story() -> None:
        async with zone() as (served, _):
            host, _, port = served.address.partition(":")

            def configured(*, configure: bool) -> object:
                resolver = real(configure=False)
                resolver.nameservers, resolver.port = [host], int(port)
                return resolver

            real = names.Resolver
            monkeypatch.setattr(names, "Resolver", configured)
            known = Names("", ANSWER_S)
            assert (await find(known)).servers == (ONE, TWO)
            served.silent.add("SRV")
            with pytest.raises(NamesError, match=r"_sip\._udp\.carrier\.test SRV"):
                await find(known)

    asyncio.run(story())


class ByTcp(asyncio.Protocol):
    """The zone by TCP."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        answer = self._zone.answer(dns.message.from_wire(data[2:]))
        assert answer is not None
        _add(answer, self._zone.more)
        wire = answer.to_wire(max_size=65_535)
        self._transport.write(len(wire).to_bytes(2, "big") + wire)


@pytest.mark.parametrize("by_tcp", [True, False])
def test_an_answer_that_would_hold_the_edge_up_is_none(by_tcp: bool) -> None:
    """2,000 records take half a second to be read, and 300 are too many for any carrier."""

    async def story() -> None:
        async with zone() as (served, known):
            host, _, port = served.address.partition(":")
            loop = asyncio.get_running_loop()
            by_stream = await loop.create_server(lambda: ByTcp(served), host, int(port))
            served.truncates, served.more = by_tcp, 100
            assert (await find(known, "plain.test")).servers == (Server(0, 0, 5060, ("127.0.0.1",)),)
            served.more = 300
            with pytest.raises(NamesError):
                await find(known, "plain.test")
            by_stream.close()

    asyncio.run(story())


@pytest.mark.parametrize(("kind", "address"), [("A", "0.0.0.0"), ("A", "224.0.0.1"), ("AAAA", "::")])
def test_addresses_that_no_server_has_are_none(kind: str, address: str) -> None:
    async def story() -> None:
        async with zone() as (served, known):
            served.records["plain.test.", kind] = [address, *served.records.get(("plain.test.", kind), [])]
            assert (await find(known, "plain.test")).servers == (Server(0, 0, 5060, ("127.0.0.1",)),)

    asyncio.run(story())


@pytest.mark.parametrize("host", ["sip..carrier.test", f"{'x' * 64}.test"])
def test_a_name_that_no_question_can_be_asked_about_has_no_server(host: str) -> None:
    with pytest.raises(NamesError, match="label"):
        asyncio.run(Names().find(host, 5060, "UDP"))
