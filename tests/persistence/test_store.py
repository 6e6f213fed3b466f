"""One contract, two stores: in memory and in a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import msgspec
import pytest

from acd_core.config import Config
from acd_core.domain.commands import AgentStory, CallStory, Decided, Rejected
from acd_core.domain.events import CallArrived, DeadlinePassed, RecordingFinished
from acd_core.journal.records import EventRecord, Record, StoryRecord
from persistence.memory import MemoryStore
from persistence.pool import open_pool
from persistence.postgres import PostgresStore
from persistence.store import CallRow, Position, Store, StoreAwayError, StoreError
from tests.persistence.histories import EPOCH_MS, JOURNAL, call_records, history
from tests.persistence.servers import query

END_WAITING = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE application_name = 'santral test' AND wait_event_type = 'Lock'
"""

Scene: TypeAlias = Callable[[Store], Awaitable[None]]


@pytest.fixture(params=["memory", "postgres"])
def play(request: pytest.FixtureRequest) -> Callable[[Scene], None]:
    """Runs a coroutine on an empty store of either kind."""
    if request.param == "memory":
        return lambda scene: asyncio.run(_play(scene))
    config: Config = request.getfixturevalue("config")
    return lambda scene: asyncio.run(_play_on_postgres(scene, config))


async def _play(scene: Scene) -> None:
    await scene(MemoryStore())


async def _play_on_postgres(scene: Scene, config: Config) -> None:
    async with await open_pool(config, "test") as pool:
        await scene(PostgresStore(pool))


def arrival(call: str = "c1", seq: int = 1, **more: str) -> EventRecord:
    event = CallArrived(
        **({"call": call, "edge": "e1", "caller": "1", "dialled": "185", "at_ms": EPOCH_MS} | more)
    )  # type: ignore[arg-type]
    return EventRecord(seq=seq, now_ms=EPOCH_MS + 5, stream="e1:x", number=1, digest=0, event=event)


def told(seq: int, *steps: str, call: str = "c1", detail: str = "") -> StoryRecord:
    stories = tuple(CallStory(call=call, step=step, at_ms=EPOCH_MS + seq, detail=detail) for step in steps)  # type: ignore[arg-type]
    return StoryRecord(seq=seq, stories=stories)


def test_begins_at_the_beginning(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        assert await store.position(JOURNAL) == Position(0, True)
        assert await store.events(JOURNAL, 0, 10) == ()
        assert await store.call("c1") is None
        assert await store.call_story("c1") == ()
        assert await store.call_decisions("c1") == ()
        assert await store.agent_story("a1") == ()
        assert await store.recordings("c1") == ()

    play(scene)


def test_a_call_from_arrival_to_recording(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        records = call_records(1, 1)
        position = await store.append(JOURNAL, Position(), records)
        assert position == Position(4, False) == await store.position(JOURNAL)
        start_ms = EPOCH_MS + 1_000
        assert await store.call("c1") == CallRow(
            call="c1",
            caller="+905551234567",
            dialled="185",
            via="sip",
            edge="e1",
            queue="water",
            agent="a1",
            arrived_ms=start_ms,
            picked_up_ms=start_ms + 1,
            queued_ms=start_ms + 2,
            answered_ms=start_ms + 500,
            ended_ms=start_ms + 900,
            outcome="answered",
            cause="caller_hung_up",
        )
        assert [story.step for story in await store.call_story("c1")] == [
            "arrived",
            "answered",
            "queued",
            "connected",
            "ended",
        ]
        assert [(story.state, story.reason) for story in await store.agent_story("a1")] == [
            ("talking", ""),
            ("wrap_up", "after_call"),
        ]
        events = [record for record in records if isinstance(record, EventRecord)]
        assert list(await store.recordings("c1")) == [events[3].event]
        assert await store.events(JOURNAL, 0, 10) == tuple(events)
        assert await store.events(JOURNAL, 1, 2) == tuple(events[1:3])

    play(scene)


def test_decisions_are_kept_whole_and_in_order(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        waits = Decided(
            call="c1",
            kind="waits",
            at_ms=EPOCH_MS,
            queue="water",
            waited_ms=7,
            rejected=(Rejected(why="talking", count=2, agents=("a1", "a\0")),),
        )
        released = Decided(call="c1", kind="released", at_ms=EPOCH_MS + 1, queue="water")
        story = StoryRecord(seq=1, stories=(*told(1, "arrived").stories, waits, released))
        await store.append(JOURNAL, Position(), [arrival(), story])
        first, second = await store.call_decisions("c1")
        assert msgspec.structs.replace(first, rejected=()) == msgspec.structs.replace(waits, rejected=())
        assert first.rejected[0].agents[0] == "a1"
        assert second == released
        assert [step.step for step in await store.call_story("c1")] == ["arrived"]

    play(scene)


def test_batches_of_any_size_give_the_same(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        position = Position()
        for record in history(3):  # also between an event and its story
            position = await store.append(JOURNAL, position, [record])
        other = MemoryStore()
        await other.append(JOURNAL, Position(), list(history(3)))
        assert position == await other.position(JOURNAL)
        for call in ("c1", "c2", "c3"):
            assert await store.call(call) == await other.call(call)
            assert await store.call_story(call) == await other.call_story(call)
            assert await store.recordings(call) == await other.recordings(call)
        assert await store.events(JOURNAL, 0, 100) == await other.events(JOURNAL, 0, 100)

    play(scene)


def test_a_batch_from_elsewhere_is_refused_and_leaves_nothing(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        first, second = call_records(1, 1), call_records(2, 5)
        await store.append(JOURNAL, Position(), first)
        for after, records in (
            (Position(), first),  # again
            (Position(8, False), call_records(3, 9)),  # too early
            (Position(4, True), second),  # the story of event 4 is not there
        ):
            with pytest.raises(StoreError):
                await store.append(JOURNAL, after, records)
        with pytest.raises(StoreError, match="gap"):
            await store.append(JOURNAL, Position(4, False), second[2:])
        assert await store.position(JOURNAL) == Position(4, False)
        assert await store.call("c2") is None
        assert len(await store.call_story("c1")) == 5

    play(scene)


@pytest.mark.parametrize(
    ("steps", "cause", "outcome"),
    [
        (("answered", "queued", "connected", "ended"), "why", "answered"),
        (("answered", "queued", "offered", "withdrawn", "ended"), "caller_hung_up", "abandoned"),
        (("answered", "flow", "ended"), "caller_hung_up", "in_flow"),
        (("refused",), "why", "refused"),
        (("answered", "queued"), "", ""),
        (("answered", "ended", "ended"), "why", "in_flow"),
        (("answered", "queued", "callback_asked", "ended"), "callback", "callback"),
        (("answered", "ended"), "queue_full", "turned_away"),
        (("answered", "queued", "ended"), "waited_too_long", "turned_away"),
        (("answered", "queued", "ended"), "no_operators", "turned_away"),
        (("answered", "queued", "ended"), "handed_on", "handed_on"),
        (("answered", "queued", "connected", "ended"), "handed_on", "answered"),
        (("answered", "queued", "connected", "ended"), "talk_max", "answered"),
        (("dialled", "rings", "connected", "ended"), "caller_hung_up", "answered"),
        (("dialled", "rings", "ended"), "number_busy", "unreached"),
        (("dialled", "refused"), "barred_premium", "refused"),
    ],
)
def test_outcomes(play: Callable[[Scene], None], steps: tuple[str, ...], cause: str, outcome: str) -> None:
    async def scene(store: Store) -> None:
        await store.append(JOURNAL, Position(), [arrival(), told(1, "arrived", *steps, detail=cause)])
        row = await store.call("c1")
        assert row is not None
        assert row.outcome == outcome
        assert bool(row.ended_ms) == bool(outcome)
        assert row.cause == cause

    play(scene)


def test_times_are_of_the_first_and_names_of_the_last(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        def step(name: str, after_ms: int, queue: str, agent: str = "") -> CallStory:
            return CallStory(call="c1", step=name, at_ms=EPOCH_MS + after_ms, queue=queue, agent=agent)  # type: ignore[arg-type]

        stories = (
            step("queued", 10, "q1"),
            step("connected", 20, "q1", "a1"),
            step("requeued", 30, "q1", "a1"),
            step("queued", 40, "q2"),
            step("connected", 50, "q2", "a2"),
        )
        await store.append(JOURNAL, Position(), [arrival(), StoryRecord(seq=1, stories=stories)])
        row = await store.call("c1")
        assert row is not None
        assert (row.queued_ms, row.answered_ms) == (EPOCH_MS + 10, EPOCH_MS + 20)
        assert (row.queue, row.agent) == ("q2", "a2")

    play(scene)


def test_an_arrival_from_the_future_and_one_said_twice(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        ahead = msgspec.structs.replace(arrival(), now_ms=EPOCH_MS - 1)
        position = await store.append(JOURNAL, Position(), [ahead, told(1, "arrived", "answered")])
        await store.append(JOURNAL, position, [arrival(seq=2, caller="2")])
        row = await store.call("c1")
        assert row is not None
        assert row.arrived_ms == EPOCH_MS - 1
        assert row.caller == "1"
        assert row.picked_up_ms

    play(scene)


def test_a_story_without_an_arrival(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        deadline = DeadlinePassed(entity="call", id="c9", key="k", generation=1)
        record = EventRecord(seq=1, now_ms=EPOCH_MS, stream="", number=0, digest=0, event=deadline)
        await store.append(JOURNAL, Position(), [record, told(1, "queued", "ended", call="c9")])
        row = await store.call("c9")
        assert row is not None
        assert (row.arrived_ms, row.caller, row.outcome) == (EPOCH_MS + 1, "", "abandoned")

    play(scene)


def test_a_recording_said_twice(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        event = RecordingFinished(
            call="c1", part=1, agent="", path="p", started_at_ms=1, duration_ms=2, size_bytes=3, sha256="x"
        )
        one = EventRecord(seq=1, now_ms=1, stream="", number=0, digest=0, event=event)
        two = msgspec.structs.replace(one, seq=2)
        three = msgspec.structs.replace(one, seq=3)
        position = await store.append(JOURNAL, Position(), [one, two])
        await store.append(JOURNAL, position, [three])
        assert await store.recordings("c1") == (event,)

    play(scene)


def test_a_part_in_two_files_keeps_both(play: Callable[[Scene], None]) -> None:
    """As after an audio engine that died in mid-call: the second engine begins a file of its own."""

    async def scene(store: Store) -> None:
        first = RecordingFinished(
            call="c1", part=1, agent="", path="a", started_at_ms=1, duration_ms=2, size_bytes=3, sha256="x"
        )
        second = msgspec.structs.replace(first, path="a-r2")
        records = [
            EventRecord(seq=seq, now_ms=1, stream="", number=0, digest=0, event=event)
            for seq, event in ((1, first), (2, second))
        ]
        await store.append(JOURNAL, Position(), records)
        assert await store.recordings("c1") == (first, second)

    play(scene)


def test_journals_are_kept_apart(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        await store.append(JOURNAL, Position(), call_records(1, 1))
        await store.append("00000000000000bb", Position(), [arrival("d1")])
        assert await store.position("00000000000000bb") == Position(1, False)
        assert await store.position(JOURNAL) == Position(4, False)
        assert len(await store.events("00000000000000bb", 0, 10)) == 1

    play(scene)


def test_any_text_gets_through(config: Config) -> None:
    """What PostgreSQL can't hold becomes a replacement character; everything else comes back as it went in."""
    name = 'İ"\\u0000\\ \u202e 😀 \x00 \x1f \x7f'
    shown = name.replace("\0", "\ufffd")

    async def scene(store: Store) -> None:
        records: list[Record] = [arrival(caller_name=name, caller="\0"), told(1, "refused", detail=name)]
        await store.append(JOURNAL, Position(), records)
        row = await store.call("c1")
        assert row is not None
        assert (row.caller_name, row.caller, row.cause) == (shown, "\ufffd", shown)
        assert (await store.call_story("c1"))[0].detail == shown
        (event,) = await store.events(JOURNAL, 0, 1)
        assert isinstance(event.event, CallArrived)
        assert event.event.caller_name == shown

    asyncio.run(_play_on_postgres(scene, config))


def test_rows_name_call_and_agent(config: Config) -> None:
    async def scene(store: Store) -> None:
        deadline = DeadlinePassed(entity="agent", id="a3", key="k", generation=1)
        record = EventRecord(seq=5, now_ms=EPOCH_MS, stream="", number=0, digest=2**63 - 1, event=deadline)
        await store.append(JOURNAL, Position(), [*call_records(1, 1), record])

    asyncio.run(_play_on_postgres(scene, config))
    rows = asyncio.run(
        query(
            config.database.dsn,
            "SELECT array_agg(concat_ws(' ', kind, call, agent) ORDER BY seq) FROM journal_events",
        )
    )
    assert rows == [
        "CallArrived c1",
        "OfferAccepted c1 a1",
        "CallerHungUp c1",
        "RecordingFinished c1 a1",
        "DeadlinePassed a3",
    ]


def test_two_stores_race_for_one_batch(config: Config) -> None:
    async def run() -> None:
        async with await open_pool(config, "one") as one, await open_pool(config, "two") as two:
            batch = list(history(50))
            results = await asyncio.gather(
                *(PostgresStore(pool).append(JOURNAL, Position(), batch) for pool in (one, two)),
                return_exceptions=True,
            )
            assert sorted(type(result).__name__ for result in results) == ["Position", "StoreError"]
            assert await one.fetchval("SELECT count(*) FROM journal_events") == 200

    asyncio.run(run())


def test_a_broken_connection_means_away(config: Config) -> None:
    async def run() -> None:
        async with await open_pool(config, "test") as pool, await open_pool(config, "other") as other:
            store = PostgresStore(pool)
            async with other.acquire() as connection, connection.transaction():
                await connection.execute("LOCK TABLE calls")  # the batch waits here, half done
                appending = asyncio.create_task(store.append(JOURNAL, Position(), call_records(1, 1)))
                while not await other.fetchval(END_WAITING):
                    pass
                with pytest.raises(StoreAwayError, match="terminating connection"):
                    await appending
            assert await store.position(JOURNAL) == Position()
            assert await store.append(JOURNAL, Position(), call_records(1, 1)) == Position(4, False)

    asyncio.run(run())


def test_agent_states_keep_their_order(play: Callable[[Scene], None]) -> None:
    async def scene(store: Store) -> None:
        states = ("ready", "ringing", "talking", "wrap_up", "ready")
        stories = tuple(AgentStory(agent="a1", state=state, at_ms=EPOCH_MS) for state in states)  # type: ignore[arg-type]
        await store.append(JOURNAL, Position(), [arrival(), StoryRecord(seq=1, stories=stories)])
        assert tuple(story.state for story in await store.agent_story("a1")) == states

    play(scene)
