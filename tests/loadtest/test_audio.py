"""What one caller says, packet by packet."""

from __future__ import annotations

import select
import time
from itertools import pairwise

import numpy as np

from gateways.media import g711, rtp, telephone_event
from loadtest.audio import TONE_HZ, Stream
from loadtest.options import KeyAt
from tests.support.rtp_phone import RtpPhone
from tests.support.tones import heard

GUARD_S = 20


def said(stream: Stream, phone: RtpPhone, ticks: int) -> list[rtp.Packet]:
    """The packets of so many ticks."""
    before = stream.sent
    for _ in range(ticks):
        stream.tick()
    while len(phone.packets) < stream.sent:
        assert select.select([phone.socket], [], [], GUARD_S)[0], "a packet is lost on loopback"
        phone.receive()
    return phone.packets[before:]


def test_a_tone_without_a_gap_and_keys_in_between() -> None:
    phone, stream = RtpPhone(), Stream("127.0.0.1")
    try:
        stream.tick()
        assert stream.sent == 0, "nothing before the answer"
        stream.connect(("127.0.0.1", phone.port), (KeyAt("5", 0.2), KeyAt("5", 0.4)), 101)
        packets = said(stream, phone, 60)
    finally:
        phone.close()
        stream.close()
    assert stream.keys_pressed == 2
    sequence = [packet[2] for packet in packets]
    assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(sequence))
    detector = telephone_event.KeyDetector()
    presses = []
    for payload_type, _, _, timestamp, _, payload in packets:
        if payload_type == 101:
            event = telephone_event.parse(payload)
            assert event is not None
            presses += detector.put(timestamp, event, 0.0)
    assert [(press.key, press.duration_ms) for press in presses] == [("5", 120), ("5", 120)]
    audio = [packet for packet in packets if packet[0] == g711.PCMU]
    assert len(audio) == 60 - 2 * 6
    # The tone goes on where the time of the keys has brought it.
    assert [(packet[3] - audio[0][3]) & 0xFFFFFFFF for packet in audio] == [
        tick * rtp.FRAME_SAMPLES for tick in range(60) if not (10 <= tick < 16 or 20 <= tick < 26)
    ]
    assert [packet[1] for packet in audio].count(True) == 1, "the marker stands at the beginning"
    samples = g711.decode(np.frombuffer(b"".join(packet[5] for packet in audio[:10]), np.uint8), g711.PCMU)
    assert heard(samples, TONE_HZ)


def test_ticks_left_out_are_time_that_passed() -> None:
    phone, stream = RtpPhone(), Stream("127.0.0.1")
    deadline = time.monotonic() + GUARD_S
    try:
        stream.connect(("127.0.0.1", phone.port))
        stream.tick(7)
        packets = said(stream, phone, 1)
        phone.target = ("127.0.0.1", stream.port)
        phone.send_frame()
        phone.send(b"\x80\xc8\0\0\0\0\0\0")  # RTCP sharing the port
        phone.send(b"nonsense")
        while stream.received == 0:
            assert time.monotonic() < deadline, "the packet does not arrive"
            stream.tick()
    finally:
        phone.close()
        stream.close()
    assert (packets[-1][3] - phone.packets[0][3]) & 0xFFFFFFFF == 7 * rtp.FRAME_SAMPLES
    assert stream.received == 1
    stream.tick()
    assert stream.not_sent == 0, "a closed stream is quiet"
