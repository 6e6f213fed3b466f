"""Who calls whom, as the core and people read it: ids of calls, and cleaned numbers and names."""

from __future__ import annotations

import secrets

from acd_core.numbers import normalise
from gateways.edge.limits import CALLER_CHARS_MAX
from gateways.sip.message import Request
from gateways.sip.uri import Uri

ANONYMOUS = "anonymous"
_LATEST_MS = 253_402_300_800_000  # the year 10000, where calendars end
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: read aloud over the telephone
_CHANCE_CHARS = 3
_PRIVATE = frozenset({"id", "user", "header"})  # `session` and `critical` are not about who calls


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
        """The id of a call that arrives now; the time in it never goes back."""
        if now_ms > self._last_ms:
            self._last_ms, self._count = now_ms, 0
        else:
            self._count += 1
        if self._count == len(_BASE32) ** 2:
            self._last_ms, self._count = self._last_ms + 1, 0
        high, low = divmod(self._count, len(_BASE32))
        chance = "".join(secrets.choice(_BASE32) for _ in range(_CHANCE_CHARS))
        return f"c-{_base36(self._last_ms)}-{_BASE32[high]}{_BASE32[low]}{chance}"


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
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())[:CALLER_CHARS_MAX]


def dialled_of(request: Request) -> str:
    """The number in the Request-URI."""
    return number_of(request.request_uri)


def number_of(uri: Uri) -> str:
    """The user part without parameters (RFC 3261 19.1.6 puts those of a tel URI there)."""
    return clean(uri.user_text.partition(";")[0])


def caller_of(request: Request) -> tuple[str, str]:
    """Number and display name of From; `ANONYMOUS` for one who would not be known.

    That is said by the address (RFC 3323 4.1.1.3), by `Privacy` (4.2; `id` is RFC 3325 9.3), or by exchanges that
    know neither in the display name alone. P-Asserted-Identity (RFC 3325) is not read: it may be believed from a
    trusted trunk alone, and none is configured.
    """
    sender = request.from_
    number, name = number_of(sender.uri), clean(sender.display_name)
    nameless = ANONYMOUS in (number.lower(), name.lower()) or sender.uri.host.lower() == "anonymous.invalid"
    if not number or nameless or _wants_privacy(request):
        return ANONYMOUS, ""
    return number, "" if name == number else name


def international(caller: str, country: str) -> str:
    """The number that a caller is remembered by; empty for one who would not be known, or who has none."""
    return "" if caller == ANONYMOUS else normalise(caller, country)


def _wants_privacy(request: Request) -> bool:
    """RFC 3323 4.2: values are divided by semicolons (some write commas); `none` alone asks for nothing."""
    asked = {
        value.strip().lower()
        for line in request.get_all("Privacy")
        for value in line.replace(",", ";").split(";")
    }
    return not asked.isdisjoint(_PRIVATE)
