"""The whole story of a call as the database has it, with the names that were in force then.

Reads what the store process wrote; over any connection of `persistence.pool`.
"""

from __future__ import annotations

from typing import Any

import asyncpg
import msgspec

from acd_core.explain.story import Names, QueueNames, Reason, Told, agents_in
from persistence import rows

REASONS_READ_MAX = 1_000  # of one call; what comes later is counted

_REASONS = """
SELECT *, count(*) OVER () AS in_all FROM (
    SELECT journal, seq, index, call, step, at, queue, agent, detail, NULL::jsonb AS payload
      FROM call_steps WHERE call = $1
    UNION ALL
    SELECT journal, seq, index, call, NULL, at, queue, agent, NULL, payload
      FROM call_decisions WHERE call = $1
) AS reasons ORDER BY journal, seq, index LIMIT $2
"""
_IS_LIVE = "SELECT ended_at IS NULL FROM calls WHERE call = $1"
_DOCUMENT = """
SELECT payload FROM journal_events
 WHERE journal = $1 AND kind = '{kind}' AND seq <= $2 ORDER BY seq DESC LIMIT 1
"""
_PLAN = """
SELECT plan ->> 'timezone' AS timezone, plan -> 'skills' AS skills,
       (SELECT jsonb_object_agg(key, jsonb_build_object(
                   'name', value -> 'name', 'steps', coalesce(value -> 'steps', '[]')))
          FROM jsonb_each(plan -> 'queues')) AS queues
  FROM (SELECT payload -> 'plan' AS plan FROM (DOCUMENT) AS event) AS document
""".replace("DOCUMENT", _DOCUMENT.format(kind="PlanChanged"))
_ROSTER = f"""
SELECT (SELECT jsonb_object_agg(key, value -> 'name')
          FROM jsonb_each(roster -> 'agents') WHERE key = ANY($3::text[])) AS agents,
       (SELECT jsonb_object_agg(key, value -> 'name') FROM jsonb_each(roster -> 'teams')) AS teams
  FROM (SELECT payload -> 'roster' AS roster FROM ({_DOCUMENT.format(kind="RosterChanged")}) AS event) AS document
"""


async def read_told(connection: asyncpg.Connection, call: str) -> Told | None:
    """What is known of this call; None when there is no such call."""
    found = await connection.fetch(_REASONS, rows.storable(call), REASONS_READ_MAX)
    if not found:
        return None
    reasons = tuple(reason for row in found if (reason := _reason(row)) is not None)
    last = found[-1]
    return Told(
        call=call,
        live=bool(await connection.fetchval(_IS_LIVE, rows.storable(call))),
        whole=True,
        reasons=reasons,
        names=await _names(connection, last["journal"], last["seq"], sorted(agents_in(reasons))),
        left_out=last["in_all"] - len(reasons),
        gap_at=len(reasons),
    )


def _reason(row: Any) -> Reason | None:
    """None for a decision of another release, whose reasons have another shape: it is counted among those not shown."""
    if row["step"]:
        return rows.to_call_story(row)
    try:
        return rows.to_decision(row)
    except msgspec.ValidationError:
        return None


async def _names(connection: asyncpg.Connection, journal: int, seq: int, agents: list[str]) -> Names:
    """As plan and roster had them; a journal that was begun anew may not hold them, then ids have to do."""
    plan = await connection.fetchrow(_PLAN, journal, seq)
    roster = await connection.fetchrow(_ROSTER, journal, seq, agents)
    return Names(
        agents=(roster and roster["agents"]) or {},
        teams=(roster and roster["teams"]) or {},
        queues=_queues((plan and plan["queues"]) or {}),
        skills=(plan and plan["skills"]) or {},
        timezone=(plan and plan["timezone"]) or "",
    )


def _queues(found: dict[str, Any]) -> dict[str, QueueNames]:
    try:
        return msgspec.convert(found, dict[str, QueueNames])
    except (
        msgspec.ValidationError
    ):  # the plan of another release: what its steps did is not told, all else is
        return {id_: QueueNames(name=str(queue["name"])) for id_, queue in found.items()}
