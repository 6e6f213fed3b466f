"""The story of one call out of a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from acd_core.config import Config
from acd_core.domain.commands import CallStory, Considered, Decided, Rejected, Story
from acd_core.domain.events import AnyEvent, CallArrived, PlanChanged, RosterChanged
from acd_core.domain.plan import Plan, Queue, SearchStep
from acd_core.domain.roster import Agent, Roster, Team
from acd_core.explain.story import Told
from acd_core.journal.records import EventRecord, Record, StoryRecord
from persistence import reasons
from persistence.pool import open_pool
from persistence.postgres import PostgresStore
from persistence.store import Position
from tests.persistence.histories import EPOCH_MS, JOURNAL
from tests.persistence.servers import execute

STEPS = (SearchStep(after_ms=20_000, lower_levels=1, add_queues=("spare",)),)


def plan(name: str) -> Plan:
    queues = {"water": Queue(name=name, skills={"canal": 3}, steps=STEPS), "spare": Queue(name="Spare")}
    return Plan(name="p", numbers=(), prompts={}, flows={}, queues=queues, skills={"canal": "Kanal"})


def roster(name: str) -> Roster:
    return Roster(agents={"a1": Agent(name=name), "a2": Agent(name="Other")}, teams={"t": Team(name="Team")})


def decided(kind: str, at_ms: int, **more: object) -> Decided:
    return Decided(call="c1", kind=kind, at_ms=at_ms, queue="water", **more)  # type: ignore[arg-type]


def step(name: str, at_ms: int, call: str = "c1") -> CallStory:
    return CallStory(call=call, step=name, at_ms=at_ms, queue="water")  # type: ignore[arg-type]


WAITS = decided("waits", EPOCH_MS + 1, rejected=(Rejected(why="talking", count=1, agents=("a1",)),))
OFFERED = decided(
    "offered",
    EPOCH_MS + 9,
    agent="a1",
    strategy="longest_idle",
    considered=(Considered(agent="a1", score=7),),
)


def journal(*happened: tuple[AnyEvent, Sequence[Story]]) -> list[Record]:
    records: list[Record] = []
    for seq, (event, stories) in enumerate(happened, 1):
        records.append(
            EventRecord(seq=seq, now_ms=EPOCH_MS + seq, stream="", number=0, digest=0, event=event)
        )
        if stories:
            records.append(StoryRecord(seq=seq, stories=tuple(stories)))
    return records


ARRIVED = CallArrived(call="c1", edge="e1", caller="1", dialled="185", at_ms=EPOCH_MS)
HISTORY = journal(
    (PlanChanged(version=1, plan=plan("Water")), ()),
    (RosterChanged(version=1, roster=roster("Ayşe")), ()),
    (ARRIVED, (step("arrived", EPOCH_MS), step("queued", EPOCH_MS), WAITS)),
    (ARRIVED, (OFFERED, step("offered", EPOCH_MS + 9), step("arrived", EPOCH_MS, call="c2"))),
    (PlanChanged(version=2, plan=plan("Renamed")), ()),
    (RosterChanged(version=2, roster=roster("Renamed")), ()),
)


def read(config: Config, records: list[Record], call: str, sql: str = "") -> Told | None:
    async def scene() -> Told | None:
        async with await open_pool(config, "test") as pool:
            store = PostgresStore(pool)
            await store.append(JOURNAL, Position(), records)
            assert await store.call_decisions("c2") == ()
            if sql:
                await execute(config.database.dsn, sql)
            async with pool.acquire() as connection:
                return await reasons.read_told(connection, call)

    return asyncio.run(scene())


def test_steps_and_decisions_come_in_their_order_with_the_names_of_that_day(config: Config) -> None:
    told = read(config, HISTORY, "c1")
    assert told is not None
    assert told.reasons == (
        step("arrived", EPOCH_MS),
        step("queued", EPOCH_MS),
        WAITS,
        OFFERED,
        step("offered", EPOCH_MS + 9),
    )
    assert (told.live, told.whole, told.left_out) == (True, True, 0)
    assert told.names.agents == {"a1": "Ayşe"}
    assert told.names.queues["water"].name == "Water"
    assert told.names.queues["water"].steps == STEPS
    assert told.names.teams == {"t": "Team"}
    assert told.names.skills == {"canal": "Kanal"}
    assert told.names.timezone == "Europe/Istanbul"


def test_a_call_that_never_was_is_not_known(config: Config) -> None:
    assert read(config, HISTORY, "c-unknown") is None


def test_a_journal_without_documents_tells_ids(config: Config) -> None:
    told = read(config, journal((ARRIVED, (step("arrived", EPOCH_MS), OFFERED))), "c1")
    assert told is not None
    assert told.names.agents == {}
    assert told.names.timezone == ""


def test_the_steps_of_another_release_are_left_out_and_nothing_else(config: Config) -> None:
    told = read(
        config,
        HISTORY,
        "c1",
        "UPDATE journal_events SET payload = jsonb_set(payload, '{plan,queues,water,steps}', '[{\"later\": 1}]')"
        " WHERE kind = 'PlanChanged'",
    )
    assert told is not None
    assert told.names.queues["water"].name == "Water"
    assert told.names.queues["water"].steps == ()


def test_a_decision_of_another_release_is_counted_and_not_shown(config: Config) -> None:
    told = read(
        config, HISTORY, "c1", "UPDATE call_decisions SET payload = payload - 'queue' WHERE kind = 'waits'"
    )
    assert told is not None
    assert WAITS not in told.reasons
    assert OFFERED in told.reasons
    assert told.left_out == 1


def test_what_is_more_than_a_story_holds_is_counted(config: Config) -> None:
    many = [decided("not_yet", EPOCH_MS + number) for number in range(reasons.REASONS_READ_MAX + 7)]
    told = read(config, journal((ARRIVED, (step("arrived", EPOCH_MS), *many))), "c1")
    assert told is not None
    assert len(told.reasons) == told.gap_at == reasons.REASONS_READ_MAX
    assert told.left_out == 8
