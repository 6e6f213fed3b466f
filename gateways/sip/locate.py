"""Finding the servers of a name by RFC 3263, as far as it is rules: which records to ask for, in which order to try them.

No question is asked here and no chance is taken: whoever asks brings the records and the draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from gateways.sip.events import Transport

# RFC 3263 4.1: what NAPTR records call the transports, and 4.2: where the SRV records of each are without them.
_SERVICES: dict[Transport, str] = {"UDP": "SIP+D2U", "TCP": "SIP+D2T", "TLS": "SIPS+D2T"}
_PREFIXES: dict[Transport, str] = {"UDP": "_sip._udp.", "TCP": "_sip._tcp.", "TLS": "_sips._tcp."}


class Naptr(NamedTuple):
    """RFC 3403 4.1."""

    order: int
    preference: int
    flags: str
    service: str
    replacement: str


class Server(NamedTuple):
    """An SRV record (RFC 2782), and the addresses of its target."""

    priority: int
    weight: int
    port: int
    addresses: tuple[str, ...]


def srv_names(host: str, transport: Transport, records: Iterable[Naptr]) -> tuple[str, ...]:
    """Which names have the SRV records, the best first: those that NAPTR names for this transport, else the usual one.

    Records with other flags than "s", or with a rule instead of a replacement, are for other applications.
    """
    fitting = [
        record
        for record in records
        if record.flags.lower() == "s"
        and record.service.upper() == _SERVICES[transport]
        and record.replacement not in ("", ".")
    ]
    fitting.sort(key=lambda record: (record.order, record.preference))
    return tuple(record.replacement for record in fitting) or (_PREFIXES[transport] + host,)


def in_order(servers: Iterable[Server], draw: Callable[[int], int]) -> list[Server]:
    """Lower priorities first, within one priority by chance as the weights say (RFC 2782, "Weight").

    `draw(n)` gives a number from 0 to n.
    """
    waiting = sorted(servers, key=lambda server: (server.priority, server.weight))
    ordered: list[Server] = []
    while waiting:
        group = [server for server in waiting if server.priority == waiting[0].priority]
        drawn = draw(sum(server.weight for server in group))
        for server in group:  # those of weight 0 stand first, and are drawn by a 0 alone
            drawn -= server.weight
            if drawn <= 0:
                break
        ordered.append(server)
        waiting.remove(server)
    return ordered
