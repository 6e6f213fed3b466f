"""What comes out of the transaction layer. `key` names a transaction; it is opaque and unique for logs."""

from __future__ import annotations

from typing import Literal, NewType

import msgspec

from gateways.sip.message import Request, Response

Address = tuple[str, int]
Transport = Literal["UDP", "TCP", "TLS"]
ClientKey = NewType("ClientKey", str)
ServerKey = NewType("ServerKey", str)


class Flow(msgspec.Struct, frozen=True, gc=False):
    """Beyond one layer: where a message came from or goes to. Of TCP and TLS it names the connection, which is made if absent."""

    transport: Transport
    host: str
    port: int

    @property
    def address(self) -> Address:
        """Within the layer of that transport."""
        return self.host, self.port


class Send(msgspec.Struct, frozen=True):
    """Put these bytes on the wire. `key` is None for what belongs to no transaction.

    `otherwise` comes with responses on a stream: where to connect to when `destination`, the connection that the request came
    by, is gone (RFC 3261 18.2.2). `transport` is set when it goes by another than the layer's own.
    """

    data: bytes
    destination: Address
    key: ClientKey | ServerKey | None = None
    otherwise: Address | None = None
    transport: Transport | None = None


class RequestReceived(msgspec.Struct, frozen=True):
    """A new request, neither ACK nor CANCEL. Answer it with `send_response(key, ...)`."""

    key: ServerKey
    request: Request
    source: Address


class CancelReceived(msgspec.Struct, frozen=True):
    """The unanswered INVITE `key` is cancelled: answer it with 487. The CANCEL itself is answered."""

    key: ServerKey
    request: Request


class AckReceived(msgspec.Struct, frozen=True):
    """The 2xx to the INVITE `key` is acknowledged. Comes once."""

    key: ServerKey
    request: Request
    source: Address
    proves: bool  # `source` is the host that our 2xx went to, so it does receive what we send there


class AckTimedOut(msgspec.Struct, frozen=True):
    """The 2xx to the INVITE `key` was not acknowledged for 64 T1. RFC 3261 13.3.1.4: send BYE."""

    key: ServerKey


class ResponseReceived(msgspec.Struct, frozen=True):
    """A response: every provisional one, one final one; a further 2xx to an INVITE when another callee sent it.

    Acknowledge each 2xx to an INVITE with `send_ack`; other final responses are acknowledged already.
    """

    key: ClientKey
    response: Response
    source: Address
    proves: bool  # `source` is the host that our request went to, so it does receive what we send there


class TransactionTimedOut(msgspec.Struct, frozen=True):
    """No final response in time. Client: treat it as 408. Server: we did not answer, and 504 was sent instead."""

    key: ClientKey | ServerKey


class InviteEnded(msgspec.Struct, frozen=True):
    """Nothing more comes of this INVITE of ours: its timer B, D or M has passed, and the key is gone."""

    key: ClientKey


class TransportProblem(msgspec.Struct, frozen=True):
    """The request could not be sent: treat it as 503 (RFC 3261 8.1.3.1)."""

    key: ClientKey


class Refused(msgspec.Struct, frozen=True):
    """A message that the layer answered with an error by itself, or dropped (`status` 0): for logs."""

    source: Address
    status: int
    reason: str


Output = (
    Send
    | RequestReceived
    | CancelReceived
    | AckReceived
    | AckTimedOut
    | ResponseReceived
    | TransactionTimedOut
    | InviteEnded
    | TransportProblem
    | Refused
)


class Statistics(msgspec.Struct):
    """Counters since the layer was made; `*_live` and `timers` are of now."""

    requests_received: int = 0
    responses_received: int = 0
    requests_sent: int = 0
    responses_sent: int = 0
    requests_repeated_by_peer: int = 0
    responses_repeated_by_peer: int = 0
    retransmissions_sent: int = 0
    keepalives: int = 0
    malformed_answered: int = 0
    malformed_dropped: int = 0
    refused: int = 0  # well-formed requests answered by the layer: 405, 416, 420, 481, 482, 483
    refused_full: int = 0
    forged_cancels: int = 0  # that knew the branch of an INVITE, but not the rest, or came from elsewhere
    stray_responses: int = 0
    stray_acks: int = 0
    acks_missing: int = 0  # a final response to an INVITE that nobody acknowledged
    forks_dropped: int = 0
    client_timeouts: int = 0
    server_timeouts: int = 0  # requests that our own user left unanswered
    transport_problems: int = 0
    responses_late: int = 0  # send_response after the end or after a final response
    clients_live: int = 0
    servers_live: int = 0
    timers: int = 0
