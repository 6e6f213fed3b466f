"""Who is next: the waiting calls and the ready agents, each in order (squads.py, lines.py), and look-ups into plan and roster.

All of it is derived from the state and rebuilt from it, so it is no part of a snapshot.

Within one bucket calls stand by arrival, then id; between buckets the effective priority of their fronts is compared at the
moment an agent looks for a call. Which agent is first for a call is its queue's strategy's business; the agents of queues that a
step added come into question when the queue's own have none.
"""

from __future__ import annotations

from typing import TypeAlias

from acd_core.domain.agent import Agent
from acd_core.domain.call import Call
from acd_core.domain.chance import draw
from acd_core.domain.commands import AgentState
from acd_core.domain.lines import Bag, Line, pick
from acd_core.domain.lookups import Lookups
from acd_core.domain.plan import SearchStep
from acd_core.domain.roster import Agent as Entry
from acd_core.domain.squads import POINT, Bucket, Crew, Skills, Squad, Way
from acd_core.domain.state import State

Rank: TypeAlias = tuple[bool, int, int, str]

_SMALL = 64


class Standing:
    """Where a ready agent stands: the lines they are in, and what put them there."""

    __slots__ = ("idle_since_ms", "lines", "squads")

    def __init__(self, idle_since_ms: int, squads: tuple[Squad, ...], lines: list[Line]) -> None:
        self.idle_since_ms, self.squads, self.lines = idle_since_ms, squads, lines


class Index:
    """Crews, buckets and lines."""

    def __init__(self, state: State) -> None:
        """Derive everything from a state."""
        self.look = Lookups(state)
        self.crews: dict[str, Crew] = {}
        self.squads_of: dict[str, tuple[Squad, ...]] = {}
        self._counts_of: dict[str, list[dict[AgentState, int]]] = {}
        self.standing: dict[str, Standing] = {}
        self.bucket_of: dict[
            str, Bucket
        ] = {}  # of each call that waits, or rings and may ring further agents
        self.kept: dict[str, list[Bucket]] = {}  # for one agent
        self.away: set[str] = set()  # edges whose link is down: their calls are offered to nobody
        self._buckets: dict[tuple[object, ...], Bucket] = {}
        self.rebuild(state)

    def rebuild(self, state: State) -> None:
        """Begin anew with the plan and the roster in force."""
        self.look = Lookups(state)
        asked = self.look.asked_skills
        self.crews = {id_: Crew(id_, queue.definition, asked) for id_, queue in state.queues.items()}
        self.squads_of, self._counts_of, self.standing = {}, {}, {}
        self.bucket_of, self.kept, self._buckets = {}, {}, {}
        self.away = {id_ for id_, edge in state.edges.items() if not edge.up}
        for agent in state.agents.values():
            self.enrol(state, agent)
        for call in state.calls.values():
            if call.state == "waiting" or (
                call.state == "ringing" and len(call.ringing) < self.ring_max(call)
            ):
                self.add_call(call)
        for agent in state.agents.values():
            self.place(state, agent)

    # --- agents ---

    def enrol(self, state: State, agent: Agent) -> None:
        """Count an agent in the squads that their entry in the roster puts them into."""
        entry = self.look.entry(agent.id)
        squads = () if entry is None else self._squads(entry)
        self.squads_of[agent.id] = squads
        self._counts_of[agent.id] = [squad.counts for squad in squads]
        for squad in squads:
            squad.counts[agent.state] += 1
            squad.crew.members[agent.id] = squad

    def discharge(self, agent: Agent) -> None:
        """Forget an agent, whose entry is about to change or to go."""
        if agent.id in self.standing:
            self.remove_agent(agent.id)
        self._counts_of.pop(agent.id, None)
        for squad in self.squads_of.pop(agent.id, ()):
            squad.counts[agent.state] -= 1
            del squad.crew.members[agent.id]

    def moved(self, id_: str, before: AgentState, after: AgentState) -> None:
        """An agent came into another state."""
        for counts in self._counts_of[id_]:
            counts[before] -= 1
            counts[after] += 1

    def _squads(self, entry: Entry) -> tuple[Squad, ...]:
        serves = self.look.serves(entry)
        squads = []
        for queue in self.look.may_serve(entry):
            crew = self.crews.get(queue)
            if crew is not None:
                squads.append(crew.squad_of(entry, queue in serves))
        return tuple(squads)

    def place(self, state: State, agent: Agent) -> bool:
        """Put a ready agent into the lines of their squads, or take out one who can't have a call; true when newly in."""
        id_ = agent.id
        before = self.standing.get(id_)
        if not may_stand(state, agent):
            if before is not None:
                self.remove_agent(id_)
            return False
        squads = self.squads_of[id_]
        if before is not None:
            if before.idle_since_ms == agent.idle_since_ms and before.squads is squads:
                return False
            self.remove_agent(id_)
        entry = self.look.agents[id_]
        lines = []
        idle_since_ms = agent.idle_since_ms
        for squad in squads:
            line = squad.line
            line.join(idle_since_ms if squad.by_idle else squad.key(agent, entry), id_)
            lines.append(line)
        self.standing[id_] = Standing(agent.idle_since_ms, squads, lines)
        return True

    def remove_agent(self, id_: str) -> None:
        """An agent leaves all lines."""
        for line in self.standing.pop(id_).lines:
            line.leave(id_)

    # --- calls ---

    def ring_max(self, call: Call) -> int:
        """At how many agents at once the call may ring."""
        definition = self.crews[call.queue].definition
        return definition.ring_max if definition.strategy == "ring_all" else 1

    def add_call(self, call: Call) -> None:
        """A call waits, at the place that its arrival gives."""
        away = call.edge in self.away
        handed = bool(call.only) and call.only == call.handed_to
        key = (away, call.queue, call.priority, call.hazard, call.skills, call.steps, call.only, handed)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._new_bucket(key, call, away)
        bucket.calls.join(call.arrived_ms, call.id)
        self.bucket_of[call.id] = bucket

    def remove_call(self, call: Call) -> None:
        """A call no longer waits."""
        self.bucket_of.pop(call.id).calls.leave(call.id)

    def set_away(self, edge: str, away: bool, calls: list[Call]) -> list[Call]:
        """The link to an edge went or came, which has these calls; those of them that wait."""
        if away:
            self.away.add(edge)
        else:
            self.away.discard(edge)
        waiting = [call for call in calls if call.id in self.bucket_of]
        for call in waiting:
            self.remove_call(call)
            self.add_call(call)
        return waiting

    def calls_of(self, queue: str) -> list[str]:
        """All calls that wait in a queue, by id."""
        return sorted(id_ for id_, bucket in self.bucket_of.items() if bucket.queue == queue)

    def ways(self, call: Call) -> tuple[Way, ...]:
        """Whose agents may take a call, its own queue first, as its steps have widened the search."""
        crew = self.crews[call.queue]
        taken = taken_steps(crew.definition.steps, call.steps)
        lowered = sum(step.lower_levels for step in taken)
        teams = frozenset(team for step in taken for team in step.add_teams)
        own = Way(crew, lowered, teams, _needs(crew.definition.skills, call.skills))
        added: dict[str, None] = {queue: None for step in taken for queue in step.add_queues}
        crews = [self.crews[queue] for queue in added if queue in self.crews and queue != call.queue]
        return (
            own,
            *(Way(other, 0, frozenset(), _needs(other.definition.skills, call.skills)) for other in crews),
        )

    def _new_bucket(self, key: tuple[object, ...], call: Call, away: bool) -> Bucket:
        if len(self._buckets) > 2 * len(self.bucket_of) + _SMALL:
            self._forget_empty()
        definition = self.crews[call.queue].definition
        bucket = self._buckets[key] = Bucket(key, call.queue, definition, self.ways(call))
        bucket.base += call.priority * POINT
        bucket.hazard, bucket.only, bucket.away = call.hazard, call.only, away
        bucket.handed = bool(call.only) and call.only == call.handed_to
        for way in bucket.ways:
            way.crew.buckets.append(bucket)
            if not (call.only or away):
                for squad in way.squads:
                    squad.buckets.append(bucket)
        if call.only and not away:
            self.kept.setdefault(call.only, []).append(bucket)
        return bucket

    def _forget_empty(self) -> None:
        self._buckets = {key: bucket for key, bucket in self._buckets.items() if len(bucket.calls)}
        for crew in self.crews.values():
            crew.buckets = [bucket for bucket in crew.buckets if len(bucket.calls)]
            for squad in crew.squads.values():
                squad.buckets = [bucket for bucket in squad.buckets if len(bucket.calls)]
        kept = {id_: [b for b in buckets if len(b.calls)] for id_, buckets in self.kept.items()}
        self.kept = {id_: buckets for id_, buckets in kept.items() if buckets}

    # --- who is next ---

    def first_agent(self, state: State, call: Call) -> str:
        """Which of the ready agents who may have this call the strategy names; empty when there is none."""
        bucket = self.bucket_of[call.id]
        if bucket.away:
            return ""
        if bucket.only:
            standing = self.standing.get(bucket.only)
            at_hand = standing is not None and bucket.admits(standing.squads)
            return bucket.only if at_hand else ""
        for way in bucket.ways:
            if way.crew.strategy == "random":
                drawn = self._drawn(state, call, way)
                if drawn:
                    return drawn
                continue
            best = None
            for squad in way.squads:
                line = squad.line
                if line:
                    front = line.heap[0]
                    if line.get(front[1]) != front[0]:
                        front = line.first()
                    if best is None or front < best:
                        best = front
            if best is not None:
                return best[1]
        return ""

    def _drawn(self, state: State, call: Call, way: Way) -> str:
        bags = [line for squad in way.squads if isinstance(line := squad.line, Bag)]
        total = sum(len(bag) for bag in bags)
        if not total:
            return ""
        seed = 0 if state.plan is None else state.plan.seed
        return pick(bags, draw(seed, f"agent for {call.id}", state.offers, total))

    def first_call(self, agent: str, now_ms: int) -> str:
        """The first call over all queues of a standing agent, in the one total order; empty when there is none."""
        standing = self.standing[agent]
        best: Rank | None = None
        for squad in standing.squads:
            for bucket in squad.buckets:
                if bucket.calls:
                    rank = bucket.rank(now_ms)
                    if best is None or rank < best:
                        best = rank
        for bucket in self.kept.get(agent, ()):
            if bucket.calls and bucket.admits(standing.squads):
                rank = bucket.rank(now_ms)
                if best is None or rank < best:
                    best = rank
        return "" if best is None else best[3]

    def rank(self, call: Call, now_ms: int) -> Rank:
        """The place of a waiting call in the total order."""
        bucket = self.bucket_of[call.id]
        return (not bucket.hazard, -bucket.points(call.arrived_ms, now_ms), call.arrived_ms, call.id)


def taken_steps(steps: tuple[SearchStep, ...], taken: tuple[int, ...]) -> list[SearchStep]:
    """The steps of these numbers, of those that the plan in force still has."""
    return [steps[number - 1] for number in taken if number <= len(steps)]


def _needs(own: dict[str, int], brought: Skills) -> Skills:
    needs = dict(brought)
    for skill, level in own.items():
        needs[skill] = max(level, needs.get(skill, 0))
    return tuple(sorted(needs.items()))


def audio_edge(state: State, agent: Agent) -> str:
    """The edge that has the agent's audio now; empty without audio."""
    if not agent.phone_chosen:
        return agent.leg_edge
    roster = state.roster
    entry = None if roster is None else roster.agents.get(agent.id)
    return "" if entry is None else state.phones.get(entry.phone, "")


def may_stand(state: State, agent: Agent) -> bool:
    """Whether this agent may be given a call now: of any edge, as long as the one that has their audio can be told."""
    if (
        agent.state != "ready"
        or not agent.online
        or "pause" in agent.deadlines
        or state.roster is None
        or agent.id not in state.roster.agents
    ):
        return False
    edge = state.edges.get(audio_edge(state, agent))
    return edge is not None and edge.up
