"""The listening socket, made by us rather than by the server, for one clear line when the port is busy and
for limits of the kernel.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import socket

from hypercorn.config import Config as HypercornConfig
from hypercorn.protocol import ws_stream
from wsproto.extensions import Extension

from acd_core.certificate import CertificateFiles
from acd_core.config import ConfigError
from agent_web.limits import (
    MESSAGE_BUFFER_MAX_BYTES,
    READ_TIMEOUT_S,
    STOP_TIMEOUT_S,
    TLS_HANDSHAKE_TIMEOUT_S,
    UNACKNOWLEDGED_MAX_MS,
)

_BACKLOG = 512


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; `ConfigError` with what to do when that fails."""
    family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit both: small messages leave at once, and a peer that vanished is noticed.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MAX_MS)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        remedy = {
            errno.EADDRINUSE: "something else uses this port; stop it or set another web.listen_port",
            errno.EACCES: "this port needs more rights; set a web.listen_port above 1023",
            errno.EADDRNOTAVAIL: "this machine has no such address; set another web.listen_host",
        }.get(error.errno or 0, error.strerror or str(error))
        raise ConfigError(f"web: can't listen on {host} port {port}: {remedy}") from error
    return listener


class _NoCompression(Extension):
    """A name that no browser offers, in place of the compression that hypercorn agrees to and has no setting for.

    Measured: a page with it costs 144 KB of memory, without it 49 KB.
    """

    name = "x-santral-none"

    def enabled(self) -> bool:
        """Never: it can't be agreed on."""
        return False

    def offer(self) -> bool:
        """Servers offer nothing."""
        return False


def server_settings(listener: socket.socket, tls: CertificateFiles | None) -> HypercornConfig:
    """How hypercorn serves on this socket. It closes the descriptor it is given, so it gets one of its own."""
    ws_stream.PerMessageDeflate = _NoCompression  # type: ignore[attr-defined, assignment]
    settings = HypercornConfig()
    settings.bind = [f"fd://{listener.dup().detach()}"]
    settings.backlog = _BACKLOG
    settings.include_server_header = False
    settings.accesslog = None
    settings.errorlog = logging.getLogger("hypercorn.error")
    settings.websocket_max_message_size = MESSAGE_BUFFER_MAX_BYTES
    # Hypercorn never gets rid of a connection whose application has ended while messages waited in a full
    # queue. Quart takes them at once and a page that says too much is closed, so it stays short by itself.
    settings.max_app_queue_size = 0
    settings.read_timeout = READ_TIMEOUT_S
    settings.ssl_handshake_timeout = TLS_HANDSHAKE_TIMEOUT_S
    settings.graceful_timeout = STOP_TIMEOUT_S / 2
    # HTTP/2 would put a page's socket and its requests on one connection, where a slow one holds up the others.
    settings.alpn_protocols = ["http/1.1"]
    if tls is not None:
        settings.certfile, settings.keyfile = str(tls.certificate), str(tls.key)
    return settings
