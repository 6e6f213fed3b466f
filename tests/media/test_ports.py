from __future__ import annotations

import socket

import pytest

from gateways.media.ports import PortRange, PortsError

HOST = "127.0.0.1"


@pytest.fixture
def first() -> int:
    """An even port with some free ones after it, most probably."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        port = int(probe.getsockname()[1])
    return min(port + port % 2, 65_500)


def test_a_range_gives_even_ports_round_robin_until_none_is_left(first: int) -> None:
    ports = PortRange(first, first + 7)
    pairs = [ports.bind(HOST) for _ in range(4)]
    assert [pair.port for pair in pairs] == [first, first + 2, first + 4, first + 6]
    assert all(pair.rtcp.getsockname()[1] == pair.port + 1 for pair in pairs)
    with pytest.raises(PortsError, match="no free RTP port"):
        ports.bind(HOST)
    for pair in pairs[:2]:
        pair.close()
        ports.release(pair.port)
    again = ports.bind(HOST)
    assert again.port == first
    again.close()
    ports.release(again.port)
    # Not the one that was just given back.
    last = ports.bind(HOST)
    assert last.port == first + 2
    for pair in (*pairs[2:], last):
        pair.close()


def test_a_port_that_somebody_else_has_is_passed_over(first: int) -> None:
    ports = PortRange(first, first + 3)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((HOST, first + 1))
        with ports.bind(HOST).rtp as bound:
            assert bound.getsockname()[1] == first + 2


def test_a_wished_port_or_none(first: int) -> None:
    ports = PortRange(first, first + 3)
    pair = ports.bind(HOST, first + 2)
    assert pair.port == first + 2
    for port in (first + 2, first + 1, -2, 70_000):
        with pytest.raises(PortsError):
            ports.bind(HOST, port)
    pair.close()


def test_outside_of_the_range() -> None:
    ports = PortRange(20_000, 23_999)
    pair = ports.bind_outside(HOST)
    assert pair.port % 2 == 0
    assert not 20_000 <= pair.port <= 23_999
    pair.close()


@pytest.mark.parametrize("host", ["", "localhost", "192.0.2.1", "::zz"])
def test_an_address_that_is_not_ours_is_an_error_that_says_so(host: str, first: int) -> None:
    with pytest.raises(PortsError):
        PortRange(first, first + 3).bind(host)
    with pytest.raises(PortsError):
        PortRange(first, first + 3).bind_outside(host)


def test_a_leg_of_ipv6_is_of_ipv6_alone(first: int) -> None:
    with PortRange(first, first + 1).bind("::").rtp as bound, pytest.raises(OSError, match="unreachable"):
        bound.sendto(b"x", ("::ffff:127.0.0.1", first))
