"""`/ws/board`: the live picture of the centre."""

from __future__ import annotations

from typing import TypeAlias

from acd_core.domain.commands import AgentState, AudioKind
from acd_core.domain.events import CentreMode
from acd_core.domain.plan import Strategy
from agent_web.wire.base import Said
from agent_web.wire.sockets import Core, Error, Ping, Pong


class BoardQueue(Said, frozen=True, kw_only=True):
    """One queue; `longest_since_ms` is 0 when nobody waits. Counts are of the plan's day, `abandoned` has the short ones too.

    `service_level` (0 to 1) leaves short abandons out; it and the means are null of nothing (docs/statistics.md).
    Who waits here has the priority of the queue, that of the call, and `aging_per_min` for each minute since they arrived, up to
    `aging_max`. `longest_wait_ms` is that of the day, of those who no longer wait.
    """

    queue: str
    name: str
    strategy: Strategy
    priority: int
    aging_per_min: int
    aging_max: int
    waiting: int
    longest_since_ms: int
    talking: int
    agents: int
    ready: int
    entered: int
    answered: int
    abandoned: int
    short_abandoned: int
    service_level: float | None
    service_level_ms: int
    asa_ms: int | None
    aht_ms: int | None
    longest_wait_ms: int


class BoardAgent(Said, frozen=True, kw_only=True):
    """One operator. `calls` and `occupancy` (0 to 1) count since the log-in; `dialled` those of the day that they dialled and
    that were answered; `overdue`: not ready for longer than planned; `paused`: ready, but offered nothing for a moment.
    """

    agent: str
    name: str
    team: str
    state: AgentState
    reason: str
    since_ms: int
    audio: AudioKind
    call: str
    queues: list[str]
    calls: int
    dialled: int
    occupancy: float | None
    overdue: bool
    paused: bool


class BoardCall(Said, frozen=True, kw_only=True):
    """One live call: `agent` speaks with the caller, it rings at those in `ringing`, and is kept for `only`. `repeat` counts
    earlier calls of this caller; `steps` are those of the queue that were taken. `outbound`: `agent` dialled the caller.
    """

    call: str
    caller: str
    outbound: bool
    service: str
    state: str
    since_ms: int
    arrived_ms: int
    queue: str
    agent: str
    ringing: list[str]
    vip: bool
    hazard: bool
    repeat: int
    only: str
    priority: int
    steps: list[int]


class BoardCallback(Said, frozen=True, kw_only=True):
    """Somebody who asked to be called back; `id` is that of their call."""

    id: str
    caller: str
    number: str
    queue: str
    asked_at_ms: int
    arrived_ms: int


class Board(Said, tag="board", frozen=True, kw_only=True):
    """The live picture, whole; `calls` shows the first 200 by arrival of `calls_live`, `callbacks` the first 100 that were
    asked for of `callbacks_open`.
    """

    at_ms: int
    now_ms: int
    queues: list[BoardQueue]
    agents: list[BoardAgent]
    calls: list[BoardCall]
    callbacks: list[BoardCallback]
    calls_live: int
    callbacks_open: int
    mode: CentreMode
    store_behind: int
    edges: list[str]


BoardToServer: TypeAlias = Pong
BoardToPage: TypeAlias = Board | Core | Error | Ping
