"""How a registered phone is reached (RFC 3327, RFC 5626): by the proxies it came through, by the flow it came on.

`Path` is the way back: the proxies between the phone and us, which calls to it take as `Route`. A phone behind a router
is reached only by the very flow that its REGISTER came on; with `outbound` it says so, names the device (`+sip.instance`)
and numbers its flows (`reg-id`), so that a new flow takes the place of the one that broke. That needs a first hop which
keeps flows: ourselves when the phone speaks to us directly, else a proxy that marks its Path with `ob`.
"""

from __future__ import annotations

from gateways.sip.admission import Refusal
from gateways.sip.errors import SipParseError
from gateways.sip.headers import NameAddr
from gateways.sip.message import Request
from gateways.sip.reliable import lists_option
from gateways.sip.scan import parse_number

OPTION = "outbound"
PATH_OPTION = "path"
_REG_ID_MAX = 2**31 - 1  # RFC 5626 4.2


def path_of(request: Request) -> tuple[NameAddr, ...]:
    """The proxies on the way to the phone, the one next to us first; raises `SipParseError`."""
    return tuple(NameAddr.parse(value, "Path") for value in request.get_list("Path"))


def is_flow_bound(request: Request) -> bool | Refusal:
    """Whether a REGISTER binds its flow by the rules of RFC 5626 6; what breaks them is refused.

    Raises `SipParseError`. A phone that names a flow but does not know `outbound` is an ordinary one.
    """
    flows = [
        contact
        for contact in request.contacts
        if "reg-id" in contact.params and "+sip.instance" in contact.params
    ]
    if not flows or not lists_option(request, "Supported", OPTION):
        return False
    if len(flows) > 1:
        return Refusal(400, "Bad Request - Contact: one flow at a time")
    if parse_number(flows[0].params.get("reg-id") or "", _REG_ID_MAX, "reg-id") < 1:
        raise SipParseError("not a number of a flow", "reg-id")
    path = path_of(request)
    # The first hop is the last of the Path, and keeps flows when it says so; a hop that left no Path does not.
    keeps_flows = "ob" in path[-1].uri.params if path else len(request.vias) == 1
    return True if keeps_flows else Refusal(439)
