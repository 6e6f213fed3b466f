"""An edge process as it is shipped, with all its surroundings played by this one: core, audio engine, callers and phones.

Two-leg calls as the core makes them: a caller's INVITE arrives, the core rings a phone, the phone answers, both are joined and
recorded, the caller hangs up, the phone is hung up. Callers and phones are text (`edge_text.py`); there is no audio. What the
edge itself counts (retransmissions, transactions) comes with its picture, what it cost from /proc.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
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
from benchmarks.edge_text import PASSWORD, REALM, Callers, Phones, until
from gateways.edge.phones import phones_path
from gateways.media import messages as engine

EDGE = "edge1"
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
        self._files: dict[str, str] = {}
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

    def _next_port(self) -> int:
        self._ports = (self._ports + 2) % 10_000
        return 30_000 + self._ports

    def _engine_heard(self, message: Any) -> None:
        engine_peer = next(iter(self._engine.peers.values()))
        match message:
            case engine.AllocateLeg(leg=leg):
                engine_peer.send(engine.LegAllocated(leg=leg, port=message.port or self._next_port()))
            case engine.ReservePorts(local_host=host, count=count):
                ports = tuple(self._next_port() for _ in range(count))
                engine_peer.send(engine.PortsReserved(local_host=host, ports=ports))
            case engine.FreeLeg(leg=leg):
                engine_peer.send(engine.LegFreed(leg=leg))
            case engine.StartRecording(recording=recording, path=path):
                self._files[recording] = path
            case engine.StopRecording(recording=recording):
                engine_peer.send(
                    engine.RecordingDone(
                        recording=recording,
                        path=self._files.pop(recording),
                        started_at_ms=0,
                        duration_ms=2_000,
                        size_bytes=64_044,
                        sha256="0" * 64,
                    )
                )


@contextlib.asynccontextmanager
async def rig(*, phones: int, hold_s: float, calls_max: int = 10_000) -> AsyncIterator[Rig]:
    """A rig whose phones are registered."""
    with tempfile.TemporaryDirectory(prefix="santral-bench-") as folder:
        config = _config(Path(folder), calls_max)
        config.run_path.mkdir(parents=True, exist_ok=True)
        _know(config, phones)
        process = start(_START, msgspec.json.encode(config).decode())
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


def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A program of its own in this interpreter."""
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
