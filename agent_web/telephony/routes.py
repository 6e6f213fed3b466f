"""The page's socket, and the one thing that is changed from it."""

from __future__ import annotations

from quart import Blueprint, Response
from quart_schema import document_request, document_response

from agent_web import wire
from agent_web.auth import access
from agent_web.auth.watch import Watch
from agent_web.inputs import asked
from agent_web.limits import TELEPHONY_PAGES_MAX
from agent_web.sockets import TOO_MANY, PageSocket, Reader
from agent_web.telephony.service import Telephony


def blueprint(telephony: Telephony, watch: Watch) -> Blueprint:
    """/ws/telephony and /api/telephony."""
    routes = Blueprint("telephony", __name__)

    @routes.websocket("/ws/telephony")
    @access.allow(*access.SUPERVISORS)
    async def page() -> None:
        socket = PageSocket(on_gone=lambda: None)
        if len(telephony.broadcast) >= TELEPHONY_PAGES_MAX:
            socket.close(TOO_MANY, "too many pages")
        with watch.watching(access.login(), socket), telephony.showing(socket) as shown:
            await socket.run(Reader(wire.TelephonyToServer, socket, shown.received))

    @routes.post("/api/telephony/lift")
    @access.allow(*access.SUPERVISORS)
    @document_request(wire.LiftBan)
    @document_response(wire.Problem, 400)
    @document_response(wire.Problem, 429)
    @document_response(wire.Problem, 503)
    async def lift() -> Response:
        """Hear a banned source again; one that is not banned changes nothing."""
        telephony.lift_ban((await asked(wire.LiftBan)).source, access.login())
        return Response("", 204)

    return routes
