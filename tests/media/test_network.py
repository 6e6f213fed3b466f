"""A leg and its network: whose packets count, what is lost, what is nonsense, and what is reported."""

from __future__ import annotations

import random
import socket

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways.media import g711, rtcp, rtp
from gateways.media import messages as m
from tests.media.harness import Bench, bench, bridge
from tests.support.rtp_phone import RtpPhone
from tests.support.tones import heard, level_dbfs, tone


def two_legs(b: Bench, law: int = g711.PCMU) -> tuple[RtpPhone, RtpPhone]:
    low, high = b.leg("a", RtpPhone(payload_type=law, seed=1)), b.leg("b", RtpPhone(seed=2))
    low.say(tone(440, 20))
    high.say(tone(880, 20))
    b.do(bridge("a", "b"))
    return low, high


def freed(b: Bench, leg: str) -> m.LegFreed:
    b.do(m.FreeLeg(leg=leg))
    return b.messages(m.LegFreed)[-1]


def test_laws_may_differ_between_legs() -> None:
    with bench() as b:
        low, high = two_legs(b, g711.PCMA)
        b.tick(50)
        assert {packet[0] for packet in low.packets} == {g711.PCMA}
        assert {packet[0] for packet in high.packets} == {g711.PCMU}
        assert heard(low.heard(low.packets[10:]), 880)
        assert heard(high.heard(high.packets[10:]), 440)


def test_a_peer_that_sends_the_other_law_is_understood() -> None:
    with bench() as b:
        low, high = two_legs(b)
        b.do(m.ConnectLeg(leg="a", remote_host="127.0.0.1", remote_port=low.port, payload_type=g711.PCMA))
        b.tick(30)
        assert low.payload_type == g711.PCMU
        assert heard(high.heard(high.packets[10:]), 440)
        assert level_dbfs(high.heard(high.packets[10:])) == pytest.approx(-15, abs=0.5)


@pytest.mark.parametrize("samples", [80, 240, 320])
def test_other_packet_times_are_heard(samples: int) -> None:
    with bench() as b:
        low, high = two_legs(b)
        b.on_tick = b.silent
        sent = 0
        for tick in range(60):
            while sent <= tick * 160:
                low.send_frame(samples)
                sent += samples
            b.tick()
        at_high = high.heard(high.packets[10:50])
        assert heard(at_high, 440)
        assert (
            np.abs(np.diff(at_high.astype(int))).max() < 3_200
        )  # no seams: a tone of this level steps by 2,850


def test_lost_frames_are_concealed_and_fade() -> None:
    with bench() as b:
        low, high = two_legs(b)
        b.tick(20)

        def low_is_lost() -> None:
            low.next_packet()
            high.send_frame()

        b.on_tick = low_is_lost
        b.tick(20)
        levels = [level_dbfs(high.heard([packet])) for packet in high.packets[20:28]]
        # The last frame of the buffer, three that fade, silence.
        assert levels[0] == pytest.approx(-15, abs=0.5)
        assert levels[0] > levels[1] > levels[2] > levels[3] > -30
        assert max(levels[4:]) < -60


def test_reordered_and_repeated_packets_are_heard_as_sent(chance: random.Random) -> None:
    with bench() as b:
        low, high = two_legs(b)
        b.tick(5)
        waiting: list[bytes] = []

        def shuffled() -> None:
            waiting.append(low.next_packet())
            if len(waiting) == 2:
                chance.shuffle(waiting)
                for packet in waiting:
                    low.send(packet)
                    low.send(packet)
                waiting.clear()

        b.on_tick = shuffled
        b.tick(60)
        at_high = high.heard(high.packets[20:])
        assert np.abs(np.diff(at_high.astype(int))).max() < 3_200
        statistics = freed(b, "a")
        assert (statistics.packets_lost, statistics.packets_late) == (0, 0)
        assert 60 <= statistics.packets_received <= 66


def test_the_first_valid_source_takes_over_and_others_are_dropped() -> None:
    with bench() as b:
        signalled = RtpPhone(seed=9)
        low, high = two_legs(b)
        b.do(m.ConnectLeg(leg="a", remote_host="127.0.0.1", remote_port=signalled.port))
        b.tick()
        assert low.packets  # it spoke first, though signalling said another port
        before = len(signalled.receive())
        b.tick(10)
        assert len(signalled.receive()) == 0
        assert before <= 1
        intruder = RtpPhone(seed=7)
        intruder.target = low.target
        intruder.say(tone(1_500, 5))

        def with_intruder() -> None:
            b.all_speak()
            intruder.send_frame()
            intruder.send(b"\x80\x00 garbage that begins like RTP")

        b.on_tick = with_intruder
        b.tick(40)
        assert intruder.receive() == []
        assert not heard(high.heard(high.packets[-20:]), 1_500)
        assert heard(high.heard(high.packets[-20:]), 440)
        for phone in (signalled, intruder):
            phone.close()


def test_another_source_takes_over_after_silence_only() -> None:
    with bench() as b:
        low, high = two_legs(b)
        b.tick(20)
        moved = RtpPhone(seed=7)
        moved.target = low.target
        moved.say(tone(1_500, 20))
        b.on_tick = moved.send_frame
        b.tick(70)
        assert moved.receive() == []
        b.tick(40)
        assert len(moved.receive()) > 20
        assert heard(high.heard(high.packets[-20:]), 1_500)
        moved.close()


def test_a_guess_that_came_first_loses_the_leg_to_the_peer() -> None:
    """Behind a translator the peer names an address of its own network, and speaks from where it signals."""
    with bench() as b:
        phone = b.leg("a", remote_host="10.1.1.1", remote_port=9, peer_host="127.0.0.1")
        stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        stranger.bind(("127.0.0.2", 0))
        other = RtpPhone(seed=9)

        def speak() -> None:
            stranger.sendto(other.next_packet(), phone.target)

        b.on_tick = speak
        b.tick(20)
        assert phone.packets == []

        def both() -> None:
            speak()
            phone.send_frame()

        b.on_tick = both
        b.tick(20)
        assert len(phone.packets) >= 19
        assert b.messages(m.LegHeard) == [m.LegHeard(leg="a")]
        stranger.close()


def test_the_signalled_address_takes_over_at_once() -> None:
    with bench() as b:
        low, _ = two_legs(b)
        b.tick(20)
        moved = RtpPhone(seed=7)
        moved.target = low.target
        b.do(m.ConnectLeg(leg="a", remote_host="127.0.0.1", remote_port=moved.port))

        def both() -> None:
            low.send_frame()
            moved.send_frame()

        b.on_tick = both
        b.tick(10)
        assert len(moved.receive()) >= 9
        moved.close()


def test_garbage_never_latches_nor_speaks() -> None:
    with bench() as b:
        phone = b.leg("a", send=True, remote_port=0, remote_host="")
        b.on_tick = b.silent
        good = phone.next_packet()
        for packet in (
            b"",
            b"\x80",
            b"\x40" + good[1:],  # version 1
            bytes((good[0], 96)) + good[2:],  # a payload type that nobody agreed
            bytes((good[0] | 0x20,)) + good[1:-1] + b"\xff",  # more padding than packet
            good[:12] + bytes(1_900),  # longer than any telephone's
            b"OPTIONS sip:x SIP/2.0\r\n\r\n",
            rtcp.build(1, b"x", None, None),
        ):
            phone.send(packet)
            b.tick()
        assert phone.packets == []
        assert b.messages(m.LegHeard) == []
        phone.send(good)
        b.tick(2)
        assert len(phone.packets) == 2
        assert b.messages(m.LegHeard) == [m.LegHeard(leg="a")]
        assert freed(b, "a").packets_received == 1


@settings(max_examples=30)
@given(st.lists(st.binary(max_size=60), max_size=20), st.integers(0, 2**32))
def test_any_datagrams_are_survived(datagrams: list[bytes], seed: int) -> None:
    with bench(legs_max=2) as b:
        phone = b.leg("a", RtpPhone(seed=seed))
        phone.say(tone(440, 2))
        chance = random.Random(seed)

        def noise() -> None:
            phone.send_frame()
            for datagram in datagrams:
                whole = bytearray(phone.next_packet())
                whole[chance.randrange(12)] ^= 1 << chance.randrange(8)
                phone.send(chance.choice((datagram, bytes(whole), b"\x80\x65" + datagram)))

        b.on_tick = noise
        b.tick(5)
        assert len(phone.packets) == 5


def test_a_new_source_number_begins_a_new_stream() -> None:
    with bench() as b:
        low, high = two_legs(b)
        b.tick(20)
        low.ssrc, low.sequence, low.timestamp = 77, 40_000, 123
        b.tick(20)
        assert heard(high.heard(high.packets[-10:]), 440)
        assert freed(b, "a").packets_lost == 0


def test_heard_and_silent_are_told_in_turn() -> None:
    with bench() as b:
        phone = b.leg("a")
        b.on_tick = b.silent
        b.tick(100)
        assert [type(message) for _, message in b.told] == [m.LegAllocated]
        b.on_tick = phone.send_frame
        b.tick(10)
        b.on_tick = b.silent
        b.tick(70)
        assert b.messages(m.LegSilent) == []
        b.tick(20)
        [silent] = b.messages(m.LegSilent)
        assert 1_500 <= silent.silent_ms < 1_800
        b.tick(200)
        b.on_tick = phone.send_frame
        b.tick(10)
        assert len(b.messages(m.LegHeard)) == 2
        assert len(b.messages(m.LegSilent)) == 1


def test_statistics_count_what_was_lost() -> None:
    with bench() as b:
        phone = b.leg("a")
        number = 0

        def lossy() -> None:
            nonlocal number
            packet = phone.next_packet()
            if number % 10 != 3:
                phone.send(packet)
            number += 1

        b.on_tick = lossy
        b.tick(100)
        statistics = freed(b, "a")
        assert statistics.packets_received == 90
        assert statistics.packets_lost == 10
        assert statistics.packets_sent == 100
        assert statistics.jitter_ms == 0


def test_held_legs_neither_speak_nor_listen() -> None:
    with bench() as b:
        low, high = two_legs(b)
        b.tick(10)
        hold = {"remote_host": "127.0.0.1", "remote_port": low.port}
        b.do(m.ConnectLeg(leg="a", send=False, receive=False, **hold))  # type: ignore[arg-type]
        count = len(low.packets)
        b.tick(100)
        assert len(low.packets) == count
        assert level_dbfs(high.heard(high.packets[-90:])) < -60
        assert b.messages(m.LegSilent) == []
        earlier = low.packets[-1]
        b.do(m.ConnectLeg(leg="a", **hold))  # type: ignore[arg-type]
        b.tick(10)
        first = low.packets[count]
        assert first[1]  # the marker: a talk spurt begins
        assert (first[2] - earlier[2]) % 65_536 == 1
        assert (first[3] - earlier[3]) % 2**32 == 101 * 160
        assert heard(high.heard(high.packets[-5:]), 440)


def test_reports_say_what_was_sent_and_heard() -> None:
    with bench() as b:
        phone = b.leg("a")
        control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        control.bind(("127.0.0.1", 0))
        control.setblocking(False)
        b.tick(2)
        assert phone.target is not None
        # The peer's own reports tell where it wants ours.
        control.sendto(rtcp.build(phone.ssrc, b"phone", None, None), ("127.0.0.1", phone.target[1] + 1))
        b.tick(400)
        datagram = rtcp.parse(control.recv(1_500))
        assert datagram is not None
        [report] = datagram.reports
        assert report.ssrc == phone.packets[0][4]
        [block] = report.blocks
        assert block.ssrc == phone.ssrc
        assert block.block.cumulative_lost == 0
        while True:
            try:
                control.recv(1_500)
            except BlockingIOError:
                break
        b.do(m.FreeLeg(leg="a"))
        last = rtcp.parse(control.recv(1_500))
        assert last is not None
        assert last.goodbyes == (report.ssrc,)
        control.close()


def test_reports_on_the_audio_port_are_read() -> None:
    with bench() as b:
        phone = b.leg("a")
        b.tick(2)
        phone.send(rtcp.build(phone.ssrc, b"phone", None, None))
        b.tick(5)
        assert freed(b, "a").packets_received == 7


def test_time_left_out_shows_in_the_timestamps() -> None:
    with bench() as b:
        phone = b.leg("a")
        b.tick(3)
        b.engine.skip(10)
        b.tick(1)
        assert (phone.packets[-1][3] - phone.packets[-2][3]) % 2**32 == 11 * 160
        assert (phone.packets[-1][2] - phone.packets[-2][2]) % 65_536 == 1


def test_keys_come_through_any_disturbance() -> None:
    with bench() as b:
        phone = b.leg("a")
        b.tick(5)
        b.on_tick = b.silent
        for key, kept in (("1", range(8)), ("1", (0, 3)), ("#", (6,)), ("*", (7, 2, 2, 5, 1))):
            packets = phone.key_packets(key)
            for number in kept:
                phone.send(packets[number])
                b.tick()
            b.tick(15)
        assert [key.key for key in b.messages(m.Key)] == ["1", "1", "#", "*"]


@pytest.mark.parametrize("ssrc", [None, 77])
def test_keys_after_the_peer_began_anew(ssrc: int | None) -> None:
    """A transfer or a resumed hold brings another source, whose time may lie before that of the one before."""
    with bench() as b:
        phone = b.leg("a")
        phone.timestamp = 1_000_000_000
        phone.sequence = 1_000

        def press(key: str) -> None:
            for packet in phone.key_packets(key):
                phone.send(packet)
                b.tick()
            b.tick(15)

        b.tick(5)
        b.on_tick = b.silent
        press("1")
        phone.ssrc = ssrc or phone.ssrc
        phone.sequence, phone.timestamp = 40_000, 500
        b.on_tick = phone.send_frame
        b.tick(5)
        b.on_tick = b.silent
        press("2")
        assert [key.key for key in b.messages(m.Key)] == ["1", "2"]


def test_a_held_peer_that_vanishes_is_silent() -> None:
    with bench() as b:
        phone = b.leg("a")
        b.tick(10)
        b.do(
            m.ConnectLeg(leg="a", remote_host="127.0.0.1", remote_port=phone.port, send=False, receive=False)
        )
        b.tick(100)
        assert b.messages(m.LegSilent) == []
        b.on_tick = b.silent
        b.tick(100)
        assert len(b.messages(m.LegSilent)) == 1
        assert len(b.messages(m.LegHeard)) == 1


def test_keys_without_agreement_are_nothing() -> None:
    with bench() as b:
        phone = b.leg("a", dtmf_payload_type=-1)
        for packet in phone.key_packets("5"):
            phone.send(packet)
        b.tick(20)
        assert b.messages(m.Key) == []
        assert rtp.parse(phone.key_packets("5")[0]) is not None
