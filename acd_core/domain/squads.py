"""Who may take whose calls: agents whom a queue can't tell apart are a squad of it, calls that ask for the same are in a bucket.

An agent is in a squad of every queue they serve, or might serve once a step has widened the search. A squad has one line of
ready agents, wherever their audio is, and counts its agents by state. A bucket holds waiting calls of one queue with the same
needs and the same standing, so among them the first to arrive is first whatever the time is. Whether a squad is admitted to a
bucket is worked out once for the pair, not for each agent or call.

Calls of an edge whose link is down keep their place, but are offered to nobody: they are in buckets of their own (`away`), which
no squad knows.
"""

from __future__ import annotations

from typing import TypeAlias

from acd_core.domain.agent import Agent
from acd_core.domain.commands import AgentState, Reject
from acd_core.domain.lines import Bag, Key, Line
from acd_core.domain.plan import Queue as Definition
from acd_core.domain.plan import Strategy
from acd_core.domain.roster import LEVEL_MIN
from acd_core.domain.roster import Agent as Entry

Skills: TypeAlias = tuple[tuple[str, int], ...]
Signature: TypeAlias = tuple[bool, str, tuple[int, ...]]

POINT = (
    60_000  # a point of priority; aging counts points a minute, so a millisecond's share is a whole number
)


class Way:
    """One queue whose agents may take a call, and how far the search there has been widened."""

    __slots__ = ("crew", "lowered", "refused", "skills", "squads", "teams")

    def __init__(self, crew: Crew, lowered: int, teams: frozenset[str], skills: Skills) -> None:
        self.crew, self.lowered, self.teams, self.skills = crew, lowered, teams, skills
        self.squads: list[Squad] = []  # whose agents may take it
        self.refused: list[tuple[Reject, Squad]] = []  # and whose may not
        for squad in crew.squads.values():
            self.judge(squad)

    def judge(self, squad: Squad) -> bool:
        """Note whether a squad may take the call; true when it may."""
        why = self.refuses(squad)
        if why is None:
            self.squads.append(squad)
        else:
            self.refused.append((why, squad))
        return why is None

    def asks(self) -> Skills:
        """The levels that an agent needs at present."""
        return tuple([(skill, max(LEVEL_MIN, level - self.lowered)) for skill, level in self.skills])

    def refuses(self, squad: Squad) -> Reject | None:
        """Why these agents may not have the call; `None` when they may."""
        if not squad.serves and squad.team not in self.teams:
            return "not_in_team"
        levels, lowered = squad.levels, self.lowered
        for skill, level in self.skills:
            if levels.get(skill, 0) < max(LEVEL_MIN, level - lowered):
                return "level_too_low"
        return None


class Squad:
    """Agents who are the same to one queue."""

    __slots__ = ("buckets", "by_idle", "counts", "crew", "levels", "line", "score", "serves", "team")

    def __init__(self, crew: Crew, serves: bool, team: str, levels: dict[str, int]) -> None:
        self.crew, self.serves, self.team, self.levels = crew, serves, team, levels
        self.by_idle = crew.strategy in ("longest_idle", "ring_all", "random")
        self.score = sum(levels.get(skill, 0) for skill in crew.definition.skills)
        self.line: Line = Bag() if crew.strategy == "random" else Line()  # of those who are ready
        self.buckets: list[Bucket] = []  # whose calls they may have
        self.counts: dict[AgentState, int] = {
            "not_ready": 0,
            "ready": 0,
            "ringing": 0,
            "talking": 0,
            "wrap_up": 0,
            "logged_out": 0,
        }

    def key(self, agent: Agent, entry: Entry) -> Key:
        """What the queue's strategy goes by, the lowest first; the id decides between equals."""
        strategy = self.crew.strategy
        if strategy == "fewest_calls":
            return (agent.calls, agent.idle_since_ms)
        if strategy == "least_occupied":
            return (agent.occupied_rank, agent.idle_since_ms)
        if strategy == "top_down":
            return entry.order
        if strategy == "round_robin":
            return agent.rounds.get(self.crew.queue, 0)
        if strategy == "proficiency":
            return (-self.score, agent.idle_since_ms)
        return agent.idle_since_ms  # longest idle, ring all; a draw asks for none


class Crew:
    """All squads of one queue."""

    __slots__ = ("buckets", "definition", "members", "queue", "skills", "squads", "strategy", "widening")

    def __init__(self, queue: str, definition: Definition, asked: tuple[str, ...]) -> None:
        """`asked` are the skills that calls bring along; the queue tells its agents apart by these and its own."""
        self.queue, self.definition = queue, definition
        self.strategy: Strategy = definition.strategy
        self.skills = tuple(sorted({*definition.skills, *asked}))
        self.widening = frozenset(team for step in definition.steps for team in step.add_teams)
        self.squads: dict[Signature, Squad] = {}
        self.members: dict[str, Squad] = {}
        self.buckets: list[Bucket] = []  # into which these agents may come

    def squad_of(self, entry: Entry, serves: bool) -> Squad:
        """The squad for an agent with this entry, made when there is none."""
        team = entry.team if entry.team in self.widening else ""
        levels = entry.skills
        signature = (serves, team, tuple([levels.get(skill, 0) for skill in self.skills]))
        squad = self.squads.get(signature)
        if squad is None:
            known = {skill: levels[skill] for skill in self.skills if skill in levels}
            squad = self.squads[signature] = Squad(self, serves, team, known)
            for bucket in self.buckets:
                for way in bucket.ways:
                    if way.crew is self and way.judge(squad) and not (bucket.only or bucket.away):
                        squad.buckets.append(bucket)
        return squad

    def count(self, state: AgentState) -> int:
        """How many agents who serve it are in this state."""
        return sum(squad.counts[state] for squad in self.squads.values() if squad.serves)

    def staffed(self) -> int:
        """How many agents who serve it are logged in."""
        return sum(
            sum(squad.counts.values()) - squad.counts["logged_out"]
            for squad in self.squads.values()
            if squad.serves
        )


class Bucket:
    """Waiting calls of one queue that ask for the same and stand the same."""

    __slots__ = (
        "aging",
        "away",
        "base",
        "calls",
        "cap",
        "handed",
        "hazard",
        "key",
        "only",
        "queue",
        "ways",
    )

    def __init__(
        self, key: tuple[object, ...], queue: str, definition: Definition, ways: tuple[Way, ...]
    ) -> None:
        self.key, self.queue, self.ways = key, queue, ways
        self.away = False  # their edge can't be told anything at present
        self.calls = Line()
        self.base = definition.priority * POINT
        self.aging = definition.aging_per_min
        self.cap = definition.aging_max * POINT
        self.hazard = False
        self.only = ""  # the agent its calls are kept for ...
        self.handed = (
            False  # ... because a colleague handed them on to that agent, who need not serve the queue
        )

    def points(self, arrived_ms: int, now_ms: int) -> int:
        """The effective priority of a call here: base and what waiting has added."""
        aged = self.aging * (now_ms - arrived_ms)
        return self.base + (aged if aged < self.cap else self.cap)

    def rank(self, now_ms: int) -> tuple[bool, int, int, str]:
        """Of its first call, the lower the sooner: hazard, effective priority, arrival, id. One total order over all buckets.

        There has to be a call.
        """
        front = self.calls.first()
        aged = self.aging * (now_ms - front[0])
        return (not self.hazard, -self.base - (aged if aged < self.cap else self.cap), front[0], front[1])

    def admits(self, squads: tuple[Squad, ...]) -> bool:
        """Whether an agent of these squads, or whom its calls are kept for, may have its calls."""
        return self.handed or any(squad in way.squads for way in self.ways for squad in squads)
