"""A registrar (RFC 3261 10.3): which contacts an address-of-record has at the moment.

Bindings live in memory and are lost with the process: phones register again within minutes, and what was lost
before is known to nobody else. The caller authenticates a REGISTER first, decides which address-of-record
it is for, and sends the response.

A binding remembers the flow its REGISTER came on and the Path it took (`outbound.py`). When a flow breaks, all
that is bound to it goes (`flow_lost`); `remove` takes one that does not answer.

Expiry is a heap of deadlines with one entry for each time a binding was set; an entry whose binding was
refreshed or removed meanwhile is out of date and skipped when it comes up.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Literal

import msgspec

from gateways.sip.admission import Refusal
from gateways.sip.build import respond
from gateways.sip.capabilities import REGISTRATION_EXTENSIONS
from gateways.sip.errors import SipParseError
from gateways.sip.events import Flow
from gateways.sip.headers import NameAddr
from gateways.sip.limits import EXPIRES_S_MAX, RegistrarLimits
from gateways.sip.message import Request, Response
from gateways.sip.outbound import OPTION, is_flow_bound, path_of
from gateways.sip.scan import unquote

_EXPIRES_MALFORMED_S = 3_600


class Binding(msgspec.Struct, frozen=True):
    """One contact of an address-of-record."""

    aor: str
    contact: NameAddr
    flow: Flow  # which the REGISTER came on: behind NAT, requests go there
    call_id: str
    cseq: int
    expires_at_ms: int
    q: float
    user_agent: str
    path: tuple[NameAddr, ...] = ()  # RFC 3327: the Route of requests to it
    reg_id: str = ""  # RFC 5626: bound to its flow, which has this number

    @property
    def instance(self) -> str:
        """The device (RFC 5626 4.1), or an empty string."""
        value = self.contact.params.get("+sip.instance") or ""
        return unquote(value) if value.startswith('"') else value


class BindingAdded(msgspec.Struct, frozen=True):
    """A contact that was not there before."""

    binding: Binding


class BindingRefreshed(msgspec.Struct, frozen=True):
    """A contact registered again."""

    binding: Binding
    replaced: Binding


class BindingRemoved(msgspec.Struct, frozen=True):
    """A contact is gone: the phone said so, it said nothing for too long, or it cannot be reached."""

    binding: Binding
    reason: Literal["removed", "expired", "lost"]


BindingChange = BindingAdded | BindingRefreshed | BindingRemoved


class _RefusedError(Exception):
    """The REGISTER is refused as a whole: nothing of it is carried out (RFC 3261 10.3, step 7)."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status)
        self.refusal = refusal


class Registrar:
    """The bindings of one process."""

    def __init__(self, limits: RegistrarLimits | None = None) -> None:
        self._limits = limits or RegistrarLimits()
        self._bindings: dict[str, list[Binding]] = {}
        # Many phones behind one proxy share a flow, so that none of them may be looked for in a list.
        self._by_flow: dict[Flow, dict[int, Binding]] = {}
        self._count = 0
        self._deadlines: list[tuple[int, int, Binding]] = []
        self._order = 0

    def __len__(self) -> int:
        """Bindings of all."""
        return self._count

    def process(
        self, request: Request, aor: str, flow: Flow, now_ms: int
    ) -> tuple[Response, list[BindingChange]]:
        """Carry out an authenticated REGISTER, wholly or not at all."""
        changes: list[BindingChange] = list(self.sweep(now_ms))
        try:
            path, bound = path_of(request), is_flow_bound(request)
            if isinstance(bound, Refusal):
                raise _RefusedError(bound)
            wanted = self._plan(request, aor, flow, path, bound=bound, now_ms=now_ms)
        except _RefusedError as error:
            refusal = error.refusal
            return respond(request, refusal.status, refusal.reason, headers=refusal.headers), changes
        except SipParseError as error:
            return respond(request, 400, f"Bad Request - {error}"), changes
        changes += self._carry_out(aor, wanted, now_ms)
        headers = self._contacts(aor, now_ms)
        headers += [("Path", str(hop)) for hop in path]  # RFC 3327 5.3
        headers.append(("Supported", ", ".join(REGISTRATION_EXTENSIONS)))
        if bound:
            headers.append(("Require", OPTION))
            if flow.transport != "UDP":
                headers.append(("Flow-Timer", str(self._limits.flow_timer_s)))
        return respond(request, 200, headers=headers), changes

    def bindings(self, aor: str, now_ms: int) -> tuple[Binding, ...]:
        """The contacts to try: highest q first, the latest first among equals."""
        live = [binding for binding in self._bindings.get(aor, ()) if binding.expires_at_ms > now_ms]
        live.reverse()
        return tuple(sorted(live, key=lambda binding: -binding.q))

    def sweep(self, now_ms: int) -> list[BindingRemoved]:
        """Remove what has expired."""
        removed: list[BindingRemoved] = []
        while self._deadlines and self._deadlines[0][0] <= now_ms:
            binding = heappop(self._deadlines)[2]
            if self._is_current(binding):
                self._remove(binding)
                removed.append(BindingRemoved(binding, "expired"))
        return removed

    def flow_lost(self, flow: Flow) -> list[BindingRemoved]:
        """The connection broke: whoever came by it cannot be reached until it registers again.

        But who came through proxies can: the connection is that of the one next to us, which takes another.
        """
        return [self.remove(binding) for binding in self.directly_at(flow)]

    def directly_at(self, flow: Flow) -> tuple[Binding, ...]:
        """Who is at the far end of this flow, with nobody between."""
        return tuple(binding for binding in self._by_flow.get(flow, {}).values() if not binding.path)

    def remove(self, binding: Binding) -> BindingRemoved:
        """A contact that is there cannot be reached."""
        self._remove(binding)
        return BindingRemoved(binding, "lost")

    def next_deadline_ms(self) -> int | None:
        """When `sweep` should be called next; maybe too early, never too late."""
        return self._deadlines[0][0] if self._deadlines else None

    # Deciding

    def _plan(
        self,
        request: Request,
        aor: str,
        flow: Flow,
        path: tuple[NameAddr, ...],
        *,
        bound: bool,
        now_ms: int,
    ) -> list[Binding]:
        """The bindings that the request sets; one that ends now is to be removed."""
        present = self._bindings.get(aor, [])
        if request.is_contact_star:
            if request.expires_s != 0:
                raise _RefusedError(Refusal(400, "Bad Request - Contact: * needs Expires: 0"))  # step 6
            wanted = [
                msgspec.structs.replace(
                    binding, call_id=request.call_id, cseq=request.cseq.number, expires_at_ms=now_ms
                )
                for binding in present
            ]
        else:
            wanted = [
                msgspec.structs.replace(
                    self._wanted(request, aor, flow, contact, now_ms),
                    path=path,
                    reg_id=(contact.params.get("reg-id") or "") if bound else "",
                )
                for contact in request.contacts
            ]
        for binding in wanted:
            old = _find(present, binding)
            # Step 7: a late copy of an older REGISTER must not undo a newer one.
            if old is not None and old.call_id == request.call_id and request.cseq.number <= old.cseq:
                raise _RefusedError(Refusal(500, "Server Internal Error - CSeq out of order"))
        self._check_room(present, wanted, now_ms)
        return wanted

    def _wanted(self, request: Request, aor: str, flow: Flow, contact: NameAddr, now_ms: int) -> Binding:
        if contact.uri.scheme not in ("sip", "sips"):
            raise _RefusedError(Refusal(416))
        limits = self._limits
        asked_s = request.expires_s
        if (text := contact.params.get("expires")) is not None:
            asked_s = _contact_expires_s(text)
        expires_s = limits.expires_default_s if asked_s is None else min(asked_s, limits.expires_max_s)
        if 0 < expires_s < limits.expires_min_s:
            raise _RefusedError(Refusal(423, headers=(("Min-Expires", str(limits.expires_min_s)),)))
        return Binding(
            aor=aor,
            contact=contact,
            flow=flow,
            call_id=request.call_id,
            cseq=request.cseq.number,
            expires_at_ms=now_ms + 1000 * expires_s,
            q=quality_of(contact),
            user_agent=request.get("User-Agent") or "",
        )

    def _check_room(self, present: list[Binding], wanted: list[Binding], now_ms: int) -> None:
        added = sum(binding.expires_at_ms > now_ms and _find(present, binding) is None for binding in wanted)
        if added and len(present) + added > self._limits.bindings_per_aor_max:
            raise _RefusedError(Refusal(403, "Forbidden - too many contacts"))
        if added and self._count + added > self._limits.bindings_max:
            raise _RefusedError(Refusal(503, headers=(("Retry-After", str(self._limits.retry_after_s)),)))

    # Doing

    def _carry_out(self, aor: str, wanted: list[Binding], now_ms: int) -> list[BindingChange]:
        changes: list[BindingChange] = []
        for binding in wanted:
            old = _find(self._bindings.get(aor, []), binding)
            if old is not None:
                self._remove(old)
            if binding.expires_at_ms <= now_ms:
                if old is not None:
                    changes.append(BindingRemoved(old, "removed"))
                continue
            self._bindings.setdefault(aor, []).append(binding)
            self._by_flow.setdefault(binding.flow, {})[id(binding)] = binding
            self._count += 1
            self._order += 1
            heappush(self._deadlines, (binding.expires_at_ms, self._order, binding))
            changes.append(BindingAdded(binding) if old is None else BindingRefreshed(binding, old))
        # A phone that registers every minute for an hour leaves sixty entries: never more dead ones than
        # live.
        if len(self._deadlines) > 2 * self._count + 64:
            self._deadlines = [entry for entry in self._deadlines if self._is_current(entry[2])]
            heapify(self._deadlines)
        return changes

    def _remove(self, binding: Binding) -> None:
        left = [other for other in self._bindings[binding.aor] if other is not binding]
        self._count -= 1
        if left:
            self._bindings[binding.aor] = left
        else:
            del self._bindings[binding.aor]
        on_flow = self._by_flow[binding.flow]
        del on_flow[id(binding)]
        if not on_flow:
            del self._by_flow[binding.flow]

    def _is_current(self, binding: Binding) -> bool:
        return any(other is binding for other in self._bindings.get(binding.aor, ()))

    def _contacts(self, aor: str, now_ms: int) -> list[tuple[str, str]]:
        """The Contact fields of a 200: every binding with the seconds it has left (step 8)."""
        fields = []
        for binding in self.bindings(aor, now_ms):
            left_s = -(-(binding.expires_at_ms - now_ms) // 1000)
            fields.append(("Contact", str(binding.contact.with_params(expires=str(left_s)))))
        return fields


def _find(bindings: list[Binding], wanted: Binding) -> Binding | None:
    """The binding that is the same contact: the same device (RFC 5626 6), else an equivalent URI."""
    for binding in bindings:
        if wanted.instance and binding.instance:
            if wanted.instance == binding.instance and wanted.reg_id == binding.reg_id:
                return binding
        elif binding.contact.uri.is_equivalent(wanted.contact.uri):
            return binding
    return None


def _contact_expires_s(text: str) -> int:
    """RFC 3261 20.10: what is no number counts as 3600, one that is too large as the largest."""
    if not (text.isascii() and text.isdigit()):
        return _EXPIRES_MALFORMED_S
    return EXPIRES_S_MAX if len(text) > 10 else min(int(text), EXPIRES_S_MAX)


def quality_of(contact: NameAddr) -> float:
    """How much a contact is wanted (RFC 3261 20.10): 1 when it does not say."""
    text = contact.params.get("q")
    if text is None:
        return 1.0
    try:
        q = float(text)
    except ValueError:
        raise SipParseError("bad q", "Contact") from None
    if not 0.0 <= q <= 1.0:
        raise SipParseError("bad q", "Contact")
    return q
