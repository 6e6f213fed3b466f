"""Which transaction a message belongs to (RFC 3261 17.1.3, 17.2.3), and where answers go (18.2, RFC 3581)."""

from __future__ import annotations

from gateways.sip.errors import SipParseError
from gateways.sip.events import Address, ClientKey, ServerKey
from gateways.sip.headers import MAGIC_COOKIE, Via, default_port
from gateways.sip.message import Request


def client_key(branch: str, method: str) -> ClientKey:
    return ClientKey(f"{method} {branch}")


def server_key(request: Request, method: str = "") -> ServerKey:
    """RFC 3261 17.2.3: ACK and CANCEL are matched to their INVITE."""
    via = request.via
    method = method or request.method
    if method == "ACK":
        method = "INVITE"
    branch = via.branch
    if branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE):
        return ServerKey(f"{method} {via.sent_by} {branch}")
    # An element of RFC 2543 (17.2.3): what its requests have in common with their copies, ACK and CANCEL.
    parts = (
        method,
        request.uri,
        request.from_.tag or "",
        request.call_id,
        str(request.cseq.number),
        str(via),
    )
    return ServerKey("\n".join(parts))


def reply_address(via: Via, source: Address) -> Address:
    """RFC 3261 18.2.2 and RFC 3581 4: to where the request came from.

    `maddr` is not followed: it would let anybody aim our responses at a third party.
    """
    if "rport" in via.params:
        return source
    return source[0], via.port or default_port(via.transport)


def reply_addresses(request: Request, source: Address, *, reliable: bool) -> tuple[Address, Address | None]:
    """Where responses go, and where else when that is a connection which is gone (RFC 3261 18.2.2)."""
    via = request.via
    if reliable:
        return source, (source[0], via.port or default_port(via.transport))
    return reply_address(via, source), None


def stamp_via(request: Request, source: Address) -> bool:
    """Note in the top Via where it came from (RFC 3261 18.2.1, RFC 3581 4); False: no readable Via."""
    try:
        via = request.via
    except SipParseError:
        return False
    rport_asked = "rport" in via.params
    changes: dict[str, str | None] = {}
    if rport_asked or via.host != source[0]:
        changes["received"] = source[0]
    if rport_asked:
        changes["rport"] = str(source[1])
    if changes:
        request.replace_top_via(via.with_params(**changes))
    return True


def call_of(request: Request) -> tuple[str, str, int]:
    """What a CANCEL has in common with its INVITE, besides the branch (RFC 3261 9.1)."""
    return request.call_id, request.from_.tag or "", request.cseq.number
