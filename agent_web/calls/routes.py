"""The citizen's socket, and the list of past calls."""

from __future__ import annotations

import msgspec
from quart import Blueprint, Response
from quart_schema import document_querystring, document_response

from agent_web import wire
from agent_web.auth import access
from agent_web.calls.history import PastCalls
from agent_web.calls.service import Visitors
from agent_web.inputs import number
from agent_web.limits import CALLS_A_PAGE_MAX
from agent_web.problems import reply
from agent_web.sockets import Reader
from agent_web.sources import network_of

_CALLS_A_PAGE = 50


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """The query of the list."""

    before: int = 0
    limit: int = _CALLS_A_PAGE


def blueprint(visitors: Visitors, past_calls: PastCalls) -> Blueprint:
    """/ws/call and /api/calls."""
    routes = Blueprint("calls", __name__)

    @routes.get("/api/calls")
    @access.allow(*access.SUPERVISORS)
    @document_querystring(Filter)
    @document_response(wire.PastCalls)
    async def past() -> Response:
        """Calls as the store has them, newest first."""
        limit = number("limit", _CALLS_A_PAGE, CALLS_A_PAGE_MAX) or 1
        return reply(await past_calls.recent(number("before", 0, 2**62), limit))

    @routes.websocket("/ws/call")
    @access.public
    async def call() -> None:
        visitor = visitors.came(network_of(access.source()))
        await visitor.socket.run(Reader(wire.CallToServer, visitor.socket, visitor.receive))

    return routes
