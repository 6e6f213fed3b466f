"""What is said on every socket."""

from __future__ import annotations

from agent_web.wire.base import Asked, Said
from agent_web.wire.centre import CoreState


class Ping(Said, tag="ping", frozen=True, kw_only=True):
    """The server asks whether the page lives; it answers `pong` with the same `n`. A page that hears nothing
    for 10 s reconnects.
    """

    n: int


class Pong(Asked, tag="pong", frozen=True, kw_only=True):
    """The page lives."""

    n: int


class Core(Said, tag="core", frozen=True, kw_only=True):
    """Whether the core can be reached. While it is away conversations go on and nothing else moves."""

    state: CoreState


class Error(Said, tag="error", frozen=True, kw_only=True):
    """A message of the page was not understood or can't be obeyed now; the socket stays."""

    error: str  # bad_message, hello_first, core_away, too_fast, full
    text: str
    request: str  # of the message, when it could be read
