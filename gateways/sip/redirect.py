"""Where a call goes that was moved (RFC 3261 8.1.3.4): the contacts of a 3xx worth trying, within limits.

A redirect is an order from somebody else to call somebody else. So it is followed a few times and a few targets wide,
never to a target that was tried already, never from `sips` to `sip`, and never as 305: that would hand our calls to
any proxy the peer names. Whether the call may go to such a target at all is for the dial rules to say.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from gateways.sip.errors import SipParseError
from gateways.sip.message import Response
from gateways.sip.registrar import quality_of
from gateways.sip.uri import Uri

DEPTH_MAX = 3  # redirects of redirects
_FOLLOWED = (300, 301, 302)
_SCHEMES = ("sip", "sips", "tel")


def redirect_targets(
    response: Response, tried: Collection[Uri], *, targets_max: int = 5, depth: int
) -> tuple[Uri, ...]:
    """The targets to try, the most wanted first; none when it is not a redirect or one too many.

    `tried` holds every target of this call so far, `depth` is how many redirects led here.
    """
    if response.status not in _FOLLOWED or depth >= DEPTH_MAX:
        return ()
    secure = any(uri.scheme == "sips" for uri in tried)
    try:
        contacts = sorted(response.contacts, key=lambda contact: -quality_of(contact))
    except SipParseError:
        return ()
    targets: list[Uri] = []
    for contact in contacts:
        if len(targets) == targets_max:
            break
        uri = _bare(contact.uri)
        usable = uri.scheme == "sips" if secure else uri.scheme in _SCHEMES
        if usable and not any(uri.is_equivalent(other) for other in (*tried, *targets)):
            targets.append(uri)
    return tuple(targets)


def _bare(uri: Uri) -> Uri:
    """Without what would change the request (RFC 3261 19.1.5): its method and header fields stay ours."""
    params = {name: value for name, value in uri.params.items() if name != "method"}
    return msgspec.structs.replace(uri, headers="", params=params)
