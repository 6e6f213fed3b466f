"""The reasons of a decision about a call in a queue, short enough to be kept for every one of them.

Who could not have the call is counted by squads, whatever their size; in a queue of few agents they are named too. Ready
agents of a large queue who stand in no line are counted as paused: their page is away, or an offer of theirs has just failed.
"""

from __future__ import annotations

from acd_core.domain.agent import Agent
from acd_core.domain.call import Call
from acd_core.domain.commands import AgentState, Considered, Decided, DecisionKind, Reject, Rejected
from acd_core.domain.limits import CREW_NAMED_MAX, REJECTED_NAMED_MAX
from acd_core.domain.occupancy import occupied
from acd_core.domain.squads import POINT, Bucket, Squad, Way
from acd_core.domain.turn import Turn

_BUSY: tuple[tuple[AgentState, Reject], ...] = (
    ("not_ready", "not_ready"),
    ("ringing", "ringing"),
    ("talking", "talking"),
    ("wrap_up", "wrap_up"),
)


def decided(
    turn: Turn,
    call: Call,
    kind: DecisionKind,
    *,
    agent: str = "",
    step: int = 0,
    until_ms: int = 0,
    detail: str = "",
) -> None:
    """Tell a decision whose reason is no comparison of agents."""
    turn.emit(
        Decided(
            call=call.id,
            kind=kind,
            at_ms=turn.now_ms,
            queue=call.queue,
            agent=agent,
            waited_ms=turn.now_ms - call.queued_ms,
            waiting=turn.state.queues[call.queue].waiting,
            step=step,
            steps=call.steps,
            until_ms=until_ms,
            detail=detail,
        )
    )


def tell_offer(
    turn: Turn, call: Call, bucket: Bucket, chosen: Considered, following: Considered | None
) -> None:
    """Tell why this agent is offered the call. They have left the lines, and are counted as a candidate nevertheless."""
    considered = (chosen,) if following is None else (chosen, following)
    _tell(turn, call, bucket, "offered", chosen.agent, call.ringing[chosen.agent].offer, considered)


def tell_waits(turn: Turn, call: Call) -> None:
    """Tell why nobody is offered the call."""
    _tell(turn, call, turn.index.bucket_of[call.id], "waits", call.only, 0, ())


def _tell(
    turn: Turn,
    call: Call,
    bucket: Bucket,
    kind: DecisionKind,
    agent: str,
    offer: int,
    considered: tuple[Considered, ...],
) -> None:
    ready = 0
    edge = bucket.edge
    for way in bucket.ways:
        for squad in way.squads:
            line = squad.lines.get(edge)
            if line is not None:
                ready += len(line)
    turn.emit(
        Decided(
            call=call.id,
            kind=kind,
            at_ms=turn.now_ms,
            queue=call.queue,
            agent=agent,
            offer=offer,
            strategy=bucket.ways[0].crew.strategy,
            priority=bucket.points(call.arrived_ms, turn.now_ms) * 1_000 // POINT,
            waited_ms=turn.now_ms - call.queued_ms,
            waiting=turn.state.queues[call.queue].waiting,
            steps=call.steps,
            candidates=ready + (kind == "offered"),
            considered=considered,
            rejected=_rejected(turn, bucket, agent),
            until_ms=call.only_until_ms,
        )
    )


def score(turn: Turn, way: Way, agent: Agent) -> int:
    """What the strategy of this way's queue goes by, as people would put it."""
    crew = way.crew
    strategy = crew.strategy
    if strategy == "fewest_calls":
        return agent.calls
    if strategy == "least_occupied":
        return int(occupied(agent.occupied, turn.now_ms - agent.occupied_ms, 0) * 1_000)
    if strategy == "top_down":
        entry = turn.index.look.entry(agent.id)
        return 0 if entry is None else entry.order
    if strategy == "round_robin":
        return turn.state.offers - agent.rounds.get(crew.queue, 0)
    if strategy == "proficiency":
        squad = crew.members.get(agent.id)
        return 0 if squad is None else squad.score
    return 0 if strategy == "random" else turn.now_ms - agent.idle_since_ms


def _rejected(turn: Turn, bucket: Bucket, chosen: str) -> tuple[Rejected, ...]:
    counts: dict[Reject, int] = {}
    names: dict[Reject, list[str]] = {}
    if sum([len(way.crew.members) for way in bucket.ways]) <= CREW_NAMED_MAX:
        _count_each(turn, bucket, chosen, counts, names)
    else:
        _count_squads(bucket, chosen, counts)
    return tuple(
        [
            Rejected(why=why, count=counts[why], agents=tuple(names.get(why, ())))
            for why in sorted(counts)
            if counts[why] > 0
        ]
    )


def _count_squads(bucket: Bucket, chosen: str, counts: dict[Reject, int]) -> None:
    """By squads; who serves two of the queues counts in both."""
    for way in bucket.ways:
        admitted = way.squads
        for squad in way.crew.squads.values():
            if squad in admitted:
                _count_admitted(squad, bucket, counts)
            else:
                number = sum(squad.counts.values()) - squad.counts["logged_out"]
                if number:
                    why = way.refuses(squad)
                    assert why
                    counts[why] = counts.get(why, 0) + number
        if chosen and not bucket.only and way.crew.members.get(chosen) in admitted:
            counts["paused"] -= 1  # out of the lines already, and ready still


def _count_admitted(squad: Squad, bucket: Bucket, counts: dict[Reject, int]) -> None:
    by_state = squad.counts
    for state, why in _BUSY:
        number = by_state[state]
        if number:
            counts[why] = counts.get(why, 0) + number
    if by_state["ready"]:
        here = elsewhere = 0
        for edge, line in squad.lines.items():
            if edge == bucket.edge:
                here = len(line)
            else:
                elsewhere += len(line)
        if bucket.only and here:
            counts["kept_for_another"] = counts.get("kept_for_another", 0) + here
        if elsewhere:
            counts["other_edge"] = counts.get("other_edge", 0) + elsewhere
        counts["paused"] = counts.get("paused", 0) + by_state["ready"] - here - elsewhere


def _count_each(
    turn: Turn, bucket: Bucket, chosen: str, counts: dict[Reject, int], names: dict[Reject, list[str]]
) -> None:
    reasons: dict[str, Reject | None] = {}
    for way in bucket.ways:
        for id_, squad in way.crew.members.items():
            # Whom one of the queues admits is not refused by another.
            if reasons.get(id_, "level_too_low") in ("level_too_low", "not_in_team"):
                reasons[id_] = _why(turn, way, squad, bucket, turn.state.agents[id_])
    named = 0
    for id_ in sorted(reasons):
        why = reasons[id_]
        if why is None or id_ == chosen:
            continue
        counts[why] = counts.get(why, 0) + 1
        if named < REJECTED_NAMED_MAX:
            names.setdefault(why, []).append(id_)
            named += 1


def _why(turn: Turn, way: Way, squad: Squad, bucket: Bucket, agent: Agent) -> Reject | None:
    if agent.state == "logged_out":
        return None
    why = way.refuses(squad)
    if why:
        return why
    if agent.state != "ready":
        return agent.state
    if not agent.online:
        return "page_away"
    standing = turn.index.standing.get(agent.id)
    if standing is None:
        return "paused"
    if standing.edge != bucket.edge:
        return "other_edge"
    return "kept_for_another" if bucket.only else None
