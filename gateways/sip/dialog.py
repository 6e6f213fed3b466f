"""Dialogs (RFC 3261 12): what two user agents agree on to send each other requests.

A `Dialog` knows its identifiers, the route set, the peer's target and both CSeq numbers. It makes requests
within the dialog and judges those that come: order (12.2.2) and colliding re-INVITEs (14.1, 14.2). It does
not know transactions: the caller sends what it makes and tells it what was answered and acknowledged.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from gateways.sip.admission import Refusal
from gateways.sip.build import make_request
from gateways.sip.headers import NameAddr
from gateways.sip.message import Request, Response
from gateways.sip.uri import Uri

_TARGET_REFRESH = ("INVITE", "UPDATE")  # RFC 3261 12.2.1, RFC 3311 5.1
_CREDENTIALS = ("Authorization", "Proxy-Authorization")


class DialogId(msgspec.Struct, frozen=True):
    """What tells one dialog from all others (RFC 3261 12)."""

    call_id: str
    local_tag: str
    remote_tag: str


def dialog_id_of(request: Request) -> DialogId | None:
    """The dialog that a received request belongs to; None when it is outside of any."""
    local_tag = request.to.tag
    if local_tag is None:
        return None
    return DialogId(request.call_id, local_tag, request.from_.tag or "")


class Dialog:
    """One dialog, seen from our side."""

    __slots__ = (
        "_invite_in",
        "_invite_out",
        "_last_invite_out",
        "_proofs",
        "_unacknowledged",
        "confirmed",
        "id",
        "local",
        "local_cseq",
        "remote",
        "remote_cseq",
        "remote_target",
        "route_set",
    )

    def __init__(self, call_id: str, local: NameAddr, remote: NameAddr, target: Uri) -> None:
        self.id = DialogId(call_id, local.tag or "", remote.tag or "")
        self.local = local
        self.remote = remote
        self.remote_target = target
        self.route_set: list[NameAddr] = []
        self.local_cseq = 0
        self.remote_cseq: int | None = None
        self.confirmed = False
        self._invite_out: int | None = None  # CSeq number of our INVITE without a final response
        self._invite_in: int | None = None  # the same of the peer's
        self._last_invite_out: int | None = None
        self._proofs: tuple[tuple[str, str], ...] = ()  # the credentials in that INVITE
        self._unacknowledged: int | None = None  # CSeq number of the peer's INVITE that our 2xx went to

    @classmethod
    def as_caller(cls, request: Request, response: Response) -> Dialog:
        """The dialog that a 1xx (not 100) or 2xx makes out of our request (RFC 3261 12.1.2)."""
        # A 180 without Contact is common; until the 2xx brings one, the callee is where we sent the INVITE.
        target = response.contacts[0].uri if response.contacts else request.request_uri
        dialog = cls(request.call_id, request.from_, response.to, target)
        dialog.local_cseq = request.cseq.number
        if request.method == "INVITE":
            dialog._note_invite(request)
        dialog.route_set = response.record_route[::-1]
        dialog.response_received(response)
        return dialog

    @classmethod
    def as_callee(cls, request: Request, local_tag: str) -> Dialog:
        """The dialog that our 1xx or 2xx with this To tag makes out of a received request (RFC 3261 12.1.1)."""
        target = request.contacts[0].uri if request.contacts else request.from_.uri
        dialog = cls(request.call_id, request.to.with_params(tag=local_tag), request.from_, target)
        dialog.route_set = request.record_route
        dialog.remote_cseq = request.cseq.number
        if request.method == "INVITE":
            dialog._invite_in = request.cseq.number
        return dialog

    @property
    def invite_pending(self) -> bool:
        """An INVITE of either side is not over, the peer's not before its ACK: no other may be sent (RFC 3261 14.1)."""
        return any(number is not None for number in (self._invite_out, self._invite_in, self._unacknowledged))

    # Sending

    def request(
        self,
        method: str,
        *,
        contact: NameAddr | str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> Request:
        """The next request within the dialog (RFC 3261 12.2.1.1); an ACK comes from `ack`."""
        if method == "INVITE" and self.invite_pending:
            raise ValueError("an INVITE is pending in this dialog")
        self.local_cseq += 1
        request = self._make(method, self.local_cseq, contact, headers, body, content_type)
        if method == "INVITE":
            self._note_invite(request)
        return request

    def ack(
        self, *, cseq_number: int | None = None, body: bytes = b"", content_type: str | None = None
    ) -> Request:
        """The ACK for a 2xx: CSeq number and credentials of its INVITE, by default our last one (RFC 3261 13.2.2.4)."""
        number = cseq_number if cseq_number is not None else self._last_invite_out
        if number is None:
            raise ValueError("no INVITE was sent in this dialog")
        proofs = self._proofs if number == self._last_invite_out else ()
        return self._make("ACK", number, None, proofs, body, content_type)

    def sent_again(self, request: Request) -> None:
        """A request of ours goes out anew with a higher CSeq: the answer to a challenge."""
        self.local_cseq = max(self.local_cseq, request.cseq.number)
        if request.method == "INVITE":
            self._note_invite(request)

    def _note_invite(self, request: Request) -> None:
        self._invite_out = self._last_invite_out = request.cseq.number
        self._proofs = tuple(field for field in request.headers if field[0] in _CREDENTIALS)

    def invite_failed(self) -> None:
        """Our INVITE was not sent, or nobody answered it."""
        self._invite_out = None

    def next_hop(self) -> Uri:
        """Where requests of this dialog are sent: the first route, else the remote target."""
        return self.route_set[0].uri if self.route_set else self.remote_target

    def _make(
        self,
        method: str,
        number: int,
        contact: NameAddr | str | None,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        content_type: str | None,
    ) -> Request:
        uri = self.remote_target
        route = self.route_set
        if route and not route[0].uri.loose_router:
            # A strict router takes its own address from the Request-URI (RFC 3261 12.2.1.1).
            uri = route[0].uri
            route = [*route[1:], NameAddr(self.remote_target)]
        fields = [("Route", str(hop)) for hop in route]
        fields.extend(headers)
        return make_request(
            method,
            uri,
            from_=self.local,
            to=self.remote,
            call_id=self.id.call_id,
            cseq=number,
            contact=contact,
            headers=fields,
            body=body,
            content_type=content_type,
        )

    def response_received(self, response: Response) -> None:
        """Take notice of a response to a request of ours."""
        cseq = response.cseq
        if response.is_final and cseq.method == "INVITE" and cseq.number == self._invite_out:
            self._invite_out = None
        if not 200 <= response.status < 300 or cseq.method not in _TARGET_REFRESH:
            return
        if not self.confirmed and cseq.method == "INVITE":
            self.confirmed = True
            self.route_set = response.record_route[::-1]  # RFC 3261 13.2.2.4: computed anew from the 2xx
        if response.contacts:
            self.remote_target = response.contacts[0].uri

    # Receiving

    def receive_request(self, request: Request) -> Refusal | None:
        """Whether a request within the dialog is in order; if not, how to answer it."""
        refusal = self.judge(request)
        self.accept(request)
        return refusal

    def judge(self, request: Request) -> Refusal | None:
        """Whether a request within the dialog is in order; if not, how to answer it. Nothing changes.

        Who may speak in this dialog has been asked before: the tags are no secret on the way.
        """
        cseq = request.cseq
        if cseq.method == "ACK":
            return None
        if self.remote_cseq is not None and cseq.number <= self.remote_cseq:
            return Refusal(500, "Server Internal Error - CSeq out of order")  # RFC 3261 12.2.2
        if cseq.method != "INVITE":
            return None
        if self._invite_in is not None:
            # RFC 3261 14.2 asks for 0 to 10 s, different for each; the sum of a random tag differs.
            retry_after_s = sum(self.id.local_tag.encode(), cseq.number) % 11
            return Refusal(500, headers=(("Retry-After", str(retry_after_s)),))
        if self._invite_out is not None:
            return Refusal(491)  # RFC 3261 14.2: glare
        return None

    def accept(self, request: Request) -> None:
        """Take notice of a request within the dialog that came from the peer, also of one that `judge` refuses."""
        cseq = request.cseq
        if cseq.method == "ACK":
            return
        if cseq.method == "INVITE" and self.judge(request) is None:
            self._invite_in = cseq.number
        self.remote_cseq = max(cseq.number, self.remote_cseq or 0)

    def ack_received(self, request: Request) -> None:
        """Our 2xx to the peer's INVITE is acknowledged: INVITEs of ours may go out again (RFC 3261 14.1)."""
        if request.cseq.number == self._unacknowledged:
            self._unacknowledged = None

    def ack_missing(self) -> None:
        """Our 2xx was never acknowledged."""
        self._unacknowledged = None

    def response_sent(self, request: Request, response: Response) -> None:
        """Take notice of our response to a request of the peer."""
        if not response.is_final:
            return
        if request.method == "INVITE" and request.cseq.number == self._invite_in:
            self._invite_in = None
        if response.status >= 300 or request.method not in _TARGET_REFRESH:
            return
        if request.method == "INVITE":  # an UPDATE may come, and be answered, while the dialog is early
            self.confirmed = True
            self._unacknowledged = request.cseq.number
        if request.contacts:
            self.remote_target = request.contacts[0].uri
