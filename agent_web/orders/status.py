"""The life of a work order: what each status may become."""

from __future__ import annotations

from agent_web.wire import OrderStatus

NEXT: dict[OrderStatus, tuple[OrderStatus, ...]] = {
    "new": ("assigned", "in_progress", "waiting", "done", "cancelled"),
    "assigned": ("new", "in_progress", "waiting", "done", "cancelled"),
    "in_progress": ("assigned", "waiting", "done", "cancelled"),
    "waiting": ("assigned", "in_progress", "done", "cancelled"),
    "done": ("in_progress",),  # the fault came back
    "cancelled": ("new",),
}
