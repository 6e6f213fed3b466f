"""The door of every route and socket: who may pass is declared beside it, and what declares nothing is
refused.

On unsafe methods and socket handshakes the browser's `Origin` must be ours; unsafe methods of a logged-in
user also need the session's CSRF token. Programs send no `Origin`; they have no cookie that a foreign page
could use either.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, TypeVar

from quart import Quart, Response, g, request, websocket
from quart.wrappers.base import BaseRequestWebsocket

from agent_web import wire
from agent_web.auth.service import Auth, Login
from agent_web.database import DatabaseAwayError
from agent_web.problems import RefusalError, database_away

CSRF_HEADER = "X-CSRF-Token"
EVERYBODY: tuple[wire.Role, ...] = ("operator", "supervisor", "admin")
SUPERVISORS: tuple[wire.Role, ...] = ("supervisor", "admin")

_ATTRIBUTE = "santral_roles"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
_View = TypeVar("_View", bound=Callable[..., Any])


def public(view: _View) -> _View:
    """Anybody may call this."""
    setattr(view, _ATTRIBUTE, ())
    return view


def allow(*roles: wire.Role) -> Callable[[_View], _View]:
    """Users with one of these roles may call this."""

    def mark(view: _View) -> _View:
        setattr(view, _ATTRIBUTE, roles)
        return view

    return mark


def login() -> Login:
    """Who called the present route, behind `allow`."""
    known: Login = g.login
    return known


def source() -> str:
    """The address the present request or socket came from."""
    client = (request if _is_request() else websocket).scope["client"]
    return client[0] if client else "local"


def cookie_name(secure: bool) -> str:
    """The `__Host-` prefix makes browsers insist on Secure, our path and no domain (RFC 6265bis section
    4.1.3.2).
    """
    return "__Host-santral" if secure else "santral"


def token() -> str:
    """The session's token that came with the present request, or nothing."""
    asked = request if _is_request() else websocket
    return asked.cookies.get(cookie_name(asked.is_secure), "")


def install(app: Quart, auth: Auth) -> None:
    """Put the door before every route and socket of the application."""

    @app.before_request
    async def check_request() -> Response | None:
        roles = _roles(app, request.endpoint)
        if roles is None:
            return None  # no such route: the handler of 404 answers
        unsafe = request.method not in _SAFE_METHODS
        if unsafe:
            _check_origin(request)
        if roles:
            g.login = await _check_login(auth, roles)
            if unsafe and not hmac.compare_digest(
                request.headers.get(CSRF_HEADER, "").encode(), g.login.csrf.encode()
            ):
                raise RefusalError(
                    403, "csrf", f"The header {CSRF_HEADER} is missing or wrong; load the page again."
                )
        return None

    @app.before_websocket
    async def check_websocket() -> Response | None:
        roles = _roles(app, websocket.endpoint)
        if roles is None:
            return None
        # Refusals of a handshake are answers too: Quart takes no exceptions here.
        try:
            _check_origin(websocket)
            if roles:
                g.login = await _check_login(auth, roles)
        except RefusalError as refusal:
            return refusal.response()
        return None


def undeclared(app: Quart) -> list[str]:
    """Routes that say nothing about who may call them."""
    return sorted(name for name, view in app.view_functions.items() if not hasattr(view, _ATTRIBUTE))


def _roles(app: Quart, endpoint: str | None) -> tuple[wire.Role, ...] | None:
    if endpoint is None:
        return None
    roles: tuple[wire.Role, ...] = getattr(app.view_functions[endpoint], _ATTRIBUTE)
    return roles


async def _check_login(auth: Auth, roles: tuple[wire.Role, ...]) -> Login:
    try:
        known = await auth.find(token()) if token() else None
    except DatabaseAwayError as error:
        raise database_away() from error
    if known is None:
        raise RefusalError(401, "not_logged_in", "Please log in.")
    if not set(roles) & set(known.roles):
        raise RefusalError(403, "not_allowed", f"This needs the role {' or '.join(roles)}.")
    return known


def _check_origin(asked: BaseRequestWebsocket) -> None:
    origin = asked.headers.get("Origin")
    ours = f"{'https' if asked.is_secure else 'http'}://{asked.host}"
    if origin is not None and origin.lower() != ours.lower():
        raise RefusalError(403, "foreign_origin", f"Refused: the request comes from a page of {origin}.")


def _is_request() -> bool:
    return bool(request)
