"""What a leg sends to an address that nothing came from, when nobody we know asked for it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from gateways.media import messages as m
from gateways.media import rtcp
from gateways.media.limits import (
    LATCH_UNKNOWN_PACKETS,
    LATCH_UNKNOWN_PAUSE_MS,
    LEG_SILENT_MS,
    UNHEARD_MS,
    UNPROVED_MS,
)
from tests.media.harness import Bench, bench
from tests.support.rtp_phone import RtpPhone

TICKS_A_SECOND = 50
LONG = 20 * TICKS_A_SECOND
ELSEWHERE = "127.0.0.2"


@contextmanager
def victim() -> Iterator[RtpPhone]:
    phone = RtpPhone(seed=9, host=ELSEWHERE)
    yield phone
    phone.close()


def tick(b: Bench, elsewhere: RtpPhone, ticks: int = LONG) -> int:
    """How many packets got there meanwhile."""
    before = len(elsewhere.packets)
    for _ in range(ticks):
        b.tick()
        elsewhere.receive()
    return len(elsewhere.packets) - before


def stranger(b: Bench, remote_host: str, remote_port: int) -> RtpPhone:
    """A leg whose peer signals from 127.0.0.1 and has said nothing."""
    phone = RtpPhone(seed=1)
    b.do(m.AllocateLeg(leg="a", local_host="127.0.0.1", loopback=True, stranger=True))
    phone.target = ("127.0.0.1", b.messages(m.LegAllocated)[-1].port)
    b.phones["a"] = phone
    b.on_tick = b.silent
    connect(b, remote_host, remote_port or phone.port)
    return phone


def connect(b: Bench, remote_host: str, remote_port: int) -> None:
    b.do(m.ConnectLeg(leg="a", remote_host=remote_host, remote_port=remote_port, peer_host="127.0.0.1"))


def test_nothing_goes_elsewhere_before_it_is_proved_who_signals() -> None:
    with bench() as b, victim() as elsewhere:
        stranger(b, ELSEWHERE, elsewhere.port)
        assert tick(b, elsewhere) == 0
        b.do(m.FreeLeg(leg="a"))
        assert b.messages(m.LegFreed)[-1].packets_sent == 0


def test_who_is_proved_has_little_sent_elsewhere_until_something_comes_from_there() -> None:
    with bench() as b, victim() as elsewhere:
        phone = stranger(b, ELSEWHERE, elsewhere.port)
        b.do(m.ProveLeg(leg="a"))
        assert 0 < tick(b, elsewhere) <= UNHEARD_MS // 20 + 15
        # To name it again, or another port of it, or to say again who one is, gains nothing.
        b.do(m.ProveLeg(leg="a"))
        connect(b, ELSEWHERE, elsewhere.port + 1)
        connect(b, ELSEWHERE, elsewhere.port)
        assert tick(b, elsewhere) == 0
        elsewhere.target = phone.target
        elsewhere.send_frame()
        assert tick(b, elsewhere) == LONG


def test_a_report_from_there_is_enough_for_who_only_listens() -> None:
    with bench() as b, victim() as elsewhere:
        phone = stranger(b, ELSEWHERE, elsewhere.port)
        b.do(m.ProveLeg(leg="a"))
        tick(b, elsewhere)
        assert phone.target is not None
        control = (phone.target[0], phone.target[1] + 1)
        elsewhere.socket.sendto(rtcp.build(7, b"listener", None, None), control)
        assert tick(b, elsewhere) >= LONG - 1


def test_where_the_signalling_comes_from_is_sent_to_for_a_moment_until_it_is_proved() -> None:
    with bench() as b:
        phone = stranger(b, "127.0.0.1", 0)
        b.tick(LONG)
        assert 0 < len(phone.packets) <= UNPROVED_MS // 20 + 15
        before = len(phone.packets)
        b.do(m.ProveLeg(leg="a"))
        b.tick(LONG)
        assert len(phone.packets) == before + LONG


def test_who_was_heard_and_then_names_somebody_else_is_a_stranger_again() -> None:
    with bench() as b, victim() as elsewhere:
        phone = stranger(b, "127.0.0.1", 0)
        b.do(m.ProveLeg(leg="a"))
        phone.send_frame()
        b.tick(10)
        connect(b, ELSEWHERE, elsewhere.port)
        assert 0 < tick(b, elsewhere) <= UNHEARD_MS // 20 + 15


def test_a_trunk_may_have_its_media_anywhere() -> None:
    with bench() as b, victim() as elsewhere:
        b.leg("a", remote_host=ELSEWHERE, remote_port=elsewhere.port, peer_host="127.0.0.1")
        b.on_tick = b.silent
        assert tick(b, elsewhere) == LONG


def test_packets_sprayed_at_all_ports_catch_no_leg() -> None:
    """Whoever comes from a host that signalling does not know has to go on for a while on a leg that is silent."""
    with bench() as b:
        phone = b.leg("a", peer_host="127.0.0.1")
        sprayer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sprayer.bind((ELSEWHERE, 0))
        sprayer.setblocking(False)
        other = RtpPhone(seed=9)
        assert phone.target is not None
        target = phone.target

        def spray() -> None:
            sprayer.sendto(other.next_packet(), target)

        b.on_tick = b.silent
        b.tick(LONG)
        phone.packets.clear()
        for _ in range(LATCH_UNKNOWN_PACKETS - 1):
            spray()
        b.tick(20)
        assert len(phone.packets) == 20
        # The peer speaks; from now on no number of packets from elsewhere moves its audio.
        phone.send_frame()
        b.tick(1)

        def both() -> None:
            spray()
            phone.send_frame()

        b.on_tick = both
        b.tick(LONG)
        assert len(phone.packets) == 21 + LONG
        sprayer.close()
        other.close()


def test_a_peer_whose_media_come_from_an_unknown_host_is_heard_at_once_and_sent_to_after_a_while() -> None:
    """A phone behind a translator whose proxy is elsewhere: neither address that signalling has is where it speaks from."""
    with bench() as b, victim() as elsewhere:
        phone = b.leg("a", remote_host="10.1.1.1", remote_port=9, peer_host="127.0.0.1")
        elsewhere.target = phone.target
        b.on_tick = elsewhere.send_frame
        assert tick(b, elsewhere, LATCH_UNKNOWN_PACKETS - 1) == 0
        assert b.messages(m.LegHeard) == [m.LegHeard(leg="a")]
        assert tick(b, elsewhere, 10) == 10


def test_who_is_heard_without_being_known_ends_no_doubt_about_a_stranger() -> None:
    with bench() as b, victim() as elsewhere:
        phone = stranger(b, ELSEWHERE, elsewhere.port)
        sprayer = RtpPhone(seed=3, host="127.0.0.4")
        sprayer.target = phone.target
        sprayer.send_frame()
        b.tick(5)
        assert b.messages(m.LegHeard)
        assert tick(b, elsewhere) == 0
        sprayer.close()


def test_a_burst_is_no_peer_that_goes_on() -> None:
    with bench() as b:
        phone = b.leg("a", peer_host="127.0.0.1")
        b.on_tick = b.silent
        sprayer = RtpPhone(seed=9, host=ELSEWHERE)
        sprayer.target = phone.target
        for _ in range(5):
            for _ in range(LATCH_UNKNOWN_PACKETS):
                sprayer.send_frame()
            b.tick(LATCH_UNKNOWN_PAUSE_MS // 20 + 10)
        assert sprayer.receive() == []
        sprayer.close()


def test_who_falls_silent_is_listened_to_by_nobody_else() -> None:
    """A caller who is muted, or whose phone suppresses silence; one that moves its port is still heard."""
    with bench() as b, victim() as elsewhere:
        phone = b.leg("a", peer_host="127.0.0.1")
        b.tick(10)
        elsewhere.target = phone.target
        b.on_tick = elsewhere.send_frame
        assert tick(b, elsewhere) == 0
        assert b.messages(m.LegSilent)
        again = RtpPhone(seed=4)
        again.target = phone.target
        b.on_tick = again.send_frame
        b.tick(10)
        assert len(again.receive()) == 10
        again.close()


def test_whoever_sprays_now_and_then_keeps_no_peer_of_an_unknown_host_away() -> None:
    with bench() as b, victim() as elsewhere:
        phone = b.leg("a", remote_host="10.1.1.1", remote_port=9, peer_host="127.0.0.1")
        sprayer = RtpPhone(seed=3, host="127.0.0.4")
        sprayer.target = elsewhere.target = phone.target
        sprayer.send_frame()
        b.on_tick = elsewhere.send_frame
        assert tick(b, elsewhere, 2 * TICKS_A_SECOND) > TICKS_A_SECOND // 2
        sprayer.close()


def test_who_was_sent_to_goes_on_after_a_pause_whoever_sprays_meanwhile() -> None:
    with bench() as b, victim() as elsewhere:
        phone = b.leg("a", remote_host="10.1.1.1", remote_port=9, peer_host="127.0.0.1")
        sprayer = RtpPhone(seed=3, host="127.0.0.4")
        sprayer.target = elsewhere.target = phone.target
        b.on_tick = elsewhere.send_frame
        tick(b, elsewhere, 2 * LATCH_UNKNOWN_PACKETS)
        b.on_tick = b.silent
        b.tick(LEG_SILENT_MS // 20 + 1)
        b.on_tick = sprayer.send_frame
        b.tick(LATCH_UNKNOWN_PACKETS // 2)

        def both() -> None:
            sprayer.send_frame()
            elsewhere.send_frame()

        b.on_tick = both
        assert tick(b, elsewhere) >= LONG
        assert sprayer.receive() == []
        sprayer.close()


def test_a_report_counts_whoever_sprays_meanwhile() -> None:
    with bench() as b, victim() as elsewhere:
        phone = stranger(b, ELSEWHERE, elsewhere.port)
        b.do(m.ProveLeg(leg="a"))
        sprayer = RtpPhone(seed=3, host="127.0.0.4")
        sprayer.target = phone.target
        sprayer.send_frame()
        tick(b, elsewhere)
        assert phone.target is not None
        control = (phone.target[0], phone.target[1] + 1)
        elsewhere.socket.sendto(rtcp.build(7, b"listener", None, None), control)
        assert tick(b, elsewhere) >= LONG - 1
        sprayer.close()


def test_who_speaks_between_gains_no_more_time_for_addresses_elsewhere() -> None:
    with bench() as b, victim() as elsewhere:
        phone = stranger(b, "127.0.0.1", 0)
        b.do(m.ProveLeg(leg="a"))
        sent = 0
        for port in range(elsewhere.port, elsewhere.port + 8):
            connect(b, ELSEWHERE, port)
            connect(b, ELSEWHERE, elsewhere.port)
            sent += tick(b, elsewhere, 2 * TICKS_A_SECOND)
            phone.send_frame()
            b.tick(5)
        assert 0 < sent <= UNHEARD_MS // 20 + 15


def test_signalling_that_comes_from_elsewhere_later_has_proved_nothing() -> None:
    """Who names a victim as the contact may forge a request of it within the dialog."""
    with bench() as b, victim() as elsewhere:
        phone = stranger(b, "127.0.0.1", 0)
        b.do(m.ProveLeg(leg="a"))
        phone.send_frame()
        b.tick(5)
        b.do(m.ConnectLeg(leg="a", remote_host=ELSEWHERE, remote_port=elsewhere.port, peer_host=ELSEWHERE))
        assert 0 < tick(b, elsewhere) <= UNHEARD_MS // 20 + 15
        elsewhere.target = phone.target
        elsewhere.send_frame()
        assert tick(b, elsewhere) == LONG


def test_an_address_is_the_same_however_it_is_written() -> None:
    """What SDP says may be spelled out; where packets come from never is."""
    with bench() as b:
        spelled_out = "0:0:0:0:0:0:0:1"
        phone = RtpPhone(seed=1, host="::1")
        b.do(m.AllocateLeg(leg="a", local_host="::1"))
        phone.target = ("::1", b.messages(m.LegAllocated)[-1].port)
        b.do(
            m.ConnectLeg(
                leg="a", remote_host=spelled_out, remote_port=phone.port + 1, peer_host="2001:db8::1"
            )
        )
        b.phones["a"] = phone
        b.tick(3)
        assert len(phone.packets) >= 2
