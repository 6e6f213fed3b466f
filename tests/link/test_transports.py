"""The link over real Unix sockets: asyncio client with the asyncio server and with the core's trio server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from acd_core.link.aio import LinkClient, LinkServer, Peer
from acd_core.link.session import Channel, Hello, LinkError
from acd_core.link.trio_server import CorePeer, TrioLinkServer

GUARD_S = 20.0


class Note(msgspec.Struct, frozen=True, tag=True):
    """A message of the test's own."""

    text: str


class Client:
    """A `LinkClient` that keeps what it hears."""

    def __init__(self, path: Path, name: str = "e1") -> None:
        self.heard: list[str] = []
        self.ups: list[bool] = []
        self.downs = 0
        self.changed = asyncio.Event()
        self.link = LinkClient(
            path,
            role="edge",
            name=name,
            send_type=Note,
            receive_type=Note,
            on_message=lambda note: self._note(self.heard.append, note.text),
            on_up=lambda fresh: self._note(self.ups.append, fresh),
            on_down=self._down,
        )

    def _note(self, add: Callable[[Any], None], value: Any) -> None:
        add(value)
        self.changed.set()

    def _down(self) -> None:
        self.downs += 1
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(GUARD_S):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


def make_server(path: Path, echo: bool = True) -> LinkServer:
    def on_message(peer: Peer, note: Note) -> None:
        if echo:
            peer.send(Note(note.text.upper()))

    return LinkServer(
        path,
        role="media",
        name="m1",
        send_type=Note,
        receive_type=Note,
        on_message=on_message,
        on_up=lambda peer, fresh: None,
        on_down=lambda peer: None,
    )


def test_client_and_server_talk_and_meet_again_after_the_server_was_killed(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "m.sock"
        client = Client(path)
        running = asyncio.create_task(client.link.run())
        for round_ in range(2):
            server = make_server(path)
            serving = asyncio.create_task(server.run())
            await client.until(lambda n=round_: len(client.ups) == n + 1)
            client.link.send(Note(f"hello {round_}"))
            await client.until(lambda n=round_: len(client.heard) == n + 1)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
            await client.until(lambda n=round_: client.downs == n + 1)
            assert not client.link.connected
        assert client.heard == ["HELLO 0", "HELLO 1"]
        assert client.ups == [True, True]
        running.cancel()

    asyncio.run(run())


def test_a_second_client_of_the_same_name_replaces_the_first(tmp_path: Path) -> None:
    async def run() -> None:
        path = tmp_path / "m.sock"
        server = make_server(path)
        tasks = [asyncio.create_task(server.run())]
        first, second = Client(path), Client(path)
        tasks.append(asyncio.create_task(first.link.run()))
        await first.until(lambda: bool(first.ups))
        tasks[-1].cancel()  # or the two would take turns for ever
        tasks.append(asyncio.create_task(second.link.run()))
        await second.until(lambda: bool(second.ups))
        second.link.send(Note("a"))
        await second.until(lambda: second.heard == ["A"])
        for task in tasks:
            task.cancel()

    asyncio.run(run())


def test_a_wrong_version_is_told_so_and_others_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        path = tmp_path / "m.sock"
        server = make_server(path)
        tasks = [asyncio.create_task(server.run())]
        await server.started.wait()
        answer = await asyncio.to_thread(_say_wrong_version, path)
        assert b"speaks link version 99" in answer
        client = Client(path)
        tasks.append(asyncio.create_task(client.link.run()))
        client.link.send(Note("dropped: the peer is fresh"))
        await client.until(lambda: bool(client.ups))
        client.link.send(Note("a"))
        await client.until(lambda: client.heard == ["A"])
        for task in tasks:
            task.cancel()

    asyncio.run(run())
    assert "link version 99" in caplog.text


def _say_wrong_version(path: Path) -> bytes:
    body = msgspec.msgpack.encode(Hello(version=99, role="edge", name="bad", stream="s"))
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(GUARD_S)
        client.connect(str(path))
        client.sendall((len(body) + 1).to_bytes(4, "big") + b"\0" + body)
        answer = b""
        while data := client.recv(4096):
            answer += data
        return answer


def test_the_trio_server_serves_an_asyncio_client_and_refuses_the_unknown(tmp_path: Path) -> None:
    path = tmp_path / "core.sock"
    peers: dict[str, CorePeer] = {}
    events: list[tuple[str, int, str]] = []
    downs: list[str] = []

    def peer_of(hello: Hello) -> tuple[CorePeer, int]:
        if hello.role != "edge":
            raise LinkError(f"role {hello.role} is unknown")
        peer = peers.setdefault(hello.name, CorePeer(hello.role, hello.name, Channel("journal")))
        return peer, -1

    def on_message(peer: CorePeer, number: int, note: Note) -> None:
        events.append((peer.name, number, note.text))
        peer.send_numbered(number * 1024, Note(note.text.upper()))

    async def serve(ready: threading.Event, stop: list[Callable[[], None]]) -> None:
        server = TrioLinkServer(
            path,
            name="core",
            receive_type=Note,
            peer_of=peer_of,
            on_message=on_message,
            on_up=lambda peer, fresh: None,
            on_down=lambda peer: downs.append(peer.name),
        )
        async with trio.open_nursery() as nursery:
            token = trio.lowlevel.current_trio_token()
            stop.append(lambda: token.run_sync_soon(nursery.cancel_scope.cancel))
            await nursery.start(server.run)
            ready.set()

    ready, stop = threading.Event(), list[Callable[[], None]]()
    thread = threading.Thread(target=lambda: trio.run(serve, ready, stop))
    thread.start()
    assert ready.wait(GUARD_S)

    async def run() -> None:
        stranger = Client(path, "stranger")
        stranger.link.role = "burglar"
        client = Client(path)
        tasks = [asyncio.create_task(stranger.link.run()), asyncio.create_task(client.link.run())]
        await client.until(lambda: bool(client.ups))
        client.link.send(Note("a"))
        client.link.send(Note("b"))
        await client.until(lambda: client.heard == ["A", "B"])
        stop[0]()
        await client.until(lambda: client.downs == 1)
        assert stranger.ups == []
        for task in tasks:
            task.cancel()

    try:
        asyncio.run(run())
    finally:
        with contextlib.suppress(trio.RunFinishedError):
            stop[0]()
        thread.join(GUARD_S)
    assert events == [("e1", 1, "a"), ("e1", 2, "b")]
    assert downs == ["e1"]


def test_a_client_that_does_not_read_misses_signals_and_memory_does_not_grow(tmp_path: Path) -> None:
    """A stopped process stays connected: its kernel takes what fits the socket."""

    async def run() -> None:
        path = tmp_path / "m.sock"
        server = make_server(path)
        tasks = [asyncio.create_task(server.run())]
        await server.started.wait()
        client = Client(path)
        tasks.append(asyncio.create_task(client.link.run()))
        await client.until(lambda: bool(client.ups))
        connection = client.link._connection
        assert connection is not None
        assert connection._transport is not None
        connection._transport.pause_reading()
        peer = server.peers["e1"]
        taken = 0
        for _ in range(200):
            taken += sum(peer.signal(Note("x" * 10_000)) for _ in range(10))
            await asyncio.sleep(0)
        assert 0 < taken < 1_000, "about 4 MiB in the session and a little in transport and kernel"
        connection._transport.resume_reading()
        await client.until(lambda: len(client.heard) == taken)
        for task in tasks:
            task.cancel()

    asyncio.run(run())


def test_a_message_that_meets_a_fault_of_ours_takes_no_other_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        path = tmp_path / "m.sock"
        server = make_server(path)
        tasks = [asyncio.create_task(server.run())]
        await server.started.wait()
        client = Client(path)
        heard: list[str] = []

        def on_message(note: Note) -> None:
            if note.text == "1":
                raise ValueError("a bug of ours")
            heard.append(note.text)
            client.changed.set()

        client.link._on_message = on_message
        tasks.append(asyncio.create_task(client.link.run()))
        await client.until(lambda: bool(client.ups))
        for number in range(4):
            server.peers["e1"].send(Note(str(number)))
        await client.until(lambda: heard[-1:] == ["3"])
        assert heard == ["0", "2", "3"]
        assert client.downs == 0
        for task in tasks:
            task.cancel()

    asyncio.run(run())
    assert "a bug of ours" in caplog.text
