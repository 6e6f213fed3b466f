"""The supervisor's live picture."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec

from acd_core.config import Config
from acd_core.link.signals import (
    AgentRow,
    CallbackRow,
    CallRow,
    QueueRow,
    ReasonRow,
    Wallboard,
    WallboardDelta,
    WallboardHead,
)
from agent_web import wire
from agent_web.wallboard.picture import LivePicture
from tests.web.world import Socket, run, world


def head(at_ms: int, **changed: Any) -> WallboardHead:
    return msgspec.structs.replace(
        WallboardHead(
            at_ms=at_ms, calls_live=1, callbacks_open=1, mode="normal", store_behind=0, edges=("edge1",)
        ),
        **changed,
    )


QUEUE = QueueRow(
    queue="faults",
    name="Faults",
    strategy="longest_idle",
    priority=5,
    aging_per_min=1,
    aging_max=10,
    waiting=2,
    longest_since_ms=5,
    talking=1,
    agents=4,
    ready=0,
    entered=12,
    answered=9,
    abandoned=1,
    short_abandoned=0,
    service_level=0.8,
    service_level_ms=20_000,
    asa_ms=9_000,
    aht_ms=None,
    longest_wait_ms=40_000,
)
AGENT = AgentRow(
    agent="op01",
    name="Ayşe",
    team="day",
    state="talking",
    reason="",
    since_ms=7,
    audio="browser",
    call="c-1",
    queues=("faults",),
    calls=3,
    dialled=2,
    occupancy=0.5,
    overdue=False,
    paused=False,
)
CALL = CallRow(
    call="c-1",
    caller="0532",
    outbound=False,
    service="Water",
    state="talking",
    since_ms=7,
    arrived_ms=3,
    queue="faults",
    agent="op01",
    ringing=(),
    vip=True,
    hazard=False,
    repeat=2,
    only="",
    priority=4,
    steps=(1, 2),
)
CALLBACK = CallbackRow(id="c-0", caller="0532", number="+90532", queue="faults", asked_at_ms=2, arrived_ms=1)
REASON = ReasonRow(reason="break", paid=True, planned_ms=900_000)


def picture(at_ms: int) -> Wallboard:
    return Wallboard(
        head=head(at_ms),
        queues=(QUEUE,),
        agents=(AGENT,),
        calls=(CALL,),
        callbacks=(CALLBACK,),
        not_ready_reasons=(REASON,),
    )


def test_what_is_put_together_is_the_message_of_the_wire() -> None:
    board = msgspec.json.decode(LivePicture(picture(1)).text(99), type=wire.Board)
    assert (board.at_ms, board.now_ms, board.mode, board.callbacks_open) == (1, 99, "normal", 1)
    rows = {
        "queues": (QUEUE, wire.BoardQueue),
        "agents": (AGENT, wire.BoardAgent),
        "calls": (CALL, wire.BoardCall),
        "callbacks": (CALLBACK, wire.BoardCallback),
    }
    for name, (row, kind) in rows.items():
        assert getattr(board, name) == [msgspec.convert(row, kind, from_attributes=True)]
    encoded = msgspec.json.decode(LivePicture(picture(1)).text(99))
    assert list(encoded) == ["type", *wire.Board.__struct_fields__]


def test_changes_take_the_place_of_rows() -> None:
    live = LivePicture(picture(1))
    live.change(
        WallboardDelta(
            head=head(2, mode="emergency"),
            queues=(msgspec.structs.replace(QUEUE, queue="bills"),),
            agents=(
                msgspec.structs.replace(AGENT, agent="op00"),
                msgspec.structs.replace(AGENT, state="wrap_up"),
            ),
            calls=(
                msgspec.structs.replace(CALL, call="c-2", arrived_ms=4),
                msgspec.structs.replace(CALL, call="c-3", arrived_ms=2),
            ),
            callbacks=(),
        )
    )
    board = msgspec.json.decode(live.text(3), type=wire.Board)
    assert (board.at_ms, board.mode, board.callbacks) == (2, "emergency", [])
    assert [row.queue for row in board.queues] == ["bills", "faults"], "by id"
    assert {row.agent: row.state for row in board.agents} == {"op01": "wrap_up", "op00": "talking"}
    assert [row.call for row in board.calls] == ["c-3", "c-1", "c-2"], "by arrival"
    assert live.reasons == (REASON,)
    live.change(
        WallboardDelta(
            head=head(3),
            queues_gone=("faults",),
            agents_gone=("op00", "unknown"),
            calls_gone=("c-1",),
            not_ready_reasons=(),
        )
    )
    board = msgspec.json.decode(live.text(3), type=wire.Board)
    assert [row.queue for row in board.queues] == ["bills"]
    assert [row.agent for row in board.agents] == ["op01"]
    assert [row.call for row in board.calls] == ["c-3", "c-2"]
    assert live.reasons == ()


def test_a_change_without_a_picture_is_left_out(config: Config) -> None:
    async def story() -> None:
        async with world(config) as here:
            browser = await here.logged_in("zeynep")
            async with browser.socket("/ws/board") as board:
                await board.expect("core")
                here.core.signal(WallboardDelta(head=head(1), calls=(CALL,)))
                here.core.signal(picture(2))
                here.core.signal(WallboardDelta(head=head(3), calls_gone=("c-1",)))
                assert (await _board(board, 3))["calls"] == []

    run(story())


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
                        here.core.signal(WallboardDelta(head=head(at_ms)))
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
