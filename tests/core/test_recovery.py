"""A core killed at any event begins again with the same state, and what it had decided is not lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from acd_core.actors.peers import Peers
from acd_core.clock import Clock
from acd_core.digest import next_digest
from acd_core.domain import events as ev
from acd_core.domain import tables
from acd_core.domain.commands import AnyCommand
from acd_core.domain.router import Router
from acd_core.domain.state import deadlines, encode_state
from acd_core.engine import Engine, EngineFailedError
from acd_core.journal.reader import read_journal
from acd_core.journal.records import EventRecord, StoryRecord
from acd_core.journal.segments import list_segments
from acd_core.journal.snapshot import write_snapshot
from acd_core.journal.writer import JournalWriter
from acd_core.recovery import command_number, receiver_of, recover, stories_of
from tests.core.documents import PLAN, ROSTER

DAY = [
    ev.CoreStarted(code_version="1"),
    ev.PlanChanged(version=1, plan=PLAN),
    ev.RosterChanged(version=1, roster=ROSTER),
    ev.EdgeInventory(edge="edge1", instance="i"),
    ev.WebInventory(web="web1", instance="w"),
    ev.SessionOpened(agent="ada", session="s", web="web1"),
    ev.AudioConnected(agent="ada", session="s", edge="edge1", leg="l"),
    ev.ReadyRequested(agent="ada", session="s"),
    ev.CallArrived(call="c1", edge="edge1", caller="1", dialled="185", at_ms=5),
    ev.PlaybackDone(call="c1", play=1),
    ev.OfferAccepted(agent="ada", session="s", call="c1", offer=1),
    ev.CallerHungUp(call="c1"),
    ev.WrapUpFinished(agent="ada", session="s"),
]


class Run:
    """One core process' life on a journal, without its sockets."""

    def __init__(self, folder: Path) -> None:
        self.recovered = recover(folder)
        self.commands: list[tuple[int, AnyCommand]] = []
        self.writer = JournalWriter(
            folder,
            last_seq=self.recovered.seq,
            end=self.recovered.end,
            journal_id=self.recovered.journal_id,
            segment_max_bytes=2_000,
            sync_interval_ms=1,
        )
        self.engine = Engine(self.recovered, self.writer, Clock(self.recovered.now_ms), self._dispatch)

    def _dispatch(self, seq: int, commands: tuple[AnyCommand, ...]) -> None:
        self.commands += [(command_number(seq, index), command) for index, command in enumerate(commands)]

    def handle(self, events: list[ev.AnyEvent], first: int = 1) -> None:
        for number, event in enumerate(events, first):
            self.engine.handle(event, "edge1:x", number)


def test_the_day_of_the_test_is_a_whole_call(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.handle(DAY)
    run.writer.close()
    steps = [
        story.step
        for record in read_journal(tmp_path)
        if isinstance(record, StoryRecord)
        for story in record.stories
        if getattr(story, "call", "") == "c1"
    ]
    assert steps[0] == "arrived"
    assert "connected" in steps
    assert steps[-1] == "ended"


@pytest.mark.parametrize("killed_after", range(len(DAY) + 1))
def test_killed_after_any_event_the_state_and_undelivered_commands_are_the_same(
    tmp_path: Path, killed_after: int
) -> None:
    first = Run(tmp_path)
    first.handle(DAY[:killed_after])
    first.writer.close()
    again = Run(tmp_path)
    assert encode_state(again.engine.router.state) == encode_state(first.engine.router.state)
    assert again.engine.digest == first.engine.digest
    assert again.engine.received == first.engine.received
    undelivered = {
        name: [(number, command) for number, command in first.commands if receiver_of(command) == name]
        for name in ("edge1", "web1")
    }
    assert {name: list(queue) for name, queue in again.recovered.undelivered.items()} == {
        name: commands for name, commands in undelivered.items() if commands
    }
    again.handle(DAY[killed_after:], killed_after + 1)
    assert again.engine.router.state.calls_ended == 1
    again.writer.close()


@pytest.mark.parametrize("at", [1, 5, 9, 11, 13])
def test_a_snapshot_and_the_journal_behind_it_give_the_same_as_the_journal(tmp_path: Path, at: int) -> None:
    run = Run(tmp_path)
    run.handle(DAY[:at])
    write_snapshot(tmp_path, run.engine.snapshot("1"))
    run.handle(DAY[at:], at + 1)
    run.writer.close()
    again = recover(tmp_path)
    assert again.replayed == len(DAY) - at
    assert encode_state(again.router.state) == encode_state(run.engine.router.state)
    assert again.digest == run.engine.digest


def test_what_was_not_confirmed_when_the_snapshot_was_written_is_said_by_the_next_core(
    tmp_path: Path,
) -> None:
    run = Run(tmp_path)
    run.handle(DAY[:9])
    peers = Peers(run.recovered, run.writer.journal_id)
    for number, command in run.commands:
        if receiver := receiver_of(command):
            peers.send(receiver, number, command)
    waiting = peers.undelivered()
    assert {name for name, items in waiting.items() if items} == {"edge1", "web1"}
    run.writer.sync()
    write_snapshot(tmp_path, run.engine.snapshot("1", waiting))
    run.handle(DAY[9:11], 10)
    run.writer.close()
    recovered = recover(tmp_path)
    assert recovered.replayed == 2
    again = Peers(recovered, recovered.journal_id).undelivered()
    numbers = {name: [number for number, _ in items] for name, items in again.items()}
    assert numbers == {
        name: [number for number, command in run.commands if receiver_of(command) == name]
        for name in ("edge1", "web1")
    }


def test_a_story_that_was_not_written_before_the_kill_is_written_by_the_next_core(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.handle(DAY[:9])
    run.writer.close()
    stories = [record for record in read_journal(tmp_path) if isinstance(record, StoryRecord)]
    path = list_segments(tmp_path)[-1][1]
    path.write_bytes(path.read_bytes()[:-3])  # the kill tore the last record, the story of the call's arrival
    assert [record for record in read_journal(tmp_path) if isinstance(record, StoryRecord)] == stories[:-1]
    Run(tmp_path).writer.close()
    assert [record for record in read_journal(tmp_path) if isinstance(record, StoryRecord)] == stories


def test_every_story_up_to_a_snapshot_is_in_the_journal_before_it(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for at, event in enumerate(DAY):
        run.handle([event], at + 1)
        run.engine.snapshot("1")
        told = {record.seq for record in read_journal(tmp_path) if isinstance(record, StoryRecord)}
        stories = stories_of(tuple(command for number, command in run.commands if number >> 20 == at + 1))
        assert bool(stories) == (at + 1 in told)
    run.writer.close()


def test_an_event_on_which_the_domain_fails_is_left_out_by_the_next_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real_apply = Router.apply

    def failing_apply(self: Router, event: ev.AnyEvent, now_ms: int) -> tuple[AnyCommand, ...]:
        if isinstance(event, ev.KeyPressed):
            self.state.calls.clear()  # half changed
            raise AssertionError("a bug of ours")
        return real_apply(self, event, now_ms)

    monkeypatch.setattr(Router, "apply", failing_apply)
    run = Run(tmp_path)
    run.handle(DAY[:9])
    with pytest.raises(EngineFailedError, match="a bug of ours"):
        run.engine.handle(ev.KeyPressed(call="c1", key="1"), "edge1:x", 10)
    with pytest.raises(
        EngineFailedError
    ):  # the state may be half changed: nothing more is taken, nor journalled
        run.engine.handle(ev.CallerHungUp(call="c1"), "edge1:x", 11)
    assert run.engine.seq == 10
    run.writer.close()
    again = Run(tmp_path)
    assert again.recovered.left_out == (10,)
    assert list(again.engine.router.state.calls) == ["c1"]
    assert "event 10" in caplog.text
    again.handle(DAY[9:], 11)
    again.writer.close()
    assert Run(tmp_path).engine.router.state.calls_ended == 1


def test_a_deadline_on_which_the_domain_fails_costs_one_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(turn: object, call: object) -> None:
        raise AssertionError("a bug of ours")

    states = tables.CALL_DEADLINES["flow"][0]
    monkeypatch.setitem(tables.CALL_DEADLINES, "flow", (states, failing))  # type: ignore[arg-type]
    run = Run(tmp_path)
    run.handle(DAY[:9])
    (due,) = (deadline for deadline in deadlines(run.engine.router.state) if deadline.id == "c1")
    with pytest.raises(EngineFailedError):
        run.engine.handle(
            ev.DeadlinePassed(entity="call", id="c1", key=due.key, generation=due.generation), "", 0
        )
    run.writer.close()
    again = Run(tmp_path)
    again.handle([ev.CoreStarted(code_version="1")], 10)
    assert not again.engine.router.state.calls["c1"].deadlines, "nothing that would fail at once"
    again.handle([ev.CallerHungUp(call="c1")], 11)
    again.writer.close()
    last = Run(tmp_path)
    assert last.engine.router.state.calls_ended == 1
    assert last.recovered.left_out == (10,)
    last.writer.close()


def test_a_replay_that_decides_differently_is_noticed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(tmp_path)
    run.handle(DAY[:9])
    run.engine.digest += 1
    run.engine.handle(DAY[9], "edge1:x", 10)
    run.writer.close()
    recover(tmp_path)
    assert "replay decides differently" in caplog.text


def test_the_digest_depends_on_every_command_and_on_what_was_before() -> None:
    router = Router()
    commands = [command for event in DAY for command in router.apply(event, 10)]
    digests = {next_digest(0, (command,)) for command in commands}
    assert len(digests) == len({repr(command) for command in commands})
    assert next_digest(1, commands) != next_digest(0, commands)
    assert next_digest(7, ()) == 7


def test_events_carry_their_identity_into_the_journal(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.handle(DAY[:3], first=41)
    run.writer.close()
    records = [record for record in read_journal(tmp_path) if isinstance(record, EventRecord)]
    assert [(record.seq, record.stream, record.number) for record in records] == [
        (1, "edge1:x", 41),
        (2, "edge1:x", 42),
        (3, "edge1:x", 43),
    ]
    assert recover(tmp_path).received == {"edge1": ("edge1:x", 43)}
