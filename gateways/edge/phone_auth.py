"""Who proves to be a phone of ours, and who only guesses.

Whoever fails too often is not heard for a while, which keeps guessing passwords from being worth anything, also to
somebody who knows one of them: a success forgives no failures. There is no answer, since an answer costs more than silence.
The user agent that asks without credentials, or with a nonce that grew old, has not failed.

A whole office is one host. So a name at a host is counted by itself, and a phone with a wrong password on it takes no other
phone off the line. All names at a host are counted together as well, to a wider limit, for whoever tries one password
with many names; who is registered from there is heard all the same.

Nobody learns which names there are: a name that is not is refused, counted and asked as if it were.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from gateways.edge.chance import token
from gateways.edge.clock import Clock
from gateways.edge.guard.guard import Guard, source_of
from gateways.edge.limits import EdgeLimits
from gateways.edge.phones import ALGORITHMS, Phones
from gateways.edge.sources import FailureGuard, OnceLog
from gateways.sip.auth import Challenger, DigestSecret, Granted, Refused
from gateways.sip.events import Flow
from gateways.sip.message import Request

# User agents that give up at a challenge beside which there is another with an algorithm that they do not know (seen with
# baresip 1.0, in either order of the two). A phone that may be asked for MD5 at all is asked for nothing else then.
_GIVE_UP_AT_SHA_256 = ("baresip v0.", "baresip v1.")
_NAME_CHARS_MAX = 65  # no phone's name is so long; a longer one need not be remembered to tell it from others


class PhoneAuth:
    """Digest authentication of one edge's phones."""

    def __init__(
        self,
        realm: str,
        phones: Phones,
        clock: Clock,
        limits: EdgeLimits,
        guard: Guard,
        refusals: OnceLog,
        is_registered_at: Callable[[str, str], bool],
    ) -> None:
        """`is_registered_at(user, source)`: whether this user's phone is at this source, as `source_of` names it."""
        self._phones, self._clock, self._guard, self._refusals = phones, clock, guard, refusals
        self._is_registered_at = is_registered_at
        self._challenger = Challenger(realm, secrets.token_bytes(32), token, algorithms=ALGORITHMS)
        self._failures, self._failures_of_hosts = (
            FailureGuard(
                failures_max,
                limits.register_failures_window_s,
                limits.register_refusal_s,
                limits.sources_max,
            )
            for failures_max in (limits.register_failures_max, limits.register_host_failures_max)
        )
        self.granted = self.failed = 0

    @property
    def unheard(self) -> int:
        """Requests of those who had guessed too often."""
        return self._failures.refused + self._failures_of_hosts.refused

    def prove(self, request: Request, source: Flow, user: str) -> Granted | Refused | None:
        """Whether the request, which says that it is of `user`, proves a user of ours. None: it is not heard."""
        now_ms = self._clock.monotonic_ms()
        host = source_of(source.host)
        user = self._challenger.named(request) or user
        is_known = self._is_registered_at(user, host)
        counted_as = f"{host} {user[:_NAME_CHARS_MAX]}"
        if self._failures.is_refused(counted_as, now_ms):
            return None
        if not is_known and self._failures_of_hosts.is_refused(host, now_ms):
            return None
        verdict = self._challenger.verify(request, self._secret, now_ms, peer=source.host)
        if isinstance(verdict, Granted):
            self.granted += 1
            self._guard.proved(source.host, now_ms)
            return verdict
        # Only a guess with a nonce that went to this host counts: a forged source can't shut out the phone it forges.
        if verdict.reason in ("unknown-user", "wrong-response"):
            self.failed += 1
            too_many = [counted_as] if self._failures.failed(counted_as, now_ms) else []
            if not is_known:
                self._guard.saw(source.host, "bad_auth", now_ms, user)
                too_many += [host] if self._failures_of_hosts.failed(host, now_ms) else []
            for who in too_many:
                self._refusals.note("too many wrong passwords", who, "not heard for a while")
            if too_many:
                return None
        return verdict

    def challenge(self, request: Request, source: Flow, user: str, *, stale: bool) -> list[tuple[str, str]]:
        """What a 401 asks of `user`, by the algorithms of their phone; who is not there is asked as some phone is."""
        algorithms = self._phones.algorithms(user)
        if "MD5" in algorithms and (request.get("User-Agent") or "").startswith(_GIVE_UP_AT_SHA_256):
            algorithms = ("MD5",)
        return self._challenger.challenge(
            self._clock.monotonic_ms(), stale=stale, algorithms=algorithms, peer=source.host
        )

    def _secret(self, user: str) -> DigestSecret | None:
        return self._phones.secret(user)
