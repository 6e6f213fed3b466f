"""Which requests the transaction layer refuses before its user sees them (RFC 3261 8.2.1 to 8.2.3).

A Max-Forwards of 0 is no reason: it stops a request that would go on (16.3), and most calls end here. Where one goes
on, out through a trunk or to a phone, `hops_onward` is asked.
"""

from __future__ import annotations

import msgspec

from gateways.sip.build import MAX_FORWARDS, reason_phrase
from gateways.sip.capabilities import ACCEPT, EXTENSIONS, METHODS, REGISTRATION_EXTENSIONS, SERVER_NAME
from gateways.sip.errors import SipParseError
from gateways.sip.limits import LIST_ELEMENTS_MAX, REASON_CHARS_MAX
from gateways.sip.message import Request, Response

_SCHEMES = frozenset(("sip", "sips", "tel"))
_MAKE_DIALOGS = frozenset(("INVITE", "REFER"))


class Refusal(msgspec.Struct, frozen=True):
    """The answer to a request that is not handed on."""

    status: int
    reason: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


def judge(request: Request, *, merged: bool, looped: bool, secure: bool) -> Refusal | None:
    """Whether a new request is refused. It has passed `check`; `secure`: it came by TLS."""
    if request.method not in METHODS:
        return Refusal(405)  # `respond` adds Allow, as 8.2.1 demands
    if request.request_uri.scheme not in _SCHEMES:
        return Refusal(416)
    if request.request_uri.scheme == "sips" and not secure:
        return Refusal(480, headers=(("Warning", f'380 {SERVER_NAME} "SIPS Not Allowed"'),))  # RFC 5630 6.1
    if merged or looped:
        return Refusal(482)
    if request.method in _MAKE_DIALOGS and (refusal := _judge_contact(request)) is not None:
        return refusal
    if request.method == "INVITE" and not _takes_descriptions(request):
        return Refusal(406, f"Not Acceptable - {ACCEPT} is all there is")
    if request.get("Require") is not None:
        known = REGISTRATION_EXTENSIONS if request.method == "REGISTER" else EXTENSIONS
        unsupported = [option for option in request.get_list("Require") if option.lower() not in known]
        if unsupported:
            return Refusal(420, headers=(("Unsupported", ", ".join(unsupported)),))
    return None


def _judge_contact(request: Request) -> Refusal | None:
    """RFC 3261 8.1.1.8: exactly one, and one that requests can be sent to; within a dialog it may be left out."""
    contacts = request.contacts
    if not contacts and request.to.tag is not None:
        return None
    if not contacts:
        return Refusal(400, "Bad Request - Contact: missing")
    if len(contacts) > 1:
        return Refusal(400, "Bad Request - Contact: more than one")
    if contacts[0].uri.scheme not in ("sip", "sips"):
        return Refusal(400, "Bad Request - Contact: no SIP URI")
    return None


def _takes_descriptions(request: Request) -> bool:
    """RFC 3261 20.1: an answer is a session description, unless Accept says that none would be read."""
    if request.get("Accept") is None:
        return True
    ranges = {element.partition(";")[0].strip(" \t").lower() for element in request.get_list("Accept")}
    return not ranges.isdisjoint(("application/sdp", "application/*", "*/*"))


def hops_onward(request: Request) -> int | None:
    """The Max-Forwards of a request that is made because of this one (RFC 7332 3); None: it may go no further."""
    hops = request.max_forwards
    if hops is None:
        return MAX_FORWARDS - 1
    return min(hops, MAX_FORWARDS) - 1 if hops > 0 else None


def judge_malformed(message: Request | Response | None, error: SipParseError) -> Refusal | None:
    """The answer to a message that cannot be understood; None when it cannot or must not be answered."""
    if not isinstance(message, Request) or message.method == "ACK":
        return None
    if any(message.get(name) is None for name in ("Via", "From", "To", "Call-ID", "CSeq")):
        return None
    if sum(name == "Via" for name, _ in message.headers) > LIST_ELEMENTS_MAX:
        return None  # the answer, which repeats them all, would be no better
    return Refusal(error.status, f"{reason_phrase(error.status)} - {error}"[:REASON_CHARS_MAX])
