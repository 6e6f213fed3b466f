from __future__ import annotations

from pathlib import Path

import numpy as np

from gateways.media import messages as m
from tests.media.harness import bench, bridge
from tests.support.tones import heard, level_dbfs, read_wav, tone, tone_wav


def test_bridged_legs_hear_each_other_and_not_themselves() -> None:
    with bench() as b:
        low, high = b.leg("a"), b.leg("b")
        low.say(tone(440, 3))
        high.say(tone(880, 3))
        b.tick(20)
        assert level_dbfs(low.heard()) < -60
        b.do(bridge("a", "b"))
        b.tick(50)
        at_low, at_high = low.heard(low.packets[25:]), high.heard(high.packets[25:])
        assert heard(at_low, 880)
        assert not heard(at_low, 440)
        assert heard(at_high, 440)
        assert not heard(at_high, 880)
        b.do(bridge("a", "b", 0))
        b.tick(10)
        assert level_dbfs(low.heard(low.packets[-5:])) < -60


def test_recording_holds_one_party_a_channel(tmp_path: Path) -> None:
    with bench() as b:
        b.leg("a").say(tone(440, 3))
        b.leg("b").say(tone(880, 3))
        b.do(bridge("a", "b"))
        b.tick(10)
        path = tmp_path / "2026" / "07" / "1.wav"
        b.do(m.StartRecording(recording="r", left="a", right="b", path=str(path)))
        b.tick(104)
        b.do(m.StopRecording(recording="r"))
        done = b.wait_recorded()
        assert (done.failed, done.duration_ms, done.path) == ("", 2_080, str(path))
        samples, rate = read_wav(path)
        assert (rate, samples.shape) == (8_000, (2_080 * 8, 2))
        assert heard(samples[:, 0], 440)
        assert heard(samples[:, 1], 880)
        assert not heard(samples[:, 0], 880)
        assert not heard(samples[:, 1], 440)


def test_files_are_played_one_after_the_other_and_reported_once(tmp_path: Path) -> None:
    with bench() as b:
        caller, other = b.leg("a"), b.leg("b")
        paths = tone_wav(tmp_path / "1.wav", 600, 0.5), tone_wav(tmp_path / "2.wav", 1_000, 0.5, rate=22_050)
        b.do(m.PlayFiles(leg="a", play=7, paths=tuple(str(path) for path in paths)))
        b.wait_loaded()
        b.tick(50)
        assert b.messages(m.PlaybackDone) == []
        b.tick(2)
        assert b.messages(m.PlaybackDone) == [m.PlaybackDone(leg="a", play=7)]
        assert heard(caller.heard(caller.packets[:24]), 600)
        assert heard(caller.heard(caller.packets[26:50]), 1_000)
        assert level_dbfs(other.heard()) < -60
        b.tick(20)
        assert len(b.messages(m.PlaybackDone)) == 1


def test_key_is_told_once() -> None:
    with bench() as b:
        phone = b.leg("a")
        b.tick(5)
        b.on_tick = b.silent
        for packet in phone.key_packets("5"):
            phone.send(packet)
            b.tick()
        assert b.messages(m.Key) == [m.Key(leg="a", key="5", duration_ms=120)]


def test_sends_a_packet_a_tick_with_growing_numbers() -> None:
    with bench() as b:
        phone = b.leg("a")
        b.tick(10)
        assert [packet[1] for packet in phone.packets] == [True] + [False] * 9
        assert set(np.diff([packet[2] for packet in phone.packets]) % 65_536) == {1}
        assert set(np.diff([packet[3] for packet in phone.packets]) % 2**32) == {160}
        assert len({packet[4] for packet in phone.packets}) == 1
