"""The ports that calls and pages come in by."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from pathlib import Path

from acd_core.config import Config
from gateways.edge.listeners.opening import places_of, tls_contexts
from gateways.edge.listeners.place import PORT_SETTINGS, PointError
from gateways.webrtc.addresses import listen_hosts
from santral.checks.finding import Finding, Status, fail, ok, warn

RTP_PORTS_TRIED = 100
RTP_LEGS_WANTED = 40  # twenty conversations
_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")


def sip_port(config: Config, running: int | None) -> Finding:
    """Every port of every edge: the first that can't be had, else all of them in one line."""
    found: list[Finding] = []
    for edge in config.edges.numbers:
        for place in places_of(config, edge):
            kind = socket.SOCK_DGRAM if place.transport == "UDP" else socket.SOCK_STREAM
            setting = PORT_SETTINGS[place.transport]
            found.append(one_port("sip", kind, place.host, place.port, running, setting=setting))
    for finding in found:
        if finding.status is Status.FAIL:
            return finding
    if config.sip.tls_port and running is None:
        try:
            tls_contexts(config)
        except PointError as error:
            return fail(str(error), "set [sip] tls_certificate_file and tls_key_file")
    return ok("; ".join(finding.text for finding in found))


def web_port(config: Config, running: int | None) -> Finding:
    return one_port("web", socket.SOCK_STREAM, config.web.listen_host, config.web.listen_port, running)


def browser_port(config: Config, running: int | None) -> Finding:
    """One for the audio of all browsers, on each of their addresses; any free one unless it was set."""
    port = config.webrtc.listen_port
    if not port:
        return ok("any free UDP port")
    found = [one_port("webrtc", socket.SOCK_DGRAM, host, port, running) for host in listen_hosts(config)]
    return max(found, key=lambda finding: finding.status is Status.FAIL)


def rtp_ports(config: Config, running: int | None) -> Finding:
    """Large enough for a small line and not in use by others, as far as a sample tells."""
    host = config.rtp.listen_host or config.sip.listen_host
    low, high = config.rtp.port_min, config.rtp.port_max
    legs = (high - low + 1) // 2
    where = f"UDP {host} ports {low} to {high}, {legs} legs"
    if legs < RTP_LEGS_WANTED:
        return warn(where, f"widen [rtp] port_min to port_max for at least {RTP_LEGS_WANTED} legs")
    if running is not None:
        return ok(f"{where} (in use by the running santral, pid {running})")
    step = max((high - low + 1) // RTP_PORTS_TRIED, 1)
    tried = range(low, high + 1, step)
    taken = 0
    for port in tried:
        problem = bind_problem(socket.SOCK_DGRAM, host, port)
        if problem is not None and problem.errno != errno.EADDRINUSE:
            return fail(f"{where}: {problem.strerror}", "set [rtp] listen_host to an address of this machine")
        taken += problem is not None
    if taken == len(tried):
        return fail(f"{where}: all taken", "set [rtp] port_min and port_max to a free range")
    if taken:
        return warn(f"{where}: {taken} of {len(tried)} tried are taken", "choose a range nobody else uses")
    if overlap := _overlap_with_ephemeral(low, high):
        return warn(f"{where}: the system hands out {overlap} to others", "end the range below these")
    return ok(where)


def addresses(config: Config) -> Finding:
    """Who can reach us, and whether what we tell others leads back here."""
    for section, listen, advertised in (
        ("sip", config.sip.listen_host, config.sip.advertised_host),
        ("web", config.web.listen_host, config.web.advertised_host),
    ):
        everywhere = ipaddress.ip_address(listen).is_unspecified
        if everywhere and not advertised and machine_address() is None:
            return fail(
                f"[{section}] listens on all addresses, and this machine has none that others can reach",
                f"set [{section}] advertised_host",
            )
    if ipaddress.ip_address(config.sip.listen_host).is_loopback:
        return ok("SIP on this machine only; set [sip] listen_host to let phones in")
    told = config.sip.advertised_host or machine_address() or config.sip.listen_host
    return ok(f"phones are told to come to {told}")


def machine_address() -> str | None:
    """The address that this machine would use towards others. Nothing is sent: UDP has no greeting."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: an address that is nobody's
        except OSError:
            return None
        return str(probe.getsockname()[0])


def bind_problem(kind: socket.SocketKind, host: str, port: int) -> OSError | None:
    """Why the port can't be had just now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, kind) as probe:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # or it would meet its IPv4 twin
            if kind == socket.SOCK_STREAM:
                # As the server does: a connection in TIME_WAIT does not make the port busy.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            if kind == socket.SOCK_STREAM:
                probe.listen(1)
    except OSError as error:
        return error
    return None


def one_port(
    section: str,
    kind: socket.SocketKind,
    host: str,
    port: int,
    running: int | None,
    *,
    setting: str = "listen_port",
) -> Finding:
    """Whether the port of this section can be had."""
    transport = "UDP" if kind == socket.SOCK_DGRAM else "TCP"
    where = f"{transport} {host} port {port}"
    problem = bind_problem(kind, host, port)
    if problem is None:
        return ok(where)
    if problem.errno == errno.EADDRINUSE:
        if running is not None:
            return ok(f"{where} (in use by the running santral, pid {running})")
        return fail(
            f"{where} is in use by another program",
            f"stop that program (ss -lnp 'sport = :{port}' shows it), or set [{section}] {setting}",
        )
    if problem.errno == errno.EACCES:
        return fail(f"{where} needs root's rights", f"set [{section}] {setting} to 1024 or above")
    if problem.errno == errno.EADDRNOTAVAIL:
        return fail(f"{host} is no address of this machine", f"set [{section}] listen_host (ip address)")
    return fail(f"{where}: {problem.strerror or os.strerror(problem.errno or 0)}", f"look at [{section}]")


def _overlap_with_ephemeral(low: int, high: int) -> str:
    try:
        first, last = map(int, _EPHEMERAL_RANGE.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return ""
    return f"{max(low, first)} to {min(high, last)}" if low <= last and first <= high else ""
