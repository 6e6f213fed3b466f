"""A peer that is stopped keeps its socket and says nothing: both transports notice. Time passes at once in these tests."""

from __future__ import annotations

import asyncio
import selectors
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import trio
import trio.testing

from acd_core.link.aio import LinkClient, LinkServer
from acd_core.link.heartbeat import BEAT_S, SILENT_BEATS_MAX
from acd_core.link.session import Channel, Hello, LinkSession
from acd_core.link.trio_server import CorePeer, TrioLinkServer

SILENCE_S = BEAT_S * SILENT_BEATS_MAX


class Note(msgspec.Struct, frozen=True, tag=True):
    """A message of the test's own."""

    text: str


class _Jumping(selectors.DefaultSelector):
    """Waits for nobody: what would be waited passes on the loop's clock."""

    now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(None if timeout is None else 0)
        if not ready and timeout:
            self.now_s += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    """asyncio with a clock that jumps to the next timer when there is nothing to do."""

    def __init__(self) -> None:
        self.selector = _Jumping()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now_s


def run_jumping(main: Callable[[], Awaitable[None]]) -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(_awaited(main))


async def _awaited(main: Callable[[], Awaitable[None]]) -> None:
    await main()


def greeting(name: str = "e1") -> bytes:
    """What a client says first; then it is stopped."""
    session = LinkSession(
        role="edge",
        name=name,
        receive_type=Note,
        resolve=_unused,
        wake=lambda: None,
        client_channel=Channel(f"{name}:1"),
    )
    return session.data_to_send()


def _unused(hello: Hello) -> tuple[Channel, int]:
    raise AssertionError(hello)


def aio_server(path: Path, told: Callable[[str], None]) -> LinkServer:
    return LinkServer(
        path,
        role="media",
        name="m1",
        send_type=Note,
        receive_type=Note,
        on_message=lambda peer, note: None,
        on_up=lambda peer, fresh: told("up"),
        on_down=lambda peer: told("down"),
        now_ms=lambda: 5_000,
    )


def test_an_asyncio_server_lets_go_of_a_stopped_client(tmp_path: Path) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        said: list[tuple[str, float]] = []
        gone = asyncio.Event()

        def told(what: str) -> None:
            said.append((what, loop.time()))
            if what == "down":
                gone.set()

        server = aio_server(tmp_path / "m.sock", told)
        serving = asyncio.create_task(server.run())
        await server.started.wait()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(server.path))
            client.sendall(greeting())
            await gone.wait()
        (_, up_s), (_, down_s) = said
        assert SILENCE_S <= down_s - up_s <= SILENCE_S + 2 * BEAT_S
        serving.cancel()

    run_jumping(main)


def test_an_asyncio_client_lets_go_of_a_stopped_server_and_comes_again(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "core.sock"
        downs: list[float] = []
        ups: list[bool] = []
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            listener.setblocking(False)
            client = LinkClient(
                path,
                role="edge",
                name="e1",
                send_type=Note,
                receive_type=Note,
                on_message=lambda note: None,
                on_up=ups.append,
                on_down=lambda: downs.append(loop.time()),
            )
            running = asyncio.create_task(client.run())
            server, _ = await loop.sock_accept(listener)
            with server:
                await loop.sock_recv(server, 65_536)
                session = LinkSession(
                    role="core",
                    name="c1",
                    receive_type=Note,
                    resolve=lambda hello: (Channel("S"), -1),
                    wake=lambda: None,
                )
                session.feed(greeting())
                await loop.sock_sendall(server, session.data_to_send())
                again, _ = await loop.sock_accept(listener)
                again.close()
                assert ups == [True]
                assert SILENCE_S <= downs[0] <= SILENCE_S + 2 * BEAT_S
            running.cancel()

    run_jumping(main)


def test_two_who_have_nothing_to_say_stay_connected_and_the_client_learns_the_time(tmp_path: Path) -> None:
    async def main() -> None:
        told: list[str] = []
        times: list[tuple[int, int, int]] = []
        server = aio_server(tmp_path / "m.sock", told.append)
        serving = asyncio.create_task(server.run())
        await server.started.wait()
        known_when_up: list[int] = []
        client = LinkClient(
            server.path,
            role="edge",
            name="e1",
            send_type=Note,
            receive_type=Note,
            on_message=lambda note: None,
            on_up=lambda fresh: known_when_up.append(len(times)),
            on_down=lambda: told.append("client down"),
            on_time=lambda *time: times.append(time),
            monotonic_ms=lambda: 42,
        )
        running = asyncio.create_task(client.run())
        await asyncio.sleep(SILENCE_S * 10)
        assert told == ["up"]
        assert known_when_up == [1]
        assert set(times) == {(42, 42, 5_000)}
        assert len(times) >= 10
        running.cancel()
        serving.cancel()

    run_jumping(main)


class Silent:
    """What a trio server is told, and by whom."""

    def __init__(self, path: Path) -> None:
        self.said: list[str] = []
        self.peers: dict[str, CorePeer] = {}
        self.server = TrioLinkServer(
            path,
            name="core",
            receive_type=Note,
            peer_of=self._peer_of,
            on_message=lambda peer, number, note: None,
            on_up=lambda peer, fresh: self.said.append(f"{peer.name} up"),
            on_down=lambda peer: self.said.append(f"{peer.name} down"),
            now_ms=lambda: 5_000,
        )

    def _peer_of(self, hello: Hello) -> tuple[CorePeer, int]:
        peer = self.peers.setdefault(hello.name, CorePeer(hello.role, hello.name, Channel("journal")))
        return peer, -1


def test_the_core_lets_go_of_a_stopped_client(tmp_path: Path) -> None:
    async def main() -> None:
        core = Silent(tmp_path / "unused.sock")
        client, server = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(core.server.serve, server)
            await client.send_all(greeting())
            began_s = trio.current_time()
            while await client.receive_some():
                pass  # pings, until it gives up
            assert SILENCE_S <= trio.current_time() - began_s <= SILENCE_S + 2 * BEAT_S
        assert core.said == ["e1 up", "e1 down"]

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def test_the_core_keeps_a_client_that_has_nothing_to_say(tmp_path: Path) -> None:
    async def main() -> None:
        core = Silent(tmp_path / "unused.sock")
        pongs: list[int] = []
        client, server = trio.testing.memory_stream_pair()
        session = LinkSession(
            role="edge",
            name="e1",
            receive_type=Note,
            resolve=_unused,
            wake=lambda: None,
            client_channel=Channel("e1:1"),
            on_pong=lambda pong: pongs.append(pong.now_ms),
        )
        session.ping(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(core.server.serve, server)
            with trio.move_on_after(SILENCE_S * 10):
                while True:
                    await client.send_all(session.data_to_send())
                    session.feed(bytes(await client.receive_some()))
            assert core.said == ["e1 up"]
            assert pongs == [5_000]
            await client.aclose()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
