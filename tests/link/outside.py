"""A core's two doors in a thread of their own, and what a machine needs to come to the outer one."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import trio

from acd_core.config import Config
from acd_core.link.door import Door
from acd_core.link.heartbeat import BEAT_S
from acd_core.link.outside import Outside
from acd_core.link.places import Remote
from acd_core.link.secure import make_missing, server_side
from acd_core.link.session import Channel, Hello, LinkError
from acd_core.link.trio_server import CorePeer, TrioLinkServer
from acd_core.machines import Link, host_and_port
from tests.support.ports import free_port

GUARD_S = 20.0


class Note(msgspec.Struct, frozen=True, tag=True):
    """A message of the test's own."""

    text: str


def core_config(folder: Path, **link: Any) -> Config:
    """Of a core that listens on a port of its own."""
    listen = f"127.0.0.1:{free_port()}"
    return Config(base_dir=str(folder), data_dir="core", link=Link(listen=listen, **link))


def other_machine(core: Config, name: str = "elsewhere", **link: Any) -> Config:
    """Of a machine that was given the core's two files."""
    config = Config(
        base_dir=core.base_dir, data_dir=name, parts=("edge",), link=Link(core=core.link.listen, **link)
    )
    folder = config.data_path / "link"
    folder.mkdir(parents=True)
    for file in ("secret", "core.crt"):
        shutil.copy2(core.data_path / "link" / file, folder / file)
    return config


def remote(config: Config) -> Remote:
    place = host_and_port(config.link.core)
    assert place is not None
    return Remote(config, *place)


class CoreDoors:
    """Says everything back in capitals; its peers are made as they come."""

    def __init__(self, config: Config, beat_s: float) -> None:
        self.config, self._beat_s = config, beat_s
        make_missing(config)
        self.ups: list[str] = []
        self.downs: list[str] = []
        self.heard: list[str] = []
        self.outside: Outside | None = None
        self.server: TrioLinkServer | None = None
        self._peers: dict[str, CorePeer] = {}

    def _peer_of(self, hello: Hello) -> tuple[CorePeer, int]:
        if hello.role == "burglar":
            raise LinkError("role burglar is unknown")
        return self._peers.setdefault(hello.name, CorePeer(hello.role, hello.name, Channel("journal"))), -1

    def _message(self, peer: CorePeer, number: int, note: Note) -> None:
        self.heard.append(note.text)
        peer.send_numbered(number * 1024, Note(note.text.upper()))

    @property
    def door(self) -> Door:
        """What is counted of strangers."""
        assert self.outside is not None
        return self.outside.door

    async def serve(self, ready: threading.Event, stop: list[Callable[[], None]]) -> None:
        place = host_and_port(self.config.link.listen)
        assert place is not None
        self.config.run_path.mkdir(parents=True, exist_ok=True)
        self.server = TrioLinkServer(
            self.config.socket("core"),
            name="core",
            receive_type=Note,
            peer_of=self._peer_of,
            on_message=self._message,
            on_up=lambda peer, fresh: self.ups.append(peer.name),
            on_down=lambda peer: self.downs.append(peer.name),
            now_ms=lambda: 5_000,
            beat_s=self._beat_s,
        )
        self.outside = Outside(*place, server_side(self.config), self.server.serve)
        async with trio.open_nursery() as nursery:
            token = trio.lowlevel.current_trio_token()
            stop.append(lambda: token.run_sync_soon(nursery.cancel_scope.cancel))
            await nursery.start(self.server.run)
            await nursery.start(self.outside.run)
            ready.set()


@contextlib.contextmanager
def core_doors(config: Config, beat_s: float = BEAT_S) -> Iterator[CoreDoors]:
    """Open, in a thread, for as long as the block takes."""
    doors = CoreDoors(config, beat_s)
    ready, stop = threading.Event(), list[Callable[[], None]]()
    thread = threading.Thread(target=lambda: trio.run(doors.serve, ready, stop))
    thread.start()
    try:
        assert ready.wait(GUARD_S)
        yield doors
    finally:
        with contextlib.suppress(trio.RunFinishedError, IndexError):
            stop[0]()
        thread.join(GUARD_S)


class Relay:
    """A network between two machines: bytes go through until they don't, which neither side is told."""

    def __init__(self, port: int) -> None:
        """`port` of loopback is where it leads."""
        self._port = port
        self._server: asyncio.Server | None = None
        self._flows = asyncio.Event()
        self._flows.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._arrived, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def pull(self) -> None:
        """The cable: nothing gets through, connections stand, new ones are taken and lead nowhere."""
        self._flows.clear()

    def plug_in(self) -> None:
        """What was on the way arrives."""
        self._flows.set()

    def close(self) -> None:
        """Gone."""
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _arrived(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        for source, target in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.get_running_loop().create_task(self._pass_on(source, target))
            self._tasks.add(task)

    async def _pass_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                await self._flows.wait()
                target.write(data)
        await self._flows.wait()
        target.close()
