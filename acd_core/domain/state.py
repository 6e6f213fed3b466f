"""All that the router knows, as plain data, and its versioned form in bytes.

Whatever must survive is here; what can be derived from it (order.py) is not. The same events give the same state byte for
byte: dictionaries keep the order in which they were filled, and nothing depends on hashes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from acd_core.domain.agent import Agent
from acd_core.domain.call import Call, Callback, Contact, EndedCall
from acd_core.domain.commands import SetDeadline
from acd_core.domain.counters import DialCounters
from acd_core.domain.deadline import EntityKind, Timed
from acd_core.domain.events import CentreMode
from acd_core.domain.link_ends import Edge, Web
from acd_core.domain.plan import Plan, PromptText
from acd_core.domain.queue import Queue
from acd_core.domain.roster import Roster

SCHEMA = 2


class SnapshotError(Exception):
    """These bytes are no state that this version of the code can read."""


class State(msgspec.Struct, kw_only=True):
    """The whole routing state; written by the router alone."""

    now_ms: int = 0
    day_ms: int = (
        0  # when the day of counting began (calendars.py); the counters of the queues begin anew with each
    )
    code_version: str = ""
    plan_version: int = 0
    plan: Plan | None = None
    old_prompts: dict[str, PromptText] = {}  # which retired queues use and the plan no longer has
    roster_version: int = 0
    roster: Roster | None = None
    arrived_skills: tuple[str, ...] = ()  # that calls brought along, which no document asks for
    calls: dict[str, Call] = {}
    ended: dict[str, EndedCall] = {}  # whose recordings are not all reported yet, oldest first
    contacts: dict[str, Contact] = {}  # by number, who called longest ago first
    callbacks: dict[str, Callback] = {}  # asked for and not settled, by call
    mode: CentreMode = "normal"
    agents: dict[str, Agent] = {}
    queues: dict[str, Queue] = {}
    edges: dict[str, Edge] = {}
    webs: dict[str, Web] = {}
    phones: dict[str, str] = {}  # registered SIP phones and the edge where each is rung
    spare_phones: dict[str, tuple[str, ...]] = {}  # where else they are registered, the latest last
    dialled: dict[str, DialCounters] = {}  # since the day began, by agent
    offers: int = 0  # offers made so far, and calls dialled
    generations: int = 0  # deadlines set so far
    revisions: int = 0  # desk views made so far
    calls_arrived: int = 0  # those that operators dialled included
    calls_ended: int = 0
    calls_refused: int = 0  # among those ended
    stale: dict[str, int] = {}  # late events by "event state"


class _Header(msgspec.Struct, kw_only=True):
    schema: int


class _Snapshot(msgspec.Struct, kw_only=True):
    schema: int
    state: State


def encode_state(state: State) -> bytes:
    """The state as bytes (MessagePack, with the schema's version)."""
    return msgspec.msgpack.encode(_Snapshot(schema=SCHEMA, state=state))


def decode_state(data: bytes) -> State:
    """The state that these bytes hold; `SnapshotError` when they are damaged or of another schema."""
    try:
        schema = msgspec.msgpack.decode(data, type=_Header).schema
        if schema != SCHEMA:
            raise SnapshotError(f"snapshot has schema {schema}, this code reads {SCHEMA}")
        return msgspec.msgpack.decode(data, type=_Snapshot).state
    except msgspec.DecodeError as error:
        raise SnapshotError(f"snapshot can't be read: {error}") from error


def timed(state: State) -> dict[EntityKind, Mapping[str, Timed]]:
    """Everything that can have deadlines."""
    return {"call": state.calls, "agent": state.agents, "edge": state.edges, "callback": state.callbacks}


def deadlines(state: State) -> Iterator[SetDeadline]:
    """Every deadline in force, for actors that begin with a state instead of a history."""
    for kind, entities in timed(state).items():
        for id_ in sorted(entities):
            entity = entities[id_]
            for key in sorted(entity.deadlines):
                deadline = entity.deadlines[key]
                yield SetDeadline(
                    entity=kind, id=id_, key=key, generation=deadline.generation, at_ms=deadline.at_ms
                )
