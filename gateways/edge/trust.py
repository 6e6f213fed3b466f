"""Who may speak in a dialog (RFC 3261 26.1.4: a BYE that somebody else sends ends the call just as well).

The tags of a dialog are no secret: they pass every proxy, and lie in traces. So a request within a dialog is believed
only from a host where the dialog lives: where its messages have come from so far, where its route set and its target
are, and, when that is a trunk, any of that trunk's hosts. One from elsewhere is answered as if the dialog were not here.
A name among them is not looked up, as everywhere.

A phone that moves to another network in the middle of a call is thereby a stranger, and has to call anew.
"""

from __future__ import annotations

from gateways.edge.trunks import Trunks
from gateways.sip.dialog import Dialog
from gateways.sip.events import Flow
from gateways.sip.uri import same_host


def may_speak(dialog: Dialog, peer: Flow, source: Flow, trunks: Trunks) -> bool:
    """Whether a request of this dialog, whose messages came from `peer`, is believed from `source`."""
    if source.host == peer.host:
        return True
    uris = [dialog.remote_target, *(hop.uri for hop in dialog.route_set)]
    if any(same_host(source.host, uri.host) for uri in uris):
        return True
    trunk = trunks.of_source(peer)
    return trunk is not None and trunk.is_at(source.host)
