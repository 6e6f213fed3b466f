"""The application: routes of all features, the door before them, and how every answer looks."""

from __future__ import annotations

import logging
from collections.abc import Callable

import msgspec
from quart import Quart, Response, request
from quart_schema import APIKeySecurityScheme, Info, QuartSchema, hide
from werkzeug.exceptions import HTTPException

from agent_web import pages, wire
from agent_web.auth import access
from agent_web.auth import routes as auth_routes
from agent_web.auth.service import Auth, Login
from agent_web.auth.watch import Watch
from agent_web.calls import routes as calls_routes
from agent_web.calls.explanation import Explanations
from agent_web.calls.history import PastCalls
from agent_web.calls.service import Visitors
from agent_web.catalogue import routes as catalogue_routes
from agent_web.catalogue.service import Categories
from agent_web.centre import routes as centre_routes
from agent_web.centre.service import Centre
from agent_web.core_port import CorePort
from agent_web.database import Database, DatabaseAwayError
from agent_web.desk import routes as desk_routes
from agent_web.desk.service import Desks
from agent_web.limits import BODY_MAX_BYTES, READ_TIMEOUT_S
from agent_web.orders import routes as orders_routes
from agent_web.orders.live import LiveOrders
from agent_web.orders.service import Orders
from agent_web.problems import RefusalError, database_away, reply
from agent_web.telephony import routes as telephony_routes
from agent_web.telephony.service import Telephony
from agent_web.wallboard import routes as wallboard_routes
from agent_web.wallboard.service import Boards

_log = logging.getLogger(__name__)

SECURITY_HEADERS = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "worker-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "font-src 'self'",
            "media-src 'self' blob:",
            "connect-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=(), display-capture=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """What the routes work with."""

    core: CorePort
    database: Database
    auth: Auth
    watch: Watch
    desks: Desks
    boards: Boards
    telephony: Telephony
    centre: Centre
    visitors: Visitors
    past_calls: PastCalls
    explanations: Explanations
    categories: Categories
    orders: Orders
    live_orders: LiveOrders


def create_app(features: Features, now_ms: Callable[[], int]) -> Quart:
    """The application, ready to be served."""
    app = Quart("agent_web", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_MAX_BYTES
    app.config["BODY_TIMEOUT"] = READ_TIMEOUT_S
    schema = QuartSchema(
        app,
        openapi_path=None,
        info=Info(title="Santral", version="1", description="HTTP API of the Santral web process."),
        security_schemes={"session": APIKeySecurityScheme(in_="cookie", name="santral")},
        security=[{"session": []}],
        conversion_preference="msgspec",
    )
    access.install(app, features.auth)
    _handle_errors(app)

    def logged_out(login: Login) -> None:
        # The desks first: they tell the core that it was meant.
        features.desks.log_out(login)
        features.watch.log_out(login)

    app.register_blueprint(auth_routes.blueprint(features.auth, now_ms, features.desks.talking, logged_out))
    app.register_blueprint(catalogue_routes.blueprint(features.categories))
    app.register_blueprint(desk_routes.blueprint(features.desks, features.watch))
    app.register_blueprint(wallboard_routes.blueprint(features.boards, features.watch))
    app.register_blueprint(telephony_routes.blueprint(features.telephony, features.watch))
    app.register_blueprint(centre_routes.blueprint(features.centre))
    app.register_blueprint(
        calls_routes.blueprint(features.visitors, features.past_calls, features.explanations)
    )
    app.register_blueprint(
        orders_routes.blueprint(features.orders, features.live_orders, features.categories, features.watch)
    )

    @app.get("/healthz")
    @access.public
    @hide
    async def health() -> Response:
        return reply(
            wire.Health(
                core="up" if features.core.connected else "away",
                database="up" if features.database.up else "away",
            )
        )

    @app.get("/api/openapi.json")
    @access.public
    @hide
    async def openapi() -> Response:
        return Response(
            msgspec.json.encode(schema.openapi_provider.schema()), content_type="application/json"
        )

    app.register_blueprint(pages.blueprint())
    undeclared = access.undeclared(app)
    assert not undeclared, f"routes that don't say who may call them: {undeclared}"
    return app


def _handle_errors(app: Quart) -> None:
    @app.errorhandler(RefusalError)
    async def refused(error: RefusalError) -> Response:
        return error.response()

    @app.errorhandler(DatabaseAwayError)
    async def away(error: DatabaseAwayError) -> Response:
        _log.warning("%s %r: the database is away: %s", request.method, request.path, error)
        return database_away().response()

    @app.errorhandler(HTTPException)
    async def standard(error: HTTPException) -> Response:
        name = {404: "not_found", 405: "not_allowed", 413: "too_large"}.get(error.code or 500, "bad_request")
        return RefusalError(error.code or 500, name, str(error.description)).response()

    @app.errorhandler(Exception)
    async def failed(error: Exception) -> Response:
        _log.error("a request failed", exc_info=error)
        return RefusalError(500, "server_error", "This failed on our side; it was logged.").response()

    @app.after_request
    async def secure(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)
        return response
