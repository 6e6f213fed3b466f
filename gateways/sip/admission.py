"""Which requests the transaction layer refuses before its user sees them (RFC 3261 8.2.1 to 8.2.3, 16.3)."""

from __future__ import annotations

import msgspec

from gateways.sip.build import reason_phrase
from gateways.sip.capabilities import EXTENSIONS, METHODS
from gateways.sip.errors import SipParseError
from gateways.sip.limits import LIST_ELEMENTS_MAX, REASON_CHARS_MAX
from gateways.sip.message import Request, Response

_SCHEMES = frozenset(("sip", "sips", "tel"))


class Refusal(msgspec.Struct, frozen=True):
    """The answer to a request that is not handed on."""

    status: int
    reason: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


def judge(request: Request, *, merged: bool) -> Refusal | None:
    """Whether a new request is refused. It has passed `check`."""
    if request.method not in METHODS:
        return Refusal(405)  # `respond` adds Allow, as 8.2.1 demands
    if request.request_uri.scheme not in _SCHEMES:
        return Refusal(416)
    if request.max_forwards == 0 and request.method != "OPTIONS":
        return Refusal(483)  # an OPTIONS may ask for the element at which it stops: 11
    if merged:
        return Refusal(482)
    if request.method == "INVITE" and request.to.tag is None and not request.contacts:
        return Refusal(400, "Bad Request - Contact: missing")  # 8.1.1.8: a dialog needs one
    if request.get("Require") is not None:
        unsupported = [option for option in request.get_list("Require") if option.lower() not in EXTENSIONS]
        if unsupported:
            return Refusal(420, headers=(("Unsupported", ", ".join(unsupported)),))
    return None


def judge_malformed(message: Request | Response | None, error: SipParseError) -> Refusal | None:
    """The answer to a message that cannot be understood; None when it cannot or must not be answered."""
    if not isinstance(message, Request) or message.method == "ACK":
        return None
    if any(message.get(name) is None for name in ("Via", "From", "To", "Call-ID", "CSeq")):
        return None
    if sum(name == "Via" for name, _ in message.headers) > LIST_ELEMENTS_MAX:
        return None  # the answer, which repeats them all, would be no better
    return Refusal(error.status, f"{reason_phrase(error.status)} - {error}"[:REASON_CHARS_MAX])
