"""Who calls whom, as the core and people read it: ids of calls, and cleaned numbers and names."""

from __future__ import annotations

from acd_core.numbers import normalise
from gateways.edge import chance
from gateways.edge.clock import STEP_MS
from gateways.sip.identity import Identity, number_of, plain
from gateways.sip.message import Request

ANONYMOUS = "anonymous"
_LATEST_MS = 253_402_300_800_000  # the year 10000, where calendars end
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: read aloud over the telephone
_CHANCE_CHARS = 3


class CallIds:
    """Makes the ids of calls: `c-` + the time in base 36 + `-` + a count within the millisecond + chance.

    They sort by arrival, also within one millisecond, because the core breaks ties of arrival by id; chance keeps the ids of
    several edges apart.
    """

    def __init__(self) -> None:
        """One for all calls of an edge."""
        self._last_ms = 0
        self._count = 0

    def next(self, now_ms: int) -> str:
        """The id of a call that arrives now; the time in it goes back as little as the clock's, only when that was wrong."""
        if now_ms > self._last_ms or self._last_ms - now_ms > STEP_MS:
            self._last_ms, self._count = now_ms, 0
        else:
            self._count += 1
        if self._count == len(_BASE32) ** 2:
            self._last_ms, self._count = self._last_ms + 1, 0
        high, low = divmod(self._count, len(_BASE32))
        apart = "".join(_BASE32[byte % 32] for byte in chance.take(_CHANCE_CHARS))
        return f"c-{_base36(self._last_ms)}-{_BASE32[high]}{_BASE32[low]}{apart}"


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _BASE36[digit] + digits
    return digits


def arrived_ms_of(call_id: str) -> int:
    """When a call with this id was let in; 0 for what is no id of ours."""
    parts = call_id.split("-")
    try:
        at_ms = int(parts[1], 36) if len(parts) == 3 and parts[0] == "c" else 0
    except ValueError:
        return 0
    return at_ms if 0 <= at_ms < _LATEST_MS else 0


def clean(text: str) -> str:
    """Printable, single-spaced, bounded."""
    return plain(text)


def dialled_of(request: Request) -> str:
    """The number in the Request-URI."""
    return number_of(request.request_uri)


def caller_of(identity: Identity) -> tuple[str, str]:
    """Number and display name as operators see them; `ANONYMOUS` for one who would not be known, or has no number."""
    if identity.private or not identity.number:
        return ANONYMOUS, ""
    return identity.number, identity.name


def diverted_by(identity: Identity) -> tuple[str, ...]:
    """The numbers that passed the call on, the last one first; those that would not be known are left out."""
    return tuple(one.number for one in identity.diversions if one.number and not one.private)


def international(caller: str, country: str) -> str:
    """The number that a caller is remembered by; empty for one who would not be known, or who has none."""
    return "" if caller == ANONYMOUS else normalise(caller, country)
