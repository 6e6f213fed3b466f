"""Tones that the engine makes, and keys that it presses."""

from __future__ import annotations

import itertools

import pytest

from gateways.media import messages as m
from gateways.media import telephone_event
from gateways.media.telephone_event import KeyDetector, Press
from tests.media.harness import Bench, bench
from tests.support.rtp_phone import RtpPhone
from tests.support.tones import heard, level_dbfs

RINGBACK = m.PlayTone(leg="operator", frequencies_hz=(450.0,), cadence_ms=(400, 600))


def presses(phone: RtpPhone) -> list[Press]:
    detector = KeyDetector()
    found: list[Press] = []
    for kind, _, _, timestamp, _, payload in phone.packets:
        if kind == phone.dtmf_payload_type:
            event = telephone_event.parse(payload)
            assert event is not None
            found += detector.put(timestamp, event, 0.0)
    return found


def connected(made: Bench, **more: int) -> RtpPhone:
    made.on_tick = made.silent
    return made.leg("operator", RtpPhone(payload_type=0, seed=1), **more)


def test_a_ringback_tone_is_heard_in_its_cadence_until_it_is_stopped() -> None:
    with bench() as made:
        phone = connected(made)
        made.do(RINGBACK)
        made.tick(100)
        samples = phone.heard()
        for second in (0, 8_000):
            assert heard(samples[second + 160 : second + 3_000], 450)
            assert level_dbfs(samples[second + 3_400 : second + 7_900]) < -70
        made.do(m.StopPlay(leg="operator"))
        made.tick(20)
        assert level_dbfs(phone.heard()[-3_000:]) < -70


@pytest.mark.parametrize(
    "wrong",
    [
        m.PlayTone(leg="operator", frequencies_hz=(), cadence_ms=(100,)),
        m.PlayTone(leg="operator", frequencies_hz=(450.0,), cadence_ms=()),
        m.PlayTone(leg="operator", frequencies_hz=(450.0,), cadence_ms=(100, 0)),
        m.PlayTone(leg="operator", frequencies_hz=(450.0,), cadence_ms=(10**9, 100)),
        m.SendKeys(leg="operator", keys=""),
        m.SendKeys(leg="operator", keys="1x"),
        m.SendKeys(leg="operator", keys="1" * 65),
    ],
)
def test_what_is_no_tone_and_no_key_is_refused(wrong: m.ToEngine) -> None:
    with bench() as made:
        connected(made)
        made.do(wrong)
        assert made.messages(m.LegRefused)[-1].leg == "operator"
        made.tick()


def test_keys_are_events_in_the_place_of_audio() -> None:
    """RFC 4733: one timestamp an event, growing durations, the marker first, three ends; sequence numbers go on."""
    with bench() as made:
        phone = connected(made)
        made.do(m.SendKeys(leg="operator", keys="5"), m.SendKeys(leg="operator", keys="5#"))
        made.tick(60)
        assert [press.key for press in presses(phone)] == ["5", "5", "#"]
        assert {press.duration_ms for press in presses(phone)} == {160}
        sequences = [packet[2] for packet in phone.packets]
        assert all((after - before) % 65_536 == 1 for before, after in itertools.pairwise(sequences))
        kinds = [packet[0] for packet in phone.packets]
        first = phone.packets[: kinds.index(0)]
        assert [packet[1] for packet in first] == [True, *[False] * (len(first) - 1)]
        assert len({packet[3] for packet in first}) == 1
        events = [telephone_event.parse(packet[5]) for packet in first]
        assert [event.duration for event in events if event] == [*range(160, 1_281, 160), 1_280, 1_280]
        assert [event.end for event in events if event] == [False] * 7 + [True] * 3
        between = kinds[len(first) : kinds.index(phone.dtmf_payload_type, len(first))]
        assert between == [0] * 4, "audio, so that two presses are two"
        assert {packet[4] for packet in phone.packets} == {phone.packets[0][4]}


def test_keys_are_tones_for_who_understands_no_events() -> None:
    """ITU-T Q.23"""
    with bench() as made:
        phone = connected(made, dtmf_payload_type=-1)
        made.do(m.SendKeys(leg="operator", keys="5"))
        made.tick(20)
        assert {packet[0] for packet in phone.packets} == {0}
        pressed = phone.heard()[160:1_200]
        assert heard(pressed, 770)
        assert heard(pressed, 1_336)
        assert level_dbfs(phone.heard()[1_500:]) < -70


def test_tones_of_keys_wait_for_each_other() -> None:
    """As pressed at a keypad: the second while the first is still heard, and a third in its pause."""
    with bench() as made:
        phone = connected(made, dtmf_payload_type=-1)
        for key, ticks in (("5", 3), ("1", 18), ("1", 30)):
            made.do(m.SendKeys(leg="operator", keys=key))
            made.tick(ticks)
        samples = phone.heard()
        key_samples = 240 * 8
        for index, (low, high) in enumerate(((770, 1_336), (697, 1_209), (697, 1_209))):
            begin = index * key_samples
            pressed = samples[begin + 200 : begin + 1_200]
            assert heard(pressed, low)
            assert heard(pressed, high)
            assert level_dbfs(samples[begin + 1_500 : begin + key_samples - 80]) < -70, "two presses are two"
        assert level_dbfs(samples[3 * key_samples :]) < -70


def test_no_more_tones_of_keys_wait_than_there_is_room_for() -> None:
    with bench() as made:
        connected(made, dtmf_payload_type=-1)
        made.do(*(m.SendKeys(leg="operator", keys="1" * 32) for _ in range(2)))
        made.do(m.SendKeys(leg="operator", keys="1"))
        assert made.messages(m.LegRefused)[-1].command == "SendKeys"


def test_nobody_is_pressed_keys_who_is_sent_nothing() -> None:
    with bench() as made:
        connected(made, send=False)
        made.do(m.SendKeys(leg="operator", keys="5"))
        assert made.messages(m.LegRefused)[-1].command == "SendKeys"


def test_keys_that_wait_are_forgotten_when_events_are_no_longer_agreed() -> None:
    with bench() as made:
        phone = connected(made)
        made.do(m.SendKeys(leg="operator", keys="123"))
        made.tick(3)
        made.do(m.ConnectLeg(leg="operator", remote_host="127.0.0.1", remote_port=phone.port, payload_type=0))
        made.tick(60)
        assert {packet[0] for packet in phone.packets[-50:]} == {0}
