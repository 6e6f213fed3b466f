"""Many callers against a running system: so many, so fast, so long.

Calls are placed by an absolute schedule, whatever became of the ones before: a system that slows down is not spared.
A schedule that fell behind (the machine was suspended) goes on from now instead of catching up, so the rate is never
exceeded. Stopping ends every call with CANCEL or BYE and waits a little for the answers; stopping twice does not
wait. Every call ends by a timer of its own, so the run does.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import uvloop

from acd_core.certificate import CertificateFiles, make_certificate
from acd_core.config import Config, Sip
from gateways.edge.addresses import LocalAddresses
from gateways.edge.clock import Clock
from gateways.edge.dialogs import Dialogs
from gateways.edge.guard.guard import Guard
from gateways.edge.listeners.place import Place, PointError
from gateways.edge.listeners.tls import TlsContexts
from gateways.edge.point import SipPoint
from gateways.edge.sources import OnceLog
from gateways.edge.trace import Trace
from gateways.sip.build import respond
from gateways.sip.dialog import dialog_id_of
from gateways.sip.events import Flow, ServerKey
from gateways.sip.message import Request
from loadtest.audio import Audio
from loadtest.caller import Caller, Parts
from loadtest.options import CallersOptions, LoadError
from loadtest.tally import Summary, Tally, Wire, text_of, write

_log = logging.getLogger(__name__)

GOODBYE_S = 5.0  # for the answers to our BYEs and CANCELs once the run is stopped
_BEHIND_MAX_S = 0.25
_PROGRESS_S = 1.0


def run_callers(options: CallersOptions) -> bool:
    """Call, print, write; whether every call was answered. Raises `LoadError`."""
    if options.out is not None:
        with _said(options.out):  # now, not after an hour of calls
            options.out.mkdir(parents=True, exist_ok=True)
    crowd = Crowd(options)
    try:
        uvloop.run(_run(crowd))
    except PointError as error:
        raise LoadError(str(error)) from error
    summary = crowd.summary()
    sys.stdout.write(text_of(summary) + "\n")
    if options.out is not None:
        with _said(options.out):
            write(options.out, summary, crowd.tally.records)
    return summary.answered == summary.calls


@contextlib.contextmanager
def _said(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LoadError(f"--out {folder}: {error.strerror}") from error


async def _run(crowd: Crowd) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, crowd.stop)
    progress = loop.create_task(_show(crowd, sys.stderr)) if sys.stderr.isatty() else None
    try:
        await crowd.run()
    finally:
        if progress is not None:
            progress.cancel()
            sys.stderr.write("\r\x1b[K")


async def _show(crowd: Crowd, terminal: TextIO) -> None:
    while True:
        terminal.write(f"\r\x1b[K{crowd.progress()}")
        terminal.flush()
        await asyncio.sleep(_PROGRESS_S)


def _own_tls() -> TlsContexts:
    """Whom we call is not asked for proof; what a listener has to show, though nobody calls us, is made and forgotten."""
    with tempfile.TemporaryDirectory() as folder:
        files = CertificateFiles(Path(folder, "certificate"), Path(folder, "key"))
        make_certificate(files, ["loadtest"], dt.datetime.now(dt.UTC), dt.timedelta(days=2))
        return TlsContexts(files.certificate, files.key)


class Crowd:
    """All callers of one run. Over TCP and TLS they share one connection, as the calls of a trunk do."""

    def __init__(self, options: CallersOptions) -> None:
        """Nothing is bound before `run`."""
        self._options = options
        peer = options.target.flow.host
        clock = Clock()
        # The address that the system sees us at; loopback for a target on loopback.
        host = LocalAddresses(Config()).towards(peer)
        addresses = LocalAddresses(Config(sip=Sip(listen_host=host)))
        guard = Guard(OnceLog(_log, "SIP", clock.monotonic_ms), allow=("0.0.0.0/0", "::/0"))
        # Not started: it keeps nothing. What the system saw is in its own trace.
        trace = Trace(Path(), 0, clock)
        place = Place(options.target.flow.transport, host, 0)
        self._point = SipPoint([place], addresses, clock, trace, guard, make_tls=_own_tls)
        self.tally = Tally()
        self._audio = Audio(host)
        self._parts = Parts(options, self._point, addresses, clock, Dialogs(), self._audio, self.tally)
        self._live: set[Caller] = set()
        self._stopping = asyncio.Event()
        self._leaving = asyncio.Event()
        self._quiet = asyncio.Event()
        self._all_placed = False
        self._began_s = self._ended_s = 0.0
        self._wire = Wire()

    async def run(self) -> None:
        """Until every call is over; raises `PointError`."""
        self._point.open(self)
        ticking = asyncio.create_task(self._audio.run())
        self._began_s = time.monotonic()
        try:
            await self._place_all()
            self._all_placed = True
            self._check_quiet()
            await self._wait_for_the_end()
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
            for caller in list(self._live):
                caller.abandon()
            self._ended_s = time.monotonic()
            self._wire = self._measured()
            self._point.close()

    def stop(self) -> None:
        """End all calls; the second time, leave without waiting for answers."""
        if self._stopping.is_set():
            self._leaving.set()
        self._stopping.set()
        for caller in list(self._live):
            caller.give_up()

    def progress(self) -> str:
        """One line."""
        return self.tally.progress(self._options.calls)

    def summary(self) -> Summary:
        """After the run."""
        options = self._options
        return self.tally.summary(
            to=str(options.target.uri),
            calls=options.calls,
            rate=options.rate,
            hold_s=options.hold_s,
            stopped=self._stopping.is_set(),
            duration_s=self._ended_s - self._began_s,
            wire=self._wire,
        )

    # --- RequestHandler ---------------------------------------------------------------------------

    def request_received(self, key: ServerKey, request: Request, source: Flow) -> None:
        """For the caller whose dialog it is; nobody calls us."""
        dialog = dialog_id_of(request)
        if dialog is None:
            self._point.respond(key, respond(request, 200 if request.method == "OPTIONS" else 480))
            return
        caller = self._parts.dialogs.find(dialog)
        if caller is None:
            self._point.respond(key, respond(request, 481))
        else:
            caller.request_received(key, request, source)

    # --- inside -----------------------------------------------------------------------------------

    async def _place_all(self) -> None:
        due_s = time.monotonic()
        for call in range(1, self._options.calls + 1):
            await self._pause(due_s - time.monotonic())
            if self._stopping.is_set():
                return
            self._place(call)
            due_s = max(due_s, time.monotonic() - _BEHIND_MAX_S) + 1 / self._options.rate

    def _place(self, call: int) -> None:
        caller = Caller(self._parts, call, self._is_over)
        self._live.add(caller)
        caller.place()

    async def _pause(self, pause_s: float) -> None:
        """Shorter when the run is stopped."""
        if pause_s <= 0:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._stopping.wait()

    async def _wait_for_the_end(self) -> None:
        stopping = asyncio.ensure_future(self._stopping.wait())
        leaving = asyncio.ensure_future(self._leaving.wait())
        quiet = asyncio.ensure_future(self._quiet.wait())
        try:
            await asyncio.wait((stopping, quiet), return_when=asyncio.FIRST_COMPLETED)
            if not quiet.done():
                await asyncio.wait((leaving, quiet), timeout=GOODBYE_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for future in (stopping, leaving, quiet):
                future.cancel()

    def _is_over(self, caller: Caller) -> None:
        self._live.discard(caller)
        self._check_quiet()

    def _check_quiet(self) -> None:
        if self._all_placed and not self._live:
            self._quiet.set()

    def _measured(self) -> Wire:
        statistics = self._point.statistics()
        return Wire(
            retransmissions_sent=statistics.retransmissions_sent,
            repeated_by_peer=statistics.requests_repeated_by_peer + statistics.responses_repeated_by_peer,
            sip_not_sent=self._point.sends_failed,
            rtp_not_sent=self._audio.not_sent,
            audio_late_p99_ms=self._audio.late_p99_ms,
            audio_ticks_left_out=self._audio.ticks_left_out,
        )
