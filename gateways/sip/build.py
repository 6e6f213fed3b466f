"""Making requests and responses (RFC 3261 8.1.1, 8.2.6)."""

from __future__ import annotations

from collections.abc import Iterable

from gateways.sip.capabilities import ACCEPT, ALLOW, SERVER_NAME, SUPPORTED
from gateways.sip.headers import CSeq, NameAddr
from gateways.sip.message import Request, Response
from gateways.sip.uri import Uri

MAX_FORWARDS = 70  # RFC 3261 8.1.1.6

REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    439: "First Hop Lacks Outbound Support",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    491: "Request Pending",
    493: "Undecipherable",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}


def reason_phrase(status: int) -> str:
    """The usual words for a status."""
    return REASONS.get(status, "Unknown")


def respond(
    request: Request,
    status: int,
    reason: str | None = None,
    *,
    to_tag: str | None = None,
    contact: NameAddr | str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
) -> Response:
    """The response to `request`.

    `to_tag` is added when the request has none: give the dialog's tag for a response that makes a dialog;
    else the transaction layer adds one. `contact` is needed in a 2xx to an INVITE.
    """
    method = request.method
    fields: list[tuple[str, str]] = []
    for field in request.headers:
        name = field[0]
        if name in _ECHOED:
            if name == "To" and to_tag is not None and request.to.tag is None:
                fields.append(("To", f"{field[1]};tag={to_tag}"))
            else:
                fields.append(field)
        elif name == "Record-Route" and 101 <= status <= 299 and method != "REGISTER":
            fields.append(field)  # RFC 3261 12.1.1; a REGISTER makes no dialog: 10.3
        elif name == "Timestamp" and status == 100:
            fields.append(field)  # RFC 3261 8.2.6.1
    if contact is not None:
        fields.append(("Contact", str(contact)))
    if status == 405 or (100 < status < 300 and method in _TELLING):
        fields.append(("Allow", ALLOW))
    if status < 300 and status != 100 and method in _TELLING and SUPPORTED:
        fields.append(("Supported", SUPPORTED))
    if method == "OPTIONS" and status == 200:
        fields.append(("Accept", ACCEPT))
    fields.append(("Server", SERVER_NAME))
    fields.extend(headers)
    if body and content_type:
        fields.append(("Content-Type", content_type))
    return Response(status, reason if reason is not None else reason_phrase(status), fields, body)


# Which tell what we can, both ways (RFC 3261 13.2.1, 11.1; RFC 3311 5.1; RFC 4028 7.4 needs `timer` in a refresh).
_TELLING = frozenset(("INVITE", "OPTIONS", "UPDATE"))
_ECHOED = frozenset(("Via", "From", "To", "Call-ID", "CSeq"))


def make_request(
    method: str,
    uri: Uri | str,
    *,
    from_: NameAddr,
    to: NameAddr,
    call_id: str,
    cseq: int,
    contact: NameAddr | str | None = None,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str | None = None,
    max_forwards: int = MAX_FORWARDS,
) -> Request:
    """A request without Via, which the transaction layer adds. `from_` carries our tag.

    `max_forwards` is what is left for one that is made because of another (`admission.hops_onward`).
    """
    fields = [
        ("Max-Forwards", str(max_forwards)),
        ("From", str(from_)),
        ("To", str(to)),
        ("Call-ID", call_id),
        ("CSeq", str(CSeq(cseq, method))),
    ]
    if contact is not None:
        fields.append(("Contact", str(contact)))
    if method in _TELLING:
        fields.append(("Allow", ALLOW))
        if SUPPORTED:
            fields.append(("Supported", SUPPORTED))
    fields.append(("User-Agent", SERVER_NAME))
    fields.extend(headers)
    if body and content_type:
        fields.append(("Content-Type", content_type))
    return Request(method, str(uri), fields, body)


def derived_request(method: str, original: Request) -> Request:
    """ACK for a non-2xx (RFC 3261 17.1.1.3) or CANCEL (9.1) of an INVITE that was sent.

    Both repeat its Request-URI, top Via, Route, From, Call-ID and CSeq number. The ACK's To comes from the
    response and is set by the caller.
    """
    fields = [("Via", str(original.via))]
    fields += [field for field in original.headers if field[0] in ("Route", "From", "To", "Call-ID")]
    fields.append(("CSeq", str(CSeq(original.cseq.number, method))))
    fields.append(("Max-Forwards", str(MAX_FORWARDS)))
    return Request(method, original.uri, fields)
