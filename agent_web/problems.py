"""What a request can be refused for, and how the refusal looks: always a `Problem`."""

from __future__ import annotations

import msgspec
from quart import Response

from agent_web import wire
from agent_web.limits import RETRY_AFTER_S


class RefusalError(Exception):
    """The request can't be obeyed; becomes the answer."""

    def __init__(
        self,
        status: int,
        error: str,
        text: str,
        *,
        errors: list[wire.FieldError] | None = None,
        order: wire.Order | None = None,
        retry_after_s: int = 0,
    ) -> None:
        super().__init__(text)
        self.status, self.error, self.text = status, error, text
        self.errors, self.order, self.retry_after_s = errors or [], order, retry_after_s

    def response(self) -> Response:
        """The refusal as an answer."""
        body: wire.Problem
        if self.order is not None:
            body = wire.OrderConflict(error=self.error, text=self.text, errors=self.errors, order=self.order)
        else:
            body = wire.Problem(error=self.error, text=self.text, errors=self.errors)
        answer = reply(body, self.status)
        if self.retry_after_s:
            answer.headers["Retry-After"] = str(self.retry_after_s)
        return answer


def reply(body: wire.Said, status: int = 200) -> Response:
    """A wire message as an answer. It is about one person at one moment: never kept by a cache."""
    answer = Response(msgspec.json.encode(body), status, content_type="application/json")
    answer.headers["Cache-Control"] = "no-store"
    return answer


def database_away() -> RefusalError:
    """The database can't be reached; calls go on, this has to wait."""
    text = "The database can't be reached. Calls go on; keep what you have written and try again in a moment."
    return RefusalError(503, "database_away", text, retry_after_s=RETRY_AFTER_S)


def core_away() -> RefusalError:
    """The core can't be reached; what was asked for is not kept for later."""
    text = "Call control is restarting. Conversations go on; try again in a moment."
    return RefusalError(503, "core_away", text, retry_after_s=RETRY_AFTER_S)


def bad_fields(errors: list[wire.FieldError]) -> RefusalError:
    """A form with bad fields, all of them named."""
    names = ", ".join(f"{error.field}: {error.reason}" for error in errors)
    return RefusalError(422, "bad_fields", f"Please correct: {names}.", errors=errors)
