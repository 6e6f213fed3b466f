"""HTTP: log in, who am I, log out."""

from __future__ import annotations

from collections.abc import Callable

from quart import Blueprint, Response, request
from quart_schema import document_request, document_response

from agent_web import wire
from agent_web.auth import access
from agent_web.auth.service import Auth, Login
from agent_web.inputs import asked
from agent_web.problems import RefusalError, reply


def blueprint(
    auth: Auth,
    now_ms: Callable[[], int],
    in_conversation: Callable[[Login], bool],
    logged_out: Callable[[Login], None],
) -> Blueprint:
    """`in_conversation` says who can't go now, `logged_out` is told whose sockets have to close."""
    routes = Blueprint("auth", __name__)

    @routes.post("/api/login")
    @access.public
    @document_request(wire.LoginRequest)
    @document_response(wire.Me)
    @document_response(wire.Problem, 401)
    @document_response(wire.Problem, 409)
    @document_response(wire.Problem, 429)
    async def log_in() -> Response:
        """Log in; the cookie of the answer is the session."""
        said = await asked(wire.LoginRequest)
        earlier = await auth.find(access.token()) if access.token() else None
        if earlier is not None and in_conversation(earlier):
            raise RefusalError(409, "in_conversation", "End the conversation first.")
        token, login = await auth.log_in(said.user, said.password, access.source())
        if earlier is not None:
            logged_out(earlier)
            await auth.log_out(earlier, access.source())
        answer = reply(_me(login, now_ms()))
        answer.set_cookie(
            access.cookie_name(request.is_secure),
            token,
            path="/",
            httponly=True,
            secure=request.is_secure,
            samesite="Lax",
        )
        return answer

    @routes.get("/api/me")
    @access.allow(*access.EVERYBODY)
    @document_response(wire.Me)
    @document_response(wire.Problem, 401)
    async def me() -> Response:
        """Who is logged in, and the CSRF token of the session."""
        return reply(_me(access.login(), now_ms()))

    @routes.post("/api/logout")
    @access.allow(*access.EVERYBODY)
    @document_response(wire.Problem, 409)
    async def log_out() -> Response:
        """End the session and close its sockets; not out of a conversation, which would leave the caller alone."""
        if in_conversation(access.login()):
            raise RefusalError(409, "in_conversation", "End the conversation first.")
        logged_out(access.login())
        await auth.log_out(access.login(), access.source())
        answer = Response("", 204)
        answer.delete_cookie(
            access.cookie_name(request.is_secure),
            path="/",
            httponly=True,
            secure=request.is_secure,
            samesite="Lax",
        )
        return answer

    return routes


def _me(login: Login, now_ms: int) -> wire.Me:
    return wire.Me(
        user=login.user,
        name=login.name,
        roles=list(login.roles),
        agent=login.agent,
        csrf=login.csrf,
        expires_at_ms=login.expires_ms,
        now_ms=now_ms,
    )
