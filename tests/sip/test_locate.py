"""The rules of RFC 3263 and RFC 2782 about a name's servers."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from gateways.sip.events import Transport
from gateways.sip.locate import Naptr, Server, in_order, srv_names

RECORDS = [
    Naptr(20, 10, "s", "SIP+D2U", "third.example"),
    Naptr(10, 20, "S", "sip+d2u", "second.example"),
    Naptr(10, 10, "s", "SIP+D2U", "first.example"),
    Naptr(5, 10, "s", "SIPS+D2T", "secure.example"),
    Naptr(1, 1, "u", "SIP+D2U", "no-service.example"),
    Naptr(1, 1, "s", "E2U+sip", "no-sip.example"),
    Naptr(1, 1, "s", "SIP+D2U", "."),
    Naptr(1, 1, "s", "SIP+D2U", ""),
]


def server(priority: int, weight: int, name: str) -> Server:
    return Server(priority, weight, 5060, (name,))


@pytest.mark.parametrize(
    ("transport", "names"),
    [
        ("UDP", ("first.example", "second.example", "third.example")),
        ("TLS", ("secure.example",)),
        ("TCP", ("_sip._tcp.carrier.example",)),
    ],
)
def test_naptr_names_where_the_servers_of_a_transport_are(
    transport: Transport, names: tuple[str, ...]
) -> None:
    assert srv_names("carrier.example", transport, RECORDS) == names


def test_without_naptr_each_transport_has_its_usual_name() -> None:
    usual = [srv_names("c.example", transport, [])[0] for transport in ("UDP", "TCP", "TLS")]
    assert usual == ["_sip._udp.c.example", "_sip._tcp.c.example", "_sips._tcp.c.example"]


def test_lower_priorities_go_first_whatever_is_drawn(chance: random.Random) -> None:
    servers = [server(20, 90, "c"), server(10, 1, "b"), server(5, 0, "a"), server(20, 10, "d")]
    for _ in range(50):
        ordered = in_order(servers, lambda upto: chance.randint(0, upto))
        assert [one.priority for one in ordered] == [5, 10, 20, 20]
        assert sorted(ordered) == sorted(servers)


def test_weights_share_the_calls_and_nobody_is_left_out(chance: random.Random) -> None:
    servers = [server(1, 60, "a"), server(1, 30, "b"), server(1, 10, "c"), server(1, 0, "d")]
    first: Counter[str] = Counter()
    for _ in range(10_000):
        ordered = in_order(servers, lambda upto: chance.randint(0, upto))
        assert len(ordered) == 4
        first[ordered[0].addresses[0]] += 1
    assert 5_700 < first["a"] < 6_300
    assert 2_700 < first["b"] < 3_300
    assert 800 < first["c"] < 1_200
    assert 0 < first["d"] < 250, "RFC 2782: a very small chance"
