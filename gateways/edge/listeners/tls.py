"""TLS for SIP (RFC 3261 26.2.1): what we show, what we ask for.

Connections that come in are served with our certificate; with a CA for clients, nobody without a certificate of it is served.
Connections that we make are encrypted in any case, and authenticated when that CA is there: the far end is then known as one
of ours. Names are not compared (RFC 5922 7), since hosts are reached by address here; so without a CA a connection of ours is
safe from who listens, not from who stands in between.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from gateways.edge.listeners.place import PointError


class TlsContexts:
    """Both sides' contexts; raises `PointError` when the files don't serve."""

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None = None) -> None:
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client.check_hostname = False
        self.client.verify_mode = ssl.CERT_NONE
        for context in (self.server, self.client):
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            try:
                # An empty password, so that nobody is asked for one at a terminal that is not there.
                context.load_cert_chain(certificate, key, password="")
            except (ssl.SSLError, OSError) as error:
                raise PointError(
                    f"sip: {certificate} and {key} are no certificate and its key without a password, both PEM: {error}"
                ) from error
            if client_ca is not None:
                try:
                    context.load_verify_locations(client_ca)
                except (ssl.SSLError, OSError) as error:
                    raise PointError(f"sip: tls_client_ca_file {client_ca}: {error}") from error
                context.verify_mode = ssl.CERT_REQUIRED
