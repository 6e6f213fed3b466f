"""Commands: what they do together, and how they are refused."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from gateways.media import messages as m
from tests.media.harness import bench, bridge
from tests.support.tones import heard, level_dbfs, read_wav, tone, tone_wav


def free_even_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    return min(port + port % 2, 65_000)


def test_a_full_range_and_too_many_legs_are_refused() -> None:
    port = free_even_port()
    with bench(port_min=port, port_max=port + 3) as b:
        for name in "abc":
            b.do(m.AllocateLeg(leg=name, local_host="127.0.0.1"))
        assert [allocated.port for allocated in b.messages(m.LegAllocated)] == [port, port + 2]
        [refused] = b.messages(m.LegRefused)
        assert (refused.leg, refused.command) == ("c", "AllocateLeg")
        assert "no free RTP port" in refused.reason
        b.do(m.FreeLeg(leg="a"), m.AllocateLeg(leg="c", local_host="127.0.0.1"))
        assert b.messages(m.LegAllocated)[-1].port == port
        # Made anew after the engine's restart: the same port, or not at all.
        b.do(m.AllocateLeg(leg="d", local_host="127.0.0.1", port=port))
        assert "taken" in b.messages(m.LegRefused)[-1].reason
        b.do(m.FreeLeg(leg="c"), m.AllocateLeg(leg="d", local_host="127.0.0.1", port=port))
        assert b.messages(m.LegAllocated)[-1].port == port
    with bench(legs_max=2) as b:
        for name in "abc":
            b.do(m.AllocateLeg(leg=name, local_host="127.0.0.1", loopback=True))
        [refused] = b.messages(m.LegRefused)
        assert refused.reason == "2 legs are in use"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (m.AllocateLeg(leg="a", local_host="127.0.0.1", loopback=True), "the leg exists"),
        (m.AllocateLeg(leg="x", local_host="example.org"), "not an IP address"),
        (m.AllocateLeg(leg="x", local_host="192.0.2.7"), "can't be bound"),
        (m.ConnectLeg(leg="x", remote_host="127.0.0.1", remote_port=4_000), "unknown leg"),
        (m.ConnectLeg(leg="a", remote_host="example.org", remote_port=4_000), "not an IP address"),
        (m.ConnectLeg(leg="a", remote_host="::1", remote_port=4_000), "IPv4"),
        (m.ConnectLeg(leg="a", remote_host="127.0.0.1", remote_port=70_000), "not a port"),
        (
            m.ConnectLeg(leg="a", remote_host="127.0.0.1", remote_port=4_000, payload_type=9),
            "neither PCMU nor",
        ),
        (
            m.ConnectLeg(leg="a", remote_host="127.0.0.1", remote_port=4_000, dtmf_payload_type=200),
            "no payload type",
        ),
        (m.PlayFiles(leg="x", play=1, paths=("/a.wav",)), "unknown leg"),
        (m.PlayFiles(leg="a", play=1, paths=("/a.wav",) * 17), "more than 16 files"),
        (m.PlayLoop(leg="x", path="/a.wav"), "unknown leg"),
        (m.StopPlay(leg="x"), "unknown leg"),
        (m.SetGains(gains=(m.Gain("a", "b", 1.0), m.Gain("a", "x", 1.0))), "unknown leg"),
        (m.SetGains(gains=(m.Gain("a", "b", float("nan")),)), "out of range"),
        (m.SetGains(gains=(m.Gain("a", "b", 1e9),)), "out of range"),
        (m.StartRecording(recording="r", left="a", right="x", path="/tmp/x.wav"), "unknown leg"),
        (m.StartRecording(recording="r", left="a", right="b", path="x.wav"), "not an absolute path"),
        (m.FreeLeg(leg="x"), "unknown leg"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, m.Message) else value,
)
def test_what_is_refused_says_why_and_changes_nothing(command: m.ToEngine, reason: str) -> None:
    with bench() as b:
        low, high = b.leg("a"), b.leg("b")
        low.say(tone(440, 5))
        high.say(tone(880, 5))
        b.do(m.SetGains(gains=(m.Gain("b", "a", 1.0),)))
        b.do(command)
        [refused] = b.messages(m.LegRefused)
        assert refused.command == type(command).__name__
        assert reason in refused.reason
        b.tick(20)
        assert heard(low.heard(low.packets[5:]), 880)
        assert level_dbfs(high.heard()) < -60


def test_gains_of_a_leg_that_is_gone_can_be_taken_away() -> None:
    with bench() as b:
        low, _, third = b.leg("a"), b.leg("b"), b.leg("c")
        third.say(tone(880, 5))
        b.do(bridge("a", "b"), m.FreeLeg(leg="b"))
        b.phones.pop("b").close()
        b.do(m.SetGains(gains=(m.Gain("b", "a", 0), m.Gain("a", "b", 0), m.Gain("c", "a", 1.0))))
        assert b.messages(m.LegRefused) == []
        b.tick(20)
        assert heard(low.heard(low.packets[5:]), 880)


def test_conference_listening_and_whispering_are_gains() -> None:
    with bench() as b:
        phones = {name: b.leg(name) for name in ("caller", "operator", "supervisor")}
        for phone, frequency in zip(phones.values(), (440, 880, 1_400), strict=True):
            phone.say(tone(frequency, 20, level_dbfs=-20))
        b.do(bridge("caller", "operator"))
        listening = m.Gain("caller", "supervisor", 1.0), m.Gain("operator", "supervisor", 1.0)
        whispering = m.Gain("supervisor", "operator", 0.5)
        b.do(m.SetGains(gains=(*listening, whispering)))
        b.tick(40)

        def pitches(name: str) -> list[int]:
            samples = phones[name].heard(phones[name].packets[-25:])
            return [pitch for pitch in (440, 880, 1_400) if _there(samples, pitch)]

        assert pitches("caller") == [880]
        assert pitches("operator") == [440, 1_400]
        assert pitches("supervisor") == [440, 880]
        b.do(m.SetGains(gains=(m.Gain("supervisor", "caller", 1.0),)))
        b.tick(40)
        assert pitches("caller") == [880, 1_400]


def _there(samples: object, pitch: int) -> bool:
    from tests.support.tones import power_dbfs

    return power_dbfs(samples, pitch) > -30  # type: ignore[arg-type]


def test_too_loud_is_clipped_and_not_wrapped() -> None:
    with bench() as b:
        phones = [b.leg(name) for name in "abc"]
        for phone in phones:
            phone.say(tone(400, 5, level_dbfs=-0.1))
        b.do(m.SetGains(gains=(m.Gain("a", "c", 2.0), m.Gain("b", "c", 2.0))))
        b.tick(30)
        assert heard(phones[2].heard(phones[2].packets[5:]), 400)


def test_prompts_are_mixed_to_their_leg_and_not_recorded(tmp_path: Path) -> None:
    with bench() as b:
        low, high = b.leg("a"), b.leg("b")
        low.say(tone(440, 9))
        high.say(tone(880, 9))
        prompt = str(tone_wav(tmp_path / "prompt.wav", 1_400, 2.0))
        path = tmp_path / "x.wav"
        b.do(bridge("a", "b"), m.StartRecording(recording="r", left="a", right="b", path=str(path)))
        b.do(m.PlayFiles(leg="a", play=1, paths=(prompt,)))
        b.wait_loaded()
        b.tick(50)
        b.do(m.StopRecording(recording="r"))
        b.wait_recorded()
        assert _there(low.heard(low.packets[10:]), 1_400)
        assert _there(low.heard(low.packets[10:]), 880)
        assert not _there(high.heard(high.packets[10:]), 1_400)
        samples, _ = read_wav(path)
        assert not _there(samples[:, 0], 1_400)
        assert not _there(samples[:, 1], 1_400)


def test_music_plays_until_it_is_stopped_or_replaced(tmp_path: Path) -> None:
    with bench() as b:
        phone = b.leg("a")
        first, music = tone_wav(tmp_path / "1.wav", 400, 0.2), tone_wav(tmp_path / "2.wav", 1_000, 0.5)
        b.do(m.PlayLoop(leg="a", path=str(music), first=(str(first),)))
        b.wait_loaded()
        b.tick(110)
        assert heard(phone.heard(phone.packets[:9]), 400)
        assert heard(phone.heard(phone.packets[12:]), 1_000)
        b.do(m.PlayFiles(leg="a", play=3, paths=(str(first),)))
        b.wait_loaded()
        b.tick(11)
        assert heard(phone.heard(phone.packets[-10:-2]), 400)
        assert b.messages(m.PlaybackDone) == [m.PlaybackDone(leg="a", play=3)]
        b.do(m.PlayLoop(leg="a", path=str(music)))
        b.wait_loaded()
        b.tick(5)
        b.do(m.StopPlay(leg="a"))
        b.tick(20)
        assert level_dbfs(phone.heard(phone.packets[-19:])) < -60
        assert len(b.messages(m.PlaybackDone)) == 1
        assert b.messages(m.LegRefused) == []


def test_what_was_replaced_or_freed_while_it_was_loaded_is_not_played(tmp_path: Path) -> None:
    with bench() as b:
        phone = b.leg("a")
        first, second = tone_wav(tmp_path / "1.wav", 400, 0.2), tone_wav(tmp_path / "2.wav", 1_000, 0.2)
        b.do(
            m.PlayFiles(leg="a", play=1, paths=(str(first),)),
            m.PlayFiles(leg="a", play=2, paths=(str(second),)),
        )
        b.wait_loaded()
        b.wait_loaded()
        b.tick(20)
        assert b.messages(m.PlaybackDone) == [m.PlaybackDone(leg="a", play=2)]
        assert heard(phone.heard(phone.packets[1:9]), 1_000)
        b.do(m.PlayFiles(leg="a", play=3, paths=(str(first),)), m.FreeLeg(leg="a"))
        b.wait_loaded()
        b.tick()
        assert len(b.messages(m.PlaybackDone)) == 1


def test_missing_files_end_the_playback_and_name_the_first(tmp_path: Path) -> None:
    with bench() as b:
        phone = b.leg("a")
        good, missing = tone_wav(tmp_path / "1.wav", 400, 0.1), str(tmp_path / "none.wav")
        b.do(m.PlayFiles(leg="a", play=1, paths=(missing, str(good), missing + "2")))
        b.wait_loaded()
        b.tick(10)
        assert b.messages(m.PlaybackDone) == [m.PlaybackDone(leg="a", play=1, failed=missing)]
        assert heard(phone.heard(phone.packets[:5]), 400)
        b.do(m.PlayFiles(leg="a", play=2, paths=()))
        b.wait_loaded()
        b.tick()
        assert b.messages(m.PlaybackDone)[-1] == m.PlaybackDone(leg="a", play=2)
        b.do(m.PlayLoop(leg="a", path=missing))
        b.wait_loaded()
        b.tick(3)
        [refused] = b.messages(m.LegRefused)
        assert (refused.leg, refused.command) == ("a", "PlayLoop")
        assert missing in refused.reason


def test_freeing_a_leg_ends_its_recordings(tmp_path: Path) -> None:
    with bench() as b:
        for name in "ab":
            b.leg(name)
        path = tmp_path / "x.wav"
        b.do(m.StartRecording(recording="r", left="a", right="b", path=str(path)))
        b.do(m.StartRecording(recording="r", left="a", right="b", path=str(path)))
        assert "runs already" in b.messages(m.LegRefused)[0].reason
        b.tick(7)
        b.do(m.FreeLeg(leg="b"))
        done = b.wait_recorded()
        assert (done.recording, done.duration_ms, done.failed) == ("r", 140, "")
        b.do(m.StopRecording(recording="r"))
        assert len(b.messages(m.LegRefused)) == 1
        assert os.listdir(tmp_path) == ["x.wav"]


def test_a_new_edge_process_finds_nothing_of_the_one_before(tmp_path: Path) -> None:
    with bench() as b:
        low = b.leg("a")
        b.leg("b")
        b.do(m.AllocateLeg(leg="a", local_host="127.0.0.1", loopback=True), owner="edge2")
        b.do(m.StartRecording(recording="r", left="a", right="b", path=str(tmp_path / "x.wav")))
        b.tick(10)
        b.engine.owner_down("edge1", b.now)
        b.tick(10)
        b.engine.owner_up("edge1", fresh=False)
        b.tick(10)
        assert len(low.packets) == 30
        b.engine.owner_up("edge1", fresh=True)
        b.on_tick = b.silent
        b.tick(5)
        assert len(low.packets) == 30
        assert b.wait_recorded().duration_ms == 600
        assert len(b.engine) == 1
        b.do(m.FreeLeg(leg="a"), owner="edge2")
        assert b.told[-1][0] == "edge2"
        assert len(b.engine) == 0


def test_an_edge_that_stays_away_loses_its_legs() -> None:
    with bench() as b:
        b.leg("a")
        b.engine.owner_down("edge1", b.now)
        b.on_tick = b.silent
        b.tick(20)
        assert len(b.engine) == 1
        b.now += 601
        b.tick(10)
        assert len(b.engine) == 0


def test_rows_are_used_again() -> None:
    with bench(legs_max=4) as b:
        for number in range(20):
            phone = b.leg(f"{number}")
            other = b.leg(f"{number} other")
            other.say(tone(440, 1))
            b.do(bridge(f"{number}", f"{number} other"))
            b.tick(5)
            assert heard(phone.heard(phone.packets[2:]), 440) is True
            assert len(phone.packets) == 5
            b.do(m.FreeLeg(leg=f"{number}"), m.FreeLeg(leg=f"{number} other"))
            for name in (f"{number}", f"{number} other"):
                b.phones.pop(name).close()
        b.tick(2)
