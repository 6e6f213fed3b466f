"""The process as the supervisor starts it and an edge meets it: over its socket, with its readiness file and its stop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from acd_core.config import Config
from acd_core.link.aio import LinkClient
from gateways.webrtc.interface import Address
from gateways.webrtc.messages import (
    FromBrowserAudio,
    LegAnswered,
    LegClosed,
    LegConnected,
    OfferLeg,
    ToBrowserAudio,
)
from tests.webrtc.parts import GUARD_S, Browser, Engine, hears, until

START = """
import sys
from pathlib import Path
from acd_core.config import load_config
from gateways.webrtc.process import main
sys.exit(main(load_config(Path(sys.argv[1]))))
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "santral.toml").write_text('data_dir = "var"\nrun_dir = "run"\n[webrtc]\nlegs_max = 2\n')
    return Config(base_dir=str(tmp_path), run_dir="run")


@pytest.fixture
def process(config: Config, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", START, str(tmp_path / "santral.toml")]) as running:
        try:
            yield running
        finally:
            running.kill()


class Edge:
    """An edge's end of the link."""

    def __init__(self, config: Config) -> None:
        self.heard: list[FromBrowserAudio] = []
        self.ups: list[bool] = []
        self.link = LinkClient(
            config.socket("webrtc"),
            role="edge",
            name="edge1",
            send_type=ToBrowserAudio,
            receive_type=FromBrowserAudio,
            on_message=self.heard.append,
            on_up=self.ups.append,
            on_down=lambda: None,
        )
        self._run = asyncio.get_running_loop().create_task(self.link.run())

    async def offer(self, leg: str) -> tuple[Browser, Engine]:
        browser, engine = Browser(), await Engine.start()
        host, port = engine.address
        sdp = await browser.offer()
        self.link.send(OfferLeg(leg=leg, sdp=sdp, engine_host=host, engine_port=port))
        await until(lambda: bool(self.heard), "an answer")
        answered = self.heard.pop(0)
        assert isinstance(answered, LegAnswered)
        engine.play(Address(answered.relay_host, answered.relay_port), 1000.0)
        await browser.take(answered.sdp)
        await until(lambda: bool(self.heard), "connected")
        assert self.heard.pop(0) == LegConnected(leg=leg)
        await until(lambda: browser.connection.connectionState == "connected", "connected for the page too")
        return browser, engine

    async def leave(self) -> None:
        self._run.cancel()
        await asyncio.wait([self._run])


def with_edge(config: Config, test: Callable[[Edge], Awaitable[None]]) -> None:
    async def run() -> None:
        edge = Edge(config)
        try:
            await until(lambda: bool(edge.ups), "the link is up")
            await test(edge)
        finally:
            await edge.leave()

    asyncio.run(run())


def test_a_leg_through_the_process(config: Config, process: subprocess.Popen[bytes]) -> None:
    async def test(edge: Edge) -> None:
        browser, engine = await edge.offer("a")
        await until(lambda: len(browser.heard) > 8000 and len(engine.heard) > 8000, "a second each way")
        assert hears(browser.heard[-6400:], 1000.0)
        assert hears(engine.heard[-6400:], 440.0)
        await browser.close()
        await until(lambda: bool(edge.heard), "closed")
        assert edge.heard == [LegClosed(leg="a", reason="closed")]
        engine.close()

    with_edge(config, test)
    assert config.ready_file("webrtc").read_text().strip() == str(process.pid)


def test_it_stops_cleanly_and_lets_its_pages_go(config: Config, process: subprocess.Popen[bytes]) -> None:
    async def test(edge: Edge) -> None:
        browser, engine = await edge.offer("a")
        os.kill(process.pid, signal.SIGTERM)
        await until(lambda: browser.connection.connectionState == "closed", "the page is told")
        await browser.close()
        engine.close()

    with_edge(config, test)
    assert process.wait(GUARD_S) == 0
    assert not config.ready_file("webrtc").exists()
    assert not config.socket("webrtc").exists()


def test_an_edge_that_restarts_loses_its_legs(config: Config, process: subprocess.Popen[bytes]) -> None:
    pages: list[tuple[Browser, Engine]] = []

    async def run() -> None:
        first = Edge(config)
        await until(lambda: bool(first.ups), "the link is up")
        pages.append(await first.offer("a"))
        await first.leave()
        second = Edge(config)
        await until(lambda: bool(second.ups), "the link is up")
        assert second.ups == [True]
        browser, engine = pages[0]
        await until(lambda: browser.connection.connectionState == "closed", "its page is let go")
        await browser.close()
        engine.close()
        await second.leave()

    asyncio.run(run())


def test_a_link_that_breaks_for_a_moment_keeps_the_legs(
    config: Config, process: subprocess.Popen[bytes]
) -> None:
    async def test(edge: Edge) -> None:
        browser, engine = await edge.offer("a")
        connection = edge.link._connection
        assert connection is not None
        connection.close()
        await until(lambda: len(edge.ups) == 2, "the link is up again")
        assert edge.ups[1] is False
        count = len(engine.packets)
        await until(lambda: len(engine.packets) > count + 25, "the audio goes on")
        assert browser.connection.connectionState == "connected"
        await browser.close()
        await until(lambda: edge.heard == [LegClosed(leg="a", reason="closed")], "closed by the page")
        engine.close()

    with_edge(config, test)
