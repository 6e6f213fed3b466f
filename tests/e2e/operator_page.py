"""An operator at the desk, in a real Chromium whose microphone is a tone."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Playwright,
    expect,
)
from playwright.sync_api import (
    TimeoutError as PageTimeoutError,
)

from tests.support.tones import tone_wav

GUARD_MS = 30_000
MICROPHONE_S = 10  # Chromium repeats the file


def chromium_path() -> str:
    """Debian's Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "chromium is missing: make tools"
    return found


@contextmanager
def browser_with_tone(playwright: Playwright, folder: Path, tone_hz: int) -> Iterator[Browser]:
    """A browser whose microphone says one tone."""
    folder.mkdir(parents=True, exist_ok=True)
    microphone = folder / f"microphone-{tone_hz}.wav"
    tone_wav(microphone, tone_hz, MICROPHONE_S, rate=48_000)
    browser = playwright.chromium.launch(
        executable_path=chromium_path(),
        args=[
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}",
            "--allow-loopback-in-peer-connection",
            "--autoplay-policy=no-user-gesture-required",
        ],
    )
    try:
        yield browser
    finally:
        browser.close()


class Operator:
    """One desk page. Elements are found by the page's stable `data-testid`."""

    def __init__(self, browser: Browser, url: str, user: str, password: str) -> None:
        """A context of its own, so several operators can share a browser."""
        self.url, self.user, self.password = url, user, password
        self.context: BrowserContext = browser.new_context(
            locale="en-GB", permissions=["microphone"], base_url=url
        )
        self.errors: list[str] = []
        self.page = self.open_page()

    def open_page(self) -> Page:
        """A further tab of the same log-in."""
        page = self.context.new_page()
        page.set_default_timeout(GUARD_MS)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    def log_in(self) -> None:
        """Through the log-in page to the desk, with the browser's audio processing off."""
        self.page.goto("/login")
        self.find("login-user").fill(self.user)
        self.find("login-password").fill(self.password)
        self.find("login-submit").click()
        expect(self.find("agent-state")).to_be_visible(timeout=GUARD_MS)
        self.page.goto("/desk?processing=off")
        expect(self.find("agent-state")).to_be_visible(timeout=GUARD_MS)

    def connect_audio(self) -> None:
        """Connect the browser's audio and wait until the core has it."""
        self.find("audio-connect").click()
        self.wait_audio("connected")

    def wait_audio(self, state: str) -> None:
        """Wait for the state of the page's audio."""
        expect(self.find("audio-state")).to_have_attribute("data-state", state, timeout=GUARD_MS)

    def go_ready(self) -> None:
        """Take calls. The button may come and go meanwhile: an operator whose audio is back is ready again by themselves."""
        deadline = time.monotonic() + GUARD_MS / 1000
        while self.state() not in ("ready", "ringing"):
            assert time.monotonic() < deadline, f"{self.user} is {self.state()}, not ready"
            button = self.find("ready")
            if button.is_visible() and button.is_enabled():
                try:
                    button.click(timeout=1_000)
                except PageTimeoutError:
                    continue
            self.page.wait_for_timeout(100)

    def wait_state(self, *states: str) -> None:
        """Wait until the desk shows one of these states."""
        pattern = ",".join(f"[data-testid=agent-state][data-state={state}]" for state in states)
        expect(self.page.locator(pattern)).to_be_visible(timeout=GUARD_MS)

    def state(self) -> str:
        """The state the desk shows."""
        return self.find("agent-state").get_attribute("data-state") or ""

    def accept(self) -> None:
        """Take the call of the pop-up."""
        self.find("accept").click()
        self.wait_state("talking")

    def find(self, testid: str) -> Locator:
        """The element of this test id."""
        return self.page.get_by_test_id(testid)

    def heard_hz(self) -> float:
        """The pitch of what the page plays right now (0: silence)."""
        return float(self.page.evaluate(_HEARD_HZ))

    def finish_wrap_up(self) -> None:
        """End the work after the call, when there is some."""
        if self.state() == "wrap_up":
            self.find("wrap-up-done").click()
            self.wait_state("ready", "not_ready", "ringing")

    def log_out(self) -> None:
        """Leave, whatever state the desk is in, so that the next test finds nobody."""
        if not self.page.is_closed() and self.find("log-out").is_visible():
            self.find("log-out").click()
            expect(self.find("login-user")).to_be_visible(timeout=GUARD_MS)

    def close(self) -> None:
        """Close the window."""
        self.context.close()


# Reads the remote stream of the page's audio element through an analyser of the test's own.
_HEARD_HZ = """
async () => {
  const player = [...document.querySelectorAll('audio')].find((one) => one.srcObject);
  if (!player) return 0;
  const context = new AudioContext();
  await context.resume();
  const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
  context.createMediaStreamSource(player.srcObject).connect(analyser);
  await new Promise((done) => setTimeout(done, 600));
  const bins = new Float32Array(analyser.frequencyBinCount);
  analyser.getFloatFrequencyData(bins);
  let best = 0;
  for (let bin = 1; bin < bins.length; bin++) if (bins[bin] > bins[best]) best = bin;
  const loud = bins[best] > -60;
  const pitch = (best * context.sampleRate) / analyser.fftSize;
  await context.close();
  return loud ? pitch : 0;
}
"""
