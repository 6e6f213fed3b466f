"""Work orders, what their forms offer, and `/ws/orders`."""

from __future__ import annotations

from typing import Literal, TypeAlias

from agent_web.wire.base import Asked, Problem, Said
from agent_web.wire.sockets import Error, Ping, Pong

OrderStatus: TypeAlias = Literal["new", "assigned", "in_progress", "waiting", "done", "cancelled"]
Priority: TypeAlias = Literal["low", "normal", "high", "urgent"]


class Category(Said, frozen=True, kw_only=True):
    """A kind of work order; `names` by language, `deadline_h` hours until it is late (none: 0)."""

    id: str
    names: dict[str, str]
    kind: str
    deadline_h: int


class Catalogue(Said, frozen=True, kw_only=True):
    """GET /api/catalogue: what forms offer. `next_statuses` says what each status may become."""

    categories: list[Category]
    priorities: list[Priority]
    statuses: list[OrderStatus]
    next_statuses: dict[OrderStatus, list[OrderStatus]]


class NewOrder(Asked, frozen=True, kw_only=True):
    """POST /api/orders. `key` is made by the page once per form: the same key again gives the same order, not
    a second.
    """

    key: str
    category: str
    description: str
    call: str = ""
    caller_phone: str = ""
    citizen_name: str = ""
    address: str = ""
    district: str = ""
    priority: str = "normal"


class OrderRow(Said, frozen=True, kw_only=True):
    """A work order as the register lists it. `call` is empty for an order without a call, `deadline_ms` 0
    without one.
    """

    id: int
    tracking_number: str
    call: str
    category: str
    caller_phone: str
    citizen_name: str
    address: str
    district: str
    priority: Priority
    status: OrderStatus
    created_by: str
    created_at_ms: int
    updated_at_ms: int
    deadline_ms: int
    version: int


class OrderChange(Said, frozen=True, kw_only=True):
    """One entry of an order's history: `field` changed (created, status, description), by whom, when."""

    at_ms: int
    by: str
    field: str
    before: str
    after: str
    version: int


class Order(OrderRow, frozen=True, kw_only=True):
    """A work order whole: the row, its description and its history, oldest first."""

    description: str
    history: list[OrderChange]


class OrderPage(Said, frozen=True, kw_only=True):
    """GET /api/orders: newest first; `next` is the `before` of the next page, null on the last."""

    orders: list[OrderRow]
    next: int | None


class OrderPatch(Asked, frozen=True, kw_only=True):
    """PATCH /api/orders/{id}: `version` is the one the page has seen; another one is answered by 409 with the
    present order.
    """

    version: int
    status: str | None = None
    description: str | None = None


class OrderConflict(Problem, frozen=True, kw_only=True):
    """409: somebody was faster (version_conflict), or the call has its order already (call_has_order);
    `order` is what is there.
    """

    order: Order


class OrderChanged(Said, tag="order_changed", frozen=True, kw_only=True):
    """A work order is new or changed; the one with the larger `version` counts."""

    order: OrderRow


class OrdersMissed(Said, tag="orders_missed", frozen=True, kw_only=True):
    """Changes may have been missed (the database was away): load the register again."""


OrdersToServer: TypeAlias = Pong
OrdersToPage: TypeAlias = OrderChanged | OrdersMissed | Error | Ping
