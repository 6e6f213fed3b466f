"""What is asked of the callers, judged before the first of them dials.

A load on somebody else's telephones is an attack: a target beyond this machine must be asked for by name. For a
target on this machine every socket is bound to loopback, so that nothing the target says of itself, in Contact or
SDP, carries a packet off it.
"""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import NamedTuple

import msgspec

from gateways.media import telephone_event
from gateways.sip.errors import SipParseError
from gateways.sip.events import Flow, Transport
from gateways.sip.headers import default_port
from gateways.sip.uri import Uri

CALLS_MAX = 100_000  # of one run; more is refused: each is a row of calls.csv, kept until the end
CALLS_LIVE_MAX = 4_000  # at once; a call that is due beyond it fails with "too_many_live"
RATE_MAX = 500.0  # calls a second; more is refused
HOLD_S_MAX = 3_600.0
RUN_S_MAX = 24 * 3_600.0  # until the last call is placed
KEYS_MAX = 32
KEYS_APART_S_MIN = 0.2  # a press takes 120 ms, and the same key twice must be told from one held
ANSWER_WAIT_S = 60.0  # then the call is taken back and has failed with "no_answer"


class LoadError(Exception):
    """It can't be done as asked; the text says why, in one line."""


class KeyAt(NamedTuple):
    """A key, pressed so long after the answer."""

    key: str
    at_s: float


class Target(msgspec.Struct, frozen=True):
    """Whom to call, and where that is."""

    uri: Uri
    flow: Flow


class CallersOptions(msgspec.Struct, frozen=True, kw_only=True):
    """One run of callers; made by `callers_options`, which judges it."""

    target: Target
    calls: int
    rate: float
    hold_s: float = 10.0
    keys: tuple[KeyAt, ...] = ()
    out: Path | None = None
    answer_wait_s: float = ANSWER_WAIT_S


def callers_options(
    *,
    to: str,
    calls: int,
    rate: float,
    hold_s: float,
    keys: str,
    out: Path | None,
    allow_remote: bool,
    transport: Transport = "UDP",
) -> CallersOptions:
    """The options as typed; raises `LoadError`."""
    _within("--calls", calls, 1, CALLS_MAX)
    _within("--rate", rate, 0.01, RATE_MAX)
    _within("--hold-s", hold_s, 0.0, HOLD_S_MAX)
    if calls / rate > RUN_S_MAX:
        raise LoadError(f"--calls {calls} at --rate {rate:g} takes longer than a day")
    presses = parse_keys(keys)
    if presses and presses[-1].at_s + KEYS_APART_S_MIN > hold_s:
        last = presses[-1]
        raise LoadError(f"--keys: {last.key}@{last.at_s:g} comes when the call is over (--hold-s {hold_s:g})")
    return CallersOptions(
        target=find_target(to, allow_remote=allow_remote, transport=transport),
        calls=calls,
        rate=rate,
        hold_s=hold_s,
        keys=presses,
        out=out,
    )


def parse_keys(text: str) -> tuple[KeyAt, ...]:
    """`1@3.0,#@4.5`: keys and the seconds after the answer, in order; raises `LoadError`."""
    presses: list[KeyAt] = []
    for part in text.split(",") if text else ():
        key, _, at = part.strip().rpartition("@")
        try:
            at_s = float(at)
        except ValueError:
            at_s = -1.0
        if len(key) != 1 or key not in telephone_event.KEYS or not 0 <= at_s <= HOLD_S_MAX:
            raise LoadError(
                f"--keys: {part.strip()!r} is not like 1@3.0 (a key and seconds after the answer)"
            )
        if presses and at_s - presses[-1].at_s < KEYS_APART_S_MIN:
            raise LoadError(f"--keys: {part.strip()} is not {KEYS_APART_S_MIN} s after the key before it")
        presses.append(KeyAt(key, at_s))
    if len(presses) > KEYS_MAX:
        raise LoadError(f"--keys: more than {KEYS_MAX}")
    return tuple(presses)


def find_target(to: str, *, allow_remote: bool, transport: Transport = "UDP") -> Target:
    """Whom `to` names, reached by this transport; raises `LoadError`, also for another machine unless that is allowed."""
    try:
        uri = Uri.parse(to)
    except SipParseError as error:
        raise LoadError(f"--to {to}: {error}") from error
    if uri.scheme != "sip" or not uri.user or uri.headers:
        raise LoadError(f"--to {to}: not like sip:185@127.0.0.1:5060")
    if (uri.params.get("transport") or transport).upper() != transport:
        raise LoadError(f"--to {to}: say --transport {transport.lower()} or the URI's, not two")
    if transport != "UDP":
        uri = msgspec.structs.replace(uri, params={**uri.params, "transport": transport.lower()})
    port = uri.port or default_port(transport)
    try:
        host = str(socket.getaddrinfo(uri.host, port, type=socket.SOCK_DGRAM)[0][4][0])
    except (OSError, UnicodeError) as error:
        raise LoadError(f"--to {to}: {uri.host} has no address") from error
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.is_unspecified or address.is_multicast:
        raise LoadError(f"--to {to}: {host} is nobody's address")
    # An IPv4 address in IPv6 clothes is loopback for Python 3.13 and not before; here it never is.
    is_ours = address.is_loopback and getattr(address, "ipv4_mapped", None) is None
    if not is_ours and not allow_remote:
        raise LoadError(
            f"--to {to}: {host} is not this machine's loopback address; "
            "call another system only with its owner's consent, and then with --allow-remote"
        )
    return Target(uri, Flow(transport, host, port))


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise LoadError(f"{name} {value:g}: not between {least:g} and {most:g}")
