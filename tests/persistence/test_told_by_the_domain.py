"""The story of the real domain, stored in PostgreSQL: calls, agents and recordings as it decided them."""

from __future__ import annotations

import asyncio

from acd_core.config import Config
from acd_core.domain import events as ev
from acd_core.domain.commands import AgentStory, CallStory
from acd_core.journal.records import EventRecord, Record, StoryRecord
from persistence.pool import open_pool
from persistence.postgres import PostgresStore
from persistence.store import CallRow, Position
from tests.domain.world import World
from tests.persistence.histories import JOURNAL


def records_of(world: World) -> list[Record]:
    """What a core would have journalled."""
    records: list[Record] = []
    for seq, (event, now_ms, commands) in enumerate(world.history, start=1):
        records.append(EventRecord(seq=seq, now_ms=now_ms, stream="", number=0, digest=seq, event=event))
        stories = tuple(command for command in commands if isinstance(command, CallStory | AgentStory))
        if stories:
            records.append(StoryRecord(seq=seq, stories=stories))
    return records


def a_morning() -> World:
    """c1 is answered and recorded, c2 gives up waiting, c3 hangs up in the greeting, c4 dials a wrong number, c5 waits; ann dials
    d1 at her phone, who answers, and d2, who does not.
    """
    world = World()
    world.make_ready("bob")
    world.talk("c1", "bob")
    world.arrive("c2")
    world.arrive("c3", "185")
    world.hang_up("c3")
    world.arrive("c4", "999")
    world.hang_up("c2")
    world.hang_up("c1")
    world.do(
        ev.RecordingFinished(
            call="c1",
            part=1,
            agent="bob",
            path="2026/01/01/c1-1.wav",
            started_at_ms=world.now_ms - 20,
            duration_ms=20,
            size_bytes=44,
            sha256="0" * 64,
        )
    )
    world.arrive("c5")
    world.use_phone("ann")
    world.dial_at_phone("201", "d1")
    world.do(ev.DialAnswered(call="d1", trunk="carrier"))
    world.hang_up("d1")
    world.dial_at_phone("201", "d2")
    world.do(ev.DialFailed(call="d2", status=486, cause="Busy Here", trunk="carrier"))
    return world


def test_a_morning(config: Config) -> None:
    world = a_morning()
    records = records_of(world)

    async def run() -> None:
        async with await open_pool(config, "test") as pool:
            store = PostgresStore(pool)
            await store.append(JOURNAL, Position(), records)
            # Plan and roster among them, which are large and nested.
            events = tuple(record for record in records if isinstance(record, EventRecord))
            assert await store.events(JOURNAL, 0, 1000) == events
            rows = {name: await store.call(name) for name in ("c1", "c2", "c3", "c4", "c5", "d1", "d2")}
            assert all(rows.values())
            assert {name: row.outcome for name, row in rows.items() if row} == {
                "c1": "answered",
                "c2": "abandoned",
                "c3": "in_flow",
                "c4": "refused",
                "c5": "",
                "d1": "answered",
                "d2": "unreached",
            }
            dialled = rows["d1"]
            assert isinstance(dialled, CallRow)
            assert (dialled.via, dialled.agent, dialled.queue) == ("dialled", "ann", "")
            assert dialled.caller == dialled.dialled == "+903121234567"
            assert 0 < dialled.arrived_ms <= dialled.answered_ms <= dialled.ended_ms
            first = rows["c1"]
            assert isinstance(first, CallRow)
            assert (first.queue, first.agent, first.cause) == ("water", "bob", "caller_hung_up")
            assert (
                0
                < first.arrived_ms
                <= first.picked_up_ms
                <= first.queued_ms
                <= first.answered_ms
                <= first.ended_ms
            )
            assert (await store.recordings("c1"))[0].path == "2026/01/01/c1-1.wav"
            assert [story.state for story in await store.agent_story("bob")][-3:] == [
                "ringing",
                "talking",
                "wrap_up",
            ]
            told = [
                story for record in records if isinstance(record, StoryRecord) for story in record.stories
            ]
            assert list(await store.call_story("c1")) == [
                story for story in told if isinstance(story, CallStory) and story.call == "c1"
            ]

    asyncio.run(run())
