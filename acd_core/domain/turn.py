"""One event's turn: the state, its index, the time, and the commands decided so far.

The rules (flow.py, offers.py, talk.py, …) are functions of a turn. What follows from a change is done once at the end of the
turn (matching.py): every agent `touched` is put in or out of the lines, calls and agents newly free are matched, and
each page concerned gets one view of its desk.
"""

from __future__ import annotations

from collections.abc import Callable

from acd_core.domain.agent import DEADLINES_OF, MOVES, Agent
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
from acd_core.domain.occupancy import occupied
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
        "onward",
        "out",
        "paused_ms",
        "staffing",
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
        self.staffing: list[str] = []  # agents who logged in or out
        self.onward: list[Call] = []  # left a queue for a flow, and have nothing to hear before

    def begin(self, now_ms: int) -> None:
        """Nothing decided yet."""
        self.paused_ms = now_ms - self.now_ms
        self.now_ms = now_ms
        self.out.clear()
        if self.touched:
            self.touched.clear()
        if self.fresh_calls:
            self.fresh_calls.clear()
        if self.gone:
            self.gone.clear()
        if self.staffing:
            self.staffing.clear()
        if self.onward:
            self.onward.clear()

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
        before, now = agent.state, self.now_ms
        assert state in MOVES[before], f"agent {agent.id}: {before} to {state}"
        deadlines = agent.deadlines
        for key in DEADLINES_OF[before]:
            if key in deadlines:
                self.clear_deadline("agent", agent, key)
        if before == "logged_out" or state == "logged_out":
            self.staffing.append(agent.id)
        else:
            spent = agent.spent_ms
            spent[before] = spent.get(before, 0) + now - agent.since_ms
            if before == "not_ready" or self.index.look.least_occupied:
                self._account(agent, before)
        agent.state = state
        agent.reason = reason
        agent.overdue = False
        agent.since_ms = now
        id_ = agent.id
        self.touched[id_] = agent
        self.index.moved(id_, before, state)
        self.emit(AgentStory(agent=id_, state=state, at_ms=now, reason=reason))

    def _account(self, agent: Agent, before: AgentState) -> None:
        """Whether their time was paid, and how occupied they are."""
        spent_ms = self.now_ms - agent.since_ms
        if before == "not_ready":
            reason = None if self.state.plan is None else self.state.plan.not_ready_reasons.get(agent.reason)
            if reason is not None and not reason.paid:
                agent.unpaid_ms += spent_ms
        if self.index.look.least_occupied:
            busy = before in ("talking", "wrap_up")
            idle_ms = (agent.since_ms if busy else self.now_ms) - agent.occupied_ms
            agent.occupied = occupied(agent.occupied, idle_ms, spent_ms if busy else 0)
            agent.occupied_ms = self.now_ms

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

    def later(self, kind: EntityKind, entity: Timed, key: str, at_ms: int) -> None:
        """As `set_deadline`, unless it stands at that time already."""
        before = entity.deadlines.get(key)
        if before is None or before.at_ms != at_ms:
            self.set_deadline(kind, entity, key, at_ms)

    def story(self, call: Call, step: CallStep, *, agent: str = "", detail: str = "") -> None:
        """One step of a call's story."""
        self.emit(
            CallStory(
                call=call.id, step=step, at_ms=self.now_ms, queue=call.queue, agent=agent, detail=detail
            )
        )

    def tell(self, call: str, step: CallStep, *, queue: str = "", detail: str = "") -> None:
        """One step of the story of a call that is no longer live."""
        self.emit(CallStory(call=call, step=step, at_ms=self.now_ms, queue=queue, detail=detail))

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
        return self.index.look.prompts(ids, language)
