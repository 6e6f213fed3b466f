"""The SQL of past calls; the store process writes them."""

from __future__ import annotations

RECENT = """
SELECT c.call, c.caller, c.dialled, c.via, c.queue, c.agent, c.arrived_at, c.answered_at, c.ended_at, c.cause,
       c.outcome, o.tracking_number
  FROM calls c LEFT JOIN orders o ON o.call = c.call
 WHERE c.arrived_at < $1
 ORDER BY c.arrived_at DESC, c.call LIMIT $2
"""
