"""The SQL of work orders."""

from __future__ import annotations

from typing import Any

from agent_web import wire
from agent_web.times import as_ms

CHANNEL = "santral_orders"  # NOTIFY with the order's id, within the transaction that changed it

_ROW = """
SELECT o.id, o.tracking_number, o.call, o.category, o.caller_phone, o.citizen_name, o.address, o.district,
       o.description, o.priority, o.status, u.name AS created_by, o.created_at, o.updated_at, o.deadline_at,
       o.version, o.form_digest
  FROM orders o JOIN users u ON u.id = o.created_by
"""

NEXT_NUMBER = """
INSERT INTO order_numbers (year, last) VALUES ($1, 1)
ON CONFLICT (year) DO UPDATE SET last = order_numbers.last + 1 RETURNING last
"""

DEADLINE_H = "SELECT deadline_h FROM categories WHERE id = $1"

ADD = """
INSERT INTO orders (tracking_number, call, category, caller_phone, citizen_name, address, district,
                    description, priority, status, created_by, created_at, updated_at, deadline_at, version,
                    form_key, form_digest, search)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'new', $10, $11, $11, $12, 1, $13, $14, $15)
RETURNING id
"""

ADD_HISTORY = """
INSERT INTO order_history (order_id, version, field, before, after, changed_by, at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""

LOCK = """
SELECT status, description, version, tracking_number, citizen_name, address, district, caller_phone
  FROM orders WHERE id = $1 FOR UPDATE
"""

CHANGE = """
UPDATE orders SET status = $2, description = $3, search = $4, updated_at = $5, version = version + 1
 WHERE id = $1
"""

NOTIFY = f"SELECT pg_notify('{CHANNEL}', $1)"

BY_ID = f"{_ROW} WHERE o.id = $1"
BY_IDS = f"{_ROW} WHERE o.id = ANY($1::bigint[]) ORDER BY o.id"
BY_CALL = f"{_ROW} WHERE o.call = $1"
BY_KEY = f"{_ROW} WHERE o.created_by = $1 AND o.form_key = $2"

HISTORY = """
SELECT h.at, u.name AS by, h.field, h.before, h.after, h.version
  FROM order_history h JOIN users u ON u.id = h.changed_by
 WHERE h.order_id = $1 ORDER BY h.version, h.field
"""


def listing(status: str, category: str, words: str, before: int, limit: int) -> tuple[str, list[Any]]:
    """The statement and its arguments for a page of the register, newest first; empty filters mean all."""
    conditions: list[str] = []
    arguments: list[Any] = []
    for condition, value in (
        ("o.status = {}", status),
        ("o.category = {}", category),
        ("to_tsvector('simple', o.search) @@ to_tsquery('simple', {})", words),
        ("o.id < {}", before),
    ):
        if value:
            arguments.append(value)
            conditions.append(condition.format(f"${len(arguments)}"))
    arguments.append(limit)
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"{_ROW}{where} ORDER BY o.id DESC LIMIT ${len(arguments)}", arguments


def order_row(row: Any) -> wire.OrderRow:
    """A row of the register."""
    return wire.OrderRow(**_fields(row))


def order(row: Any, history: list[Any]) -> wire.Order:
    """The order whole."""
    changes = [
        wire.OrderChange(
            at_ms=as_ms(change["at"]),
            by=change["by"],
            field=change["field"],
            before=change["before"],
            after=change["after"],
            version=change["version"],
        )
        for change in history
    ]
    return wire.Order(**_fields(row), description=row["description"], history=changes)


def _fields(row: Any) -> dict[str, Any]:
    return {
        "id": row["id"],
        "tracking_number": row["tracking_number"],
        "call": row["call"] or "",
        "category": row["category"],
        "caller_phone": row["caller_phone"],
        "citizen_name": row["citizen_name"],
        "address": row["address"],
        "district": row["district"],
        "priority": row["priority"],
        "status": row["status"],
        "created_by": row["created_by"],
        "created_at_ms": as_ms(row["created_at"]),
        "updated_at_ms": as_ms(row["updated_at"]),
        "deadline_ms": as_ms(row["deadline_at"]),
        "version": row["version"],
    }
