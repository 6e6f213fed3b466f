"""Who hears of what the SIP point received: of new requests, of those that were answered, of those that were sent."""

from __future__ import annotations

from typing import Protocol

from gateways.sip.events import ClientKey, Flow, ServerKey
from gateways.sip.message import Request, Response


class RequestHandler(Protocol):
    """Takes every new request; ACK and CANCEL are told to the server user."""

    def request_received(self, key: ServerKey, request: Request, source: Flow) -> None:
        """Answer it with `respond`, now or later."""


class ServerUser(Protocol):
    """Owns an INVITE that was received."""

    def cancelled(self, key: ServerKey, request: Request) -> None:
        """The caller took it back by this CANCEL: answer 487."""

    def acknowledged(self, key: ServerKey, request: Request) -> None:
        """The 2xx arrived."""

    def not_acknowledged(self, key: ServerKey) -> None:
        """The 2xx was repeated for 32 s in vain."""

    def answered_for(self, key: ServerKey) -> None:
        """Nothing was answered for so long that the layer said 504."""


class ClientUser(Protocol):
    """Owns a request that was sent."""

    def response(self, key: ClientKey, response: Response, source: Flow) -> None:
        """Provisional or final. After a 2xx to an INVITE that of another callee may follow, until `ended`."""

    def failed(self, key: ClientKey, status: int) -> None:
        """No response: 408 in time, 503 not sendable."""

    def ended(self, key: ClientKey) -> None:
        """Nothing more comes of an INVITE that was answered with 2xx (RFC 6026: timer M has passed)."""
