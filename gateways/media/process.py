"""The audio engine's process: the clock on the main thread, everything that may wait on threads of their own.

| thread | does |
|---|---|
| main | the clock: commands, reading packets, ticks, sending |
| control | the link to the edges (asyncio) |
| clips | loads and converts WAV files |
| recording writer | puts recorded blocks into their files |
| recording finisher | syncs, hashes and names closed recordings |

The interpreter lock is the clock's only rival: each of a tick's sends lets it go, and must wait for it to
come back when another thread is computing. So the other threads spend their time in calls that let it go too,
and the interpreter takes it from them after 5 µs instead of 5 ms (measured: docs/decisions/0030).
"""

from __future__ import annotations

import contextlib
import gc
import logging
import resource
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Final

from acd_core.config import Config
from acd_core.logs import set_up
from acd_core.ready import ReadyFile
from gateways.media import priority, repair
from gateways.media.clips import ClipLoader, Loaded
from gateways.media.clock import Schedule, percentile_ms
from gateways.media.control import Control, ControlError
from gateways.media.engine import Engine, Token
from gateways.media.inbox import Command, Inbox, OwnerDown, OwnerUp
from gateways.media.limits import COMMANDS_A_TICK_MS, LEGS_MAX
from gateways.media.ports import PortRange
from gateways.media.recorder import Done, Recorder

_log = logging.getLogger(__name__)

SLICE_S: Final = 0.005  # how often arrivals are read between ticks, while there are legs
SWITCH_INTERVAL_S: Final = 5e-6
_WATCH_TICKS: Final = 3_000
_RECORDINGS_CLOSE_S: Final = 2.0
_LINK_CLOSE_S: Final = 0.5
_DESCRIPTORS_SPARE: Final = 256


class MediaProcess:
    """The parts put together, and the loop of the main thread."""

    def __init__(self, config: Config) -> None:
        """Open everything but the link."""
        self.inbox = Inbox()
        self.control = Control(config.socket("media"), self.inbox)
        self.loader: ClipLoader[Token] = ClipLoader(self.inbox.put)
        self.recorder = Recorder(self.inbox.put)
        self.engine = Engine(
            PortRange(config.rtp.port_min, config.rtp.port_max),
            self.recorder,
            self.loader,
            self.control.tell,
            legs_that_fit(),
        )
        self.schedule = Schedule(time.monotonic_ns())
        self._repair: subprocess.Popen[bytes] | None = None
        self._recordings_path = config.recordings_path
        self._stopping = False
        self._skipped_told = 0
        self._lost_told = 0

    def repair(self) -> None:
        """Begin to complete what a killed process left."""
        command = [sys.executable, "-m", repair.__name__, str(self._recordings_path)]
        self._repair = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def stop(self) -> None:
        """Let `run` return; for signal handlers."""
        self._stopping = True
        self.inbox.wake()

    def run(self) -> None:
        """Keep the clock until stopped."""
        self.schedule = Schedule(time.monotonic_ns())
        schedule, engine = self.schedule, self.engine
        while not self._stopping:
            if not self.control.alive:
                raise ControlError(self.control.error or "the link ended")
            wait_ns = schedule.wait_ns(time.monotonic_ns())
            if wait_ns > 0:
                wait_s = wait_ns / 1e9
                self.inbox.wait(min(wait_s, SLICE_S) if len(engine) else wait_s)
            self._carry_out()
            now_ns = time.monotonic_ns()
            if schedule.wait_ns(now_ns) > 0:
                engine.read(now_ns / 1e9)
            else:
                self._tick(now_ns)
            self.control.flush()

    def _tick(self, now_ns: int) -> None:
        skipped = self.schedule.begin(now_ns)
        now = now_ns / 1e9
        self.engine.read(now)
        if skipped:
            self.engine.skip(skipped)
        self.engine.tick(now)
        self.schedule.done(time.monotonic_ns())
        if self.schedule.ticks % _WATCH_TICKS == 0:
            self._watch()

    def _carry_out(self) -> None:
        """What waits in the inbox, in order; when it takes too long, the rest after the next tick."""
        until_ns = time.monotonic_ns() + COMMANDS_A_TICK_MS * 1_000_000
        while (item := self.inbox.take()) is not None:
            if isinstance(item, Command):
                self.engine.command(item.owner, item.command)
            elif isinstance(item, Loaded):
                self.engine.loaded(item)
            elif isinstance(item, Done):
                self.engine.recorded(item)
            elif isinstance(item, OwnerUp):
                self.engine.owner_up(item.owner, item.fresh)
            elif isinstance(item, OwnerDown):
                self.engine.owner_down(item.owner, time.monotonic())
            if time.monotonic_ns() > until_ns:
                self.inbox.wake()
                return

    def _watch(self) -> None:
        """Say once a minute what went wrong, if anything did."""
        if self._repair is not None and self._repair.poll() is not None:
            self._repair = None
        if self.schedule.skipped != self._skipped_told:
            late_ms = percentile_ms(self.schedule.begun_late, 0.99)
            _log.warning(
                "%d ticks of 20 ms were left out so far, 99 %% began within %d ms: this machine is too busy for audio",
                self.schedule.skipped,
                late_ms,
            )
            self._skipped_told = self.schedule.skipped
        if self.recorder.blocks_lost != self._lost_told:
            _log.error("%d blocks of recordings lost so far: the disk is too slow", self.recorder.blocks_lost)
            self._lost_told = self.recorder.blocks_lost

    def close(self) -> None:
        """Close recordings and ports properly, and let the edges know."""
        if self._repair is not None:
            self._repair.terminate()  # it loses nothing: the next start goes on with it
            self._repair.wait()
        self.engine.close()
        if not self.recorder.close(_RECORDINGS_CLOSE_S):
            _log.error("recordings could not be completed in time; the next start does it")
        while (item := self.inbox.take()) is not None:
            if isinstance(item, Done):
                self.engine.recorded(item)
        self.control.close(_LINK_CLOSE_S)
        self.loader.close()
        self.inbox.close()


def legs_that_fit() -> int:
    """Raise the limit of open files as far as allowed; the legs it has room for: two sockets and half a recording each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    if soft == resource.RLIM_INFINITY:
        return LEGS_MAX
    return max(2, min(LEGS_MAX, (soft - _DESCRIPTORS_SPARE) * 2 // 5))


def main(config: Config) -> int:
    """Run until SIGTERM or SIGINT."""
    set_up(config, "media")
    with ReadyFile(config, "media") as ready:
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        granted = priority.take()
        process = MediaProcess(config)

        def on_signal(number: int, frame: FrameType | None) -> None:
            process.stop()

        signal.signal(signal.SIGTERM, on_signal)
        signal.signal(signal.SIGINT, on_signal)
        try:
            process.control.start()
            process.repair()
            gc.freeze()  # what lives for ever need not be looked at again
            ready.write()
            _log.info("serving at %s, scheduling %s", config.socket("media"), granted)
            process.run()
        except ControlError as error:
            _log.error("%s", error)
            return 1
        finally:
            process.close()
    return 0
