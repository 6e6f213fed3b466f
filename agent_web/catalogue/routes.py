"""HTTP: what forms offer."""

from __future__ import annotations

from quart import Blueprint, Response
from quart_schema import document_response

from agent_web import wire
from agent_web.auth import access
from agent_web.catalogue.service import Categories
from agent_web.orders import form, status
from agent_web.problems import reply


def blueprint(categories: Categories) -> Blueprint:
    """/api/catalogue."""
    routes = Blueprint("catalogue", __name__)

    @routes.get("/api/catalogue")
    @access.allow(*access.EVERYBODY)
    @document_response(wire.Catalogue)
    async def catalogue() -> Response:
        """Categories, priorities, statuses and what each status may become."""
        return reply(
            wire.Catalogue(
                categories=await categories.all(),
                priorities=list(form.PRIORITIES),
                statuses=list(status.NEXT),
                next_statuses={before: list(after) for before, after in status.NEXT.items()},
            )
        )

    return routes
