"""SIP messages cut out of a stream of bytes: TCP and TLS (RFC 3261 7.5, 18.3, 20.14; RFC 5626 4.4.1).

A message ends where its Content-Length says, so a stream in which that can't be read is lost: nobody knows where the next
message begins. Between messages CRLFs mean nothing (7.5), two in a row ask whether we are still here, and are to be answered
with one. How the bytes are cut into pieces on the way makes no difference to what comes out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from gateways.sip.errors import SipParseError
from gateways.sip.limits import HEADERS_MAX, MESSAGE_BYTES_MAX
from gateways.sip.scan import parse_number

PONG: Final = b"\r\n"
_END_OF_HEAD = b"\r\n\r\n"


class Ping(msgspec.Struct, frozen=True):
    """The peer asks for a `PONG`."""


class StreamError(Exception):
    """Where the next message begins can't be known: the connection has to be closed."""


class StreamReader:
    """One connection's incoming bytes; after a `StreamError` it is of no more use."""

    def __init__(self, bytes_max: int = MESSAGE_BYTES_MAX) -> None:
        """No head and no body may be longer; what both are together is the parser's to judge."""
        self._bytes_max = bytes_max
        self._buffer = bytearray()
        self._searched = 0  # no end of a head begins before this
        self._size = 0  # of the message whose head was read; 0: not known yet
        self._after_crlf = False  # a CRLF came that no other has made a ping of

    @property
    def is_within_message(self) -> bool:
        """A message has begun and its end is not here yet."""
        return bool(self._buffer) and self._buffer != b"\r"

    def feed(self, data: bytes) -> Iterator[bytes | Ping]:
        """What is complete now, in order; to be taken to its end. What came before a fault is given before it is raised."""
        self._buffer += data
        while True:
            if not self._size:
                for _ in range(self._skip_crlf()):
                    yield Ping()
                if not self._read_head():
                    return
            if len(self._buffer) < self._size:
                return
            message = bytes(self._buffer[: self._size])
            del self._buffer[: self._size]
            self._size = self._searched = 0
            yield message

    def _skip_crlf(self) -> int:
        """How often two of them came in a row."""
        end = pings = 0
        while self._buffer.startswith(PONG, end):
            end += 2
            pings += self._after_crlf
            self._after_crlf = not self._after_crlf
        if end:
            del self._buffer[:end]
            self._searched = 0
        if self._buffer and self._buffer != b"\r":
            self._after_crlf = False
        return pings

    def _read_head(self) -> bool:
        end = self._buffer.find(_END_OF_HEAD, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - len(_END_OF_HEAD) + 1)
            if len(self._buffer) > self._bytes_max + len(_END_OF_HEAD):
                raise StreamError(f"headers of more than {self._bytes_max} bytes")
            return False
        if end > self._bytes_max:
            raise StreamError(f"headers of more than {self._bytes_max} bytes")
        length = _content_length(bytes(self._buffer[:end]))
        if length > self._bytes_max:
            raise StreamError(f"a body of more than {self._bytes_max} bytes")
        self._size = end + len(_END_OF_HEAD) + length
        return True


def _content_length(head: bytes) -> int:
    """RFC 3261 7.3.1 allows a value on the line after its name, and says that folding stands for a blank."""
    lines = head.replace(b"\r\n ", b" ").replace(b"\r\n\t", b" ").split(b"\r\n", HEADERS_MAX + 1)
    found: set[str] = set()
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if colon and name.strip(b" \t").lower() in (b"content-length", b"l"):
            found.add(value.strip(b" \t").decode("latin-1"))
    if not found:
        raise StreamError("no Content-Length")
    if len(found) > 1:
        raise StreamError("several Content-Lengths")
    try:
        return parse_number(found.pop(), 2**32, "Content-Length")
    except SipParseError as error:
        raise StreamError(str(error)) from error
