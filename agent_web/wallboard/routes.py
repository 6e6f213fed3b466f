"""The supervisor's socket."""

from __future__ import annotations

from quart import Blueprint

from agent_web import wire
from agent_web.auth import access
from agent_web.auth.watch import Watch
from agent_web.limits import BOARD_PAGES_MAX
from agent_web.sockets import TOO_MANY, PageSocket, Reader
from agent_web.wallboard.service import Boards


def blueprint(boards: Boards, watch: Watch) -> Blueprint:
    """/ws/board."""
    routes = Blueprint("wallboard", __name__)

    @routes.websocket("/ws/board")
    @access.allow(*access.SUPERVISORS)
    async def board() -> None:
        socket = PageSocket(on_gone=lambda: None)
        if len(boards.broadcast) >= BOARD_PAGES_MAX:
            socket.close(TOO_MANY, "too many boards")
        with watch.watching(access.login(), socket), boards.showing(socket):
            await socket.run(Reader(wire.BoardToServer, socket, lambda _: None))

    return routes
