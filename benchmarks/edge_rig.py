"""An edge process as it is shipped, with all its surroundings played by this one: core, audio engine, callers and phones.

Two-leg calls as the core makes them: a caller's INVITE arrives, the core rings a phone, the phone answers, both are joined and
recorded, the caller hangs up, the phone is hung up. Callers and phones are text behind two UDP sockets, so that they cost as
little of the machine as they can; there is no audio. What the edge itself counts (retransmissions, transactions) comes with
its picture, what it cost from /proc.

The floor is a process that sends every datagram back: as many datagrams of the same size as the edge handles for a call,
through the same kind of loop, in the same run.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

from acd_core.config import Config, Rtp, Sip
from acd_core.domain import commands, events
from acd_core.link.aio import LinkServer
from acd_core.link.signals import EdgePicture, FromCore, PictureWanted, ToCore
from gateways.edge.phones import phones_path
from gateways.media import messages as engine

EDGE = "edge1"
REALM, PASSWORD = "bench", "secret"
PATIENCE_S = 60.0
DATAGRAMS_A_CALL = (
    13  # INVITE 100 180 200 ACK BYE 200 with the caller, INVITE 180 200 ACK BYE 200 with the phone
)
REGISTER_AGAIN_S = 60.0
_BUFFER_BYTES = 8 * 1024 * 1024
_PICTURE_AGAIN_S = 10.0
_MUSIC = commands.Prompt(
    id="music", wav=str(Path(__file__).resolve().parents[1] / "examples" / "city-water" / "music.wav")
)

_START = """
import sys, msgspec
from acd_core.config import Config
from gateways.edge.process import main
sys.exit(main(msgspec.json.decode(sys.argv[1], type=Config)))
"""
_ECHO = """
import asyncio, socket, uvloop
def serve():
    while True:
        try:
            data, source = served.recvfrom(65_536)
        except BlockingIOError:
            return
        served.sendto(data, source)
async def main():
    asyncio.get_running_loop().add_reader(served.fileno(), serve)
    await asyncio.Event().wait()
served = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
served.setblocking(False)
served.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
served.bind(("127.0.0.1", 0))
print(served.getsockname()[1], flush=True)
uvloop.run(main())
"""
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 0 101\r\n"
    b"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
)
_HEADER = {
    name: re.compile(rb"\r\n" + name + rb": ([^\r]*)")
    for name in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
}
_CONTACT = re.compile(rb"\r\nContact: <([^>]*)>")
_TO_TAG = re.compile(rb"\r\nTo: [^\r]*;tag=([^;\r]*)")
_NUMBER = re.compile(rb"\r\nFrom: [^\r]*<sip:(\d+)@")
_QUOTED = {name: re.compile(name + rb'="([^"]*)"') for name in (b"realm", b"nonce")}


class Usage(msgspec.Struct, frozen=True):
    """What a process has used."""

    processor_s: float
    resident_kb: int


def usage(pid: int) -> Usage:
    """Of /proc."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return Usage(ticks / os.sysconf("SC_CLK_TCK"), resident // 1024)


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

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.wire = Wire(self._heard)
        self._placed: set[int] = set()
        self.answered: set[int] = set()
        self.over = self.refused = 0
        self.repeated = 0

    def place(self, number: int) -> None:
        """INVITE."""
        self._placed.add(number)
        self.wire.put(self._request(b"INVITE", number, 1, self._rig.uri, body=SDP))

    def _request(
        self, method: bytes, number: int, cseq: int, uri: bytes, tag: bytes = b"", body: bytes = b""
    ) -> bytes:
        me = self.wire.me
        lines = [
            b"Via: SIP/2.0/UDP %s;branch=z9hG4bK%d-%s;rport" % (me, number, method),
            b"Max-Forwards: 70",
            b"From: <sip:%d@%s>;tag=c%d" % (number, me, number),
            b"To: <%s>" % self._rig.uri + (b";tag=" + tag if tag else b""),
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
                self.wire.put(self._request(b"ACK", number, 1, self._rig.uri))
                self._rig.call_over(number)
        elif cseq[1].endswith(b"BYE") and number in self._placed:
            self._placed.discard(number)
            self.over += 1
            self._rig.call_over(number)

    def _accepted(self, number: int, data: bytes) -> None:
        contact, tag = _CONTACT.search(data), _TO_TAG.search(data)
        assert contact is not None
        assert tag is not None
        self.wire.put(self._request(b"ACK", number, 1, contact[1], tag[1]))
        if number in self.answered:
            self.repeated += 1
            return
        self.answered.add(number)
        if number in self._rig.parked:
            self._rig.parked[number] = (contact[1], tag[1])
            return
        asyncio.get_running_loop().call_later(self._rig.hold_s, self.hang_up, number, contact[1], tag[1])

    def hang_up(self, number: int, uri: bytes, tag: bytes) -> None:
        """BYE."""
        self.answered.discard(number)
        self.wire.put(self._request(b"BYE", number, 2, uri, tag))


class Phones:
    """All phones behind one socket; they answer at once."""

    def __init__(self, rig: Rig, count: int) -> None:
        self._rig, self.count = rig, count
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
        self.wire.put(message(b"REGISTER %s SIP/2.0" % self._rig.uri, lines))

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
        self.wire.put(reply(invite, b"200 OK", tag, self.wire.me, SDP))

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
        uri = self._rig.uri

        def h(data: bytes) -> bytes:
            return hashlib.md5(data, usedforsecurity=False).hexdigest().encode()

        ha1, ha2 = h(f"{user}:{REALM}:{PASSWORD}".encode()), h(b"REGISTER:" + uri)
        response = h(b":".join((ha1, nonce[1], b"00000001", b"c", b"auth", ha2)))
        self._ask(
            user,
            b'Authorization: Digest username="%d", realm="%s", nonce="%s", uri="%s", response="%s", algorithm=MD5, qop=auth, '
            b'nc=00000001, cnonce="c"' % (user, REALM.encode(), nonce[1], uri, response),
        )


class Rig:
    """The edge and all around it. `place` calls; `wait_quiet` waits for their ends."""

    def __init__(self, config: Config, process: subprocess.Popen[bytes], phones: int, hold_s: float) -> None:
        self.config, self.process, self.hold_s = config, process, hold_s
        self.uri = f"sip:185@127.0.0.1:{config.sip.listen_port}".encode()
        self.callers, self.phones = Callers(self), Phones(self, phones)
        for wire in (self.callers.wire, self.phones.wire):
            wire.peer = ("127.0.0.1", config.sip.listen_port)
        self.parked: dict[int, tuple[bytes, bytes]] = {}  # numbers that are answered and then wait
        self.left: dict[int, float] = {}  # by number: when the INVITE left
        self._picture: EdgePicture | None = None
        self._pictures = 0
        self._news = asyncio.Event()
        self._numbers: dict[str, int] = {}  # call → number
        self._offers = 0
        self._live: set[int] = set()
        self._next = 5_320_000_000
        self._ports = 0
        self._core = self._server("core", FromCore, ToCore, self._core_heard)
        self._engine = self._server("media", engine.FromEngine, engine.ToEngine, self._engine_heard)

    def _server(
        self, name: str, send_type: Any, receive_type: Any, heard: Callable[[Any], None]
    ) -> LinkServer:
        return LinkServer(
            self.config.socket(name),
            role=name,
            name=f"{name}1",
            send_type=send_type,
            receive_type=receive_type,
            on_message=lambda peer, message: heard(message),
            on_up=lambda peer, fresh: self._news.set(),
            on_down=lambda peer: None,
        )

    async def run(self) -> None:
        """Serve the edge's links."""
        await asyncio.gather(self._core.run(), self._engine.run(), self._watch())

    async def ready(self) -> None:
        """The edge is connected to both, and all phones are registered."""
        await until(
            lambda: bool(self._core.peers and self._engine.peers) and self.config.ready_file("edge").exists()
        )
        await self.phones.register()
        await self.picture()

    def place(self, *, park: bool = False) -> int:
        """One caller calls; returned is their number."""
        self._next += 1
        self._live.add(self._next)
        self.left[self._next] = time.perf_counter()
        if park:
            self.parked[self._next] = (b"", b"")
        self.callers.place(self._next)
        return self._next

    @property
    def live(self) -> int:
        """Calls that are not over."""
        return len(self._live)

    def call_over(self, number: int) -> None:
        """The caller's side is done with it."""
        self._live.discard(number)

    async def place_many(self, rate: float, seconds: float, *, park: bool = False) -> list[int]:
        """Evenly, by a schedule that nothing slows down."""
        numbers: list[int] = []
        began = time.perf_counter()
        while len(numbers) < int(rate * seconds):
            due = int((time.perf_counter() - began) * rate) + 1
            while len(numbers) < min(due, int(rate * seconds)):
                numbers.append(self.place(park=park))
            await asyncio.sleep(0.001)
        return numbers

    async def wait_quiet(self, live: int = 0) -> bool:
        """Until no more calls than these are alive; False when that takes too long."""
        try:
            await until(lambda: self.live <= live)
        except TimeoutError:
            return False
        return True

    async def picture(self) -> EdgePicture:
        """The edge's next picture of itself."""
        count = self._pictures + 2  # the next one may be of a moment before
        await until(lambda: self._pictures >= count)
        assert self._picture is not None
        return self._picture

    def used(self) -> Usage:
        """By the edge so far."""
        return usage(self.process.pid)

    def close(self) -> None:
        """The sockets."""
        self.callers.wire.close()
        self.phones.wire.close()

    async def _watch(self) -> None:
        while True:
            if self._core.peers:
                next(iter(self._core.peers.values())).signal(PictureWanted(web="web1", on=True))
            await asyncio.sleep(_PICTURE_AGAIN_S if self._pictures else 0.2)

    def _say(self, command: Any) -> None:
        next(iter(self._core.peers.values())).send(command)

    def _core_heard(self, message: Any) -> None:
        match message:
            case EdgePicture():
                self._picture = message
                self._pictures += 1
            case events.CallArrived(call=call, caller=caller):
                self._arrived(call, int(caller))
            case events.PhoneAnswered(call=call, agent=agent, offer=offer):
                self._say(commands.AnswerCaller(edge=EDGE, call=call))
                self._say(commands.Join(edge=EDGE, call=call, agent=agent, offer=offer, part=1))
            case events.CallerHungUp(call=call):
                offer = self._numbers.pop(call, -1)
                if offer >= 0:
                    self._say(commands.EndPhone(edge=EDGE, call=call, agent="a", offer=offer))

    def _arrived(self, call: str, number: int) -> None:
        if number in self.parked:
            self._say(commands.AnswerCaller(edge=EDGE, call=call))
            self._say(commands.PlayMusic(edge=EDGE, call=call, music=_MUSIC))
            return
        self._offers += 1
        self._numbers[call] = self._offers
        user = str(self._offers % self.phones.count)
        self._say(
            commands.RingPhone(
                edge=EDGE,
                call=call,
                agent="a",
                offer=self._offers,
                user=user,
                caller=str(number),
                service="bench",
            )
        )

    def _engine_heard(self, message: Any) -> None:
        engine_peer = next(iter(self._engine.peers.values()))
        match message:
            case engine.AllocateLeg(leg=leg):
                self._ports = (self._ports + 2) % 10_000
                engine_peer.send(engine.LegAllocated(leg=leg, port=30_000 + self._ports))
            case engine.FreeLeg(leg=leg):
                engine_peer.send(engine.LegFreed(leg=leg))
            case engine.StopRecording(recording=recording):
                engine_peer.send(
                    engine.RecordingDone(
                        recording=recording, path="", started_at_ms=0, duration_ms=0, size_bytes=0, sha256=""
                    )
                )


@contextlib.asynccontextmanager
async def rig(*, phones: int, hold_s: float, calls_max: int = 10_000) -> AsyncIterator[Rig]:
    """A rig whose phones are registered."""
    with tempfile.TemporaryDirectory(prefix="santral-bench-") as folder:
        config = _config(Path(folder), calls_max)
        config.run_path.mkdir(parents=True, exist_ok=True)
        _know(config, phones)
        process = _start(_START, msgspec.json.encode(config).decode())
        it = Rig(config, process, phones, hold_s)
        running = asyncio.create_task(it.run())
        try:
            await it.ready()
            staying = asyncio.create_task(it.phones.stay())
            try:
                yield it
            finally:
                staying.cancel()
        finally:
            process.terminate()
            process.wait(10)
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            it.close()


def _start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def _config(folder: Path, calls_max: int) -> Config:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    sip = Sip(
        listen_port=port,
        realm=REALM,
        calls_max=calls_max,
        invites_per_second=100_000,
        reliable_ringing="never",
    )
    return Config(data_dir="data", base_dir=str(folder), sip=sip, rtp=Rtp())


def _know(config: Config, phones: int) -> None:
    path = phones_path(config.data_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for user in range(phones):
        secret = hashlib.md5(f"{user}:{REALM}:{PASSWORD}".encode(), usedforsecurity=False).hexdigest()
        lines.append(f'[phones."{user}"]\nrealm = "{REALM}"\nmd5 = "{secret}"\nalgorithms = ["MD5"]\n')
    path.write_text("\n".join(lines))
    path.chmod(0o600)


class Floor(msgspec.Struct, frozen=True):
    """What sending datagrams back costs, for as many as a call has; and how long one takes there and back."""

    processor_ms_a_call: float
    times_ms: list[float]


async def floor(calls: int, rate: float) -> Floor:
    """The same number of datagrams as so many calls, at the same pace."""
    process = _start(_ECHO)
    assert process.stdout is not None
    times: list[float] = []
    sent: dict[int, float] = {}

    def heard(data: bytes, at_s: float) -> None:
        times.append((at_s - sent[int(data[:9])]) * 1000)

    try:
        port = int(process.stdout.readline())
        wire = Wire(heard)
        wire.peer = ("127.0.0.1", port)
        before = usage(process.pid)
        began, count = time.perf_counter(), 0
        # One comes and one goes each time: half as many as datagrams of a call.
        total = calls * DATAGRAMS_A_CALL // 2
        while count < total:
            due = min(total, int((time.perf_counter() - began) * rate * DATAGRAMS_A_CALL / 2) + 1)
            while count < due:
                sent[count] = time.perf_counter()
                wire.put(b"%09d" % count + b"x" * 600)
                count += 1
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.2)
        used = usage(process.pid).processor_s - before.processor_s
        wire.close()
    finally:
        process.terminate()
        process.wait(10)
    return Floor(used / calls * 1000, sorted(times))
