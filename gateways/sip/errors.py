"""Errors of the stack: whose fault each one is.

`SipParseError` and `SdpError` are the peer's: what it sent cannot be understood. `TransactionsFull` and
`NoCommonCodec` are expected outcomes that the caller of the stack must answer. Misuse by our own code is a
plain `ValueError` or assertion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateways.sip.message import Request, Response


class SipParseError(ValueError):
    """A message, or a header field of it, does not follow RFC 3261.

    `status` is the response code it deserves if it can be answered. `message`, when set, is as much of the
    message as was understood: enough to copy Via, From, To, Call-ID and CSeq from.
    """

    def __init__(self, reason: str, where: str = "", status: int = 400) -> None:
        super().__init__(f"{where}: {reason}" if where else reason)
        self.reason = reason
        self.where = where
        self.status = status
        self.message: Request | Response | None = None


class SdpError(ValueError):
    """A session description does not follow RFC 4566; `line` counts from 1, 0 is the whole."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.reason = reason
        self.line = line


class NoCommonCodecError(Exception):
    """The offer holds no audio stream that we can take: answer 488 Not Acceptable Here."""


class TransactionsFullError(Exception):
    """The transaction table is full; no new request can be sent now."""
