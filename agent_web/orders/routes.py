"""HTTP and socket of work orders."""

from __future__ import annotations

import msgspec
from quart import Blueprint, Response, request
from quart_schema import document_querystring, document_request, document_response

from agent_web import wire
from agent_web.auth import access
from agent_web.auth.watch import Watch
from agent_web.catalogue.service import Categories
from agent_web.inputs import body, number
from agent_web.limits import ORDER_PAGES_MAX, ORDERS_A_PAGE, ORDERS_A_PAGE_MAX
from agent_web.orders import form
from agent_web.orders.live import LiveOrders
from agent_web.orders.service import Orders
from agent_web.problems import reply
from agent_web.sockets import TOO_MANY, PageSocket, Reader


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """The query of the register."""

    status: str = ""
    category: str = ""
    text: str = ""
    before: int = 0
    limit: int = ORDERS_A_PAGE


def blueprint(orders: Orders, live: LiveOrders, categories: Categories, watch: Watch) -> Blueprint:
    """/api/orders and /ws/orders."""
    routes = Blueprint("orders", __name__)

    @routes.post("/api/orders")
    @access.allow(*access.EVERYBODY)
    @document_request(wire.NewOrder)
    @document_response(wire.Order, 201)
    @document_response(wire.Order, 200)
    @document_response(wire.Problem, 422)
    @document_response(wire.OrderConflict, 409)
    async def create() -> Response:
        """Save a work order; the same form again gives the same order."""
        known = {category.id for category in await categories.all()}
        order, made = await orders.create(form.read_new(await body(), known), access.login())
        return reply(order, 201 if made else 200)

    @routes.get("/api/orders")
    @access.allow(*access.EVERYBODY)
    @document_querystring(Filter)
    @document_response(wire.OrderPage)
    async def register() -> Response:
        """A page of the register, newest first."""
        return reply(
            await orders.list(
                state=request.args.get("status", ""),
                category=request.args.get("category", ""),
                text=request.args.get("text", ""),
                before=number("before", 0, 2**62),
                limit=number("limit", ORDERS_A_PAGE, ORDERS_A_PAGE_MAX) or 1,
            )
        )

    @routes.get("/api/orders/<int(max=4611686018427387904):order_id>")
    @access.allow(*access.EVERYBODY)
    @document_response(wire.Order)
    @document_response(wire.Problem, 404)
    async def one(order_id: int) -> Response:
        """One work order with its history."""
        return reply(await orders.get(order_id))

    @routes.patch("/api/orders/<int(max=4611686018427387904):order_id>")
    @access.allow(*access.EVERYBODY)
    @document_request(wire.OrderPatch)
    @document_response(wire.Order)
    @document_response(wire.OrderConflict, 409)
    @document_response(wire.Problem, 422)
    async def change(order_id: int) -> Response:
        """Change status or description of the version that was seen."""
        patch = form.read_patch(await body())
        return reply(await orders.change(order_id, patch, access.login()))

    @routes.websocket("/ws/orders")
    @access.allow(*access.EVERYBODY)
    async def changes() -> None:
        socket = PageSocket(on_gone=lambda: None)
        if len(live.broadcast) >= ORDER_PAGES_MAX:
            socket.close(TOO_MANY, "too many registers")
        with watch.watching(access.login(), socket), live.broadcast.listening(socket):
            await socket.run(Reader(wire.OrdersToServer, socket, lambda _: None))

    return routes
