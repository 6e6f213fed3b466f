"""Why a call ends, in words of the other network (RFC 3326), and which of its causes a status is (RFC 3398).

`Reason` stands in BYE and CANCEL (and, from gateways, in refusals): `Q.850;cause=16;text="Normal call clearing"`. A
message may carry one for each protocol; the telephone network's tells more than a status that was made of it.
"""

from __future__ import annotations

import msgspec

from gateways.sip.errors import SipParseError
from gateways.sip.message import Message
from gateways.sip.scan import is_token, parse_number, parse_params, quote, unquote

_CAUSE_MAX = 999
_TEXT_CHARS_MAX = 120

# ITU-T Q.850 causes for a final status: RFC 3398 8.2.6.1 (and 16, 17, 31 where it leaves the choice).
_CAUSE_OF_STATUS = {
    400: 41, 401: 21, 402: 21, 403: 21, 404: 1, 405: 63, 406: 79, 407: 21, 408: 102, 410: 22, 413: 127, 414: 127,
    415: 79, 416: 127, 420: 127, 421: 127, 423: 127, 480: 18, 481: 41, 482: 25, 483: 25, 484: 28, 485: 1, 486: 17,
    487: 16, 488: 65, 491: 41, 500: 41, 501: 79, 502: 38, 503: 41, 504: 102, 505: 127, 513: 127, 600: 17, 603: 21,
    604: 1, 606: 58,
}  # fmt: skip


class Reason(msgspec.Struct, frozen=True):
    """One value of a Reason header field."""

    protocol: str
    cause: int
    text: str = ""

    def __str__(self) -> str:
        """The value as it is written."""
        text = f";text={quote(self.text)}" if self.text else ""
        return f"{self.protocol};cause={self.cause}{text}"


# RFC 3326 2: for the branches that lose when another phone answers.
COMPLETED_ELSEWHERE = Reason("SIP", 200, "Call completed elsewhere")


def read_reasons(message: Message) -> tuple[Reason, ...]:
    """Every reason with a cause, in order; what cannot be read says nothing and is passed over."""
    try:
        values = message.get_list("Reason")
    except SipParseError:
        return ()
    return tuple(reason for value in values if (reason := _parse(value)) is not None)


def read_reason(message: Message) -> Reason | None:
    """The reason that tells most: the telephone network's, else the first."""
    reasons = read_reasons(message)
    return next((reason for reason in reasons if reason.protocol == "Q.850"), reasons[0] if reasons else None)


def reason_header(reason: Reason) -> tuple[str, str]:
    """The header field."""
    return "Reason", str(reason)


def reason_of_status(status: int) -> Reason:
    """A final status of 300 or more in the telephone network's words."""
    cause = _CAUSE_OF_STATUS.get(status) or {4: 127, 5: 38, 6: 31}.get(status // 100, 31)
    return Reason("Q.850", cause)


def _parse(value: str) -> Reason | None:
    protocol, semicolon, rest = value.partition(";")
    protocol = protocol.strip(" \t")
    try:
        params = parse_params(semicolon + rest, "Reason")
        cause = parse_number(params.get("cause") or "", _CAUSE_MAX, "Reason")
    except SipParseError:
        return None
    if not is_token(protocol):
        return None
    text = params.get("text") or ""
    if text.startswith('"'):
        text = unquote(text)
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return Reason(protocol.upper(), cause, text[:_TEXT_CHARS_MAX])
