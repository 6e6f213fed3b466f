"""The way to the other end of a dialog: how requests of ours within it are sent.

A challenge is answered when there are credentials: exchanges ask for them at a BYE or a re-INVITE as they do at the
first INVITE (RFC 3261 22). Whoever asks hears once what came of it; the dialog hears of every final answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeAlias

from gateways.edge.point import SipPoint
from gateways.sip.auth import DigestClient
from gateways.sip.body import SDP_TYPE
from gateways.sip.dialog import Dialog
from gateways.sip.errors import TransactionsFullError
from gateways.sip.events import ClientKey, Flow
from gateways.sip.message import Request, Response

_log = logging.getLogger(__name__)

_CHALLENGES_MAX = 2  # a proxy's and the other end's, or one whose nonce was stale

# The final answer with its key and status; without a response: 408 in time, 503 not sendable (RFC 3261 8.1.3.1).
Done: TypeAlias = Callable[[ClientKey, int, Response | None], None]


def nothing_follows(key: ClientKey, status: int, response: Response | None) -> None:
    """Of the answer to a BYE (RFC 3261 15.1.1)."""


class Line:
    """One dialog's. `peer` is where its messages come from; it moves with them."""

    def __init__(
        self, point: SipPoint, dialog: Dialog, peer: Flow, credentials: DigestClient | None = None
    ) -> None:
        """The dialog may still be early."""
        self.point, self.dialog, self.peer, self.credentials = point, dialog, peer, credentials

    @property
    def contact(self) -> str:
        """Our Contact towards this peer."""
        return self.point.contact(self.peer)

    def request(
        self,
        method: str,
        done: Done,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = SDP_TYPE,
    ) -> bool:
        """Send a request; False: there was no room for it, and nothing follows."""
        request = self.dialog.request(
            method,
            contact=self.contact if method != "BYE" else None,
            headers=headers,
            body=body,
            content_type=content_type,
        )
        if _Asked(self, request, done).send():
            return True
        if method == "INVITE":
            self.dialog.invite_failed()
        _log.error("too many transactions: %s to %s was not sent", method, self.peer.host)
        return False

    def acknowledge(self, key: ClientKey, cseq_number: int) -> None:
        """ACK to the 2xx of an INVITE of ours."""
        ack = self.dialog.ack(cseq_number=cseq_number)
        self.point.acknowledge(key, ack, self.point.next_hop(self.dialog, self.peer))


class _Asked:
    """One request until its final answer."""

    def __init__(self, line: Line, request: Request, done: Done) -> None:
        self._line, self._request, self._done = line, request, done
        self._challenges = 0
        self._over = False

    def send(self) -> bool:
        line = self._line
        try:
            line.point.request(self._request, line.point.next_hop(line.dialog, line.peer), self)
        except TransactionsFullError:
            return False
        return True

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        """Provisional ones say nothing here."""
        if response.status < 200 or self._over:
            return
        self._line.dialog.response_received(response)
        if not self._proves(response):
            self._end(key, response.status, response)

    def failed(self, key: ClientKey, status: int) -> None:
        """Silence, or it could not be sent."""
        if self._request.method == "INVITE":
            self._line.dialog.invite_failed()
        self._end(key, status, None)

    def ended(self, key: ClientKey) -> None:
        """A re-INVITE is not forked: its 2xx was all."""

    def _end(self, key: ClientKey, status: int, response: Response | None) -> None:
        self._over = True
        self._done(key, status, response)

    def _proves(self, response: Response) -> bool:
        """A challenge that can be answered was (RFC 3261 22.2, 22.3)."""
        credentials, dialog = self._line.credentials, self._line.dialog
        if credentials is None or self._challenges >= _CHALLENGES_MAX:
            return False
        again = credentials.answer(self._request, response)
        if again is None:
            return False
        # Others of this dialog may have been sent meanwhile, and the digest does not cover the number.
        again.set("CSeq", f"{dialog.local_cseq + 1} {again.method}")
        dialog.sent_again(again)
        self._challenges += 1
        self._request = again
        if not self.send():
            if again.method == "INVITE":
                dialog.invite_failed()
            return False
        return True
