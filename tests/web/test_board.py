"""The supervisor's live picture."""

from __future__ import annotations

import contextlib
from typing import Any

from acd_core.config import Config
from acd_core.link.signals import AgentRow, CallRow, QueueRow, Wallboard
from tests.web.world import Socket, run, world


def picture(at_ms: int) -> Wallboard:
    return Wallboard(
        at_ms=at_ms,
        queues=(
            QueueRow(
                queue="faults",
                name="Faults",
                waiting=2,
                longest_since_ms=5,
                talking=1,
                agents=4,
                ready=0,
                answered=9,
                abandoned=1,
            ),
        ),
        agents=(
            AgentRow(
                agent="op01",
                name="Ayşe",
                state="talking",
                reason="",
                since_ms=7,
                audio="browser",
                call="c-1",
                queues=("faults",),
            ),
        ),
        calls=(
            CallRow(
                call="c-1",
                caller="0532",
                service="Water",
                state="talking",
                since_ms=7,
                arrived_ms=3,
                queue="faults",
                agent="op01",
            ),
        ),
        calls_live=1,
        not_ready_reasons=("break",),
        store_behind=0,
        edges=("edge1",),
    )


async def _board(page: Socket, at_ms: int) -> dict[str, Any]:
    """The picture of this time; pictures in between may have been left out."""
    while True:
        board = await page.next()
        if board["type"] == "board" and board["at_ms"] == at_ms:
            return board


def test_boards_show_the_latest_picture_first_and_then_what_comes(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            here.core.signal(picture(1))
            browser = await here.logged_in("zeynep")
            async with browser.socket("/ws/board") as early:
                await _board(early, 1)
                async with browser.socket("/ws/board") as late:
                    assert await late.expect("core") == {"type": "core", "state": "up"}
                    board = await late.expect("board")
                    assert board["at_ms"] == 1
                    assert board["queues"][0]["waiting"] == 2
                    assert board["agents"][0]["queues"] == ["faults"]
                    assert board["calls"][0]["call"] == "c-1"
                    for at_ms in range(2, 60):
                        here.core.signal(picture(at_ms))
                    await _board(early, 59)
                    await _board(late, 59)
                    await here.core.stop()
                    while (await late.next()) != {"type": "core", "state": "away"}:
                        pass

    run(story())


def test_many_boards_get_every_change(config: Config) -> None:
    """More than one chunk of the broadcast."""

    async def story() -> None:
        async with world(config) as here, contextlib.AsyncExitStack() as stack:
            browser = await here.logged_in("zeynep")
            boards = [await stack.enter_async_context(browser.socket("/ws/board")) for _ in range(45)]
            for board in boards:
                await board.expect("core")
            here.core.signal(picture(1))
            for board in boards:
                await _board(board, 1)

    run(story())
