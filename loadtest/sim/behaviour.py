"""How simulated people behave where neither the arrivals nor the documents say it."""

from __future__ import annotations

import msgspec


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """The defaults are the plainest: everybody does everything at once, and nobody takes a break."""

    answer_delay_ms: int = 0  # on average, from half to one and a half times as much
    break_every_ms: int = 0  # of work between two breaks, on average; 0: no breaks
    break_ms: int = 900_000
    return_ms: int = 30_000  # until an operator who was put out of work by a failed offer is ready again
    callback_share: float = 0.0  # of the callers to whom a callback is offered and who ask for it
    speech_ms_a_char: int = 65  # how long a text is heard; about 150 words a minute
