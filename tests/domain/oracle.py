"""A second opinion on every step of a router, worked out the long way from documents, state and what was said.

Nothing here or in sense.py uses the index, the squads or the lines of the domain. What the state does not say plainly (who was
idle since when, how many calls an agent had, whose turn it was in a round) is counted again from the stories. A violation is an
`AssertionError` that names the call or the agent.

What is judged: every offer is of the first call, in the one total order, of all that its agent might take, and to the agent
whom the queue's strategy names among all who might take it; what becomes of who let a call go is what their queue's rule for the
cause says; steps are taken when they are due and their condition holds, no sooner and no later; a call that rang in vain until
after the longest wait leaves its queue; a call does not come into the same queue twice by itself; every call that waits has a
deadline no later than the next thing that may happen to it, and its decision told; the counts of every queue add up:

    waiting when the day began + entered
        = answered + abandoned + waited out + unstaffed + moved + callbacks + lost + waiting now

where a call that was answered before, and waits again because its operator's audio was lost, is in none of these. What operators
dial is in no queue: each of them has dialled, and was answered, as often as the stories of the day say; who dials is offered
nothing, and who is back from a call that nobody answered is idle since before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from acd_core.domain import events as ev
from acd_core.domain.agent import LOGGED_IN
from acd_core.domain.call import Call
from acd_core.domain.commands import AgentStory, AnyCommand, CallStory, Decided
from acd_core.domain.plan import OfferRule
from acd_core.domain.state import State
from tests.domain.sense import (
    IN_QUEUE,
    audio_edge,
    due,
    entry_of,
    failing,
    latest_look_ms,
    order,
    ring_max,
    serves,
    standing,
    way_of,
    ways_of,
)

HALF_LIFE_MS = 1_800_000
FAILED = ("rejected", "no_answer", "unreachable", "withdrawn")


class Memory(msgspec.Struct):
    """What the stories told of an agent."""

    state: str = "logged_out"
    since_ms: int = 0
    idle_since_ms: int = 0
    calls: int = 0
    rounds: dict[str, int] = {}
    idle: bool = False  # was ready before they dialled
    busy: float = 0.0  # the share, as of `since_ms`


class Oracle:
    """Told of an event before and after the router applies it."""

    def __init__(self, state: State) -> None:
        """Begin with a state in which nobody has been offered anything yet."""
        self._agents: dict[str, Memory] = {}
        self._visited: dict[
            str, set[str]
        ] = {}  # by call: queues entered since a key was pressed or the plan changed
        self._now_ms = state.now_ms
        self._unstaffed = {id_: queue.unstaffed_since_ms for id_, queue in state.queues.items()}
        self._waiting = _unanswered(state)
        self._carried: dict[str, int] = {}  # unanswered calls in the queue when its counts began
        self._day_ms = state.day_ms
        self._stood: frozenset[str] = frozenset()  # who waited after the event before
        self._due: tuple[str, list[int], str] | None = None
        self._overdue: frozenset[str] = frozenset()  # calls that ring, after the longest wait
        self._failing: tuple[str, str, OfferRule] | None = (
            None  # an agent, the call they don't take, what follows
        )
        self._ranked = False  # some queue asks who is the least occupied
        self._dialled: Counter[tuple[str, str]] = Counter()  # since the day began

    def before(self, state: State, event: ev.AnyEvent, now_ms: int) -> None:
        """What has to happen, as far as that can be said beforehand."""
        self._due = None
        now_ms = max(now_ms, state.now_ms)
        definitions = {id_: queue.definition for id_, queue in state.queues.items()}
        self._failing = failing(state, event)
        self._ranked = any(queue.strategy == "least_occupied" for queue in definitions.values())
        if isinstance(event, ev.PlanChanged) and event.version > state.plan_version:
            definitions |= event.plan.queues
        self._overdue = frozenset(
            call.id
            for call in state.calls.values()
            if call.state == "ringing" and now_ms - call.search_ms >= definitions[call.queue].wait_max_ms
        )
        if isinstance(event, ev.DeadlinePassed) and event.entity == "call" and event.key == "wait":
            call = state.calls.get(event.id)
            deadline = None if call is None else call.deadlines.get("wait")
            if call is not None and deadline is not None and deadline.generation == event.generation:
                self._due = due(state, call, now_ms)

    def after(self, state: State, event: ev.AnyEvent, commands: Sequence[AnyCommand]) -> None:
        """Judge what happened."""
        if state.day_ms != self._day_ms:
            self._dialled.clear()
        decisions: dict[str, list[Decided]] = {}
        for command in commands:
            if isinstance(command, CallStory):
                self._call_story(command)
            elif isinstance(command, Decided):
                decisions.setdefault(command.kind, []).append(command)
        if isinstance(event, ev.PlanChanged):
            self._visited.clear()
        elif isinstance(event, ev.KeyPressed):
            self._visited.pop(event.call, None)
        left = decisions.get("left", [])
        if self._due is None and left:
            self._judge_overdue(left)
        else:
            self._judge_steps(state, decisions.get("widened", []), left)
        assert not self._rung_in_vain(state, commands) - {decision.call for decision in left}, "rung in vain"
        self._judge_failed(state)
        self._judge_staffing(state, event)
        # Whoever rings in the end was offered the call in the end: what they did before comes first.
        for command in commands:
            if isinstance(command, AgentStory) and command.state != "ringing":
                self._agent_story(command)
        self._judge_offers(state, decisions.get("offered", []))
        for command in commands:
            if isinstance(command, AgentStory) and command.state == "ringing":
                self._agent_story(command)
        if isinstance(event, ev.RosterChanged):
            self._agents = {id_: known for id_, known in self._agents.items() if id_ in state.agents}
        self._judge_waiting(state, {decision.call for decision in decisions.get("waits", [])})
        self._judge_counts(state)
        self._judge_dialled(state)

    # --- what stories tell ---

    def _call_story(self, story: CallStory) -> None:
        if story.step == "queued":
            visited = self._visited.setdefault(story.call, set())
            assert story.queue not in visited, f"call {story.call} comes into {story.queue} by itself again"
            visited.add(story.queue)
        elif story.step in ("ended", "transferred"):
            self._visited.pop(story.call, None)
        elif story.step == "dialled" and story.agent:
            self._dialled[story.agent, "dialled"] += 1
        elif story.step == "connected" and not story.queue:
            self._dialled[story.agent, "answered"] += 1
        elif story.step == "connected":
            self._memory(story.agent).calls += 1

    def _agent_story(self, story: AgentStory) -> None:
        known = self._memory(story.agent)
        spent_ms = story.at_ms - known.since_ms
        fallen = 2.0 ** (-spent_ms / HALF_LIFE_MS)
        # A conversation that ends in a log-out is not looked at any more, and none is while no queue asks.
        busy = self._ranked and known.state in ("talking", "wrap_up") and story.state != "logged_out"
        known.busy = 1.0 - (1.0 - known.busy) * fallen if busy else known.busy * fallen
        if story.state == "talking":
            known.idle = known.state == "ready"
        if (
            story.state == "ready"
            and known.state != "ringing"
            and not (known.state == "talking" and known.idle)
        ):
            known.idle_since_ms = story.at_ms
        if story.state == "not_ready" and story.reason == LOGGED_IN:
            known.calls = 0
        known.state, known.since_ms = story.state, story.at_ms

    def _memory(self, agent: str) -> Memory:
        known = self._agents.get(agent)
        if known is None:
            known = self._agents[agent] = Memory()
        return known

    # --- offers that failed ---

    def _judge_failed(self, state: State) -> None:
        if self._failing is None:
            return
        id_, call, rule = self._failing
        agent, now_ms = state.agents[id_], state.now_ms
        if call in state.calls and state.calls[call].queued_ms < now_ms:
            assert state.calls[call].only != id_, f"{call} is kept for {id_}, who did not take it"
        if rule.then == "logged_out" or agent.leaving:
            assert agent.state == "logged_out", f"{id_} is {agent.state} after an offer that failed"
        elif rule.then == "not_ready" or not audio_edge(state, agent):
            assert agent.state == "not_ready", f"{id_} is {agent.state} after an offer that failed"
        else:
            assert agent.state == "ready", f"{id_} is {agent.state} after an offer that failed"
            assert agent.deadlines["pause"].at_ms == now_ms + rule.pause_ms, f"{id_} has a pause"

    # --- who is there ---

    def _judge_staffing(self, state: State, event: ev.AnyEvent) -> None:
        """Since when nobody is logged in who serves a queue; time without a core does not count."""
        if isinstance(event, ev.CoreStarted):
            paused_ms = state.now_ms - self._now_ms
            self._unstaffed = {id_: since_ms + paused_ms for id_, since_ms in self._unstaffed.items()}
        self._now_ms = state.now_ms
        there = [
            entry_of(state, agent.id)
            for agent in state.agents.values()
            if agent.state != "logged_out" and state.roster is not None and agent.id in state.roster.agents
        ]
        for id_, queue in state.queues.items():
            if any(serves(state, entry, id_) for entry in there):
                self._unstaffed.pop(id_, None)
            else:
                self._unstaffed.setdefault(id_, state.now_ms)
            since_ms = self._unstaffed.get(id_, 0)
            assert queue.unstaffed_since_ms == since_ms, f"queue {id_}: nobody is there since {since_ms}"
        self._unstaffed = {id_: since for id_, since in self._unstaffed.items() if id_ in state.queues}

    # --- offers ---

    def _judge_offers(self, state: State, offers: list[Decided]) -> None:
        """All matching is done at the end of an event: before it stood who stands now, and who was offered something."""
        if not offers:
            return
        now_ms = state.now_ms
        stand = {agent.id for agent in state.agents.values() if standing(state, agent)}
        for offer in offers:
            agent = state.agents[offer.agent]
            edge = audio_edge(state, agent)
            assert agent.online, f"agent {agent.id} is offered a call without a page"
            assert edge in state.edges, f"agent {agent.id} is offered a call without audio"
            assert state.edges[edge].up, f"agent {agent.id} is offered a call at an edge that is away"
            stand.add(agent.id)
        to_come = Counter(offer.call for offer in offers)
        for offer in offers:
            call, agent = state.calls[offer.call], state.agents[offer.agent]
            assert call.ringing[agent.id].offer == agent.offer == offer.offer
            assert state.edges[call.edge].up, f"call {call.id} is offered while its edge is away"
            assert call.ringing[agent.id].edge == audio_edge(state, agent), f"call {call.id} rings elsewhere"
            definition, audio = state.queues[call.queue].definition, call.ringing[agent.id].audio
            ends_ms = now_ms + definition.offer_timeout_ms
            if audio in definition.offer_timeout_by_channel_ms:
                ends_ms = now_ms + definition.offer_timeout_by_channel_ms[audio]
            assert agent.deadlines["offer"].at_ms == ends_ms, (
                f"{agent.id} may let {call.id} ring until {ends_ms}"
            )
            first = min(
                order(state, other, now_ms)
                for other in state.calls.values()
                if other.state in IN_QUEUE
                and state.edges[other.edge].up
                and len(other.ringing) - to_come[other.id] < ring_max(state, other)
                and way_of(state, agent.id, other)
            )
            assert first[3] == call.id, f"{agent.id} is offered {call.id} before {first[3]}"
            self._judge_agent(state, call, offer, stand)
            to_come[call.id] -= 1
            stand.remove(agent.id)

    def _judge_agent(self, state: State, call: Call, offer: Decided, stand: set[str]) -> None:
        ways = {id_: way for id_ in stand if (way := way_of(state, id_, call))}
        assert offer.agent in ways, f"call {call.id} is offered to {offer.agent}, who may not take it"
        first_way = min(ways.values())
        group = sorted(id_ for id_, way in ways.items() if way == first_way)
        queue = ways_of(state, call)[first_way[0] - 1][0]
        strategy = state.queues[queue].definition.strategy
        assert offer.agent in group, f"call {call.id} goes to {offer.agent} while its own queue has {group}"
        if strategy == "least_occupied":
            self._judge_least_occupied(state, offer.agent, group)
        elif strategy != "random":
            best = min(group, key=lambda id_: (self._key(state, strategy, queue, id_), id_))
            assert offer.agent == best, f"call {call.id}: {strategy} names {best}, not {offer.agent}"
        if strategy == "round_robin":
            self._memory(offer.agent).rounds[queue] = offer.offer

    def _key(self, state: State, strategy: str, queue: str, id_: str) -> tuple[int, ...]:
        known, entry = self._memory(id_), entry_of(state, id_)
        if strategy == "fewest_calls":
            return (known.calls, known.idle_since_ms)
        if strategy == "top_down":
            return (entry.order,)
        if strategy == "round_robin":
            return (known.rounds.get(queue, 0),)
        if strategy == "proficiency":
            skills = state.queues[queue].definition.skills
            return (-sum(entry.skills.get(skill, 0) for skill in skills), known.idle_since_ms)
        return (known.idle_since_ms,)

    def _judge_least_occupied(self, state: State, chosen: str, group: list[str]) -> None:
        now_ms = state.now_ms
        shares = {}
        for id_ in group:
            known = self._memory(id_)
            shares[id_] = known.busy * 2.0 ** (-(now_ms - known.since_ms) / HALF_LIFE_MS)
        least = min(shares.values())
        # Ranks are whole milliseconds of the half life.
        assert shares[chosen] <= least * 1.000_002 + 1e-15, f"{chosen} is not the least occupied of {shares}"
        if not shares[chosen]:
            idle = [(self._memory(id_).idle_since_ms, id_) for id_ in group if not shares[id_]]
            assert chosen == min(idle)[1], f"{chosen} of {idle}, who had no call at all"

    # --- waiting ---

    def _judge_overdue(self, left: list[Decided]) -> None:
        for decision in left:
            assert decision.call in self._overdue, f"call {decision.call} leaves its queue without its time"
            assert decision.detail == "waited_too_long", f"call {decision.call} leaves"

    def _rung_in_vain(self, state: State, commands: Sequence[AnyCommand]) -> set[str]:
        """Calls that rang after the longest wait, and might be offered to somebody now that an offer came to nothing."""
        stories = [command for command in commands if isinstance(command, CallStory)]
        failed = {story.call for story in stories if story.step in FAILED}
        taken = {story.call for story in stories if story.step in ("connected", "ended")}
        # A new plan has fewer ring at once, and even those are too many now.
        crowded = {
            call.id
            for call in state.calls.values()
            if call.queue and len(call.ringing) >= ring_max(state, call)
        }
        return failed.intersection(self._overdue) - taken - crowded

    def _judge_steps(self, state: State, widened: list[Decided], left: list[Decided]) -> None:
        if self._due is None:
            assert not widened, "a step without its time"
            assert not left, "a queue is left without its time"
            return
        call, steps, cause = self._due
        assert all(decision.call == call for decision in (*widened, *left)), f"call {call} alone was due"
        taken = [decision.step for decision in widened]
        assert taken == steps, f"call {call} takes steps {taken}, due are {steps}"
        kept = bool(taken and not left and state.calls[call].only)
        assert not kept, f"call {call} is searched for more widely and kept for one nevertheless"
        assert [decision.detail for decision in left] == ([cause] if cause else []), f"call {call} leaves"

    def _judge_waiting(self, state: State, told: set[str]) -> None:
        waiting = [call for call in state.calls.values() if call.state == "waiting"]
        for call in waiting:
            latest_ms = latest_look_ms(state, call)
            at_ms = call.deadlines["wait"].at_ms
            assert at_ms <= latest_ms, f"call {call.id} looks at the time at {at_ms}, {latest_ms} is due"
            if call.id not in self._stood:
                assert call.id in told, f"call {call.id} waits, and nobody is told why"
        self._stood = frozenset(call.id for call in waiting)

    def _judge_dialled(self, state: State) -> None:
        counted = {
            (agent, name): count
            for agent, counters in state.dialled.items()
            for name, count in (("dialled", counters.dialled), ("answered", counters.answered))
            if count
        }
        assert counted == self._dialled, f"dialled calls: {counted} counted, {self._dialled} told"
        for call in state.calls.values():
            if call.state == "dialling":
                agent = state.agents[call.agent]
                assert agent.state == "talking", f"agent {agent.id} dials {call.id} while {agent.state}"
                assert agent.offered is None, f"agent {agent.id} dials {call.id} and is offered a call"

    def _judge_counts(self, state: State) -> None:
        waiting = _unanswered(state)
        if state.day_ms != self._day_ms:
            self._day_ms, self._carried = state.day_ms, self._waiting
        if self._carried and not self._carried.keys() <= state.queues.keys():
            self._carried = {id_: count for id_, count in self._carried.items() if id_ in state.queues}
        for id_, queue in state.queues.items():
            day, still = queue.day, waiting.get(id_, 0)
            came = self._carried.get(id_, 0) + day.entered
            went = day.answered + day.abandoned + day.waited_out + day.unstaffed
            went += day.moved + day.callbacks + day.lost
            assert came == went + still, f"queue {id_}: {came} came, {went} went, {still} wait"
        self._waiting = waiting


def _unanswered(state: State) -> dict[str, int]:
    counts: dict[str, int] = {}
    for call in state.calls.values():
        if call.state in IN_QUEUE and not call.answered_ms:
            counts[call.queue] = counts.get(call.queue, 0) + 1
    return counts
