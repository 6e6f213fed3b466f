"""A whole edge on real sockets, with everybody around it played by the test.

Core, audio engine, speech and browser audio are real link servers whose words the test writes; phones and callers
are UDP sockets. Nothing of the edge is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import shutil
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from acd_core.config import Config, Rtp, Sip
from acd_core.domain import commands, events
from acd_core.link.aio import LinkClient, LinkServer, Peer
from acd_core.link.signals import FromCore, ToCore
from gateways.edge.edge import Edge
from gateways.edge.limits import EdgeLimits, Timing
from gateways.media import messages as engine
from gateways.sip.events import Transport
from gateways.sip.message import Request, Response
from gateways.sip.parser import parse_message
from gateways.sip.uri import bracket
from gateways.speech import messages as speech
from gateways.webrtc import messages as webrtc

EDGE = "edge1"
PATIENCE_S = 20.0
T = TypeVar("T")

OFFER = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na={direction}\r\n"
)


def sdp(port: int = 40_000, direction: str = "sendrecv") -> str:
    return OFFER.format(port=port, direction=direction)


class Scripted:
    """One link server whose messages the test reads in order and answers."""

    def __init__(
        self,
        config: Config,
        name: str,
        send_type: Any,
        receive_type: Any,
        now_ms: Callable[[], int] = lambda: 0,
    ) -> None:
        self.heard: list[Any] = []
        self.read = 0
        self.news = asyncio.Event()
        self.auto: Callable[[Any], None] | None = None
        self.up = asyncio.Event()
        self.server = LinkServer(
            config.socket(name),
            role=name,
            name=f"{name}1",
            send_type=send_type,
            receive_type=receive_type,
            on_message=self._message,
            on_up=self._up,
            on_down=lambda peer: self.up.clear(),
            now_ms=now_ms,
        )
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self.task = asyncio.create_task(self.server.run())
        await self.server.started.wait()

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task
            self.task = None

    def _up(self, peer: Peer, fresh: bool) -> None:
        self.up.set()

    def _message(self, peer: Peer, message: Any) -> None:
        self.heard.append(message)
        self.news.set()
        if self.auto is not None:
            self.auto(message)

    def send(self, message: Any) -> None:
        next(iter(self.server.peers.values())).send(message)

    def signal(self, message: Any) -> None:
        assert next(iter(self.server.peers.values())).signal(message)

    async def expect(self, kind: type[T], check: Callable[[T], bool] = lambda _: True) -> T:
        """The next message of this kind; others before it are passed over."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                while self.read < len(self.heard):
                    message = self.heard[self.read]
                    self.read += 1
                    if isinstance(message, kind) and check(message):
                        return message
                self.news.clear()
                await self.news.wait()

    def all(self, kind: type[T]) -> list[T]:
        return [message for message in self.heard if isinstance(message, kind)]


class Engine(Scripted):
    """An audio engine that has ports and nothing else."""

    def __init__(self, config: Config) -> None:
        super().__init__(config, "media", engine.FromEngine, engine.ToEngine)
        self.ports = itertools.count(30_000, 2)
        self.refuse_legs = False
        self.in_stock = 0  # port pairs that it gives in reserve
        self.auto = self._answer

    def _answer(self, message: Any) -> None:
        if isinstance(message, engine.AllocateLeg):
            if self.refuse_legs:
                self.send(engine.LegRefused(leg=message.leg, command="AllocateLeg", reason="no free port"))
            else:
                self.send(engine.LegAllocated(leg=message.leg, port=message.port or next(self.ports)))
        elif isinstance(message, engine.FreeLeg):
            self.send(engine.LegFreed(leg=message.leg))
        elif isinstance(message, engine.ReservePorts):
            given = min(self.in_stock, message.count)
            self.in_stock -= given
            ports = tuple(itertools.islice(self.ports, given))
            self.send(engine.PortsReserved(local_host=message.local_host, ports=ports))


class Phone:
    """A SIP user agent made of a socket and text."""

    transport: Transport = "UDP"

    def __init__(self, edge_port: int, host: str = "127.0.0.1") -> None:
        self.loop = asyncio.get_running_loop()
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind((host, 0))
        self.port = self.socket.getsockname()[1]
        self.host = bracket(host)
        self.edge = (host, edge_port)
        self.number = itertools.count(1)
        self.name = f"t{self.port}"
        self.to_tag = ""  # the edge's, once it answered

    def close(self) -> None:
        self.socket.close()

    def contact(self, user: str) -> str:
        by = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        return f"sip:{user}@{self.host}:{self.port}{by}"

    def put(self, data: str | bytes) -> None:
        self.socket.sendto(data.encode() if isinstance(data, str) else data, self.edge)

    def request(
        self,
        method: str,
        uri: str = "",
        *,
        body: str = "",
        branch: str = "",
        call: str = "1",
        cseq: int = 0,
        to_tag: str = "",
        caller: str = "05321112233",
        headers: tuple[str, ...] = (),
        content_type: str = "application/sdp",
        to: str = "",
        contact: str = "",
    ) -> str:
        """Send a request and give back its branch."""
        number = cseq or next(self.number)
        branch = branch or f"z9hG4bK{self.name}x{number}{method}"
        uri = uri or f"sip:185@{self.host}:{self.edge[1]}"
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} {self.host}:{self.port};branch={branch};rport",
            "Max-Forwards: 70",
            f'From: "Ayşe" <sip:{caller}@{self.host}:{self.port}>;tag=f{self.name}',
            f"To: <{to or uri}>" + (f";tag={to_tag}" if to_tag else ""),
            f"Call-ID: {self.name}-{call}",
            f"CSeq: {number} {method}",
            f"Contact: {contact if contact.startswith('<') else f'<{contact or self.contact(caller)}>'}",
            *headers,
        ]
        if body:
            lines.append(f"Content-Type: {content_type}")
        lines.append(f"Content-Length: {len(body.encode())}")
        self.put("\r\n".join(lines) + "\r\n\r\n" + body)
        return branch

    async def receive(self) -> Request | Response:
        async with asyncio.timeout(PATIENCE_S):
            return await self.receive_ever()

    async def receive_ever(self) -> Request | Response:
        while True:
            data = await self.loop.sock_recv(self.socket, 65_536)
            if data[:1].isalpha():  # not the RTP of a stranger who had this port before
                return parse_message(data)

    async def response(self, status: int, method: str = "") -> Response:
        """The next response with this status; other messages are passed over."""
        while True:
            message = await self.receive()
            if not isinstance(message, Response) or message.status != status:
                continue
            if not method or message.cseq.method == method:
                return message

    async def asked(self, method: str) -> Request:
        """The next request of this method."""
        while True:
            message = await self.receive()
            if isinstance(message, Request) and message.method == method:
                return message

    def reply(
        self,
        request: Request,
        status: int,
        reason: str = "X",
        *,
        body: str = "",
        tag: str = "phone",
        headers: tuple[str, ...] = (),
    ) -> None:
        lines = [f"SIP/2.0 {status} {reason}"]
        for name, value in request.headers:
            if name in ("Via", "From", "Call-ID", "CSeq", "Record-Route"):
                lines.append(f"{name}: {value}")
            elif name == "To":
                lines.append(f"To: {value}" if "tag=" in value or status == 100 else f"To: {value};tag={tag}")
        if not any(header.startswith("Contact:") for header in headers):
            lines.append(f"Contact: <{self.contact('phone')}>")
        lines += headers
        if body:
            lines.append("Content-Type: application/sdp")
        lines.append(f"Content-Length: {len(body.encode())}")
        self.put("\r\n".join(lines) + "\r\n\r\n" + body)

    async def call(self, *, call: str = "1", body: str | None = None, **more: Any) -> int:
        """Send an INVITE; gives back its CSeq number."""
        number = next(self.number)
        self.request("INVITE", body=sdp() if body is None else body, call=call, cseq=number, **more)
        return number

    def ack(self, response: Response, *, body: str = "", call: str = "1") -> None:
        self.request(
            "ACK",
            response.contacts[0].uri.__str__(),
            cseq=response.cseq.number,
            to_tag=response.to.tag or "",
            branch=f"z9hG4bK{self.name}ack{response.cseq.number}",
            body=body,
            call=call,
        )


class World:
    """The edge and all around it."""

    def __init__(
        self, config: Config, timing: Timing, limits: EdgeLimits | None, number: int = 1, name: str = EDGE
    ) -> None:
        self.config = config
        self.core_ahead_ms = 0  # of this machine's clock
        self.core = Scripted(config, "core", FromCore, ToCore, self.core_ms)
        self.engine = Engine(config)
        self.speech = Scripted(config, "speech", speech.FromSpeech, speech.ToSpeech)
        self.browsers = Scripted(config, "webrtc", webrtc.FromBrowserAudio, webrtc.ToBrowserAudio)
        self.edge = Edge(config, name, number=number, timing=timing, limits=limits)
        self.phones: list[Phone] = []

    def core_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.core_ahead_ms

    def phone(self) -> Phone:
        self.phones.append(Phone(self.edge.point.port))
        return self.phones[-1]

    async def went_away(self, link: LinkClient) -> None:
        """The edge has noticed that this link is down."""
        async with asyncio.timeout(PATIENCE_S):
            while link.connected:  # noqa: ASYNC110 - the link tells its owner, not its onlookers
                await asyncio.sleep(0.001)

    async def heard_all(self) -> None:
        """The edge has taken all that the core said until now."""
        self.core.send(commands.PreparePrompts(edge=EDGE, prompts=(commands.Prompt(id="x", text=str(self)),)))
        count = len(self.speech.heard)
        async with asyncio.timeout(PATIENCE_S):
            while len(self.speech.heard) == count:
                self.speech.news.clear()
                await self.speech.news.wait()
        self.speech.send(
            speech.SpeakFailed(text=str(self), language="tr", reason="it was only to hear from you")
        )

    def jump(self, milliseconds: int) -> None:
        """Let that much time pass for the SIP timers, at once."""
        clock = self.edge.clock
        clock._began_ns -= milliseconds * 1_000_000
        self.edge.point._timer_due()
        self.edge._parts.alarms.ring()

    async def arrive(self, phone: Phone, **more: Any) -> events.CallArrived:
        await phone.call(**more)
        return await self.core.expect(events.CallArrived)


def config_for(folder: Path, **sip: Any) -> Config:
    settings: dict[str, Any] = {"listen_host": "127.0.0.1", "listen_port": 0, **sip}
    return Config(data_dir="data", base_dir=str(folder), sip=Sip(**settings), rtp=Rtp())


@contextlib.asynccontextmanager
async def world_in(
    folder: Path,
    *,
    timing: Timing | None = None,
    limits: EdgeLimits | None = None,
    config: Config | None = None,
    real_engine: bool = False,
    core_ahead_ms: int = 0,
    number: int = 1,
    name: str = EDGE,
) -> AsyncIterator[World]:
    """`real_engine`: the test runs the engine's process itself, for this `config`. `number`: of the edge, for its ports."""
    config = config or config_for(folder)
    config.run_path.mkdir(parents=True, exist_ok=True)
    world = World(config, timing or Timing(), limits, number, name)
    world.core_ahead_ms = core_ahead_ms
    around = [world.core, world.speech, world.browsers]
    if not real_engine:
        around.append(world.engine)
    for server in around:
        await server.start()
    world.edge.open()
    running = asyncio.create_task(world.edge.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            for server in around:
                await server.up.wait()
            while not world.edge.audio.link.connected:  # noqa: ASYNC110 - as in `went_away`
                await asyncio.sleep(0.001)
        await world.core.expect(events.EdgeInventory)
        yield world
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        world.edge.close()
        for server in (world.core, world.engine, world.speech, world.browsers):
            await server.stop()
        for phone in world.phones:
            phone.close()
        if not config.run_path.is_relative_to(folder):
            shutil.rmtree(config.run_path, ignore_errors=True)


def replace(config: Config, **changes: Any) -> Config:
    return msgspec.structs.replace(config, **changes)
