"""A journal is decided again, and calls of the past are put under other rules."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import msgspec
import pytest

from acd_core.domain.events import CallArrived
from acd_core.journal.records import EventRecord
from acd_core.journal.segments import JournalError, list_segments
from loadtest.sim.again import decide_again
from loadtest.sim.arrivals import Arrival
from loadtest.sim.behaviour import Behaviour
from loadtest.sim.errors import SimError
from loadtest.sim.history import read_history
from loadtest.sim.survival import Patience
from loadtest.sim.watcher import NEVER
from loadtest.sim.what_if import WhatIfOptions, arrivals_of, what_if
from tests.sim.city import MONDAY_MS, PLAN, roster
from tests.sim.journals import make_journal, records_of, rewrite

PEOPLE = roster("ann", "bob")


def callers(count: int, every_ms: int = 40_000) -> list[Arrival]:
    """Through the flow of a dialled number, as in life."""
    chance = random.Random(5)
    at, made = 0.0, []
    for number in range(count):
        at += chance.expovariate(1 / every_ms)
        made.append(
            Arrival(
                at_ms=MONDAY_MS + int(at),
                caller=f"+90532{number:07d}",
                dialled="186",
                talk_ms=int(chance.expovariate(1 / 60_000)),
                patience_ms=int(chance.expovariate(1 / 50_000)),
                wrapup_ms=int(chance.expovariate(1 / 10_000)),
            )
        )
    return made


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    folder = tmp_path / "journal"
    make_journal(folder, PLAN, PEOPLE, callers(120), snapshot_at=60)
    return folder


def test_the_same_decisions(journal: Path) -> None:
    events = sum(isinstance(record, EventRecord) for record in records_of(journal))
    assert decide_again(journal) == (True, f"{events:,} events, same decisions")


def test_from_a_snapshot_when_the_beginning_is_pruned(journal: Path) -> None:
    segments = list_segments(journal)
    assert len(segments) > 2
    segments[0][1].unlink()
    same, text = decide_again(journal)
    assert same, text


def test_a_pruned_journal_without_a_snapshot(journal: Path) -> None:
    list_segments(journal)[0][1].unlink()
    for path in journal.glob("snapshot-*"):
        path.unlink()
    with pytest.raises(JournalError, match="there is no snapshot of what was before"):
        decide_again(journal)


def test_damage_is_not_taken_for_the_end(journal: Path) -> None:
    newest = list_segments(journal)[-1][1]
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 0xFF
    newest.write_bytes(data)
    with pytest.raises(JournalError, match=r"damaged at byte \d+"):
        decide_again(journal)


def test_a_journal_of_nothing_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "journal-00000000000000000001.seg").touch()
    with pytest.raises(SimError, match="holds no events"):
        decide_again(tmp_path)


def test_no_journal(tmp_path: Path) -> None:
    with pytest.raises(SimError, match="there is no journal"):
        decide_again(tmp_path)
    with pytest.raises(SimError, match="is no folder"):
        decide_again(tmp_path / "none")


def test_a_flipped_digest_is_found_at_its_event(journal: Path) -> None:
    records = records_of(journal)
    wrong = next(record for record in records if isinstance(record, EventRecord) and record.seq == 100)
    rewrite(journal, {100: msgspec.structs.replace(wrong, digest=wrong.digest ^ 1)}, records)
    same, text = decide_again(journal)
    assert not same
    assert text.startswith("98 events decided the same; then:\nevent 99, ")
    assert "its story is the same" in text
    assert f"recorded {wrong.digest ^ 1:016x}, now {wrong.digest:016x}" in text
    assert "version 7" in text


def test_another_event_is_another_decision(journal: Path) -> None:
    """As a core with other rules would have written it: the first decision that differs is shown on both sides."""
    records = records_of(journal)
    arrived = next(
        record
        for record in records
        if isinstance(record, EventRecord) and isinstance(record.event, CallArrived) and record.seq > 50
    )
    event = msgspec.structs.replace(arrived.event, dialled="999")
    rewrite(journal, {arrived.seq: msgspec.structs.replace(arrived, event=event)}, records)
    same, text = decide_again(journal)
    assert not same
    assert f"event {arrived.seq}, CallArrived at 2025-01-06T" in text
    assert 'recorded: {"type":"CallStory"' in text
    assert "999" in text


# --- what would have been ---


def test_patience_by_hand() -> None:
    """The textbook's way: 1 of 5 gives up at 10, 1 of 3 at 20 (one was answered at 15), 1 of 1 at 40 (one answered at 30)."""
    patience = Patience([(10, True), (15, False), (20, True), (30, False), (40, True)])
    assert patience.beyond(9) == 1
    assert patience.beyond(10) == pytest.approx(4 / 5)
    assert patience.beyond(20) == pytest.approx(4 / 5 * 2 / 3)
    assert patience.beyond(40) == 0
    assert patience.draw(0.0, 0) == 10
    assert patience.draw(0.19, 0) == 10
    assert patience.draw(0.21, 0) == 20
    assert patience.draw(0.999, 0) == 40
    assert patience.draw(0.0, 15) == 20, "who has waited 15 gives up later than that"
    assert Patience([(10, False)]).draw(0.5, 0) is None
    assert Patience([]).draw(0.5, 0) is None


def test_patience_finds_the_truth_behind_answers() -> None:
    chance = random.Random(1)
    waits = []
    for _ in range(20_000):
        patience, answer = chance.expovariate(1 / 60_000), chance.expovariate(1 / 30_000)
        waits.append((int(min(patience, answer)), patience < answer))
    found = Patience(waits)
    for wait_ms, share in ((30_000, 0.6065), (60_000, 0.3679), (120_000, 0.1353)):
        assert found.beyond(wait_ms) == pytest.approx(share, abs=0.03)


def test_history_is_what_happened(tmp_path: Path) -> None:
    outcomes = make_journal(tmp_path, PLAN, PEOPLE, callers(120))
    history = read_history(tmp_path)
    told = [(call.queued_ms, call.answered_ms or NEVER, call.ended_ms, call.agent) for call in history.calls]
    assert told == [(o.queued_ms, o.answered_ms, o.ended_ms, o.agent) for o in outcomes]
    assert history.left_out == 0
    assert sorted(history.at_work) == ["ann", "bob"]
    given = callers(120)
    again = list(arrivals_of(history, seed=0))
    for before, after, outcome in zip(given, again, outcomes, strict=True):
        if outcome.outcome == "answered":
            assert (after.talk_ms, after.wrapup_ms) == (before.talk_ms, before.wrapup_ms)
            assert after.patience_ms is None or after.patience_ms >= outcome.waited_ms
        else:
            assert after.patience_ms == before.patience_ms


@pytest.mark.parametrize("cause", ["caller_cancelled", "invite_expired"])
def test_who_gives_up_unanswered_gave_up(tmp_path: Path, cause: str) -> None:
    """Callers who are heard before the answer say CANCEL, not BYE."""
    outcomes = make_journal(tmp_path, PLAN, PEOPLE, callers(120), gives_up=cause)
    gave_up = [call.gave_up for call in read_history(tmp_path).calls]
    assert gave_up == [outcome.outcome != "answered" for outcome in outcomes]
    assert any(gave_up)


def test_more_operators_would_have_helped(tmp_path: Path) -> None:
    folder, out = tmp_path / "journal", tmp_path / "out"
    outcomes = make_journal(folder, PLAN, PEOPLE, callers(300), behaviour=Behaviour(answer_delay_ms=2_000))
    other = tmp_path / "roster.toml"
    names = ("ann", "bob", "cem", "dan")
    other.write_text("".join(f'[agents.{name}]\nname = "{name}"\nqueues = ["water"]\n' for name in names))
    text = what_if(WhatIfOptions(journal=folder, roster=other, out=out))
    assert "300 calls of the journal waited in a queue; 0 others are left out" in text
    columns = msgspec.json.decode((out / "comparison.json").read_bytes())
    measured, own, better = columns["measured"], columns["calibration"], columns["other"]
    assert measured["abandoned"] == sum(outcome.outcome == "abandoned" for outcome in outcomes)
    assert own["entered"] == better["entered"] == 300
    assert abs(own["abandoned"] - measured["abandoned"]) <= 0.15 * measured["abandoned"]
    assert better["abandoned"] < own["abandoned"] / 2
    assert better["answer_ms"] < own["answer_ms"]
    assert (out / "other" / "calls.csv").exists()
    assert what_if(WhatIfOptions(journal=folder, roster=other, out=out)) == text, (
        "the same twice, into the same folder"
    )


def test_a_plan_without_the_queue(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    make_journal(folder, PLAN, PEOPLE, callers(5))
    other = tmp_path / "plan.toml"
    other.write_text(
        'name = "other"\n[[numbers]]\ndialled = "185"\nservice = "s"\nflow = "f"\n'
        '[prompts.music.text]\ntr = "m"\n[flows.f]\nstart = "w"\n[flows.f.steps.w]\ntype = "queue"\nqueue = "gas"\n'
        '[queues.gas]\nname = "Gas"\n'
    )
    with pytest.raises(SimError, match=r"has no queue for calls of the journal: water \(5 calls\)"):
        what_if(WhatIfOptions(journal=folder, plan=other))


def test_a_journal_without_calls(tmp_path: Path) -> None:
    make_journal(tmp_path / "journal", PLAN, PEOPLE, [Arrival(at_ms=MONDAY_MS, dialled="999")])
    with pytest.raises(SimError, match="no call in the journal waited"):
        what_if(WhatIfOptions(journal=tmp_path / "journal", roster=Path("none")))


def test_a_copy_of_a_journal_in_use(journal: Path, tmp_path: Path) -> None:
    """A torn last record, as in a copy taken while the core writes, is left out."""
    copy = tmp_path / "copy"
    shutil.copytree(journal, copy)
    newest = list_segments(copy)[-1][1]
    newest.write_bytes(newest.read_bytes()[:-3])
    assert decide_again(copy)[0]
