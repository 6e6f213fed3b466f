"""The reasons of a decision about a call in a queue, short enough to be kept for every one of them.

Who could not have the call is counted by squads, whatever their size; in a queue of few agents they are named too. Ready
agents of a large queue who stand in no line are counted as paused: their page is away, or an offer of theirs has just failed.
"""

from __future__ import annotations

from acd_core.domain.agent import Agent
from acd_core.domain.call import Call
from acd_core.domain.commands import Considered, Decided, DecisionKind, Reject, Rejected
from acd_core.domain.limits import CREW_NAMED_MAX, REJECTED_NAMED_MAX
from acd_core.domain.occupancy import occupied
from acd_core.domain.queue import Queue
from acd_core.domain.squads import POINT, Bucket, Squad, Way
from acd_core.domain.turn import Turn

HANDED_ON = "handed_on"  # a colleague named this agent


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


def tell_no_room(turn: Turn, call: Call, queue: Queue) -> None:
    """Tell that a call may not come into a queue."""
    turn.emit(Decided(call=call.id, kind="no_room", at_ms=turn.now_ms, queue=queue.id, waiting=queue.waiting))


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
    candidates, rejected = _candidates(bucket, agent)
    if sum([len(way.crew.members) for way in bucket.ways]) <= CREW_NAMED_MAX:
        rejected = _each(turn, bucket, agent if considered else "")
    lacking = kind == "waits" and any(one.why == "level_too_low" for one in rejected)
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
            candidates=candidates + (kind == "offered"),
            considered=considered,
            rejected=rejected,
            asked=bucket.ways[0].asks() if lacking else (),
            until_ms=call.only_until_ms,
            detail=HANDED_ON if bucket.handed else "",
        )
    )


def score(turn: Turn, way: Way, agent: Agent) -> int:
    """What the strategy of this way's queue goes by, as people would put it."""
    crew = way.crew
    strategy = crew.strategy
    if strategy == "longest_idle":
        return turn.now_ms - agent.idle_since_ms
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


def _candidates(bucket: Bucket, chosen: str) -> tuple[int, tuple[Rejected, ...]]:
    """How many ready agents might have the call, and by squads how many might not; who serves two of the queues counts twice."""
    here = ready = not_ready = ringing = talking = wrap_up = 0
    refused: dict[Reject, int] = {}
    for way in bucket.ways:
        for squad in way.squads:
            counts = squad.counts
            ready += counts["ready"]
            not_ready += counts["not_ready"]
            ringing += counts["ringing"]
            talking += counts["talking"]
            wrap_up += counts["wrap_up"]
            here += len(squad.line)
        for why, squad in way.refused:
            counts = squad.counts
            refused[why] = refused.get(why, 0) + sum(counts.values()) - counts["logged_out"]
        if chosen and not bucket.only and way.crew.members.get(chosen) in way.squads:
            ready -= 1  # out of the lines already, and ready still
    kept = here if bucket.only and not bucket.away else 0
    away = here if bucket.away else 0
    told: tuple[tuple[Reject, int], ...] = (
        ("edge_away", away),
        ("kept_for_another", kept),
        ("level_too_low", refused.get("level_too_low", 0)),
        ("not_in_team", refused.get("not_in_team", 0)),
        ("not_ready", not_ready),
        ("paused", ready - here),
        ("ringing", ringing),
        ("talking", talking),
        ("wrap_up", wrap_up),
    )
    return here - kept - away, tuple([Rejected(why=why, count=count) for why, count in told if count])


def _each(turn: Turn, bucket: Bucket, chosen: str) -> tuple[Rejected, ...]:
    """Agent by agent, where they are few."""
    reasons: dict[str, Reject | None] = {}
    for way in bucket.ways:
        for id_, squad in way.crew.members.items():
            # Whom one of the queues admits is not refused by another.
            if reasons.get(id_, "level_too_low") in ("level_too_low", "not_in_team"):
                reasons[id_] = _why(turn, way, squad, bucket, turn.state.agents[id_])
    counts: dict[Reject, int] = {}
    names: dict[Reject, list[str]] = {}
    named = 0
    for id_ in sorted(reasons):
        why = reasons[id_]
        if why is None or id_ == chosen:
            continue
        counts[why] = counts.get(why, 0) + 1
        if named < REJECTED_NAMED_MAX:
            names.setdefault(why, []).append(id_)
            named += 1
    return tuple(
        [Rejected(why=why, count=counts[why], agents=tuple(names.get(why, ()))) for why in sorted(counts)]
    )


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
    if bucket.away:
        return "edge_away"
    return "kept_for_another" if bucket.only else None
