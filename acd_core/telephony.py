"""What `santral.toml` says of telephony: the SIP door, how many edges, the trunks, and which numbers may be dialled over which.

Trunks are a table each (`[trunks.carrier]`); their secrets are files below `data_dir`. Dial rules are a list (`[[dial]]`): the
first that matches decides, and a number that none matches is not dialled. What is wrong is said by `problems`, one line each.
"""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Literal, TypeAlias

import msgspec

Transport: TypeAlias = Literal["UDP", "TCP", "TLS"]
NumberKind: TypeAlias = Literal["national", "international", "premium", "emergency", "short"]
DigestAlgorithm: TypeAlias = Literal["MD5", "SHA-256"]

EDGES_MAX = 64
EDGE_NUMBER_MAX = 9_999
TRUNKS_MAX = 500
DIAL_RULES_MAX = 1_000
TRUNK_CAPACITY_MAX = 10_000
HEALTH_S_MIN, HEALTH_S_MAX = 5, 3_600
MIN_SE_S_MIN = 90  # RFC 4028 5
PORTS_BETWEEN_EDGES = 2  # SIP over TLS has the port beside (RFC 3261 19.1.2)

_TRUNK_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*\.?"
)
_PREFIX = re.compile(r"[0-9]{0,15}")
_ADDED = re.compile(r"\+?[0-9*#]{0,15}")


class Sip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The SIP door. `realm` is the digest realm of the phones."""

    listen_host: str = "127.0.0.1"
    listen_port: int = 5060  # UDP
    listen_host6: str = ""  # a second listening address, of the other family; same ports
    tcp_port: int = 0  # 0: not spoken
    tls_port: int = 0  # 0: not spoken
    tls_certificate_file: str = ""
    tls_key_file: str = ""
    tls_client_ca_file: str = ""  # whose certificates peers must show; empty: none is asked for
    advertised_host: str = (
        ""  # what Via, Contact and SDP say; empty: the listen host, or the machine's address for 0.0.0.0
    )
    realm: str = "santral"
    digest: tuple[DigestAlgorithm, ...] = (
        "MD5",
        "SHA-256",
    )  # in the order in which phones are asked for them
    calls_max: int = 2000
    trace_messages_max: int = 200_000  # SIP messages kept for `santral trace`, oldest dropped
    session_expires_s: int = 1_800  # RFC 4028; 0: no session timer of ours
    min_se_s: int = MIN_SE_S_MIN
    reliable_ringing: Literal["never", "supported", "required"] = "supported"  # RFC 3262
    guard_allow: tuple[str, ...] = ()  # networks that are never banned
    guard_ban_s: int = 600
    invites_per_second: int = 1_000  # from one host
    resolver: str = (
        ""  # the DNS server that names of trunks are looked up at, `host:port`; empty: the system's
    )


class Edges(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many edge processes `santral up` starts; `ports` when they shall not listen at every second port.

    The core knows each by its number, so those of another machine begin at another one (`first`).
    """

    count: int = 1
    ports: tuple[int, ...] = ()
    first: int = 1

    @property
    def numbers(self) -> range:
        """The edges of this machine."""
        return range(self.first, self.first + self.count)


class Trunk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A route to a carrier or another exchange. A host name is looked up by the edge, again and again."""

    host: str
    port: int = 0  # 0: what SRV records of the name say (RFC 3263), else 5060, for TLS 5061
    transport: Transport = "UDP"
    hosts: tuple[str, ...] = ()  # addresses that may call in; empty: `host`
    proxy: str = ""  # `host` or `host:port` that requests are sent to instead (a preloaded Route)
    user: str = ""  # empty: the trunk is known by its address alone
    realm: str = ""  # empty: whichever it asks for
    secret_file: str = ""  # H(A1), below data_dir; empty: trunks/NAME
    register: bool = False
    from_user: str = ""  # the user of From; empty: the number that is shown
    capacity: int = 30  # calls at a time, in and out
    order: int = 10  # lower ones are tried first
    weight: int = 1  # among those of one order
    trusted: bool = False  # the caller's number is believed and sent (RFC 3325)
    health_s: int = 30  # between two OPTIONS; 0: none
    # What shows, besides its address, that a call is its: nothing, a certificate of `sip.tls_client_ca_file`, or its secret.
    incoming: Literal["address", "tls", "digest"] = "address"
    session_timers: bool = True


class DialRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Numbers that begin with `prefix` (E.164 without the +; short numbers as dialled) go over `trunks`, one
    after the other: lower `order` first, those of one order by turns, each as often as its `weight`.

    What goes over the wire is the number without its first `strip` digits, after `add`. Only numbers of a kind in `allow` are
    dialled at all.
    """

    trunks: tuple[str, ...]
    prefix: str = ""
    strip: int = 0
    add: str = ""
    allow: tuple[NumberKind, ...] = ("national",)


def trunk_addresses(trunks: Mapping[str, Trunk]) -> tuple[str, ...]:
    """What the guard always hears: the addresses of trunks and their proxies, as far as they are not names."""
    hosts = [host for trunk in trunks.values() for host in (*trunk.hosts, trunk.host)]
    proxies = [proxy[0] for trunk in trunks.values() if (proxy := proxy_address(trunk.proxy))]
    return tuple(host for host in (*hosts, *proxies) if _is_address(host))


def edge_offset(sip: Sip, edges: Edges, edge: int) -> int:
    """How far the ports of edge number `edge` are from those of `[sip]`, which are the first one's."""
    if edges.ports:
        return edges.ports[edge - edges.first] - sip.listen_port
    return (edge - edges.first) * PORTS_BETWEEN_EDGES


def edge_process(edge: int) -> str:
    """What the process of edge number `edge` is called by those who start and watch it."""
    return "edge" if edge == 1 else f"edge{edge}"


def problems(
    sip: Sip, edges: Edges, trunks: Mapping[str, Trunk], dial: tuple[DialRule, ...]
) -> Iterator[str]:
    """What can't be used, each as `key: reason`."""
    yield from _sip_problems(sip)
    yield from _edge_problems(sip, edges)
    if len(trunks) > TRUNKS_MAX:
        yield f"trunks: {len(trunks)} are more than {TRUNKS_MAX}"
    for name, trunk in trunks.items():
        for problem in _trunk_problems(name, trunk):
            yield f"trunks.{name}: {problem}"
        spoken = {"UDP": sip.listen_port, "TCP": sip.tcp_port, "TLS": sip.tls_port}
        if not spoken[trunk.transport]:
            yield f"trunks.{name}: transport {trunk.transport} needs sip.{trunk.transport.lower()}_port"
        if trunk.incoming == "tls" and not (sip.tls_port and sip.tls_client_ca_file):
            yield f"trunks.{name}: incoming: tls needs sip.tls_port and sip.tls_client_ca_file"
    if len(dial) > DIAL_RULES_MAX:
        yield f"dial: {len(dial)} rules are more than {DIAL_RULES_MAX}"
    for number, rule in enumerate(dial, 1):
        for problem in _rule_problems(rule, trunks):
            yield f"dial: rule {number}: {problem}"


def _sip_problems(sip: Sip) -> Iterator[str]:
    if not _is_port(sip.listen_port):
        yield f"sip.listen_port: {sip.listen_port} is not a port (1 to 65535)"
    for key, port in (("tcp_port", sip.tcp_port), ("tls_port", sip.tls_port)):
        if port and not _is_port(port):
            yield f"sip.{key}: {port} is not a port (0: not spoken)"
    if sip.tls_port and sip.tls_port == sip.tcp_port:
        yield f"sip.tls_port: {sip.tls_port} is tcp_port already"
    if bool(sip.tls_certificate_file) != bool(sip.tls_key_file):
        yield "sip: tls_certificate_file and tls_key_file go together"
    elif sip.tls_port and not sip.tls_certificate_file:
        yield "sip.tls_port: needs tls_certificate_file and tls_key_file"
    if not _is_address(sip.listen_host):
        yield f"sip.listen_host: {sip.listen_host!r} is not an IP address of this machine"
    elif sip.listen_host6 and (
        not _is_address(sip.listen_host6) or (":" in sip.listen_host6) == (":" in sip.listen_host)
    ):
        yield f"sip.listen_host6: {sip.listen_host6!r} is not an IP address of the other family than listen_host"
    if not sip.digest or len(set(sip.digest)) < len(sip.digest):
        yield "sip.digest: name MD5, SHA-256 or both, each once"
    if sip.min_se_s < MIN_SE_S_MIN or (sip.session_expires_s and sip.session_expires_s < sip.min_se_s):
        yield f"sip: min_se_s is at least {MIN_SE_S_MIN}, and session_expires_s at least that (0: no session timer)"
    yield from _guard_problems(sip)
    if sip.resolver and not _is_address((proxy_address(sip.resolver) or ("", 0))[0]):
        yield f"sip.resolver: {sip.resolver!r} is not the address of a DNS server, perhaps with a port"


def _guard_problems(sip: Sip) -> Iterator[str]:
    for network in sip.guard_allow:
        if not _is_network(network):
            yield f"sip.guard_allow: {network!r} is not a network such as 10.0.0.0/8"
    if sip.guard_ban_s < 0 or sip.invites_per_second < 1:
        yield "sip: guard_ban_s is at least 0 and invites_per_second at least 1"


def _edge_problems(sip: Sip, edges: Edges) -> Iterator[str]:
    if not 1 <= edges.count <= EDGES_MAX:
        yield f"edges.count: {edges.count} is not within 1 to {EDGES_MAX}"
        return
    if not 1 <= edges.first <= EDGE_NUMBER_MAX:
        yield f"edges.first: {edges.first} is not within 1 to {EDGE_NUMBER_MAX}"
    if edges.ports and len(edges.ports) != edges.count:
        yield f"edges.ports: {len(edges.ports)} ports for {edges.count} edges"
        return
    offsets = [edge_offset(sip, edges, edge) for edge in edges.numbers]
    datagram = [sip.listen_port + offset for offset in offsets]
    stream = [port + offset for port in (sip.tcp_port, sip.tls_port) if port for offset in offsets]
    for ports in (datagram, stream):
        for port, times in Counter(ports).items():
            if not _is_port(port) or times > 1:
                reason = "is taken by two" if times > 1 else "is not a port"
                yield f"edges: with {edges.count} edges port {port} {reason}: set edges.ports"


def _trunk_problems(name: str, trunk: Trunk) -> Iterator[str]:
    if not _TRUNK_NAME.fullmatch(name):
        yield "a name has small letters, digits, _ and -, 32 at most"
    if not _is_host(trunk.host):
        yield f"host: {trunk.host!r} is neither an IP address nor a host name"
    if trunk.port and not _is_port(trunk.port):
        yield f"port: {trunk.port} is not a port (0: as the DNS says, or the usual one)"
    for host in trunk.hosts:
        if not _is_address(host):
            yield f"hosts: {host!r} is not an IP address"
    if trunk.proxy and proxy_address(trunk.proxy) is None:
        yield f"proxy: {trunk.proxy!r} is not a host, or a host and a port"
    if trunk.register and not trunk.user:
        yield "register: needs a user to register as"
    if trunk.incoming == "digest" and not trunk.user:
        yield "incoming: digest needs a user, and its secret"
    if not 1 <= trunk.capacity <= TRUNK_CAPACITY_MAX:
        yield f"capacity: {trunk.capacity} is not within 1 to {TRUNK_CAPACITY_MAX}"
    if trunk.order < 0 or trunk.weight < 1:
        yield "order is at least 0 and weight at least 1"
    if trunk.health_s and not HEALTH_S_MIN <= trunk.health_s <= HEALTH_S_MAX:
        yield f"health_s: {trunk.health_s} is not within {HEALTH_S_MIN} to {HEALTH_S_MAX} (0: no OPTIONS)"


def _rule_problems(rule: DialRule, trunks: Mapping[str, Trunk]) -> Iterator[str]:
    if not _PREFIX.fullmatch(rule.prefix):
        yield f"prefix: {rule.prefix!r} has other than 15 digits at most"
    if not _ADDED.fullmatch(rule.add):
        yield f"add: {rule.add!r} has other than digits, * and #, 15 at most, after a + perhaps"
    if not 0 <= rule.strip <= 15:
        yield f"strip: {rule.strip} is not within 0 to 15"
    if not rule.trunks:
        yield "trunks: name at least one"
    for trunk in rule.trunks:
        if trunk not in trunks:
            yield f"trunks: there is no [trunks.{trunk}]"
    if not rule.allow:
        yield "allow: name at least one kind of number"


def proxy_address(text: str) -> tuple[str, int] | None:
    """Host and port of `host` (port 0), `host:port` or `[address]:port`; None when it is neither."""
    if _is_address(text):
        return text, 0
    host, colon, port = text.rpartition(":")
    if not colon:
        return (text, 0) if _is_host(text) else None
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not _is_host(host) or not (port.isascii() and port.isdigit()) or not _is_port(int(port)):
        return None
    return host, int(port)


def _is_port(port: int) -> bool:
    return 0 < port < 65536


def _is_host(text: str) -> bool:
    return _is_address(text) or (_HOST_NAME.fullmatch(text) is not None and not text[-1].isdigit())


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True
