"""Which places an edge listens at, by its configuration, and what listens there."""

from __future__ import annotations

from collections.abc import Callable

from acd_core.config import Config
from gateways.edge.clock import Clock
from gateways.edge.listeners.place import Listener, Owner, Place
from gateways.edge.listeners.stream import StreamLimits, StreamListener
from gateways.edge.listeners.tls import TlsContexts
from gateways.edge.listeners.udp import UdpListener
from gateways.sip.events import Transport


def places_of(config: Config, number: int) -> list[Place]:
    """Those of edge number `number`, counted from 1; UDP at `listen_host` is the first."""
    ports: list[tuple[Transport, int]] = [("UDP", config.sip_port_of(number))]
    ports += [("TCP", port)] if (port := config.tcp_port_of(number)) else []
    ports += [("TLS", port)] if (port := config.tls_port_of(number)) else []
    hosts = [host for host in (config.sip.listen_host, config.sip.listen_host6) if host]
    return [Place(transport, host, port) for transport, port in ports for host in hosts]


def tls_contexts(config: Config) -> TlsContexts:
    """Made of the files of the configuration; raises `PointError`."""
    sip = config.sip
    return TlsContexts(
        config.resolve(sip.tls_certificate_file),
        config.resolve(sip.tls_key_file),
        config.resolve(sip.tls_client_ca_file) if sip.tls_client_ca_file else None,
    )


def listener_at(
    place: Place,
    owner: Owner,
    clock: Clock,
    make_tls: Callable[[], TlsContexts] | None,
    limits: StreamLimits | None,
) -> Listener:
    """Not open yet."""
    if place.transport == "UDP":
        return UdpListener(place, owner)
    tls = make_tls() if place.transport == "TLS" and make_tls is not None else None
    return StreamListener(place, owner, clock, tls=tls, limits=limits)
