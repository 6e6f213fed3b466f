"""The citizen's socket, the list of past calls, and what is told of one."""

from __future__ import annotations

import msgspec
from quart import Blueprint, Response, request
from quart_schema import document_querystring, document_response

from acd_core.explain.texts import LANGUAGES
from agent_web import wire
from agent_web.auth import access
from agent_web.calls.explanation import Explanations
from agent_web.calls.history import PastCalls
from agent_web.calls.service import Visitors
from agent_web.inputs import number
from agent_web.limits import CALL_ID_MAX_CHARS, CALLS_A_PAGE_MAX
from agent_web.problems import RefusalError, bad_fields, reply
from agent_web.sockets import Reader
from agent_web.sources import network_of

_CALLS_A_PAGE = 50


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """The query of the list."""

    before: int = 0
    limit: int = _CALLS_A_PAGE


class Tongue(msgspec.Struct, frozen=True, kw_only=True):
    """The query of an explanation."""

    language: str = "en"


def blueprint(visitors: Visitors, past_calls: PastCalls, explanations: Explanations) -> Blueprint:
    """/ws/call, /api/calls and what is told of one call."""
    routes = Blueprint("calls", __name__)

    @routes.get("/api/calls")
    @access.allow(*access.SUPERVISORS)
    @document_querystring(Filter)
    @document_response(wire.PastCalls)
    async def past() -> Response:
        """Calls as the store has them, newest first."""
        limit = number("limit", _CALLS_A_PAGE, CALLS_A_PAGE_MAX) or 1
        return reply(await past_calls.recent(number("before", 0, 2**62), limit))

    @routes.get("/api/calls/<call>/explanation")
    @access.allow(*access.SUPERVISORS)
    @document_querystring(Tongue)
    @document_response(wire.Explanation)
    async def explanation(call: str) -> Response:
        """Why the call went where it went, in sentences of this language (tr, en, pl, zh)."""
        asked = request.args.get("language", "en")
        language = next((one for one in LANGUAGES if one == asked), None)
        if language is None:
            raise bad_fields([wire.FieldError(field="language", reason="unknown")])
        found = await explanations.of(call, language) if len(call) <= CALL_ID_MAX_CHARS else None
        if found is None:
            raise RefusalError(404, "not_found", "There is no such call.")
        return reply(found)

    @routes.websocket("/ws/call")
    @access.public
    async def call() -> None:
        visitor = visitors.came(network_of(access.source()))
        await visitor.socket.run(Reader(wire.CallToServer, visitor.socket, visitor.receive))

    return routes
