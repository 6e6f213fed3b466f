"""Where each request goes that opens a transaction: to its dialog, to who takes what is new, or back with a refusal.

How busy the edge is decides first (`admission.py`): what is in a call passes longest, its end always.
"""

from __future__ import annotations

from gateways.edge.admission import Admission
from gateways.edge.calls import Calls
from gateways.edge.parts import Parts
from gateways.edge.siblings import HEADER as SIBLING_HEADER
from gateways.sip.build import respond
from gateways.sip.dialog import dialog_id_of
from gateways.sip.events import Flow, ServerKey
from gateways.sip.message import Request, Response


class Requests:
    """The handler of the edge's SIP point."""

    def __init__(self, parts: Parts, calls: Calls, admission: Admission) -> None:
        self._parts, self._calls, self._admission = parts, calls, admission

    def request_received(self, key: ServerKey, request: Request, source: Flow) -> None:
        """Every request that opens a transaction."""
        dialog_id = dialog_id_of(request)
        if dialog_id is not None:
            user = self._parts.dialogs.find(dialog_id)
            if user is None:
                self._stray(key, request, source)
            elif self._admission.allows("hang_up" if request.method == "BYE" else "in_dialog"):
                user.request_received(key, request, source)
            else:
                self._not_now(key, request)
            return
        match request.method:
            case "INVITE" if request.get(SIBLING_HEADER) is not None:
                # The call is let in already, where it came in.
                full = self._calls.full or not self._admission.allows("in_dialog")
                self._calls.lent.invite_received(key, request, source, full=full)
            case "INVITE":
                if self._admission.allows("new_call"):
                    self._calls.invite_received(key, request, source)
                else:
                    self._calls.turn_away(key, request, source, f"overload, step {self._admission.step}")
            case "REGISTER":
                if self._admission.allows("register"):
                    self._parts.registrar.register_received(key, request, source)
                else:
                    self._not_now(key, request)
            case "OPTIONS":
                # RFC 3261 11.2: as an INVITE would be answered, as far as that is known.
                if self._calls.full or not self._admission.allows("options"):
                    self._not_now(key, request)
                else:
                    ok = respond(request, 200, contact=self._parts.point.contact(source))
                    self._parts.point.respond_statelessly(key, ok)
            case "BYE" | "INFO" | "UPDATE" | "PRACK":
                self._stray(key, request, source)
            case "REFER":  # nobody is called for strangers
                self._refuse(key, request, respond(request, 403))
            case _:
                self._refuse(key, request, respond(request, 405))

    def _stray(self, key: ServerKey, request: Request, source: Flow) -> None:
        """RFC 3261 12.2.2: about a dialog that is not here. It may have been a moment ago, so once is no offence."""
        self._parts.guard.saw(source.host, "stray", self._parts.clock.monotonic_ms(), request.method)
        self._refuse(key, request, respond(request, 481))

    def _not_now(self, key: ServerKey, request: Request) -> None:
        retry_after = ("Retry-After", str(self._parts.limits.retry_after_s))
        self._refuse(key, request, respond(request, 503, headers=[retry_after]))

    def _refuse(self, key: ServerKey, request: Request, response: Response) -> None:
        """Anybody may ask this as often as they like, so it leaves nothing behind; but an INVITE's answer is repeated."""
        if request.method == "INVITE":
            self._parts.point.respond(key, response)
        else:
            self._parts.point.respond_statelessly(key, response)
