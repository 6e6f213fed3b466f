"""The other edges of this system, as far as an edge has to know them: where their SIP is, and how each proves who it is.

An operator's browser or phone is at one edge, a call may be at another. The call's edge then calls the operator's edge by an
INVITE to where that one listens for everybody (`borrowed.py` there, `lent.py` here). Who sends such an INVITE gets
through to an operator's device without a dial rule or a password, so it has to prove that it is one of us:

Each edge process makes a key of its own when it starts and tells it to the core over the link, with its address; the core
tells both to all other edges. An INVITE between edges carries a code (HMAC-SHA-256, RFC 2104) made with the key of the edge it
goes to, over everything that decides what becomes of it: who sends it, for which call, to which device, when, the dialog it
opens, who is shown as the caller, and the session description. Nobody who sees one can make another of it: it counts for
`FRESH_MS`, and once within that time. A key dies with its process, so there is none to be kept, changed or stolen from a disk.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import deque
from typing import Literal

import msgspec

from acd_core.link.signals import EdgeAddress, Siblings
from gateways.edge.addresses import LocalAddresses
from gateways.edge.clock import Clock
from gateways.edge.guard.guard import Guard
from gateways.edge.point import SipPoint
from gateways.sip.events import Flow
from gateways.sip.message import Request

HEADER = "Santral-Edge"
FRESH_MS = 30_000  # all edges run on the core's clock
_CHARS_MAX = 512


class Claim(msgspec.Struct, frozen=True):
    """Which device is asked for, and for which call; `edge` and `instance` are of who asks."""

    edge: str
    instance: str
    call: str
    device: Literal["phone", "leg"]
    name: str  # the user of the phone, or the id of the leg
    agent: str
    offer: int


class SiblingEdges:
    """All edges that the core has told of, and our own key."""

    def __init__(
        self,
        edge: str,
        instance: str,
        point: SipPoint,
        addresses: LocalAddresses,
        clock: Clock,
        guard: Guard,
    ) -> None:
        """Nobody is known yet. `guard` always hears them."""
        self._edge, self._instance = edge, instance
        self._point, self._addresses, self._clock, self._guard = point, addresses, clock, guard
        self._key = secrets.token_hex(32)
        self._known: dict[str, EdgeAddress] = {}
        self._seen: set[str] = set()  # codes that were taken ...
        self._seen_until: deque[tuple[int, str]] = deque()  # ... and until when they could be shown again

    def own(self) -> EdgeAddress:
        """What the others are to know of us. Where we listen, not what a translator (NAT) makes of it: they are on our side."""
        ipv6 = not self._point.port_of("UDP")
        return EdgeAddress(
            edge=self._edge,
            instance=self._instance,
            key=self._key,
            host=self._addresses.near_host(ipv6=ipv6),
            port=self._point.port_of("UDP", ipv6=ipv6),
        )

    def told(self, siblings: Siblings) -> None:
        """The core says who there is. One whose link is down just now is as it was."""
        for one in siblings.edges:
            if one.edge != self._edge:
                self._known[one.edge] = one
        hosts = frozenset(one.host for one in self._known.values())
        self._addresses.near = hosts
        self._guard.hear_siblings(hosts)

    def way_to(self, edge: str) -> Flow | None:
        """Where its SIP is; None when nobody has told."""
        known = self._known.get(edge)
        return Flow("UDP", known.host, known.port) if known is not None and known.port else None

    def instance_of(self, edge: str) -> str:
        """The process that is at work there, as far as is known."""
        known = self._known.get(edge)
        return known.instance if known is not None else ""

    def seal(self, invite: Request, edge: str, claim: Claim) -> None:
        """Have this INVITE, complete but for that, prove that it is ours."""
        known = self._known.get(edge)
        if known is None:
            return  # it is refused there
        at = str(self._clock.now_ms())
        code = _code(known.key, edge, at, claim, invite)
        invite.set(HEADER, f"{at} {code} {msgspec.json.encode(claim).decode()}")

    def own_claim(
        self, call: str, device: Literal["phone", "leg"], name: str, agent: str, offer: int
    ) -> Claim:
        """Of ours."""
        return Claim(self._edge, self._instance, call, device, name, agent, offer)

    def proven(self, invite: Request) -> Claim | str:
        """What a sibling asks for by this INVITE, or why it is not believed."""
        text = invite.get(HEADER) or ""
        at, _, rest = text.partition(" ")
        code, _, body = rest.partition(" ")
        if len(text) > _CHARS_MAX or not (at.isascii() and at.isdigit() and len(at) < 16 and code.isascii()):
            return "not readable"
        try:
            claim = msgspec.json.decode(body, type=Claim)
        except (msgspec.DecodeError, UnicodeEncodeError):
            return "not readable"
        if not hmac.compare_digest(code, _code(self._key, self._edge, at, claim, invite)):
            return "not made with our key"
        now_ms = self._clock.now_ms()
        if abs(now_ms - int(at)) > FRESH_MS:
            return "too old"
        while self._seen_until and self._seen_until[0][0] < now_ms:
            self._seen.discard(self._seen_until.popleft()[1])
        if code in self._seen:
            return "shown before"
        self._seen.add(code)
        self._seen_until.append((int(at) + FRESH_MS, code))
        return claim


def _code(key: str, edge: str, at: str, claim: Claim, invite: Request) -> str:
    """Over what decides. Every part has its length in front, so that no two lists of parts read the same."""
    parts = (
        edge,
        at,
        msgspec.json.encode(claim).decode(),
        str(invite.uri),
        invite.call_id,
        str(invite.cseq.number),
        invite.get("From") or "",
        invite.get("Contact") or "",
        hashlib.sha256(invite.body).hexdigest(),
    )
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
