"""Callers and phones as text behind two UDP sockets, so that they cost as little of the machine as they can."""

from __future__ import annotations

import asyncio
import hashlib
import re
import socket
import time
from collections.abc import Callable
from typing import Protocol

REALM, PASSWORD = "bench", "secret"
PATIENCE_S = 60.0
REGISTER_AGAIN_S = 60.0
_BUFFER_BYTES = 8 * 1024 * 1024

_SDP = (
    b"v=0\r\no=- %d 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio %d RTP/AVP 8 0 101\r\n"
    b"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
)


def sdp(number: int) -> bytes:
    """The description of this call's party: each has its own, so that nothing of it can be remembered from another."""
    return _SDP % (number, 40_000 + number % 10_000 * 2)


_HEADER = {
    name: re.compile(rb"\r\n" + name + rb": ([^\r]*)")
    for name in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
}
_CONTACT = re.compile(rb"\r\nContact: <([^>]*)>")
_TO_TAG = re.compile(rb"\r\nTo: [^\r]*;tag=([^;\r]*)")
_NUMBER = re.compile(rb"\r\nFrom: [^\r]*<sip:(\d+)@")
_QUOTED = {name: re.compile(name + rb'="([^"]*)"') for name in (b"realm", b"nonce")}


class Run(Protocol):
    """What callers and phones have to know of what they are part of."""

    uri: bytes
    hold_s: float
    parked: dict[int, tuple[bytes, bytes]]

    def call_over(self, number: int) -> None:
        """The caller's side is done with it."""


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what comes from another process or out of a datagram; `TimeoutError` when it does not."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - many small things, seldom waited for
            await asyncio.sleep(0.02)


class Wire:
    """One UDP socket of text, read in bursts."""

    def __init__(self, heard: Callable[[bytes, float], None]) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self.socket.setsockopt(socket.SOL_SOCKET, option, _BUFFER_BYTES)
        self.socket.bind(("127.0.0.1", 0))
        self.port = int(self.socket.getsockname()[1])
        self.me = f"127.0.0.1:{self.port}".encode()
        self.peer = ("127.0.0.1", 0)
        self._heard = heard
        asyncio.get_running_loop().add_reader(self.socket.fileno(), self._read)

    def put(self, data: bytes) -> None:
        """To the edge."""
        self.socket.sendto(data, self.peer)

    def close(self) -> None:
        """No more."""
        asyncio.get_running_loop().remove_reader(self.socket.fileno())
        self.socket.close()

    def _read(self) -> None:
        while True:
            try:
                data = self.socket.recv(65_536)
            except BlockingIOError:
                return
            self._heard(data, time.perf_counter())


def message(first: bytes, lines: list[bytes], body: bytes = b"") -> bytes:
    """A message; the body is SDP."""
    kind = [b"Content-Type: application/sdp"] if body else []
    return b"\r\n".join([first, *lines, *kind, b"Content-Length: %d" % len(body), b"", b""]) + body


def reply(request: bytes, first: bytes, tag: bytes, contact: bytes, body: bytes = b"") -> bytes:
    """A response to this request."""
    lines = [
        b"%s: %s" % (name, value)
        for name in (b"Via", b"From", b"Call-ID", b"CSeq")
        for value in _HEADER[name].findall(request)
    ]
    to = _HEADER[b"To"].search(request)
    assert to is not None
    lines.append(b"To: " + to[1] + (b"" if b";tag=" in to[1] else b";tag=" + tag))
    return message(b"SIP/2.0 " + first, [*lines, b"Contact: <sip:phone@%s>" % contact], body)


class Callers:
    """All callers behind one socket. A call is its number."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self.wire = Wire(self._heard)
        self._placed: set[int] = set()
        self.answered: set[int] = set()
        self.over = self.refused = 0
        self.repeated = 0

    def place(self, number: int) -> None:
        """INVITE."""
        self._placed.add(number)
        self.wire.put(self._request(b"INVITE", number, 1, self._run.uri, body=sdp(number)))

    def _request(
        self, method: bytes, number: int, cseq: int, uri: bytes, tag: bytes = b"", body: bytes = b""
    ) -> bytes:
        me = self.wire.me
        lines = [
            b"Via: SIP/2.0/UDP %s;branch=z9hG4bK%d-%s;rport" % (me, number, method),
            b"Max-Forwards: 70",
            b"From: <sip:%d@%s>;tag=c%d" % (number, me, number),
            b"To: <%s>" % self._run.uri + (b";tag=" + tag if tag else b""),
            b"Call-ID: %d@bench" % number,
            b"CSeq: %d %s" % (cseq, method),
            b"Contact: <sip:%d@%s>" % (number, me),
        ]
        return message(b"%s %s SIP/2.0" % (method, uri), lines, body)

    def _heard(self, data: bytes, at_s: float) -> None:
        call_id = _HEADER[b"Call-ID"].search(data)
        cseq = _HEADER[b"CSeq"].search(data)
        if call_id is None or cseq is None:
            return
        number, status = int(call_id[1].partition(b"@")[0]), data[8:11]
        if cseq[1].endswith(b"INVITE"):
            if status == b"200":
                self._accepted(number, data)
            elif status >= b"300":
                self.refused += 1
                self.wire.put(self._request(b"ACK", number, 1, self._run.uri))
                self._run.call_over(number)
        elif cseq[1].endswith(b"BYE") and number in self._placed:
            self._placed.discard(number)
            self.over += 1
            self._run.call_over(number)

    def _accepted(self, number: int, data: bytes) -> None:
        contact, tag = _CONTACT.search(data), _TO_TAG.search(data)
        assert contact is not None
        assert tag is not None
        self.wire.put(self._request(b"ACK", number, 1, contact[1], tag[1]))
        if number in self.answered:
            self.repeated += 1
            return
        self.answered.add(number)
        if number in self._run.parked:
            self._run.parked[number] = (contact[1], tag[1])
            return
        asyncio.get_running_loop().call_later(self._run.hold_s, self.hang_up, number, contact[1], tag[1])

    def hang_up(self, number: int, uri: bytes, tag: bytes) -> None:
        """BYE."""
        self.answered.discard(number)
        self.wire.put(self._request(b"BYE", number, 2, uri, tag))


class Phones:
    """All phones behind one socket; they answer at once."""

    def __init__(self, run: Run, count: int) -> None:
        self._run, self.count = run, count
        self.wire = Wire(self._heard)
        self.registered: set[int] = set()
        self.rung: dict[int, float] = {}  # the caller's number → INVITE heard at
        self.repeated = 0
        self._cseq = 0

    async def register(self) -> None:
        """All of them, a few at a time; done when all are."""
        self.registered.clear()
        for user in range(self.count):
            self._ask(user, b"")
            if user % 20 == 19:
                await asyncio.sleep(0.05)
        await until(lambda: len(self.registered) == self.count)

    async def stay(self) -> None:
        """Register again before it ends."""
        while True:
            await asyncio.sleep(REGISTER_AGAIN_S)
            await self.register()

    def _ask(self, user: int, credentials: bytes) -> None:
        self._cseq += 1
        me = self.wire.me
        lines = [
            b"Via: SIP/2.0/UDP %s;branch=z9hG4bKr%d;rport" % (me, self._cseq),
            b"Max-Forwards: 70",
            b"From: <sip:%d@bench>;tag=r%d" % (user, user),
            b"To: <sip:%d@bench>" % user,
            b"Call-ID: r%d@bench" % user,
            b"CSeq: %d REGISTER" % self._cseq,
            b"Contact: <sip:%d@%s>" % (user, me),
            b"Expires: 120",
            *([credentials] if credentials else []),
        ]
        self.wire.put(message(b"REGISTER %s SIP/2.0" % self._run.uri, lines))

    def _heard(self, data: bytes, at_s: float) -> None:
        if data.startswith(b"INVITE "):
            self._ring(data, at_s)
        elif data.startswith((b"BYE ", b"OPTIONS ")):
            self.wire.put(reply(data, b"200 OK", b"p", self.wire.me))
        elif data.startswith(b"SIP/2.0 200"):
            call_id = _HEADER[b"Call-ID"].search(data)
            assert call_id is not None
            self.registered.add(int(call_id[1][1:].partition(b"@")[0]))
        elif data.startswith(b"SIP/2.0 401"):
            self._prove(data)

    def _ring(self, invite: bytes, at_s: float) -> None:
        number = _NUMBER.search(invite)
        assert number is not None
        caller = int(number[1])
        if caller in self.rung:
            self.repeated += 1
        self.rung[caller] = at_s
        tag = b"p%d" % caller
        self.wire.put(reply(invite, b"180 Ringing", tag, self.wire.me))
        self.wire.put(reply(invite, b"200 OK", tag, self.wire.me, sdp(caller)))

    def _prove(self, challenge: bytes) -> None:
        call_id = _HEADER[b"Call-ID"].search(challenge)
        offered = [
            line
            for line in challenge.split(b"\r\n")
            if line.startswith(b"WWW-Authenticate") and b"SHA" not in line
        ]
        nonce = _QUOTED[b"nonce"].search(offered[0])
        assert call_id is not None
        assert nonce is not None
        user = int(call_id[1][1:].partition(b"@")[0])
        uri = self._run.uri

        def h(data: bytes) -> bytes:
            return hashlib.md5(data, usedforsecurity=False).hexdigest().encode()

        ha1, ha2 = h(f"{user}:{REALM}:{PASSWORD}".encode()), h(b"REGISTER:" + uri)
        response = h(b":".join((ha1, nonce[1], b"00000001", b"c", b"auth", ha2)))
        self._ask(
            user,
            b'Authorization: Digest username="%d", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=MD5, qop=auth, '
            b'nc=00000001, cnonce="c"' % (user, REALM.encode(), nonce[1], uri, response),
        )
