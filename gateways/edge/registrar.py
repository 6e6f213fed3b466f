"""REGISTER: who proves to be a phone of ours can be rung from then on.

A phone registers with any host part (our address, a name, the realm): the user alone identifies it.
Registrations are short, so that a restarted edge, which knows none, learns of its phones within two minutes.
A host that fails too often is refused unread for a while, which keeps guessing passwords from being worth
anything, also to somebody who knows one of them: a success forgives no failures. The user agent that asks
without credentials, or with a nonce that grew old, has not failed.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable

import msgspec

from acd_core.domain.events import PhoneRegistered, PhoneUnregistered
from gateways.edge.clock import Clock
from gateways.edge.limits import EdgeLimits
from gateways.edge.phones import Phones
from gateways.edge.point import SipPoint, token
from gateways.edge.sources import FailureGuard
from gateways.sip.auth import Algorithm, Challenger, Granted, Refused
from gateways.sip.build import respond
from gateways.sip.events import Flow, ServerKey
from gateways.sip.limits import RegistrarLimits
from gateways.sip.message import Request
from gateways.sip.registrar import Binding, BindingAdded, BindingChange, BindingRemoved, Registrar

_log = logging.getLogger(__name__)

REGISTRATION_MAX_S = 120
# Not SHA-256 beside it, as RFC 8760 would have it: baresip 1.0 and SIPp 3.6 give up at a challenge that names it, in
# either order, and every phone knows MD5. The file keeps both hashes for the day when phones can do better.
_ALGORITHMS: tuple[Algorithm, ...] = ("MD5",)


class Statistics(msgspec.Struct, frozen=True):
    """Counters of registrations."""

    bindings: int
    granted: int
    failed: int
    refused_unread: int


class PhoneRegistrar:
    """The registrar of this edge."""

    def __init__(
        self,
        edge: str,
        realm: str,
        phones: Phones,
        point: SipPoint,
        clock: Clock,
        limits: EdgeLimits,
        tell: Callable[[PhoneRegistered | PhoneUnregistered], object],
    ) -> None:
        """`tell` hears when a user's first contact comes and its last one goes."""
        self._edge, self._phones, self._point, self._clock, self._tell = edge, phones, point, clock, tell
        self._challenger = Challenger(realm, secrets.token_bytes(32), token, algorithms=_ALGORITHMS)
        self._registrar = Registrar(
            RegistrarLimits(expires_max_s=REGISTRATION_MAX_S, expires_default_s=REGISTRATION_MAX_S)
        )
        self._guard = FailureGuard(
            limits.register_failures_max,
            limits.register_failures_window_s,
            limits.register_refusal_s,
            limits.sources_max,
        )
        self._present: dict[str, int] = {}  # user → contacts
        self._timer: asyncio.TimerHandle | None = None
        self._granted = self._failed = 0

    def statistics(self) -> Statistics:
        """A frozen copy of the counters."""
        return Statistics(len(self._registrar), self._granted, self._failed, self._guard.refused)

    @property
    def users(self) -> tuple[str, ...]:
        """Who can be rung."""
        return tuple(self._present)

    def binding(self, user: str) -> Binding | None:
        """The contact to ring."""
        return next(iter(self._registrar.bindings(user, self._clock.monotonic_ms())), None)

    def register_received(self, key: ServerKey, request: Request, source: Flow) -> None:
        """A REGISTER."""
        now_ms = self._clock.monotonic_ms()
        if self._guard.is_refused(source.host, now_ms):
            self._point.respond(key, respond(request, 403))
            return
        verdict = self._challenger.verify(request, self._phones.secret, now_ms, peer=source.host)
        if isinstance(verdict, Refused):
            self._not_proven(key, request, source, verdict)
            return
        # RFC 3261 10.3 step 3: a phone may register itself, nobody else.
        user = request.to.uri.user_text
        if user != verdict.username:
            self._point.respond(key, respond(request, 403))
            return
        self._proven(key, request, source, verdict)

    def close(self) -> None:
        """The edge stops."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _not_proven(self, key: ServerKey, request: Request, source: Flow, verdict: Refused) -> None:
        now_ms = self._clock.monotonic_ms()
        # Only a guess with a nonce that went to this host counts: a forged source can't shut out the phone it forges.
        if verdict.reason in ("unknown-user", "wrong-response"):
            self._failed += 1
            if self._guard.failed(source.host, now_ms):
                _log.warning("REGISTER from %s: too many failures, refused for a while", source.host)
                self._point.respond(key, respond(request, 403))
                return
        challenges = self._challenger.challenge(now_ms, stale=verdict.stale, peer=source.host)
        self._point.respond(key, respond(request, 401, headers=challenges))

    def _proven(self, key: ServerKey, request: Request, source: Flow, verdict: Granted) -> None:
        self._granted += 1
        response, changes = self._registrar.process(
            request, verdict.username, source, self._clock.monotonic_ms()
        )
        self._point.respond(key, response)
        self._note(changes)

    def _note(self, changes: list[BindingChange]) -> None:
        for change in changes:
            user = change.binding.aor
            before = self._present.get(user, 0)
            if isinstance(change, BindingAdded):
                self._present[user] = before + 1
                if not before:
                    self._tell(PhoneRegistered(edge=self._edge, user=user))
            elif isinstance(change, BindingRemoved):
                if before > 1:
                    self._present[user] = before - 1
                else:
                    self._present.pop(user, None)
                    self._tell(PhoneUnregistered(edge=self._edge, user=user))
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline_ms = self._registrar.next_deadline_ms()
        if deadline_ms is not None:
            wait_s = max(0, deadline_ms - self._clock.monotonic_ms()) / 1000
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        self._note([*self._registrar.sweep(self._clock.monotonic_ms())])
