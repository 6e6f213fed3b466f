"""A real browser: its fake microphone plays a tone, its page measures what it hears."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import async_playwright

from gateways.webrtc.interface import Address
from gateways.webrtc.lite_leg import LiteAudio
from gateways.webrtc.messages import CloseLeg, LegAnswered, OfferLeg
from tests.support.tones import RATE, tone_wav
from tests.webrtc.parts import Engine, hears, until
from tests.webrtc.test_legs import Bench, on_bench
from tests.webrtc.test_lite_leg import a_visitor, answer_to, knock

CHROMIUM = shutil.which("chromium")
MICROPHONE_HZ, ENGINE_HZ = 450.0, 1000.0

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(240),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

# What the flags are for: docs/protocols/browser-audio.md.
FLAGS = [
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--no-sandbox",
]

PAGE = """<!doctype html><meta charset="utf-8"><title>audio</title><script>
async function offer(microphone) {
  window.pc = new RTCPeerConnection({iceServers: []});
  window.states = [];
  pc.onconnectionstatechange = () => states.push(pc.connectionState);
  pc.ontrack = event => { window.remote = event.streams[0] || new MediaStream([event.track]); };
  if (microphone) {
    window.stream = await navigator.mediaDevices.getUserMedia({audio: {
      echoCancellation: false, noiseSuppression: false, autoGainControl: false}});
    pc.addTrack(stream.getAudioTracks()[0], stream);
  } else {
    pc.addTransceiver('audio', {direction: 'recvonly'});
  }
  await pc.setLocalDescription();
  if (pc.iceGatheringState !== 'complete')
    await new Promise(done => pc.onicegatheringstatechange =
      () => pc.iceGatheringState === 'complete' && done());
  return pc.localDescription.sdp;
}
async function take(answer) {
  await pc.setRemoteDescription({type: 'answer', sdp: answer});
}
function listen() {
  const silent = new Audio(); silent.srcObject = remote; silent.muted = true; silent.play();
  window.context = new AudioContext();
  window.analyser = context.createAnalyser();
  analyser.fftSize = 16384;
  context.createMediaStreamSource(remote).connect(analyser);
  return context.resume();
}
function loudest() {
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  let best = 0;
  for (let i = 1; i < bins.length; i++) if (bins[i] > bins[best]) best = i;
  return {hz: best * context.sampleRate / analyser.fftSize, db: bins[best]};
}
async function codecs() {
  const found = {};
  (await pc.getStats()).forEach(one => {
    if (one.type === 'codec') found[one.mimeType] = true;
  });
  return Object.keys(found);
}
</script>"""


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = PAGE.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *parts: object) -> None:
        """The test says what matters."""


@pytest.fixture
def address() -> Iterator[str]:
    """The page, served on localhost: there a browser gives the microphone without HTTPS."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def microphone(tmp_path: Path) -> Path:
    """Ten seconds of a tone; Chromium plays them over and over."""
    return tone_wav(
        tmp_path / "microphone.wav", MICROPHONE_HZ, 10.0, rate=48000
    )  # the rate of the fake device


@contextlib.asynccontextmanager
async def browser_page(address: str, microphone: Path) -> Any:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"]
        )
        try:
            page = await browser.new_page()
            await page.goto(address)
            yield page
        finally:
            await browser.close()


async def connect(bench: Bench, page: Any, leg: str, *, microphone: bool = True) -> tuple[Engine, Address]:
    engine = await Engine.start()
    bench.engines.append(engine)
    host, port = engine.address
    sdp = await page.evaluate("microphone => offer(microphone)", microphone)
    bench.legs.take("edge1", OfferLeg(leg=leg, sdp=sdp, engine_host=host, engine_port=port))
    await until(lambda: bool(bench.about(leg)), "an answer")
    answered = bench.about(leg)[0]
    assert isinstance(answered, LegAnswered), f"{answered}\n{sdp}"
    await page.evaluate("answer => take(answer)", answered.sdp)
    await until(lambda: len(bench.about(leg)) > 1, f"connected\n{sdp}\n{answered.sdp}")
    return engine, Address(answered.relay_host, answered.relay_port)


async def page_hears(page: Any, frequency_hz: float) -> None:
    """The page measures this tone, within its resolution of 3 Hz a bin."""
    await page.evaluate("listen()")
    loudest: dict[str, float] = {}
    async with asyncio.timeout(60):
        while not (loudest.get("db", -200) > -60 and abs(loudest["hz"] - frequency_hz) < 10):
            loudest = await page.evaluate("loudest()")
            await asyncio.sleep(0.1)


async def answers_where_it_is(bench: Bench) -> None:
    """A page that comes back from another network is asked, and the browser answers by itself."""
    audio = bench.legs._audio
    assert isinstance(audio, LiteAudio)
    [leg] = audio.legs
    before, elsewhere = leg.page, await a_visitor()
    [door] = audio.doors._doors
    elsewhere.transport.sendto(knock(leg, **{"USE-CANDIDATE": None}), audio.doors.candidates[0])
    await until(lambda: len(elsewhere.heard) > 1, "a question")
    elsewhere.transport.sendto(answer_to(elsewhere.heard[1], leg), audio.doors.candidates[0])
    await until(lambda: leg.page != before, "moved")
    elsewhere.transport.close()
    door.datagram_received(knock(leg, **{"USE-CANDIDATE": None}), before)
    await until(lambda: leg.page == before, "Chromium's answer")


def test_tones_pass_both_ways(address: str, microphone: Path) -> None:
    async def test(bench: Bench) -> None:
        async with browser_page(address, microphone) as page:
            engine, relay = await connect(bench, page, "a")
            engine.play(relay, ENGINE_HZ)
            await page_hears(page, ENGINE_HZ)
            await until(lambda: len(engine.heard) > 3 * RATE, "three seconds of the microphone")
            assert hears(engine.heard[-RATE:], MICROPHONE_HZ)
            assert await page.evaluate("codecs()") == ["audio/PCMU"]
            await answers_where_it_is(bench)
            await page.evaluate("pc.close()")
            await until(lambda: bench.closed("a") == ["closed"], "the page's goodbye")

    on_bench(test)


def test_the_page_hears_that_the_leg_was_closed(address: str, microphone: Path) -> None:
    async def test(bench: Bench) -> None:
        async with browser_page(address, microphone) as page:
            await connect(bench, page, "a")
            bench.legs.take("edge1", CloseLeg(leg="a"))
            await page.wait_for_function("pc.getReceivers()[0].transport.state === 'closed'")

    on_bench(test)


def test_a_page_without_a_microphone_listens(address: str, microphone: Path) -> None:
    """Without the permission it offers names of mDNS for candidates, which mean nothing to anybody else."""

    async def test(bench: Bench) -> None:
        async with browser_page(address, microphone) as page:
            engine, relay = await connect(bench, page, "a", microphone=False)
            engine.play(relay, ENGINE_HZ)
            await page_hears(page, ENGINE_HZ)
            assert engine.packets == []

    on_bench(test)


def test_a_page_that_goes_away_is_noticed(address: str, microphone: Path) -> None:
    async def test(bench: Bench) -> None:
        async with browser_page(address, microphone) as page:
            engine, _ = await connect(bench, page, "a")
            await until(lambda: len(engine.packets) > 25, "the microphone")
            await page.goto("about:blank")
            await until(lambda: bool(bench.closed("a")), "noticed")
            assert bench.closed("a")[0] in ("closed", "lost")

    on_bench(test)
