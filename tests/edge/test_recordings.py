"""What is on disk is reported to the core, also when the edge that had it recorded, or the core, is another by then."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from acd_core.domain import commands, events
from acd_core.link.signals import FromCore, ToCore
from gateways.edge import notes
from gateways.edge.notes import Notes, RecordedPart
from gateways.media import messages as engine
from tests.edge.test_browsers import speaking
from tests.edge.test_calls import EDGE, answered
from tests.edge.world import PATIENCE_S, Scripted, World, world_in
from tests.support.tones import tone_wav


async def recorded(world: World) -> engine.StartRecording:
    """A conversation that is being recorded."""
    leg = await speaking(world)
    call, _ = await answered(world, world.phone())
    world.core.send(commands.Join(edge=EDGE, call=call, agent="ayse", offer=1, part=1, leg=leg))
    return await world.engine.expect(engine.StartRecording)


def done(recording: engine.StartRecording, size_bytes: int = 3) -> engine.RecordingDone:
    return engine.RecordingDone(
        recording=recording.recording,
        path=recording.path,
        started_at_ms=1,
        duration_ms=2,
        size_bytes=size_bytes,
        sha256="ab",
        failed="" if size_bytes else "disk full",
    )


def notes_in(world: World) -> list[str]:
    return sorted(path.name for path in (world.config.recordings_path / ".unreported" / EDGE).glob("*"))


async def notes_become(world: World, count: int) -> None:
    """The thread that writes them has done so."""
    async with asyncio.timeout(PATIENCE_S):
        while len(notes_in(world)) != count:
            world.edge.recordings.forget_confirmed()
            await asyncio.sleep(0.01)


def test_a_note_stands_until_the_core_has_confirmed_the_report(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            recording = await recorded(world)
            await notes_become(world, 1)
            assert notes_in(world) == [f"{Path(recording.path).stem}.json"]
            world.engine.send(done(recording))
            assert (await world.core.expect(events.RecordingFinished)).agent == "ayse"
            await notes_become(world, 0)

    asyncio.run(story())


def test_what_waits_is_written_before_the_edge_ends(tmp_path: Path) -> None:
    """Also what came while nobody gathered any more."""
    for number in range(20):
        kept = Notes(tmp_path, EDGE)
        kept.start()
        files = [tmp_path / "2025" / f"c{number}-{part}.wav" for part in range(3)]
        for part, file in enumerate(files):
            kept.write(RecordedPart("c", part, "ayse", 1), file)
        kept.remove(files[1])
        kept.close()
        assert [file for _, file in kept.left_behind()] == [files[0], files[2]]
        for file in files:
            (tmp_path / ".unreported" / EDGE / f"{file.stem}.json").unlink(missing_ok=True)


def test_nothing_recorded_leaves_no_note(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            recording = await recorded(world)
            await notes_become(world, 1)
            world.engine.send(done(recording, size_bytes=0))
            await notes_become(world, 0)
            recording = await recorded(world)
            await notes_become(world, 1)
            world.engine.send(
                engine.LegRefused(leg=recording.left, command="StartRecording", reason="too many recordings")
            )
            await notes_become(world, 0)
            assert world.core.all(events.RecordingFinished) == []

    asyncio.run(story())


def test_what_a_killed_edge_left_is_reported_by_the_next(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            recording = await recorded(world)
            await notes_become(world, 1)
        async with world_in(tmp_path) as world:
            # The engine closes the file when its edge is gone, perhaps later than the next edge begins.
            tone_wav(Path(recording.path), 440, 1.0)
            finished = await world.core.expect(events.RecordingFinished)
            assert (finished.agent, finished.part, finished.duration_ms) == ("ayse", 1, 1_000)
            assert finished.call in finished.path
            assert world.config.recordings_path / finished.path == Path(recording.path)
            assert finished.size_bytes > 16_000
            kinds = [type(message) for message in world.core.heard]
            assert kinds.index(events.EdgeInventory) < kinds.index(events.RecordingFinished)
            await notes_become(world, 0)
        async with world_in(tmp_path) as world:
            await world.arrive(world.phone())
            assert world.core.all(events.RecordingFinished) == []

    asyncio.run(story())


def test_a_core_that_knows_nothing_hears_it_again(tmp_path: Path) -> None:
    async def story() -> None:
        async with world_in(tmp_path) as world:
            recording = await recorded(world)
            await world.core.stop()
            await world.went_away(world.edge.core)
            world.engine.send(done(recording))
            world.core = Scripted(world.config, "core", FromCore, ToCore)
            async with asyncio.timeout(PATIENCE_S):
                while not world.edge.recordings._unconfirmed:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await world.core.start()
            await world.core.expect(events.EdgeInventory)
            assert (await world.core.expect(events.RecordingFinished)).agent == "ayse"
            await notes_become(world, 0)

    asyncio.run(story())


def test_what_is_no_note_is_named_and_removed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / ".unreported" / "edge1"
    folder.mkdir(parents=True)
    (folder / "half.json").write_bytes(b'{"part":')
    (folder / "outside.json").write_bytes(
        b'{"part":{"call":"c","part":1,"agent":"a","started_at_ms":1},"file":"../../etc/passwd"}'
    )
    assert Notes(tmp_path, "edge1").left_behind() == []
    assert "half.json is no note of a recording" in caplog.text
    assert "outside.json is no note of a recording" in caplog.text
    assert list(folder.iterdir()) == []


def test_a_slow_disk_costs_notes_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(notes, "WAITING_MAX", 2)
    some = Notes(tmp_path, "edge1")
    for part in range(5):
        some.write(RecordedPart("c", part, "a", 1), tmp_path / f"c-{part}.wav")
    assert some.left_out == 3
    assert caplog.text.count("the disk is too slow") == 1
    some.start()
    some.close()
    assert [(part.part, file.name) for part, file in Notes(tmp_path, "edge1").left_behind()] == [
        (0, "c-0.wav"),
        (1, "c-1.wav"),
    ]
