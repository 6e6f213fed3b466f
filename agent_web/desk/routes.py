"""The operator's socket."""

from __future__ import annotations

from quart import Blueprint, Response

from agent_web import wire
from agent_web.auth import access
from agent_web.auth.watch import Watch
from agent_web.desk.service import DeskPage, Desks
from agent_web.problems import RefusalError
from agent_web.sockets import Reader


def blueprint(desks: Desks, watch: Watch) -> Blueprint:
    """/ws/desk."""
    routes = Blueprint("desk", __name__)

    @routes.websocket("/ws/desk")
    @access.allow("operator")
    async def desk() -> Response | None:
        login = access.login()
        if login.agent is None:
            return RefusalError(403, "not_allowed", "This user is no agent of the roster.").response()
        page = DeskPage(desks, login, login.agent)
        with watch.watching(login, page.socket, lambda: page.busy):
            await page.socket.run(Reader(wire.DeskToServer, page.socket, page.receive))
        return None

    return routes
