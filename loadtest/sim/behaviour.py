"""How simulated people behave where neither the arrivals nor the documents say it."""

from __future__ import annotations

import msgspec

from loadtest.sim.errors import SimError

_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000


class Behaviour(msgspec.Struct, frozen=True, kw_only=True):
    """The defaults are the plainest: everybody does everything at once, and nobody takes a break."""

    answer_delay_ms: int = 0  # on average, from half to one and a half times as much
    break_every_ms: int = 0  # of work between two breaks, on average; 0: no breaks
    break_ms: int = 900_000
    return_ms: int = 30_000  # until an operator who was put out of work by a failed offer is ready again
    callback_share: float = 0.0  # of the callers to whom a callback is offered and who ask for it
    speech_ms_a_char: int = 65  # how long a text is heard; about 150 words a minute


def behaviour_of(
    *, answer_delay_ms: int, break_every_min: float, break_min: float, callback_share: float
) -> Behaviour:
    """As typed; raises `SimError` for what is out of range."""
    _within("--answer-delay-ms", answer_delay_ms, 0, _HOUR_MS)
    _within("--break-every-min", break_every_min, 0, _DAY_MS / 60_000)
    _within("--break-min", break_min, 0, _DAY_MS / 60_000)
    _within("--callback-share", callback_share, 0, 1)
    return Behaviour(
        answer_delay_ms=answer_delay_ms,
        break_every_ms=round(break_every_min * 60_000),
        break_ms=round(break_min * 60_000),
        callback_share=callback_share,
    )


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise SimError(f"{name} {value:g}: not between {least:g} and {most:g}")
