"""A failure of the domain ends the core at once, wherever it met it; nothing is decided on a state that is half changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
import trio.testing

from acd_core.actors.board import PUBLISH_INTERVAL_S, STORE_SILENT_MS, Board
from acd_core.actors.supervisor import Supervisor
from acd_core.config import Config, load_config
from acd_core.domain import events as ev
from acd_core.domain import tables
from acd_core.domain.call import Call
from acd_core.domain.router import Router
from acd_core.domain.turn import Turn
from acd_core.engine import EngineFailedError
from acd_core.journal.reader import read_journal
from acd_core.journal.records import EventRecord
from acd_core.link.signals import Wallboard, WallboardDelta
from acd_core.process import Core
from acd_core.ready import ReadyFile
from acd_core.recovery import recover
from tests.core.documents_toml import write_documents


def make_config(folder: Path) -> Config:
    plan, roster = write_documents(folder)
    file = folder / "santral.toml"
    file.write_text(f'plan_file = "{plan}"\nroster_file = "{roster}"\nrun_dir = "{folder / "run"}"\n')
    return load_config(file, {})


class ToldReady(ReadyFile):
    """A readiness file that also says it to this process."""

    def __init__(self, config: Config, name: str) -> None:
        super().__init__(config, name)
        self.serves = trio.Event()

    def write(self) -> None:
        super().write()
        self.serves.set()


def test_a_deadline_on_which_the_domain_fails_stops_the_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(turn: Turn, call: Call) -> None:
        raise AssertionError("a bug of ours")

    monkeypatch.setitem(tables.CALL_DEADLINES, "flow", (tables.CALL_DEADLINES["flow"][0], failing))  # type: ignore[arg-type]
    monkeypatch.setattr("acd_core.domain.sound.PLAYBACK_MAX_MS", 1)
    config = make_config(tmp_path)

    async def run() -> None:
        core = Core(config, recover(config.journal_path))
        with trio.fail_after(20), ToldReady(config, "core") as ready:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(core.run, ready)
                await ready.serves.wait()
                call = ev.CallArrived(call="c1", edge="edge1", caller="5", dialled="185", at_ms=1)
                core._engine.handle(call, "edge1:x", 1)

    with pytest.raises(ExceptionGroup) as failed:
        trio.run(run)
    assert failed.value.split(EngineFailedError)[1] is None, "this, and nothing else"
    events = [record.event for record in read_journal(config.journal_path) if isinstance(record, EventRecord)]
    assert [type(event).__name__ for event in events][-2:] == ["CallArrived", "DeadlinePassed"]


def test_a_fatal_failure_of_a_child_is_not_mended_by_a_restart() -> None:
    starts = 0

    async def child() -> None:
        nonlocal starts
        starts += 1
        raise EngineFailedError("half changed")

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            Supervisor(nursery, fatal=(EngineFailedError,)).start("child", child)

    with pytest.raises(ExceptionGroup):
        trio.run(run)
    assert starts == 1


def test_the_board_says_how_far_a_silent_store_is_behind() -> None:
    now_ms, journalled = 0, 100
    told: list[Wallboard | WallboardDelta] = []

    def tell(web: str, message: Wallboard | WallboardDelta) -> bool:
        told.append(message)
        return True

    async def story() -> None:
        nonlocal now_ms, journalled
        board = Board(Router(), lambda: now_ms, tell, lambda: ["web1"], lambda: journalled)
        board.welcome("web1")

        async def behind() -> int:
            board.touch()
            await trio.sleep(2 * PUBLISH_INTERVAL_S)
            return told[-1].head.store_behind

        async with trio.open_nursery() as nursery:
            nursery.start_soon(board.run)
            board.shipped(100)
            assert await behind() == 0
            journalled = 103
            assert await behind() == 0, "the store is about to take them"
            now_ms += STORE_SILENT_MS
            journalled = 150
            assert await behind() == 50
            board.shipped(140)
            assert await behind() == 10
            board.shipped(150)
            assert await behind() == 0
            nursery.cancel_scope.cancel()

    trio.run(story, clock=trio.testing.MockClock(autojump_threshold=0))
