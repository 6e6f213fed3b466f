"""The SIP trace: bounded files written beside the loop, and the ladder that is drawn from them."""

from __future__ import annotations

import asyncio
import re
import subprocess
import threading
import tracemalloc
from pathlib import Path

import msgspec
import pytest

from acd_core.config import Config
from acd_core.domain import commands, events
from acd_core.journal.records import EventRecord, StoryRecord
from acd_core.journal.writer import JournalWriter
from acd_core.link.trace_lines import TraceMessage, TraceParty
from gateways.edge import trace as trace_module
from gateways.edge.clock import Clock
from gateways.edge.trace import FILES_MAX, Trace, read_lines, trace_files
from gateways.edge.trace_view import UnknownCallError, follow, render
from gateways.sip.events import Flow
from santral.trace import run_trace
from tests.edge.test_calls import answered
from tests.edge.world import config_for, world_in

PEER = Flow("TCP", "192.0.2.1", 5060)


def lines_of(folder: Path) -> list[trace_module.TraceLine]:
    return [line for path in trace_files(folder) for line in read_lines(path)]


def test_what_was_said_is_written_in_order_and_for_us_alone(tmp_path: Path) -> None:
    trace = Trace(tmp_path / "traces", 1_000, Clock())
    trace.start()
    for number in range(100):
        trace.message(number % 2 == 0, PEER, f"MESSAGE {number}".encode())
    trace.party("c-1", "caller", "id")
    trace.stop()
    lines = lines_of(tmp_path / "traces")
    assert [line.text for line in lines if isinstance(line, TraceMessage)] == [
        f"MESSAGE {number}" for number in range(100)
    ]
    assert isinstance(lines[-1], TraceParty)
    (file,) = trace_files(tmp_path / "traces")
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0


def test_answers_to_challenges_are_not_kept(tmp_path: Path) -> None:
    answer = "0123456789abcdef" * 2
    message = f'Authorization: Digest username="101",response="{answer}", nc=00000001\r\n'
    trace = Trace(tmp_path, 1_000, Clock())
    trace.start()
    trace.message(False, PEER, message.encode())
    trace.stop()
    (line,) = lines_of(tmp_path)
    assert isinstance(line, TraceMessage)
    assert line.text == message.replace(answer, "x" * 32)


def test_a_stuck_disk_costs_no_memory_beyond_what_would_be_written(tmp_path: Path) -> None:
    trace = Trace(tmp_path, 1_000, Clock())
    trace._thread = threading.current_thread()  # it never writes
    tracemalloc.start()
    for _ in range(100):
        trace.message(False, PEER, bytes(65_536))
    kept_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept_bytes < 100 * 10_000


def test_what_strangers_write_does_not_command_a_terminal(tmp_path: Path) -> None:
    config = config_for(tmp_path)
    folder = config.traces_path / "edge1"
    trace = Trace(folder, 1_000, Clock())
    trace.start()
    for start in ("INVITE sip:\x1b]0;x\x07@y SIP/2.0", "SIP/2.0 200 \x1b[2J\x9b31m", "\x1bc"):
        trace.message(False, PEER, f"{start}\r\nCall-ID: evil\r\nCSeq: 1 \x1bINVITE\r\n\r\n".encode())
    trace.stop()
    ladder = render(config, "evil")
    assert "200" in ladder
    assert all(line.isprintable() for line in ladder.splitlines())


def test_the_oldest_file_goes_when_there_are_too_many(tmp_path: Path) -> None:
    trace = Trace(tmp_path, FILES_MAX * 10, Clock())
    trace.start()
    for number in range(FILES_MAX * 25):
        trace.message(True, PEER, str(number).encode())
    trace.stop()
    lines = lines_of(tmp_path)
    assert len(trace_files(tmp_path)) == FILES_MAX
    kept = [int(line.text) for line in lines if isinstance(line, TraceMessage)]
    assert kept == list(range(FILES_MAX * 25))[-len(kept) :]
    assert FILES_MAX * 9 < len(kept) <= FILES_MAX * 10


def test_a_full_queue_costs_lines_and_says_how_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_module, "QUEUE_MAX", 10)
    trace = Trace(tmp_path, 100_000, Clock())
    trace.start()
    for _ in range(10_000):
        trace.message(True, PEER, b"x")
    assert trace.lost > 0
    trace.stop()
    messages = [line for line in lines_of(tmp_path) if isinstance(line, TraceMessage)]
    assert len(messages) == 10_000 - trace.lost
    assert 0 < sum(message.lost for message in messages) <= trace.lost


def test_a_trace_of_nothing_and_one_that_cannot_write(tmp_path: Path) -> None:
    nothing = Trace(tmp_path / "none", 0, Clock())
    nothing.start()
    nothing.message(True, PEER, b"x")
    nothing.stop()
    assert not (tmp_path / "none").exists()
    (tmp_path / "file").write_text("")
    broken = Trace(tmp_path / "file", 100, Clock())
    broken.start()
    broken.message(True, PEER, b"x")
    broken.stop()


def test_the_ladder_of_a_call_with_its_journal(tmp_path: Path) -> None:
    config = config_for(tmp_path)

    async def story() -> str:
        async with world_in(tmp_path, config=config) as world:
            phone = world.phone()
            call, tag = await answered(world, phone)
            other, _ = await answered(world, world.phone())
            phone.request("BYE", to_tag=tag)
            await phone.response(200, "BYE")
            gone = await world.core.expect(events.CallerHungUp)
            arrived = next(one for one in world.core.all(events.CallArrived) if one.call == call)
            write_journal(config.journal_path, arrived, gone)
            assert other != call
            return call

    call = asyncio.run(story())
    ladder = render(config, call)
    steps = [line.strip() for line in ladder.splitlines()]
    assert steps[0].startswith(f"Call {call}  ")
    assert steps[1] == "05321112233 to 185, by sip, at edge1"
    assert steps[2].startswith("caller       127.0.0.1:")
    arrows = [line for line in steps if ">" in line or "<" in line]
    expected = (
        ("INVITE 185 +SDP", ">"),
        ("100 Trying (INVITE)", "<"),
        ("200 OK (INVITE) +SDP", "<"),
        ("ACK santral", ">"),
        ("BYE 185", ">"),
        ("200 OK (BYE)", "<"),
    )
    assert len(arrows) == len(expected)
    for arrow, (title, head) in zip(arrows, expected, strict=True):
        assert title in arrow
        assert head in arrow
    notes = [line.partition("* ")[2] for line in steps if "* " in line]
    assert notes == [
        "CallArrived caller=05321112233 dialled=185 caller_name=Ayşe number=+905321112233",
        "story: arrived detail=start",
        "CallerHungUp",
    ]
    capture_of_the_call(config, call, tmp_path / "call.pcap")
    with pytest.raises(UnknownCallError) as unknown:
        render(config, "c-nothing")
    said = str(unknown.value)
    assert said.startswith("There is no call c-nothing in the trace or the journal.\nThe latest calls:\n")
    assert call in said


def capture_of_the_call(config: Config, call: str, file: Path) -> None:
    assert run_trace(config, call, file, live=False) == 0
    command = ["tcpdump", "-nn", "-A", "-r", str(file)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, errors="replace").stdout
    starts = re.findall(r"(?:INVITE|ACK|BYE) sip:\S+ SIP/2\.0|SIP/2\.0 \d+", said)
    assert [start.split(" sip:")[0] for start in starts] == [
        *("INVITE", "SIP/2.0 100", "SIP/2.0 200", "ACK", "BYE", "SIP/2.0 200")
    ]
    assert run_trace(config, call, file.with_name("no folder") / "x", live=False) == 2
    assert run_trace(config, call, file, live=True) == 2
    assert run_trace(config, "", None, live=False) == 2


def test_messages_are_shown_as_they_come(tmp_path: Path) -> None:
    """A party is known after its first message, which is shown all the same; a line half written waits for its rest."""
    config = config_for(tmp_path)
    folder = config.traces_path / "edge1"
    folder.mkdir(parents=True)
    file = folder / "sip-00000000000001.jsonl"
    invite, other = (f"INVITE sip:185@x SIP/2.0\r\nCall-ID: {name}\r\n\r\n" for name in ("mine", "other"))
    lines: list[TraceMessage | TraceParty] = [
        TraceMessage(1_000, False, "192.0.2.1", 5060, invite),
        TraceMessage(1_001, False, "192.0.2.2", 5060, other),
        TraceParty(1_002, "c-1", "caller", "mine"),
        TraceMessage(
            1_003, True, "192.0.2.1", 5060, "SIP/2.0 200 OK\r\ni: mine\r\nCSeq: 1 INVITE\r\n\r\n", lost=2
        ),
    ]
    data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    pieces = iter([data[:50], data[50:400], data[400:]])

    def until() -> bool:
        piece = next(pieces, None)
        if piece is not None:
            with file.open("ab") as growing:
                growing.write(piece)
        return piece is None

    shown = list(follow(config, "c-1", until))
    assert [" ".join(line.split()) for line in shown] == [
        "00:00:01.000 caller <- 192.0.2.1:5060 INVITE 185",
        "00:00:01.003 caller -> 192.0.2.1:5060 200 OK (INVITE) (2 lost before)",
    ]
    second = config.traces_path / "edge2" / "sip-00000000000002.jsonl"
    second.parent.mkdir()
    ends = iter([False, True])

    def with_another_edge() -> bool:
        second.write_bytes(data)
        return next(ends)

    everything = list(follow(config, "", with_another_edge))
    assert [line.split()[3] for line in everything] == ["INVITE", "INVITE", "200"], (
        "what was there before is passed over"
    )


def test_a_request_that_was_refused_at_the_door_is_found_by_its_own_call_id(tmp_path: Path) -> None:
    async def story() -> str:
        async with world_in(tmp_path) as world:
            phone = world.phone()
            phone.request("PUBLISH", call="p")
            await phone.response(405)
            return f"{phone.name}-p"

    ladder = render(config_for(tmp_path), asyncio.run(story()))
    assert "PUBLISH 185" in ladder
    assert "405 Method Not Allowed" in ladder


def test_a_dialog_between_two_edges_is_another_party_to_each(tmp_path: Path) -> None:
    invite = "INVITE sip:101@127.0.0.1 SIP/2.0\r\nCall-ID: between\r\nCSeq: 1 INVITE\r\n\r\n"
    traces = config_for(tmp_path).traces_path
    for edge, party, sent in (("edge1", "edge2 phone 101", True), ("edge2", "from edge1", False)):
        lines: tuple[TraceParty | TraceMessage, ...] = (
            TraceParty(at_ms=1, call="c-1", party=party, sip_call_id="between"),
            TraceMessage(at_ms=1, sent=sent, host="127.0.0.1", port=5_062, text=invite),
        )
        folder = traces / edge
        folder.mkdir(parents=True)
        data = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        (folder / "sip-0000000001.jsonl").write_bytes(data)
    ladder = render(config_for(tmp_path), "c-1")
    assert ladder.count("INVITE 101") == 2
    assert "edge2 phone 101" in ladder
    assert "from edge1" in ladder


def write_journal(folder: Path, arrived: events.CallArrived, gone: events.CallerHungUp) -> None:
    journal = JournalWriter(folder, last_seq=0, segment_max_bytes=10_000, sync_interval_ms=10)
    stranger = events.CallerHungUp(call="c-other")
    told = (stranger, arrived, stranger, gone)
    for seq, event in enumerate(told, 1):
        journal.append(
            EventRecord(seq=seq, now_ms=arrived.at_ms + seq, stream="", number=0, digest=0, event=event)
        )
        if event is arrived:
            step = commands.CallStory(
                call=arrived.call, step="arrived", at_ms=arrived.at_ms + 2, detail="start"
            )
            journal.append(StoryRecord(seq=seq, stories=(step,)))
    journal.close()


@pytest.mark.parametrize("view", ["ladder", "pcap", "live"])
def test_a_call_that_nothing_is_known_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], view: str
) -> None:
    """However one looks, a script learns it by the status, and a person on the error stream."""

    def never(seconds: float) -> None:
        raise AssertionError("a live view of nothing")

    file = tmp_path / "none.pcap" if view == "pcap" else None
    assert run_trace(config_for(tmp_path), "c-x", file, live=view == "live", pause=never) == 1
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "There is no call c-x in the trace or the journal.\n")
    assert file is None or not file.exists()
