"""The link between machines over real TLS on loopback: who holds the secret is heard, and nobody else learns a thing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from acd_core.config import Config
from acd_core.link.aio import LinkClient
from tests.link.outside import GUARD_S, Note, core_config, core_doors, other_machine, remote


class Client:
    """A `LinkClient` that keeps what it hears."""

    def __init__(self, config: Config, name: str = "edge1", role: str = "edge") -> None:
        self.heard: list[str] = []
        self.times: list[int] = []
        self.ups = self.downs = 0
        self.link = LinkClient(
            remote(config),
            role=role,
            name=name,
            send_type=Note,
            receive_type=Note,
            on_message=lambda note: self.heard.append(note.text),
            on_up=self._up,
            on_down=self._down,
            on_time=lambda asked_ms, answered_ms, theirs_ms: self.times.append(theirs_ms),
        )

    def _up(self, fresh: bool) -> None:
        self.ups += 1

    def _down(self) -> None:
        self.downs += 1


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(GUARD_S):
        while not condition():  # noqa: ASYNC110 - it happens in another thread, which sets no event
            await asyncio.sleep(0.005)


def run(clients: list[Client], story: Callable[[], Awaitable[None]]) -> None:
    """The story, with the clients running beside it."""

    async def main() -> None:
        tasks = [asyncio.create_task(client.link.run()) for client in clients]
        try:
            await story()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())


def test_an_edge_on_another_machine_speaks_with_the_core(tmp_path: Path) -> None:
    config = core_config(tmp_path)
    with core_doors(config) as core:
        client = Client(other_machine(config))

        async def story() -> None:
            await until(lambda: client.ups == 1)
            client.link.send(Note("a"))
            client.link.send(Note("b"))
            await until(lambda: client.heard == ["A", "B"])

        run([client], story)
        assert core.heard == ["a", "b"]
        assert client.times[0] == 5_000


def test_who_has_another_key_is_told_so_and_learns_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = core_config(tmp_path)
    with core_doors(config) as core:
        there = other_machine(config)
        there.link_secret_file.write_text("0" * 64)
        client = Client(there)

        async def story() -> None:
            await until(lambda: "another key" in client.link.error)
            assert core.outside is not None
            door = core.outside.door
            await until(lambda: door.failed >= 3)

        run([client], story)
        assert client.ups == 0
        assert core.ups == []
    assert caplog.text.count("127.0.0.1 does not have the key of this link") == 1
    assert "0" * 64 not in caplog.text
