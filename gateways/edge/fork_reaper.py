"""Who answers an INVITE of ours when nobody wants it any more.

One INVITE may be accepted several times: proxies fork, and a 200 crosses our CANCEL. Each 2xx makes a dialog that
stands until it is hung up, so each gets an ACK and those that came too late a BYE (RFC 3261 13.2.2.4), for as long as
the transaction may bring one (timer M), however long ago the leg that called has ended. So the INVITE belongs to an
object of its own, which passes on what its leg still wants and deals with the rest.
"""

from __future__ import annotations

from typing import Protocol

from gateways.edge.line import Line, nothing_follows
from gateways.edge.parts import Parts
from gateways.sip.auth import DigestClient
from gateways.sip.dialog import Dialog
from gateways.sip.events import ClientKey, Flow
from gateways.sip.message import Request, Response
from gateways.sip.reason import COMPLETED_ELSEWHERE, reason_header


class InviteUser(Protocol):
    """The leg that called."""

    def invite_response(self, response: Response, source: Flow) -> bool:
        """False for a 2xx that is not wanted."""

    def invite_failed(self, status: int) -> None:
        """No response: 408 in time, 503 not sendable; 502 when nothing comes after 2xx that were not wanted."""


class ForkReaper:
    """The client user of one INVITE."""

    def __init__(
        self, parts: Parts, leg: InviteUser, invite: Request, to: Flow, credentials: DigestClient | None
    ) -> None:
        """`send` comes next."""
        self._parts, self._invite, self._to, self._credentials = parts, invite, to, credentials
        self._leg: InviteUser | None = leg
        self.key: ClientKey | None = None

    def send(self) -> None:
        """Raises `TransactionsFullError`."""
        self.key = self._parts.point.request(self._invite, self._to, self)

    def let_go(self) -> None:
        """The leg wants nothing more of it."""
        self._leg = None

    # --- ClientUser -------------------------------------------------------------------------------

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        """Of whoever was called."""
        self.key = key
        wanted = self._leg is not None and self._leg.invite_response(response, source)
        if not wanted and 200 <= response.status < 300:
            self._hang_up(key, response)

    def failed(self, key: ClientKey, status: int) -> None:
        """No answer at all."""
        if self._leg is not None and self.key in (key, None):
            self._leg.invite_failed(status)

    def ended(self, key: ClientKey) -> None:
        """Nobody answers any more; a leg that still waits was answered by nobody that a call can be had with."""
        if self._leg is not None:
            self._leg.invite_failed(502)

    def _hang_up(self, key: ClientKey, response: Response) -> None:
        dialog = Dialog.as_caller(self._invite, response)
        line = Line(self._parts.point, dialog, self._to, self._credentials)
        line.acknowledge(key, self._invite.cseq.number)
        line.request("BYE", nothing_follows, headers=[reason_header(COMPLETED_ELSEWHERE)])
