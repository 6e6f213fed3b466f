"""HTTP: the centre's mode, and callbacks that are settled."""

from __future__ import annotations

from quart import Blueprint, Response
from quart_schema import document_request, document_response

from agent_web import wire
from agent_web.auth import access
from agent_web.centre.service import Centre
from agent_web.inputs import asked


def blueprint(centre: Centre) -> Blueprint:
    """/api/mode and /api/callbacks."""
    routes = Blueprint("centre", __name__)

    @routes.put("/api/mode")
    @access.allow(*access.SUPERVISORS)
    @document_request(wire.NewMode)
    @document_response(wire.Problem, 400)
    @document_response(wire.Problem, 429)
    @document_response(wire.Problem, 503)
    async def change_mode() -> Response:
        """Open the centre, close it, or put it into an emergency; the wallboard shows the mode it is in."""
        centre.change_mode((await asked(wire.NewMode)).mode, access.login())
        return Response("", 204)

    @routes.post("/api/callbacks/settle")
    @access.allow(*access.SUPERVISORS)
    @document_request(wire.SettleCallback)
    @document_response(wire.Problem, 400)
    @document_response(wire.Problem, 429)
    @document_response(wire.Problem, 503)
    async def settle() -> Response:
        """Take a callback off the list; one that is on it no more changes nothing."""
        centre.settle((await asked(wire.SettleCallback)).callback, access.login())
        return Response("", 204)

    return routes
