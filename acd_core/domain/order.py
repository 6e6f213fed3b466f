"""Who is next: the waiting calls and the ready agents, each in order, for every queue at every edge.

All of it is derived from the state and rebuilt from it, so it is no part of a snapshot. A call can only be joined to audio
at its own edge, hence the pairs of queue and edge. A `Line` is a heap that forgets lazily: taking somebody out of its middle
costs nothing until they reach the front, and it is rebuilt when more than half of it is dead, so no step scans.

Within one line calls stand by arrival, then id; the queue's priority is compared between the fronts of the lines, when an
agent looks for a call. A change of priority therefore moves nobody within a line.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TypeAlias

from acd_core.domain.agent import Agent
from acd_core.domain.call import Call
from acd_core.domain.commands import Prompt
from acd_core.domain.plan import Number, PromptText
from acd_core.domain.state import State

Place: TypeAlias = tuple[str, str]  # queue, edge

_SMALL = 32


class Line:
    """Members by (time, id), the first at hand; joining, leaving and looking cost the logarithm of the length at most."""

    __slots__ = ("_heap", "_since")

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []
        self._since: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._since)

    def join(self, since_ms: int, member: str) -> None:
        """Stand in line, at the place that the time gives."""
        self._since[member] = since_ms
        heappush(self._heap, (since_ms, member))

    def leave(self, member: str) -> None:
        """Leave, from wherever they stand."""
        since = self._since
        del since[member]
        if len(self._heap) > 2 * len(since) + _SMALL:
            self._heap = [(since_ms, member) for member, since_ms in since.items()]
            heapify(self._heap)

    def members(self) -> list[tuple[int, str]]:
        """All who stand in line, in order."""
        return sorted((since_ms, member) for member, since_ms in self._since.items())

    def first(self) -> tuple[int, str] | None:
        """Who is first, without taking them out."""
        heap, since = self._heap, self._since
        while heap:
            front = heap[0]
            if since.get(front[1]) == front[0]:
                return front
            heappop(heap)
        return None


class Standing:
    """Where a ready agent stands: the lines they are in, and what put them there."""

    __slots__ = ("edge", "idle_since_ms", "lines", "queues")

    def __init__(
        self, idle_since_ms: int, edge: str, queues: tuple[str, ...], lines: tuple[Line, ...]
    ) -> None:
        self.idle_since_ms = idle_since_ms
        self.edge = edge
        self.queues = queues
        self.lines = lines


class Index:
    """Lines of calls and agents, and look-ups into plan and roster."""

    def __init__(self, state: State) -> None:
        """Derive everything from a state."""
        self.calls: dict[Place, Line] = {}
        self.agents: dict[Place, Line] = {}
        self.standing: dict[str, Standing] = {}
        self.numbers: dict[str, Number] = {}
        self.phone_owner: dict[str, str] = {}
        self._prompts: dict[tuple[tuple[str, ...], str], tuple[Prompt, ...]] = {}
        self.plan_changed(state)
        self.roster_changed(state)
        for call in state.calls.values():
            if call.state == "waiting":
                self.add_call(call)
        for agent in state.agents.values():
            self.place(state, agent)

    def plan_changed(self, state: State) -> None:
        """Forget what was looked up in the plan before, and the lines of queues that nobody is in."""
        self._prompts.clear()
        self.calls = {place: line for place, line in self.calls.items() if len(line)}
        self.agents = {place: line for place, line in self.agents.items() if len(line)}
        self.numbers = {} if state.plan is None else {number.dialled: number for number in state.plan.numbers}

    def roster_changed(self, state: State) -> None:
        """Learn whose phone is whose."""
        agents = {} if state.roster is None else state.roster.agents
        self.phone_owner = {agents[id_].phone: id_ for id_ in sorted(agents) if agents[id_].phone}

    def prompts(self, state: State, ids: tuple[str, ...], language: str) -> tuple[Prompt, ...]:
        """What these prompts are in this language; one that a new plan no longer has is left out."""
        key = (ids, language)
        found = self._prompts.get(key)
        if found is None:
            entries = [(id_, _text(state, id_)) for id_ in ids]
            found = tuple([_prompt(id_, entry, language) for id_, entry in entries if entry is not None])
            self._prompts[key] = found
        return found

    def add_call(self, call: Call) -> None:
        """A call waits, at the place that its arrival gives."""
        place = (call.queue, call.edge)
        line = self.calls.get(place)
        if line is None:
            line = self.calls[place] = Line()
        line.join(call.arrived_ms, call.id)

    def remove_call(self, call: Call) -> None:
        """A call no longer waits."""
        self.calls[call.queue, call.edge].leave(call.id)

    def place(self, state: State, agent: Agent) -> bool:
        """Put a ready agent into the lines of their queues, or take out one who can't have a call; true when newly in."""
        before = self.standing.get(agent.id)
        edge = "" if agent.state != "ready" else standing_edge(state, agent)
        if not edge:
            if before is not None:
                self.remove_agent(agent.id)
            return False
        assert state.roster is not None
        queues = state.roster.agents[agent.id].queues
        if before is not None:
            same = before.idle_since_ms == agent.idle_since_ms and before.edge == edge
            if same and before.queues == queues:
                return False
            self.remove_agent(agent.id)
        lines = tuple([self._agents_of((queue, edge)) for queue in queues])
        for line in lines:
            line.join(agent.idle_since_ms, agent.id)
        self.standing[agent.id] = Standing(agent.idle_since_ms, edge, queues, lines)
        return True

    def remove_agent(self, id_: str) -> None:
        """An agent leaves all lines."""
        for line in self.standing.pop(id_).lines:
            line.leave(id_)

    def first_agent(self, call: Call) -> str:
        """Who of the ready agents has been idle longest and may have this call; empty when nobody."""
        line = self.agents.get((call.queue, call.edge))
        front = None if line is None else line.first()
        return "" if front is None else front[1]

    def first_call(self, state: State, agent: str) -> str:
        """The first call over all queues of a standing agent: highest priority, then arrival, then id; empty when none."""
        standing = self.standing[agent]
        best: tuple[int, int, str] | None = None
        for queue in standing.queues:
            line = self.calls.get((queue, standing.edge))
            front = None if line is None else line.first()
            if front is not None:
                rank = (-state.queues[queue].definition.priority, front[0], front[1])
                if best is None or rank < best:
                    best = rank
        return "" if best is None else best[2]

    def _agents_of(self, place: Place) -> Line:
        line = self.agents.get(place)
        if line is None:
            line = self.agents[place] = Line()
        return line


def audio_edge(state: State, agent: Agent) -> str:
    """The edge that has the agent's audio now; empty without audio."""
    if not agent.phone_chosen:
        return agent.leg_edge
    roster = state.roster
    entry = None if roster is None else roster.agents.get(agent.id)
    return "" if entry is None else state.phones.get(entry.phone, "")


def standing_edge(state: State, agent: Agent) -> str:
    """The edge at which this agent may be given a call now; empty when they may not."""
    if (
        agent.state != "ready"
        or not agent.online
        or state.roster is None
        or agent.id not in state.roster.agents
    ):
        return ""
    name = audio_edge(state, agent)
    edge = state.edges.get(name)
    return name if edge is not None and edge.up else ""


def _text(state: State, id_: str) -> PromptText | None:
    entry = None if state.plan is None else state.plan.prompts.get(id_)
    return entry or state.old_prompts.get(id_)


def _prompt(id_: str, entry: PromptText, language: str) -> Prompt:
    if language in entry.text:
        return Prompt(id=id_, language=language, text=entry.text[language], wav=entry.wav)
    for other in sorted(entry.text):
        return Prompt(id=id_, language=other, text=entry.text[other], wav=entry.wav)
    # Without any text the id is spoken should the file be missing: heard, so noticed.
    return Prompt(id=id_, language=language, text=id_, wav=entry.wav)
