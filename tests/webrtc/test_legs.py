"""The table of legs with real parts: a browser made of aiortc, an engine on a UDP socket."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import socket
import threading
from collections.abc import Awaitable, Callable

import pytest

from gateways.webrtc.interface import Address, BrowserAudio
from gateways.webrtc.legs import Legs
from gateways.webrtc.lite_leg import LiteAudio
from gateways.webrtc.messages import (
    CloseLeg,
    FromBrowserAudio,
    LegAnswered,
    LegClosed,
    LegConnected,
    MoveLeg,
    OfferLeg,
)
from tests.support.tones import heard_when
from tests.webrtc.parts import Browser, Engine, hears, until

ENOUGH = 8000  # samples: a second


class Bench:
    """A table of legs, its edges' ears, and the engines and browsers of a test."""

    def __init__(self, audio: BrowserAudio, legs_max: int) -> None:
        self.told: dict[str, list[FromBrowserAudio]] = {}
        self.legs = Legs(audio, legs_max, self._tell)
        self.engines: list[Engine] = []
        self.browsers: list[Browser] = []

    def _tell(self, edge: str, message: FromBrowserAudio) -> None:
        self.told.setdefault(edge, []).append(message)

    def about(self, leg: str, edge: str = "edge1") -> list[FromBrowserAudio]:
        return [message for message in self.told.get(edge, []) if message.leg == leg]

    def closed(self, leg: str, edge: str = "edge1") -> list[str]:
        return [message.reason for message in self.about(leg, edge) if isinstance(message, LegClosed)]

    async def offer(self, leg: str, edge: str = "edge1", sdp: str = "") -> tuple[Browser, Engine]:
        engine, browser = await Engine.start(), Browser()
        self.engines.append(engine)
        self.browsers.append(browser)
        sdp = sdp or await browser.offer()
        host, port = engine.address
        self.legs.take(edge, OfferLeg(leg=leg, sdp=sdp, engine_host=host, engine_port=port))
        return browser, engine

    async def connect(self, leg: str, edge: str = "edge1") -> tuple[Browser, Engine, Address]:
        """A leg that is up; the last is where the engine sends to."""
        browser, engine = await self.offer(leg, edge)
        await until(lambda: bool(self.about(leg, edge)), "an answer")
        answered = self.about(leg, edge)[0]
        assert isinstance(answered, LegAnswered)
        await browser.take(answered.sdp)
        await until(lambda: any(isinstance(one, LegConnected) for one in self.about(leg, edge)), "connected")
        # The page is the last to know; one that closes before says no goodbye.
        await until(lambda: browser.connection.connectionState == "connected", "connected for the page too")
        return browser, engine, Address(answered.relay_host, answered.relay_port)

    async def stop(self) -> None:
        await self.legs.stop()
        for browser in self.browsers:
            await browser.close()
        for engine in self.engines:
            engine.close()


def on_bench(test: Callable[[Bench], Awaitable[None]], legs_max: int = 4) -> None:
    async def run() -> None:
        bench = Bench(await LiteAudio.start(["127.0.0.1"]), legs_max)
        try:
            await test(bench)
        finally:
            await bench.stop()

    asyncio.run(run())


def test_speech_passes_both_ways() -> None:
    async def test(bench: Bench) -> None:
        browser, engine, relay = await bench.connect("a")
        engine.play(relay, 1000.0)
        await until(
            lambda: len(browser.heard) > 2 * ENOUGH and len(engine.heard) > ENOUGH, "a second each way"
        )
        assert hears(browser.heard[-ENOUGH:], 1000.0)
        assert hears(engine.heard[-ENOUGH:], 440.0)
        assert engine.senders == {tuple(relay)}

    on_bench(test)


def test_what_the_engine_hears_is_a_proper_stream() -> None:
    async def test(bench: Bench) -> None:
        _, engine, _ = await bench.connect("a")
        await until(lambda: len(engine.packets) > 50, "a second of packets")
        packets = engine.packets[:50]
        assert len({packet.ssrc for packet in packets}) == 1
        assert {packet.payload_type for packet in packets} == {0}
        pairs = list(itertools.pairwise(packets))
        steps = {(after.sequence - before.sequence) & 0xFFFF for before, after in pairs}
        times = {(after.timestamp - before.timestamp) & 0xFFFFFFFF for before, after in pairs}
        assert steps == {1}
        assert times == {160}

    on_bench(test)


def test_nothing_reaches_the_engine_before_the_page_speaks_nor_after_it_left() -> None:
    async def test(bench: Bench) -> None:
        browser, engine = await bench.offer("a")
        await until(lambda: bool(bench.about("a")), "an answer")
        assert engine.packets == []
        answered = bench.about("a")[0]
        assert isinstance(answered, LegAnswered)
        await browser.take(answered.sdp)
        await until(lambda: len(engine.packets) > 5, "the page's audio")
        await browser.close()
        await until(lambda: bench.closed("a") == ["closed"], "closed by the page")
        count = len(engine.packets)
        other, _, _ = await bench.connect("b")  # something that takes longer than a few frames
        assert len(engine.packets) == count
        assert other is not browser

    on_bench(test)


def test_a_page_that_closes_is_noticed_and_frees_its_place() -> None:
    async def test(bench: Bench) -> None:
        for leg in ("a", "b", "c"):
            browser, _, _ = await bench.connect(leg)
            await browser.close()
            await until(lambda leg=leg: bool(bench.closed(leg)), "closed by the page")
            assert bench.closed(leg) == ["closed"]
        assert len(bench.legs) == 0

    on_bench(test, legs_max=1)


def test_the_edge_closes_a_leg_and_is_told_no_more() -> None:
    async def test(bench: Bench) -> None:
        browser, _, _ = await bench.connect("a")
        bench.legs.take("edge1", CloseLeg(leg="a"))
        await until(lambda: browser.connection.connectionState == "closed", "the page notices")
        assert [type(one) for one in bench.about("a")] == [LegAnswered, LegConnected]
        bench.legs.take("edge1", CloseLeg(leg="a"))
        bench.legs.take("edge1", MoveLeg(leg="a", engine_host="127.0.0.1", engine_port=9))
        assert len(bench.legs) == 0

    on_bench(test)


def test_closing_while_it_opens_leaves_nothing() -> None:
    async def test(bench: Bench) -> None:
        await bench.offer("a")
        bench.legs.take("edge1", CloseLeg(leg="a"))
        _, _, _ = await bench.connect("b")
        assert bench.about("a") == []
        assert len(bench.legs) == 1

    on_bench(test)


def test_an_offer_for_a_leg_that_exists_replaces_it() -> None:
    async def test(bench: Bench) -> None:
        first, _, _ = await bench.connect("a")
        bench.told.clear()
        second, _, _ = await bench.connect("a")
        await until(lambda: first.connection.connectionState == "closed", "the first page is let go")
        assert second.connection.connectionState == "connected"
        assert bench.closed("a") == []
        assert len(bench.legs) == 1

    on_bench(test)


def test_the_engine_moves() -> None:
    async def test(bench: Bench) -> None:
        browser, former, relay = await bench.connect("a")
        await until(lambda: len(former.packets) > 5, "audio at the first place")
        former.play(relay, 1000.0)
        await until(lambda: len(browser.heard) > 2 * ENOUGH, "audio of the first place")
        engine = await Engine.start()
        bench.engines.append(engine)
        host, port = engine.address
        bench.legs.take("edge1", MoveLeg(leg="a", engine_host=host, engine_port=port))
        count = len(former.packets)
        await until(lambda: len(engine.packets) > 25, "audio at the second place")
        assert len(former.packets) <= count + 1
        browser.forget()  # the former place goes on sending and must not be heard
        engine.play(relay, 700.0, ssrc=0xBEEF)
        await until(lambda: len(browser.heard) > 2 * ENOUGH, "audio of the second place")
        assert hears(browser.heard[-ENOUGH:], 700.0)
        assert not any(heard_when(browser.heard[-ENOUGH:], 1000.0))

    on_bench(test)


def test_a_stranger_on_the_relay_is_not_heard() -> None:
    async def test(bench: Bench) -> None:
        browser, engine, relay = await bench.connect("a")
        stranger = await Engine.start()
        bench.engines.append(stranger)
        stranger.play(relay, 2000.0)
        engine.play(relay, 1000.0)
        engine.transport.sendto(b"nonsense", relay)
        await until(lambda: len(browser.heard) > 2 * ENOUGH, "a second")
        assert not any(heard_when(browser.heard[-ENOUGH:], 2000.0))
        assert hears(browser.heard[-ENOUGH:], 1000.0)

    on_bench(test)


def test_too_many_legs_are_refused_and_the_others_stay() -> None:
    async def test(bench: Bench) -> None:
        await bench.connect("a")
        await bench.offer("b", edge="edge2")
        assert bench.about("b", "edge2") == [LegClosed(leg="b", reason="too_many")]
        assert bench.closed("a") == []
        assert len(bench.legs) == 1
        assert bench.legs.refused == 1

    on_bench(test, legs_max=1)


@pytest.mark.parametrize(
    "sdp",
    [
        "nonsense",
        "v=0\r\n",
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\n",
        "x" * 100_000,
    ],
)
def test_an_offer_that_can_not_be_answered_ends_the_leg(sdp: str) -> None:
    async def test(bench: Bench) -> None:
        await bench.offer("a", sdp=sdp)
        await until(lambda: bool(bench.about("a")), "a word")
        assert bench.about("a") == [LegClosed(leg="a", reason="bad_offer")]
        await bench.connect("b")

    on_bench(test, legs_max=1)


def test_an_engine_nobody_can_reach_ends_the_leg() -> None:
    async def test(bench: Bench) -> None:
        sdp = await Browser().offer()
        for leg, host in (("a", "no address"), ("b", "192.0.2.77")):
            bench.legs.take("edge1", OfferLeg(leg=leg, sdp=sdp, engine_host=host, engine_port=9))
            await until(lambda leg=leg: bool(bench.about(leg)), "a word")
            assert bench.about(leg) == [LegClosed(leg=leg, reason="failed")]

    on_bench(test)


def test_an_edge_that_begins_anew_loses_its_legs_and_no_others() -> None:
    async def test(bench: Bench) -> None:
        first, _, _ = await bench.connect("a", "edge1")
        second, _, _ = await bench.connect("a", "edge2")
        bench.legs.forget_edge("edge1")
        await until(lambda: first.connection.connectionState == "closed", "the first page is let go")
        assert second.connection.connectionState == "connected"
        assert bench.closed("a", "edge1") == []
        assert len(bench.legs) == 1

    on_bench(test)


def test_a_page_that_vanishes_is_lost() -> None:
    async def test(bench: Bench) -> None:
        browser, engine, _ = await bench.connect("a")
        await until(lambda: len(engine.packets) > 5, "audio")
        browser.vanish()
        await until(lambda: bool(bench.closed("a")), "lost")
        assert bench.closed("a") == ["lost"]

    on_bench(test)


def _held() -> tuple[int, int, int]:
    """Sockets, threads but those of the loop's pool, and tasks of this process."""
    count = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
        except FileNotFoundError:
            continue
    threads = [one for one in threading.enumerate() if not one.name.startswith("asyncio")]
    return count, len(threads), len(asyncio.all_tasks())


def test_legs_leave_nothing_behind() -> None:
    async def test(bench: Bench) -> None:
        gc.collect()
        before = _held()
        for number in range(3):
            browser, engine, _ = await bench.connect(f"page{number}")
            await browser.close()
            await until(lambda number=number: bool(bench.closed(f"page{number}")), "closed by the page")
            engine.close()
            browser, engine, _ = await bench.connect(f"edge{number}")
            bench.legs.take("edge1", CloseLeg(leg=f"edge{number}"))
            await until(lambda browser=browser: browser.connection.connectionState == "closed", "noticed")
            await browser.close()
            engine.close()
            browser, engine = await bench.offer(f"bad{number}", sdp="v=0\r\nnonsense")
            await browser.close()
            engine.close()
            browser, engine = await bench.offer(f"early{number}")
            bench.legs.take("edge1", CloseLeg(leg=f"early{number}"))
            await browser.close()
            engine.close()
        bench.engines.clear()

        def all_given_back() -> bool:
            # Fewer is as good: what an earlier test left may be let go meanwhile.
            return all(now <= then for now, then in zip(_held(), before, strict=True))

        await until(all_given_back, "all sockets, threads and tasks are given back")

    on_bench(test)


def test_the_port_of_a_leg_is_free_again() -> None:
    async def test(bench: Bench) -> None:
        browser, _, relay = await bench.connect("a")
        await browser.close()
        await until(lambda: bool(bench.closed("a")), "closed by the page")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(relay)

    on_bench(test)
