"""The journal: what was appended is read back, torn ends are left out, damage is loud, snapshots allow pruning."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd_core.domain.commands import CallStory
from acd_core.domain.events import CallerHungUp
from acd_core.journal.reader import JournalTail, journal_identity, read_journal
from acd_core.journal.records import EventRecord, Record, StoryRecord, encode_record
from acd_core.journal.segments import JournalError, list_segments
from acd_core.journal.snapshot import Snapshot, load_snapshot, prune, write_snapshot
from acd_core.journal.writer import JournalWriter


def event(seq: int, size: int = 0) -> EventRecord:
    return EventRecord(
        seq=seq,
        now_ms=1_000 + seq,
        stream="edge1:x",
        number=seq,
        digest=0,
        event=CallerHungUp(call="c" * size or "c", cause="x"),
    )


def story(seq: int) -> StoryRecord:
    return StoryRecord(seq=seq, stories=(CallStory(call="c", step="ended", at_ms=1),))


def open_writer(folder: Path, segment_max_bytes: int = 1_000) -> JournalWriter:
    """As a starting core does: read all, go on behind the last whole record."""
    tail = JournalTail(folder)
    while tail.poll(100):
        pass
    return JournalWriter(
        folder,
        last_seq=tail.last_seq,
        end=tail.position,
        journal_id=journal_identity(folder),
        segment_max_bytes=segment_max_bytes,
        sync_interval_ms=1,
    )


def write(folder: Path, first: int, last: int, segment_max_bytes: int = 1_000) -> list[Record]:
    writer = open_writer(folder, segment_max_bytes)
    records: list[Record] = []
    for seq in range(first, last + 1):
        records += [event(seq), story(seq)]
    for record in records:
        writer.append(record)
    writer.close()
    return records


def test_what_was_appended_is_read_back_over_segments(tmp_path: Path) -> None:
    records = write(tmp_path, 1, 100)
    assert len(list_segments(tmp_path)) > 3
    assert list(read_journal(tmp_path)) == records
    assert list(read_journal(tmp_path, after_seq=50)) == records[100:]


def test_a_reader_that_lacks_a_story_gets_it(tmp_path: Path) -> None:
    records = write(tmp_path, 1, 10)
    assert JournalTail(tmp_path, 4, after_story=False).poll(100) == records[7:]


def test_the_tail_follows_the_writer(tmp_path: Path) -> None:
    tail = JournalTail(tmp_path)
    assert tail.poll(10) == []
    writer = open_writer(tmp_path, 200)
    seen: list[Record] = []
    for seq in range(1, 50):
        writer.append(event(seq))
        seen += tail.poll(10)
        writer.append(story(seq))
    writer.close()
    seen += tail.poll(10)
    assert seen == list(read_journal(tmp_path))
    assert len(seen) == 98


@given(cut=st.integers(1, 300), more=st.integers(0, 3))
@settings(max_examples=30)
def test_a_torn_end_is_left_out_and_writing_goes_on(
    tmp_path_factory: pytest.TempPathFactory, cut: int, more: int
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    records = write(folder, 1, 20)
    newest = list_segments(folder)[-1][1]
    data = newest.read_bytes()
    newest.write_bytes(data[: max(0, len(data) - cut)])
    kept = list(read_journal(folder))
    assert kept == records[: len(kept)]
    last = kept[-1].seq
    added = write(folder, last + 1, last + more)
    assert list(read_journal(folder)) == kept + added


def test_damage_in_the_middle_is_loud(tmp_path: Path) -> None:
    write(tmp_path, 1, 100)
    path = list_segments(tmp_path)[1][1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(JournalError, match="the journal is damaged"):
        list(read_journal(tmp_path))


@pytest.mark.parametrize("where", ["payload", "length"])
def test_damage_in_the_newest_segment_is_loud_and_cuts_nothing_off(tmp_path: Path, where: str) -> None:
    records = write(tmp_path, 1, 100, 100_000)
    path = list_segments(tmp_path)[0][1]
    data = bytearray(path.read_bytes())
    at = data.index(encode_record(records[100]))
    data[at + 8 if where == "payload" else at - 8] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(JournalError, match="is damaged at byte"):
        open_writer(tmp_path)
    assert path.read_bytes() == data
    with pytest.raises(JournalError, match=r"damaged at byte \d+, and whole records stand behind it"):
        list(read_journal(tmp_path))


@pytest.mark.parametrize("zeros", [1, 8, 64, 5_000])
def test_zeros_that_a_power_loss_left_are_a_torn_end(tmp_path: Path, zeros: int) -> None:
    written = write(tmp_path, 1, 5, 100_000)
    path = list_segments(tmp_path)[-1][1]
    with path.open("ab") as file:
        file.write(bytes(zeros))
    assert list(read_journal(tmp_path)) == written
    assert list(read_journal(tmp_path)) + write(tmp_path, 6, 7) == list(read_journal(tmp_path))


def test_zeros_instead_of_a_segments_header_are_a_torn_end(tmp_path: Path) -> None:
    written = write(tmp_path, 1, 5, 100_000)
    (tmp_path / f"journal-{6:020d}.seg").write_bytes(bytes(4_096))
    assert list(read_journal(tmp_path)) == written
    assert written + write(tmp_path, 6, 7, 100_000) == list(read_journal(tmp_path))


def test_a_record_that_no_reader_would_take_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_writer(tmp_path, 100_000)
    monkeypatch.setattr("acd_core.journal.writer.RECORD_MAX_BYTES", 100)
    with pytest.raises(JournalError, match="more than a reader takes"):
        writer.append(event(1, 200))
    writer.append(event(1))
    writer.close()
    assert list(read_journal(tmp_path)) == [event(1)]


def test_a_missing_segment_is_loud(tmp_path: Path) -> None:
    write(tmp_path, 1, 100)
    list_segments(tmp_path)[0][1].unlink()
    with pytest.raises(JournalError, match="are missing from the journal"):
        list(read_journal(tmp_path))


def test_a_foreign_file_is_named(tmp_path: Path) -> None:
    (tmp_path / f"journal-{1:020d}.seg").write_bytes(b"x" * 100)
    with pytest.raises(JournalError, match="not a journal segment"):
        list(read_journal(tmp_path))


def snapshot(seq: int) -> Snapshot:
    return Snapshot(
        journal_id="j",
        seq=seq,
        now_ms=1,
        digest=2,
        code_version="1",
        received={"edge1": ("s", 3)},
        state=b"state",
    )


def test_the_newest_whole_snapshot_is_loaded_and_two_are_kept(tmp_path: Path) -> None:
    for seq in (10, 20, 30):
        path = write_snapshot(tmp_path, snapshot(seq))
    assert load_snapshot(tmp_path) == snapshot(30)
    path.write_bytes(path.read_bytes()[:-1])
    assert load_snapshot(tmp_path) == snapshot(20)
    assert len(list(tmp_path.glob("snapshot-*.bin"))) == 2
    (tmp_path / "snapshot-1.draft").touch()  # of a core that was killed while it wrote
    write_snapshot(tmp_path, snapshot(40))
    assert sorted(path.name[-8:] for path in tmp_path.iterdir()) == ["0030.bin", "0040.bin"]


def test_pruning_keeps_what_is_not_shipped_or_not_covered(tmp_path: Path) -> None:
    write(tmp_path, 1, 100)
    before = list_segments(tmp_path)
    assert prune(tmp_path, shipped_seq=100) == 0
    write_snapshot(tmp_path, snapshot(60))
    write_snapshot(tmp_path, snapshot(90))
    assert prune(tmp_path, shipped_seq=before[2][0]) == 2
    assert prune(tmp_path, shipped_seq=100) > 0
    assert list_segments(tmp_path)[0][0] <= 61
    assert next(record.seq for record in read_journal(tmp_path, after_seq=60)) == 61


def test_a_full_disk_is_an_error_and_leaves_no_half_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_writer(tmp_path, 100_000)
    writer.append(event(1))
    real_write = __import__("os").write
    monkeypatch.setattr("acd_core.journal.writer.os.write", lambda fd, data: real_write(fd, data[:10]))
    with pytest.raises(JournalError, match="free space"):
        writer.append(event(2))
    monkeypatch.undo()
    writer.close()
    assert list(read_journal(tmp_path)) == [event(1)]


def patient_writer(folder: Path, segment_max_bytes: int = 100_000) -> JournalWriter:
    """One whose thread brings nothing to the disk by itself while a test lasts."""
    return JournalWriter(folder, last_seq=0, segment_max_bytes=segment_max_bytes, sync_interval_ms=3_600_000)


def test_a_story_goes_with_the_next_event_or_the_next_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    real_write = __import__("os").write

    def counted(fd: int, data: bytes) -> int:
        writes.append(len(data))
        return int(real_write(fd, data))

    writer = patient_writer(tmp_path)
    writer.append(event(1))
    monkeypatch.setattr("acd_core.journal.writer.os.write", counted)
    writer.append_later(story(1))
    assert list(read_journal(tmp_path)) == [event(1)]
    writer.append(event(2))
    assert len(writes) == 1
    assert list(read_journal(tmp_path)) == [event(1), story(1), event(2)]
    writer.append_later(story(2))
    writer.sync()
    writer.sync()
    assert len(writes) == 2
    assert list(read_journal(tmp_path)) == [event(1), story(1), event(2), story(2)]
    writer.append_later(StoryRecord(seq=2, stories=()))
    writer.close()
    assert len(writes) == 3


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(60, 400))
@settings(deadline=None)
def test_what_was_written_later_stands_where_it_belongs(
    tmp_path_factory: pytest.TempPathFactory, tells: list[bool], segment_max_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("later")
    writer = patient_writer(folder, segment_max_bytes)
    records: list[Record] = []
    for seq, tell in enumerate(tells, 1):
        writer.append(event(seq))
        records.append(event(seq))
        if tell:
            writer.append_later(story(seq))
            records.append(story(seq))
    writer.close()
    assert list(read_journal(folder)) == records
    for first, _ in list_segments(folder)[1:]:
        behind = JournalTail(folder, first - 1, after_story=False)
        told = [record for record in behind.poll(1) if isinstance(record, StoryRecord)]
        assert bool(told) == tells[first - 2], "the story of a segment's last event stands in that segment"


def test_a_story_that_a_full_disk_refused_waits_for_the_next_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = patient_writer(tmp_path)
    writer.append(event(1))
    writer.append_later(story(1))
    monkeypatch.setattr("acd_core.journal.writer.os.write", lambda fd, data: 0)
    writer.sync()
    with pytest.raises(JournalError, match="free space"):
        writer.append(event(2))
    monkeypatch.undo()
    assert list(read_journal(tmp_path)) == [event(1)]
    writer.close()
    assert list(read_journal(tmp_path)) == [event(1), story(1)]
