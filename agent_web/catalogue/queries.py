"""The SQL of categories."""

from __future__ import annotations

ALL = "SELECT id, names, kind, deadline_h FROM categories ORDER BY position, id"

SAVE = """
INSERT INTO categories (id, names, kind, deadline_h, position) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (id) DO UPDATE
   SET names = excluded.names, kind = excluded.kind, deadline_h = excluded.deadline_h,
       position = excluded.position
"""
