"""What `santral.toml` says of several machines: which parts run here, and how those of other machines reach the core.

The parts of one machine speak over Unix sockets. The core may also listen for edges and pages on other machines (`[link]
listen`); there, `[link] core` says where it is. Both sides hold the same secret, a file below `data_dir` or the environment
variable `SANTRAL_LINK_SECRET`, never `santral.toml`, which people copy and show around.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

Part: TypeAlias = Literal["core", "edge", "web"]

SILENCE_S_MIN, SILENCE_S_MAX = 1, 60

_HOST_NAME = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]{0,62})(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62}))*\.?"
)


class Link(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The link between machines: TCP with TLS, and a secret that both sides prove they have."""

    listen: str = ""  # host:port where the core listens for other machines; empty: it doesn't
    core: str = ""  # host:port of the core, when it runs on another machine
    certificate_file: str = ""  # the core's, with key_file; empty: made at first start
    key_file: str = ""
    trust_file: str = (
        ""  # the core's certificate, or the authority that signed it; empty: data_dir/link/core.crt
    )
    secret_file: str = ""  # empty: data_dir/link/secret
    silence_s: int = 10  # after which the other side counts as gone; also towards processes of this machine


def host_and_port(text: str) -> tuple[str, int] | None:
    """Of `host:port` or `[address]:port`; None when it is neither."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        return None  # which colon ends an address can't be told without brackets
    if not colon or not (_is_address(host) or _is_name(host)):
        return None
    if not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        return None
    return host, int(port)


def problems_of(link: Link, parts: tuple[Part, ...], dsn: str) -> Iterator[str]:
    """What can't be used, each as `key: reason`."""
    if not parts or len(set(parts)) < len(parts):
        yield "parts: name core, edge, web or some of them, each once"
    for key, text in (("listen", link.listen), ("core", link.core)):
        if text and host_and_port(text) is None:
            yield f"link.{key}: {text!r} is not a host and a port, such as 10.0.0.1:7400"
    if link.listen and (place := host_and_port(link.listen)) and not _is_address(place[0]):
        yield f"link.listen: {place[0]!r} is not an IP address of this machine"
    if link.listen and link.core:
        yield "link: listen is for the core's machine and core for all others; set one of them"
    elif link.core and "core" in parts:
        yield 'link.core: the core runs on this machine; set parts = ["edge"], or what else shall run here'
    elif not link.core and "core" not in parts:
        yield "link.core: say where the core is, which is not among the parts of this machine"
    if "web" in parts and "core" not in parts and not dsn:
        yield "database.dsn: say where the database is, which runs on the core's machine"
    if bool(link.certificate_file) != bool(link.key_file):
        yield "link: certificate_file and key_file go together"
    if not SILENCE_S_MIN <= link.silence_s <= SILENCE_S_MAX:
        yield f"link.silence_s: {link.silence_s} is not within {SILENCE_S_MIN} to {SILENCE_S_MAX}"


def _is_name(host: str) -> bool:
    return _HOST_NAME.fullmatch(host) is not None and not host[-1].isdigit()


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
