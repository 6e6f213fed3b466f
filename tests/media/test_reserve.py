"""Ports in reserve: bound at once, theirs who asked, and without what came for whoever had them before."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from gateways.media import messages as m
from tests.media.harness import Bench, bench
from tests.media.test_commands import free_even_port
from tests.support.rtp_phone import RtpPhone

HERE = "127.0.0.1"


def reserved(b: Bench, count: int, owner: str = "edge1") -> tuple[int, ...]:
    b.do(m.ReservePorts(local_host=HERE, count=count), owner=owner)
    return b.messages(m.PortsReserved)[-1].ports


@contextmanager
def ranged(ports: int = 64) -> Iterator[Bench]:
    """A bench with a public range."""
    first = min(free_even_port(), 65_000 - ports)
    with bench(port_min=first, port_max=first + ports - 1) as b:
        yield b


def is_bound(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((HERE, port))
        except OSError:
            return True
    return False


def test_a_leg_takes_the_ports_in_reserve_and_hears_nothing_older_than_itself() -> None:
    with ranged() as b:
        port, other = reserved(b, 2)
        assert is_bound(port)
        stale = RtpPhone(seed=9)
        stale.target = (HERE, port)
        for _ in range(3):
            stale.send_frame()
        b.do(m.AllocateLeg(leg="a", local_host=HERE, port=port))
        assert b.messages(m.LegAllocated) == [m.LegAllocated(leg="a", port=port)]
        phone = RtpPhone(seed=1)
        phone.target = (HERE, port)
        b.do(m.ConnectLeg(leg="a", remote_host=HERE, remote_port=phone.port))
        b.phones["a"] = phone
        b.tick(5)
        b.do(m.FreeLeg(leg="a"))
        assert b.messages(m.LegFreed)[-1].packets_received == 5, "those of the phone alone"
        assert not is_bound(port)
        assert is_bound(other)


def test_what_is_in_reserve_is_nobody_elses_and_goes_with_its_edge() -> None:
    with ranged() as b:
        [port] = reserved(b, 1)
        b.do(m.AllocateLeg(leg="a", local_host=HERE, port=port), owner="edge2")
        assert "taken" in b.messages(m.LegRefused)[-1].reason
        b.engine.owner_up("edge1", True)
        assert not is_bound(port)
        b.do(m.AllocateLeg(leg="a", local_host=HERE, port=port), owner="edge2")
        assert b.messages(m.LegAllocated)[-1].port == port
        [last] = reserved(b, 1)
    assert not is_bound(last)


def test_there_are_fewer_where_they_would_cost_legs() -> None:
    with ranged(16) as b:
        assert len(reserved(b, 8)) == 2, "a quarter of the range"
        assert reserved(b, 1, owner="edge2") == ()
        assert reserved(b, -1) == ()
    first = free_even_port()
    with bench(legs_max=3, port_min=min(first, 64_000), port_max=min(first, 64_000) + 63) as b:
        b.do(m.AllocateLeg(leg="a", local_host=HERE, loopback=True))
        assert len(reserved(b, 8)) == 2
        b.do(m.ReservePorts(local_host="192.0.2.7", count=1))
        assert b.messages(m.PortsReserved)[-1].ports == ()
