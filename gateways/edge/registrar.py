"""REGISTER: who proves to be a phone of ours can be rung from then on, until it says goodbye, falls silent or is lost.

A phone registers with any host part (our address, a name, the realm): the user alone identifies it.
Registrations are short, so that a restarted edge, which knows none, learns of its phones within two minutes.
A phone that is switched off says nothing: it is lost when the connection that it came by closes, or when it does not
answer (`phone_health.py`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import groupby

import msgspec

from acd_core.domain.events import PhoneRegistered, PhoneUnregistered
from gateways.edge.addresses import LocalAddresses
from gateways.edge.clock import Clock
from gateways.edge.guard.guard import Guard, source_of
from gateways.edge.limits import EdgeLimits, Timing
from gateways.edge.phone_auth import PhoneAuth
from gateways.edge.phone_health import PhoneHealth
from gateways.edge.phones import Phones
from gateways.edge.point import SipPoint
from gateways.edge.sources import OnceLog
from gateways.sip.auth import Granted, Refused
from gateways.sip.build import respond
from gateways.sip.events import Flow, ServerKey
from gateways.sip.headers import default_port
from gateways.sip.limits import RegistrarLimits
from gateways.sip.message import Request
from gateways.sip.registrar import (
    Binding,
    BindingAdded,
    BindingChange,
    BindingRefreshed,
    BindingRemoved,
    Registrar,
)
from gateways.sip.uri import same_host

_log = logging.getLogger(__name__)

REGISTRATION_MAX_S = 120


class Statistics(msgspec.Struct, frozen=True):
    """Counters of registrations."""

    bindings: int
    granted: int
    failed: int
    refused_unread: int
    lost: int


class PhoneRegistrar:
    """The registrar of this edge."""

    def __init__(
        self,
        edge: str,
        realm: str,
        phones: Phones,
        point: SipPoint,
        addresses: LocalAddresses,
        clock: Clock,
        timing: Timing,
        limits: EdgeLimits,
        guard: Guard,
        refusals: OnceLog,
        tell: Callable[[PhoneRegistered | PhoneUnregistered], object],
    ) -> None:
        """`tell` hears when a user's first contact comes and its last one goes."""
        self._edge, self._point, self._clock, self._tell = edge, point, clock, tell
        self._registrar = Registrar(
            RegistrarLimits(expires_max_s=REGISTRATION_MAX_S, expires_default_s=REGISTRATION_MAX_S)
        )
        self._auth = PhoneAuth(realm, phones, clock, limits, guard, refusals, self._is_registered_at)
        self._health = PhoneHealth(
            point, addresses, clock, timing, self.way_to, self._does_not_answer, self._set_timer
        )
        self._present: dict[str, int] = {}  # user → contacts
        self._homes: dict[str, str] = {}  # of those present, whom they took us for
        self._timer: asyncio.TimerHandle | None = None
        self._lost = 0

    def statistics(self) -> Statistics:
        """A frozen copy of the counters."""
        auth = self._auth
        return Statistics(len(self._registrar), auth.granted, auth.failed, auth.unheard, self._lost)

    # --- whom to ring -----------------------------------------------------------------------------

    @property
    def users(self) -> tuple[str, ...]:
        """Who can be rung."""
        return tuple(self._present)

    def targets(self, user: str) -> tuple[tuple[Binding, ...], ...]:
        """The contacts to ring: those of a group at once, one group after the other (RFC 3261 16.6).

        Of a device that is there by several ways one is taken, the latest (RFC 5626 7).
        """
        devices: set[str] = set()
        wanted: list[Binding] = []
        for binding in self._registrar.bindings(user, self._clock.monotonic_ms()):
            if not binding.instance or binding.instance not in devices:
                devices.add(binding.instance)
                wanted.append(binding)
        return tuple(tuple(group) for _, group in groupby(wanted, lambda binding: binding.q))

    def binding(self, user: str) -> Binding | None:
        """The contact that is wanted most."""
        return next(iter(self._registrar.bindings(user, self._clock.monotonic_ms())), None)

    def way_to(self, binding: Binding) -> Flow:
        """Where a request to this contact is sent: where the phone, or the proxy next to us, spoke from.

        A proxy whose connection is gone takes another one, at the port that it left in the Path; not at another host, since
        whoever has a password could send us anywhere that way.
        """
        flow = binding.flow
        if not binding.path or flow.transport == "UDP" or self._point.is_connected(flow):
            return flow
        uri = binding.path[0].uri
        if not same_host(uri.host, flow.host):
            return flow
        return Flow(flow.transport, flow.host, uri.port or default_port(flow.transport))

    def user_at(self, flow: Flow) -> str:
        """Whose phone is at the far end of this flow, with no proxy between; "" for nobody's."""
        at = self._registrar.directly_at(flow)
        return at[0].aor if at else ""

    def home(self, user: str) -> str:
        """The name or address by which this phone knows us; empty for one that is not registered."""
        return self._homes.get(user, "")

    # --- who is who -------------------------------------------------------------------------------

    def prove(self, request: Request, source: Flow, user: str) -> Granted | Refused | None:
        """Whether the request, which says that it is of `user`, proves a user of ours. None: it is not heard."""
        return self._auth.prove(request, source, user)

    def challenge(self, request: Request, source: Flow, user: str, *, stale: bool) -> list[tuple[str, str]]:
        """The headers of a 401 to this request, which says that it is of `user`."""
        return self._auth.challenge(request, source, user, stale=stale)

    def _is_registered_at(self, user: str, source: str) -> bool:
        bindings = self._registrar.bindings(user, self._clock.monotonic_ms())
        return any(source_of(binding.flow.host) == source for binding in bindings)

    # --- registrations ----------------------------------------------------------------------------

    def register_received(self, key: ServerKey, request: Request, source: Flow) -> None:
        """A REGISTER."""
        user = request.to.uri.user_text
        verdict = self._auth.prove(request, source, user)
        if verdict is None:
            self._point.ignore(key)
        elif isinstance(verdict, Refused):
            challenge = self._auth.challenge(request, source, user, stale=verdict.stale)
            self._point.respond_statelessly(key, respond(request, 401, headers=challenge))
        elif user != verdict.username:
            # RFC 3261 10.3 step 3: a phone may register itself, nobody else.
            self._point.respond_statelessly(key, respond(request, 403))
        else:
            response, changes = self._registrar.process(request, user, source, self._clock.monotonic_ms())
            self._point.respond(key, response)
            self._note(changes)
            if user in self._present:
                self._homes[user] = request.to.uri.host

    def flow_lost(self, flow: Flow) -> None:
        """A connection was closed: whoever came by it is gone."""
        self._note([*self._registrar.flow_lost(flow)])

    def close(self) -> None:
        """The edge stops."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def timer_due(self) -> None:
        """Time has passed."""
        self._timer = None
        now_ms = self._clock.monotonic_ms()
        self._note([*self._registrar.sweep(now_ms)])
        self._health.poll(now_ms)
        self._set_timer()

    def _does_not_answer(self, binding: Binding) -> None:
        self._note([self._registrar.remove(binding)])

    def _note(self, changes: list[BindingChange]) -> None:
        for change in changes:
            user = change.binding.aor
            before = self._present.get(user, 0)
            match change:
                case BindingAdded(binding=binding):
                    self._health.follow(binding)
                    self._present[user] = before + 1
                    if not before:
                        self._tell(PhoneRegistered(edge=self._edge, user=user))
                case BindingRefreshed(binding=binding, replaced=replaced):
                    self._health.follow(binding, replaced)
                case BindingRemoved(binding=binding, reason=reason):
                    self._health.leave(binding)
                    if reason == "lost":
                        self._lost += 1
                    _log.info("phone %s at %s: %s", user, binding.flow.host, reason)
                    if before > 1:
                        self._present[user] = before - 1
                    else:
                        self._present.pop(user, None)
                        self._homes.pop(user, None)
                        self._tell(PhoneUnregistered(edge=self._edge, user=user))
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadlines = (self._registrar.next_deadline_ms(), self._health.next_deadline_ms())
        deadline_ms = min((each for each in deadlines if each is not None), default=None)
        if deadline_ms is not None:
            wait_s = max(0, deadline_ms - self._clock.monotonic_ms()) / 1000
            self._timer = asyncio.get_running_loop().call_later(wait_s, self.timer_due)
