"""One event's turn: the state, its index, the time, and the commands decided so far.

The rules (flow.py, offers.py, talk.py, …) are functions of a turn. What follows from a change is done once at the end of the
turn (matching.py): every agent `touched` is put in or out of the lines, calls and agents newly free are matched, and
each page concerned gets one view of its desk.
"""

from __future__ import annotations

from collections.abc import Callable

from acd_core.domain.agent import MOVES, Agent
from acd_core.domain.call import Call
from acd_core.domain.commands import (
    AgentState,
    AgentStory,
    AnyCommand,
    CallStep,
    CallStory,
    ClearDeadline,
    EntityGone,
    Prompt,
    SetDeadline,
    StaleEvent,
)
from acd_core.domain.deadline import Deadline, EntityKind, Timed
from acd_core.domain.limits import STALE_NAMES_MAX
from acd_core.domain.link_ends import Edge
from acd_core.domain.order import Index
from acd_core.domain.plan import Plan
from acd_core.domain.state import State


class Turn:
    """What the rules read and write while one event is applied."""

    __slots__ = (
        "emit",
        "fresh_calls",
        "gone",
        "index",
        "now_ms",
        "out",
        "paused_ms",
        "state",
        "touched",
    )

    def __init__(self, state: State, index: Index) -> None:
        """A turn object serves all events of a router, one after the other."""
        self.state = state
        self.index = index
        self.now_ms = state.now_ms
        self.paused_ms = 0  # since the event before
        self.out: list[AnyCommand] = []
        self.emit: Callable[[AnyCommand], None] = self.out.append
        self.touched: dict[str, Agent] = {}
        self.fresh_calls: list[Call] = []
        self.gone: list[EntityGone] = []

    def begin(self, now_ms: int) -> None:
        """Nothing decided yet."""
        self.paused_ms = now_ms - self.now_ms
        self.now_ms = now_ms
        self.out = []
        self.emit = self.out.append
        if self.touched:
            self.touched = {}
        if self.fresh_calls:
            self.fresh_calls = []
        if self.gone:
            self.gone = []

    @property
    def plan(self) -> Plan:
        """The plan in force; there is one as soon as there is a call."""
        assert self.state.plan is not None
        return self.state.plan

    def know_edge(self, id_: str) -> None:
        """An edge that says something is there, also when its inventory is still on the way."""
        if id_ not in self.state.edges:
            self.state.edges[id_] = Edge(id=id_)

    def touch(self, agent: Agent) -> None:
        """This agent changed: see to their lines, their calls and their page at the end of the turn."""
        self.touched[agent.id] = agent

    def move_agent(self, agent: Agent, state: AgentState, reason: str = "") -> None:
        """Put an agent into another state; a move that the table does not know is our bug."""
        assert state in MOVES[agent.state], f"agent {agent.id}: {agent.state} to {state}"
        agent.state = state
        agent.reason = reason
        agent.since_ms = self.now_ms
        self.touched[agent.id] = agent
        self.emit(AgentStory(agent=agent.id, state=state, at_ms=self.now_ms, reason=reason))

    def set_deadline(self, kind: EntityKind, entity: Timed, key: str, at_ms: int) -> None:
        """Wake me at `at_ms`, replacing what stood under this key."""
        state = self.state
        state.generations += 1
        entity.deadlines[key] = Deadline(at_ms, state.generations)
        self.emit(SetDeadline(entity=kind, id=entity.id, key=key, generation=state.generations, at_ms=at_ms))

    def clear_deadline(self, kind: EntityKind, entity: Timed, key: str) -> None:
        """No longer wanted, if it was set."""
        if entity.deadlines.pop(key, None) is not None:
            self.emit(ClearDeadline(entity=kind, id=entity.id, key=key))

    def story(self, call: Call, step: CallStep, *, agent: str = "", detail: str = "") -> None:
        """One step of a call's story."""
        self.emit(
            CallStory(
                call=call.id, step=step, at_ms=self.now_ms, queue=call.queue, agent=agent, detail=detail
            )
        )

    def stale(self, event: object, state: str) -> None:
        """An event came too late to matter: counted by name, and nothing else."""
        name = type(event).__name__
        counts = self.state.stale
        key = f"{name} {state}"
        if key in counts or len(counts) < STALE_NAMES_MAX:
            counts[key] = counts.get(key, 0) + 1
        self.emit(StaleEvent(event=name, state=state))

    def prompts(self, ids: tuple[str, ...], language: str) -> tuple[Prompt, ...]:
        """These prompts of the plan in this language."""
        return self.index.prompts(self.state, ids, language)
