"""The wallboard as it is kept: whatever happens, the rows that were made again are those of a picture made from nothing."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from trio.testing import MockClock

from acd_core.actors.board import Board
from acd_core.actors.dispatch import Dispatcher
from acd_core.actors.peers import Peers
from acd_core.actors.registry import Registry
from acd_core.actors.supervisor import Supervisor
from acd_core.domain import events as ev
from acd_core.domain.commands import AnyCommand
from acd_core.domain.router import Router
from acd_core.link.signals import Wallboard, WallboardDelta
from acd_core.recovery import recover
from acd_core.views import CALL_ROWS_MAX, Picture
from tests.domain.chaos import Chaos
from tests.domain.world import EDGE, World


class Mirror:
    """What a web process makes of what it is told; the room of its connection can be taken away."""

    def __init__(self) -> None:
        self.told: list[Wallboard | WallboardDelta] = []
        self.room = True
        self.rows: dict[str, dict[str, Any]] = {}
        self.rest: dict[str, Any] = {}

    def take(self, message: Wallboard | WallboardDelta) -> bool:
        if not self.room:
            return False
        self.told.append(message)
        if isinstance(message, Wallboard):
            self.rows, self.rest = {}, {}
        else:
            for kind in ("queues", "agents", "calls"):
                for id_ in getattr(message, f"{kind}_gone"):
                    del self.rows[kind][id_]
        for kind in ("queues", "agents", "calls"):
            for row in getattr(message, kind):
                self.rows.setdefault(kind, {})[getattr(row, kind[:-1])] = row
        for name in ("callbacks", "not_ready_reasons"):
            if (value := getattr(message, name)) is not None:
                self.rest[name] = value
        self.rest["head"] = msgspec.structs.replace(message.head, at_ms=0)
        return True


def from_nothing(router: Router, at_ms: int) -> Mirror:
    picture, mirror = Picture(router), Mirror()
    picture.changes(at_ms, 0)
    while picture.pending:
        picture.changes(at_ms, 0)
    for part in picture.whole(at_ms, 0):
        mirror.take(part)
    return mirror


class Kept:
    """A router whose commands go through the real dispatcher to a board."""

    def __init__(self, folder: Path, nursery: trio.Nursery, router: Router) -> None:
        self.router, self.mirror, self.webs = router, Mirror(), ["web1"]
        self.now_ms = 0
        self.board = Board(
            router,
            lambda: self.now_ms,
            lambda web, message: self.mirror.take(message),
            lambda: self.webs,
            lambda: 0,
        )
        registry = Registry(
            Supervisor(nursery), lambda: router.state, lambda: self.now_ms, lambda passed: None, self.board
        )
        registry.ensure_queues()
        nursery.start_soon(self.board.run)
        self.peers = Peers(recover(folder), "journal")
        self._dispatcher = Dispatcher(self.peers, registry, self.board, router.state, lambda story: None)
        self._seq = 0
        self.board.welcome("web1")

    def dispatch(self, commands: tuple[AnyCommand, ...]) -> None:
        self._seq += 1
        self._dispatcher.dispatch(self._seq, commands)

    async def publish(self) -> None:
        """Long enough for the queues' actors and the board, on a clock that jumps."""
        await trio.sleep(2)

    def check(self) -> None:
        true = from_nothing(self.router, self.now_ms)
        assert self.mirror.rest == true.rest
        for kind in ("queues", "agents", "calls"):
            assert self.mirror.rows.get(kind, {}) == true.rows.get(kind, {}), kind


@pytest.mark.parametrize("seed", range(6))
def test_what_is_kept_is_what_a_new_picture_would_show(tmp_path: Path, seed: int) -> None:
    print(f"seed {seed}")

    async def story() -> None:
        chance, chaos = random.Random(seed), Chaos()
        async with trio.open_nursery() as nursery:
            kept = Kept(tmp_path, nursery, chaos.router)
            apply = chaos.router.apply

            def told(event: ev.AnyEvent, now_ms: int) -> tuple[AnyCommand, ...]:
                commands = apply(event, now_ms)
                kept.dispatch(commands)
                return commands

            chaos.router.apply = told  # type: ignore[method-assign]
            for number in range(600):
                chaos.tell(chaos.any_event(chance), chance.randrange(3_000))
                kept.now_ms = chaos.now_ms
                if number % 7 == 0:
                    kept.mirror.room = chance.random() < 0.9
                    await kept.publish()
                    if kept.mirror.room and chance.random() < 0.9:
                        kept.check()
            kept.mirror.room = True
            await kept.publish()
            kept.check()
            nursery.cancel_scope.cancel()

    trio.run(story, clock=MockClock(autojump_threshold=0))


def test_a_web_that_had_no_room_is_told_the_whole_again(tmp_path: Path) -> None:
    async def story() -> None:
        world = World()
        async with trio.open_nursery() as nursery:
            kept = Kept(tmp_path, nursery, world.router)
            await kept.publish()
            assert [type(message) for message in kept.mirror.told] == [Wallboard]
            kept.dispatch(world.do(ev.ModeChanged(mode="closed")))
            await kept.publish()
            assert [type(message) for message in kept.mirror.told] == [Wallboard, WallboardDelta]
            kept.mirror.room = False
            kept.dispatch(world.do(ev.ModeChanged(mode="normal")))
            await kept.publish()
            kept.mirror.room = True
            await kept.publish()
            assert [type(message) for message in kept.mirror.told[2:]] == [Wallboard]
            kept.check()
            kept.webs = []
            kept.board.welcome("web1")
            await kept.publish()
            assert len(kept.mirror.told) == 3, "it went away again: it is welcomed when it comes back"
            nursery.cancel_scope.cancel()

    trio.run(story, clock=MockClock(autojump_threshold=0))


def test_only_what_was_touched_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        world = World()
        world.make_ready("ann", "bob")
        async with trio.open_nursery() as nursery:
            kept = Kept(tmp_path, nursery, world.router)
            await kept.publish()
            kept.dispatch(
                world.do(ev.CallArrived(call="c1", edge=EDGE, caller="1", dialled="186", at_ms=world.now_ms))
            )
            await kept.publish()
            change = kept.mirror.told[-1]
            assert isinstance(change, WallboardDelta)
            assert {row.queue for row in change.queues} <= {"water", "bills"}
            assert [row.state for row in change.agents] == ["ringing"]
            assert [row.call for row in change.calls] == ["c1"]
            assert change.not_ready_reasons is change.callbacks is None
            kept.board.touch()
            kept.board.touch_agent("ann")
            await kept.publish()
            assert kept.mirror.told[-1] is change, "nothing changed, nothing is told"
            nursery.cancel_scope.cancel()

    trio.run(story, clock=MockClock(autojump_threshold=0))


def test_calls_move_up_as_those_before_them_end(tmp_path: Path) -> None:
    async def story() -> None:
        world = World()
        async with trio.open_nursery() as nursery:
            kept = Kept(tmp_path, nursery, world.router)
            for number in range(CALL_ROWS_MAX + 30):
                kept.dispatch(
                    world.router.apply(
                        ev.CallArrived(
                            call=f"c{number:03}", edge=EDGE, caller="", dialled="185", at_ms=number + 1
                        ),
                        world.now_ms,
                    )
                )
            await kept.publish()
            kept.check()
            for number in range(20):
                kept.dispatch(world.router.apply(ev.CallerHungUp(call=f"c{number:03}"), world.now_ms))
            await kept.publish()
            kept.check()
            assert list(kept.mirror.rows["calls"])[-1] == f"c{CALL_ROWS_MAX + 19:03}"
            nursery.cancel_scope.cancel()

    trio.run(story, clock=MockClock(autojump_threshold=0))
