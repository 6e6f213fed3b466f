"""Whether a call that comes from a trunk's address is the trunk's.

Over UDP an address is whatever the sender writes into it, and a trunk is believed: it says who calls, and its calls are never
too many for the guard. So a trunk may be held to more: to a connection with a certificate of our authority, or to its secret,
which it proves call by call as we do to it. What comes from its address without that is nobody's call.
"""

from __future__ import annotations

import secrets

from gateways.edge.chance import token
from gateways.edge.parts import Parts
from gateways.edge.sources import OnceLog
from gateways.edge.trunk_secrets import Known
from gateways.edge.trunks import TrunkState
from gateways.sip.auth import Challenger, DigestSecret, Granted
from gateways.sip.build import respond
from gateways.sip.events import Flow, ServerKey
from gateways.sip.message import Request


class TrunkDoor:
    """That of one edge."""

    def __init__(self, parts: Parts, log: OnceLog) -> None:
        """`log` hears of those who are refused."""
        self._parts, self._log = parts, log
        self._key = secrets.token_bytes(32)
        self._challengers: dict[str, Challenger] = {}  # by realm: no more than there are trunks

    def admits(self, trunk: TrunkState, key: ServerKey, invite: Request, source: Flow) -> bool:
        """Whether it is the trunk that calls; else the INVITE is answered."""
        match trunk.config.incoming:
            case "address":
                return True
            case "tls":
                # With an authority for clients no connection stands without a certificate of it (`listeners/tls.py`).
                if source.transport == "TLS":
                    return True
                self._log.note("INVITE refused", source.host, f"trunk {trunk.name} calls by TLS alone")
                self._parts.point.respond(key, respond(invite, 403))
                return False
            case "digest":
                return self._proves(trunk, key, invite, source)

    def _proves(self, trunk: TrunkState, key: ServerKey, invite: Request, source: Flow) -> bool:
        parts = self._parts
        known = trunk.secret.known()
        if known is None:  # the log has said why when the file was read
            parts.point.respond(key, respond(invite, 403))
            return False
        challenger = self._challengers.get(known.realm)
        if challenger is None:
            challenger = self._challengers[known.realm] = Challenger(
                known.realm, self._key, token, algorithms=parts.sip.digest
            )
        now_ms = parts.clock.monotonic_ms()
        verdict = challenger.verify(invite, lambda user: _secret_of(known, user), now_ms, peer=source.host)
        if isinstance(verdict, Granted):
            return True
        if verdict.reason in ("unknown-user", "wrong-response"):
            parts.guard.saw(source.host, "bad_auth", now_ms, f"trunk {trunk.name}")
        challenge = challenger.challenge(now_ms, stale=verdict.stale, peer=source.host)
        parts.point.respond(key, respond(invite, 401, headers=challenge))
        return False


def _secret_of(known: Known, user: str) -> DigestSecret | None:
    return known.hashes if user == known.user else None
