"""Who calls whom, as the core and people read it: ids of calls, and cleaned numbers and names."""

from __future__ import annotations

import secrets

from gateways.edge.limits import CALLER_CHARS_MAX
from gateways.sip.message import Request
from gateways.sip.uri import Uri

ANONYMOUS = "anonymous"
_LATEST_MS = 253_402_300_800_000  # the year 10000, where calendars end
_BASE36 = "0123456789abcdefghijklmnopqrstuvwxyz"
_BASE32 = "0123456789abcdefghjkmnpqrstvwxyz"  # no i, l, o, u: read aloud over the telephone


def new_call_id(now_ms: int) -> str:
    """`c-` + the time in base 36 + `-` + chance: sorts by arrival, unique over edges."""
    digits = ""
    while now_ms:
        now_ms, digit = divmod(now_ms, 36)
        digits = _BASE36[digit] + digits
    return f"c-{digits}-{''.join(secrets.choice(_BASE32) for _ in range(4))}"


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
    """Number and display name of From; RFC 3323 4.1.1.3 for one who would not be known.

    P-Asserted-Identity (RFC 3325) is not read: it may be believed from a trusted trunk alone, and none is
    configured.
    """
    sender = request.from_
    number = number_of(sender.uri)
    if not number or number.lower() == ANONYMOUS or sender.uri.host.lower() == "anonymous.invalid":
        return ANONYMOUS, ""
    name = clean(sender.display_name)
    return number, "" if name == number else name
