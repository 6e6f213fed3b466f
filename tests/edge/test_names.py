"""Names of trunks, looked up at a real DNS server, and what becomes of calls when some of their servers are not there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from acd_core.domain import events
from acd_core.telephony import Trunk
from gateways.edge.limits import Timing
from gateways.edge.names import ADDRESSES_MAX, SERVERS_MAX, TTL_S_MAX, Names, NamesError
from gateways.sip.events import Transport
from gateways.sip.locate import Server
from tests.edge.test_trunks import dial_out, trunked
from tests.edge.world import PATIENCE_S, Phone, World, config_for, world_in
from tests.peers.dnsmasq import Dnsmasq

pytestmark = pytest.mark.peers
OTHER_HOST = "127.0.0.3"


@pytest.fixture(scope="module")
def dns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dnsmasq]:
    many = [f"srv-host=_sip._udp.many.test,many{number}.test,5060,1" for number in range(60)]
    many += [f"host-record=many{number}.test,127.0.1.{number}" for number in range(60)]
    many += [f"host-record=crowd.test,127.0.2.{number}" for number in range(60)]
    server = Dnsmasq(
        tmp_path_factory.mktemp("dns"),
        *("naptr-record=naptr.test,20,10,s,SIP+D2U,,_sip._udp.worse.test",),
        *("naptr-record=naptr.test,10,10,s,SIP+D2U,,_sip._udp.better.test",),
        *("naptr-record=naptr.test,10,10,s,SIPS+D2T,,_secure.better.test",),
        *(
            "srv-host=_sip._udp.better.test,one.test,5070,10,60",
            "srv-host=_sip._udp.better.test,two.test,5080,20",
        ),
        *("srv-host=_secure.better.test,two.test,5090,10",),
        *("srv-host=_sip._udp.plain.test,one.test,5070,10", "srv-host=_sip._tcp.plain.test,two.test,5071,10"),
        # Not in `test.`: whatever else is asked about it is refused.
        *(
            "srv-host=_sip._udp.refused.example,refused.example,5072,10",
            "host-record=refused.example,127.0.0.1,::1",
        ),
        *("srv-host=_sip._udp.none.test", "host-record=none.test,127.0.0.1"),
        *("srv-host=_sip._udp.empty.test,missing.test,5060,1", "host-record=address.test,127.0.0.1,::1,77"),
        *("cname=alias.test,address.test",),
        *("host-record=one.test,127.0.0.1,1234567", "host-record=two.test,127.0.0.3,::1,40"),
        *many,
    )
    yield server
    server.close()


def found(dns: Dnsmasq, host: str, transport: Transport = "UDP", port: int = 0) -> tuple[Server, ...]:
    return asyncio.run(Names(dns.address).find(host, port, transport)).servers


ONE = ("127.0.0.1",)
TWO = ("127.0.0.3", "::1")


@pytest.mark.parametrize(
    ("host", "port", "transport", "servers"),
    [
        ("naptr.test", 0, "UDP", (Server(10, 60, 5070, ONE), Server(20, 0, 5080, TWO))),
        ("naptr.test.", 0, "TLS", (Server(10, 0, 5090, TWO),)),
        ("plain.test", 0, "UDP", (Server(10, 0, 5070, ONE),)),
        ("plain.test", 0, "TCP", (Server(10, 0, 5071, TWO),)),
        ("address.test", 0, "UDP", (Server(0, 0, 5060, ("127.0.0.1", "::1")),)),
        ("address.test", 0, "TLS", (Server(0, 0, 5061, ("127.0.0.1", "::1")),)),
        ("alias.test", 0, "UDP", (Server(0, 0, 5060, ("127.0.0.1", "::1")),)),
        ("refused.example", 0, "UDP", (Server(10, 0, 5072, ("127.0.0.1", "::1")),)),
        ("one.test", 5099, "UDP", (Server(0, 0, 5099, ONE),)),
    ],
)
def test_a_name_stands_for_these_servers(
    dns: Dnsmasq, host: str, port: int, transport: Transport, servers: tuple[Server, ...]
) -> None:
    assert found(dns, host, transport, port) == servers


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("nowhere.test", "nowhere.test has no address"),
        ("none.test", "_sip._udp.none.test says that there is no such service"),
        ("empty.test", "none of missing.test has an address"),
    ],
)
def test_a_name_that_stands_for_nothing(dns: Dnsmasq, host: str, why: str) -> None:
    with pytest.raises(NamesError, match=why):
        found(dns, host)


def test_answers_are_bounded_whatever_the_owner_of_a_name_writes(dns: Dnsmasq) -> None:
    assert len(found(dns, "many.test")) == SERVERS_MAX
    [crowd] = found(dns, "crowd.test")
    assert len(crowd.addresses) == ADDRESSES_MAX
    assert asyncio.run(Names(dns.address).find("one.test", 5060, "UDP")).ttl_s == TTL_S_MAX
    assert asyncio.run(Names(dns.address).find("two.test", 5060, "UDP")).ttl_s == 40


def test_nobody_answers(tmp_path: Path) -> None:
    server = Dnsmasq(tmp_path)
    server.close()
    with pytest.raises(NamesError, match=r"_sip\._udp\.carrier\.test SRV"):
        asyncio.run(Names(server.address, 0.05).find("carrier.test", 0, "UDP"))


@contextlib.contextmanager
def sides() -> Iterator[tuple[Phone, Phone]]:
    """Two servers of one carrier."""
    with contextlib.ExitStack() as stack:
        pair = Phone(0), Phone(0, OTHER_HOST)
        for side in pair:
            stack.callback(side.close)
        yield pair


@contextlib.contextmanager
def served(folder: Path, *lines: str) -> Iterator[Dnsmasq]:
    server = Dnsmasq(folder / "dns", *lines)
    try:
        yield server
    finally:
        server.close()


def records(first: Phone, second: Phone) -> list[str]:
    return [
        f"srv-host=_sip._udp.carrier.test,first.test,{first.port},10",
        f"srv-host=_sip._udp.carrier.test,second.test,{second.port},20",
        "host-record=first.test,127.0.0.1,1",
        f"host-record=second.test,{OTHER_HOST},1",
    ]


@contextlib.asynccontextmanager
async def carrier(
    folder: Path, server: Dnsmasq, *servers: Phone, timing: Timing | None = None, **settings: Any
) -> AsyncIterator[World]:
    """An edge with one trunk, `carrier.test`."""
    trunk = Trunk(host="carrier.test", **settings)
    config = trunked(config_for(folder, resolver=server.address), t1=trunk)
    async with world_in(folder, config=config, timing=timing) as world:
        for side in servers:
            side.edge = ("127.0.0.1", world.edge.point.port)
        yield world


async def came_up(world: World) -> None:
    if "t1" not in world.core.all(events.EdgeInventory)[0].trunks:
        await world.core.expect(events.TrunkChanged, lambda event: event.up)


def test_a_call_goes_to_the_next_server_of_a_name_and_so_does_the_next_call(tmp_path: Path) -> None:
    async def story() -> None:
        with sides() as (first, second), served(tmp_path, *records(first, second)) as server:
            async with carrier(tmp_path, server, first, second, health_s=0) as world:
                await came_up(world)
                world.core.send(dial_out())
                invite = await first.asked("INVITE")
                assert invite.uri == "sip:02121112233@carrier.test;user=phone"
                first.reply(invite, 503)
                await first.asked("ACK")
                again = await second.asked("INVITE")
                assert again.uri == invite.uri
                second.reply(again, 486)
                assert (await world.core.expect(events.DialFailed)).status == 486
                assert world.edge.trunks.rows()[0].reason == "", "the trunk did not fail"
                world.core.send(dial_out(call="c-2-d8"))
                second.reply(await second.asked("INVITE"), 486)
                await world.core.expect(events.DialFailed)
                # The first is asked again when its minute is over.
                world.jump(61_000)
                world.core.send(dial_out(call="c-3-d9"))
                first.reply(await first.asked("INVITE"), 486)
                await world.core.expect(events.DialFailed)

    asyncio.run(story())


def test_a_server_that_says_nothing_is_passed_over_and_one_that_rang_is_not(tmp_path: Path) -> None:
    async def story() -> None:
        with sides() as (first, second), served(tmp_path, *records(first, second)) as server:
            quick = Timing(trunk_silence_s=0.1)
            async with carrier(tmp_path, server, first, second, timing=quick, health_s=0) as world:
                await came_up(world)
                world.core.send(dial_out())
                await first.asked("INVITE")
                invite = await second.asked("INVITE")
                second.reply(invite, 180)
                second.reply(invite, 503)
                failed = await world.core.expect(events.DialFailed)
                assert (failed.status, failed.trunk) == (503, "t1")

    asyncio.run(story())


def test_all_servers_of_a_name_may_call_in(tmp_path: Path) -> None:
    async def story() -> None:
        with sides() as (first, second), served(tmp_path, *records(first, second)) as server:
            async with carrier(tmp_path, server, first, second, health_s=0) as world:
                await came_up(world)
                for side in (first, second):
                    await side.call()
                    assert (await world.core.expect(events.CallArrived)).trunk == "t1"
                stranger = Phone(0, "127.0.0.4")
                stranger.edge = first.edge
                await stranger.call()
                assert (await world.core.expect(events.CallArrived)).trunk == ""
                stranger.close()

    asyncio.run(story())


def test_options_and_registrations_go_on_to_the_next_server(tmp_path: Path) -> None:
    quick = Timing(trunk_options_wait_s=0.1, trunk_options_again_s=0.01, trunk_register_again_s=0.01)

    async def story() -> None:
        with sides() as (first, second), served(tmp_path, *records(first, second)) as server:
            settings = {"health_s": 5, "register": True, "user": "us"}
            async with carrier(tmp_path, server, first, second, timing=quick, **settings) as world:
                first.reply(await first.asked("REGISTER"), 503)
                register = await second.asked("REGISTER")
                second.reply(register, 200, headers=(f"Contact: {register.contacts[0]};expires=600",))
                second.reply(await second.asked("OPTIONS"), 200)
                await came_up(world)

    asyncio.run(story())


def test_what_the_dns_said_last_holds_while_it_is_away_and_what_it_says_next_is_followed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    timing = Timing(name_again_s=0.05, name_answer_s=0.1)

    async def heard(text: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not any(text in record.getMessage() for record in caplog.records):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def story() -> None:
        caplog.set_level("INFO")
        with sides() as (first, second):
            server = Dnsmasq(tmp_path / "dns", *records(first, second)[::2])
            try:
                async with carrier(tmp_path, server, first, second, timing=timing, health_s=0) as world:
                    await came_up(world)
                    server.close()
                    await heard("can't be looked up")
                    world.core.send(dial_out())
                    first.reply(await first.asked("INVITE"), 486)
                    await world.core.expect(events.DialFailed)
                    moved = records(second, second)
                    server = Dnsmasq(
                        tmp_path / "dns",
                        moved[0],
                        moved[2].replace("127.0.0.1", OTHER_HOST),
                        port=server.port,
                    )
                    await heard(f"carrier.test is at {OTHER_HOST}:{second.port}")
                    world.core.send(dial_out(call="c-2-d8"))
                    second.reply(await second.asked("INVITE"), 486)
                    await world.core.expect(events.DialFailed)
            finally:
                server.close()

    asyncio.run(story())
