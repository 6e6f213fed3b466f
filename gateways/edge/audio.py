"""The edge's side of the audio engine: handles of legs, and a mirror of all that the engine was told.

Every command goes into the mirror first. A leg is *bound* while the engine holds its ports; commands about a
leg that is not bound only change the mirror, and the moment the engine reports the ports everything mirrored
is said: where to send, what to play, who hears whom, what is recorded. So a first allocation and an engine
that was killed and came back (a *fresh* one) are the same case: the legs ask for the ports they had, which
the far ends still send to, and the conversations go on. A recording that a dead engine left behind goes on in
a new file beside it, because the unfinished one has no valid end.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import msgspec

from gateways.edge.audio_leg import AudioLeg, AudioUser
from gateways.edge.limits import Timing
from gateways.edge.links import link_to
from gateways.edge.port_stock import PortStock
from gateways.media import messages as engine

_log = logging.getLogger(__name__)


class RecordingListener(Protocol):
    """Hears what becomes of recordings, file by file; `context` is what `start_recording` was given."""

    def recording_started(self, context: object, file: Path) -> None:
        """The engine is told to write this file."""

    def recording_refused(self, context: object, file: Path) -> None:
        """It does not."""

    def recording_done(self, context: object, file: Path, done: engine.RecordingDone) -> None:
        """The file is closed; `done` names it as it is called now."""

    def recording_interrupted(self, context: object, file: Path) -> None:
        """The engine died over this file; a new engine completes it by itself, and says nothing of it."""


class _Recording:
    def __init__(self, path: Path, left: AudioLeg, right: AudioLeg, context: object) -> None:
        self.path, self.left, self.right, self.context = path, left, right, context
        self.file = path
        self.started = False
        self.files = 0

    def next_file(self) -> Path:
        """The first file has the recording's name, those after an engine's death `-r2`, `-r3` …"""
        self.files += 1
        if self.files > 1:
            self.file = self.path.with_name(f"{self.path.stem}-r{self.files}{self.path.suffix}")
        return self.file


class Statistics(msgspec.Struct, frozen=True):
    """What was counted on legs that are gone."""

    legs: int
    legs_freed: int
    packets_sent: int
    packets_received: int
    packets_lost: int
    refusals: int
    engine_restarts: int


class Audio:
    """Client of one audio engine."""

    def __init__(self, path: Path, name: str, timing: Timing, recordings: RecordingListener) -> None:
        """`path` is the engine's socket."""
        self._timing = timing
        self._listener = recordings
        self._legs: dict[str, AudioLeg] = {}
        self._gains: dict[tuple[str, str], float] = {}
        self._recordings: dict[str, _Recording] = {}
        self._closing: dict[str, _Recording] = {}  # stopped, the engine's last word is due
        self._legs_freed = self._packets_sent = self._packets_received = self._packets_lost = 0
        self._refusals = self._restarts = 0
        self.link = link_to(
            path,
            name,
            send_type=engine.ToEngine,
            receive_type=engine.FromEngine,
            on_message=self._message,
            on_up=self._up,
        )
        self._stock = PortStock(self.link.send)

    def statistics(self) -> Statistics:
        """A frozen copy of the counters."""
        return Statistics(
            len(self._legs),
            self._legs_freed,
            self._packets_sent,
            self._packets_received,
            self._packets_lost,
            self._refusals,
            self._restarts,
        )

    def allocate(
        self, leg: str, local_host: str, user: AudioUser, *, loopback: bool = False, stranger: bool = False
    ) -> AudioLeg:
        """A new leg; its user hears `audio_bound` or `audio_refused` later, never from within this call.

        `stranger`: asked for by nobody we know; until `AudioLeg.prove` it may be a forger who asked.
        """
        handle = AudioLeg(self, leg, local_host, loopback, user, stranger=stranger)
        self._legs[leg] = handle
        if not loopback and self.link.connected:  # an engine that is away may have lost what it held
            handle.port = self._stock.take(local_host)
        self._ask_ports(handle)
        if handle.port:
            asyncio.get_running_loop().call_soon(self._promise, handle)
        handle.timer = asyncio.get_running_loop().call_later(
            self._timing.allocate_timeout_s, self._give_up, handle, "the audio engine does not answer"
        )
        return handle

    def join(self, one: AudioLeg, other: AudioLeg) -> None:
        """Both hear each other."""
        self._set_gains(one, other, 1.0)

    def part(self, one: AudioLeg, other: AudioLeg) -> None:
        """Neither hears the other."""
        self._set_gains(one, other, 0.0)

    def start_recording(
        self, recording: str, left: AudioLeg, right: AudioLeg, path: Path, context: object
    ) -> None:
        """Record two legs into a stereo file at the absolute `path`."""
        entry = self._recordings[recording] = _Recording(path, left, right, context)
        left.recordings[recording] = right.recordings[recording] = None
        self._record(recording, entry)

    def stop_recording(self, recording: str) -> None:
        """Close the file; the listener's `recording_done` follows."""
        entry = self._forget_recording(recording)
        if entry is None or not entry.started:
            return
        self._closing[recording] = entry
        self.link.send(engine.StopRecording(recording=recording))

    def say(self, leg: AudioLeg, message: engine.ToEngine) -> None:
        """Tell the engine about a leg that it has; what concerns another waits in the mirror."""
        if leg.bound and not leg.freed:
            self.link.send(message)

    def free(self, leg: AudioLeg) -> None:
        """Forget a leg and all that concerns it."""
        if leg.freed:
            return
        leg.freed = True
        if leg.timer is not None:
            leg.timer.cancel()
        for cell in tuple(leg.cells):
            self._forget_gain(cell)
        del self._legs[leg.id]
        for recording in tuple(leg.recordings):
            self.stop_recording(recording)
        self.link.send(engine.FreeLeg(leg=leg.id))

    # --- the engine's word ------------------------------------------------------------------------

    def _promise(self, leg: AudioLeg) -> None:
        if not leg.freed:
            leg.user.audio_bound(leg.port)

    def _up(self, fresh: bool) -> None:
        if not fresh:
            return
        self._stock.forget()
        for entry in [*self._closing.values(), *self._recordings.values()]:
            if entry.started:
                self._listener.recording_interrupted(entry.context, entry.file)
        self._closing.clear()
        if self._legs:
            self._restarts += 1
            _log.warning("the audio engine is new: %d legs are made again", len(self._legs))
        for entry in self._recordings.values():
            entry.started = False
        for leg in list(self._legs.values()):
            leg.bound = False
            leg.attempts = 0
            self._ask_ports(leg)

    def _message(self, message: engine.FromEngine) -> None:
        match message:
            case engine.LegAllocated():
                self._allocated(message)
            case engine.PortsReserved():
                self._stock.reserved(message)
            case engine.LegRefused():
                self._refused(message)
            case engine.PlaybackDone():
                self._played(message)
            case engine.Key(leg=name, key=key):
                if leg := self._legs.get(name):
                    leg.user.audio_key(key)
            case engine.LegHeard(leg=name):
                if leg := self._legs.get(name):
                    leg.user.audio_heard()
            case engine.LegSilent(leg=name, silent_ms=silent_ms):
                if leg := self._legs.get(name):
                    leg.user.audio_silent(silent_ms)
            case engine.RecordingDone():
                self._recorded(message)
            case engine.LegFreed():
                self._legs_freed += 1
                self._packets_sent += message.packets_sent
                self._packets_received += message.packets_received
                self._packets_lost += message.packets_lost

    def _ask_ports(self, leg: AudioLeg) -> None:
        self.link.send(
            engine.AllocateLeg(
                leg=leg.id,
                local_host=leg.local_host,
                port=leg.port,
                loopback=leg.loopback,
                stranger=leg.stranger,
            )
        )

    def _allocated(self, message: engine.LegAllocated) -> None:
        leg = self._legs.get(message.leg)
        if leg is None or leg.bound:
            return
        if leg.timer is not None:
            leg.timer.cancel()
        moved = leg.port != message.port
        leg.bound, leg.port = True, message.port
        if leg.proved:
            self.link.send(engine.ProveLeg(leg=leg.id))
        for told in (leg.connection, leg.playing):
            if told is not None:
                self.link.send(told)
        self._say_gains(leg.cells)
        for recording in leg.recordings:
            self._record(recording, self._recordings[recording])
        remade, leg.made = leg.made, True
        if moved:
            leg.user.audio_bound(message.port)
        if remade:
            leg.user.audio_remade()

    def _refused(self, message: engine.LegRefused) -> None:
        self._refusals += 1
        if message.command == "StartRecording":
            self._recording_refused(message)
            return
        leg = self._legs.get(message.leg)
        if leg is None:
            return
        if message.command == "AllocateLeg" and not leg.bound:
            if leg.port == 0:
                self._give_up(leg, message.reason)
            else:
                self._try_again(leg, message.reason)
            return
        _log.error("leg %s: %s was refused: %s", leg.id, message.command, message.reason)
        if message.command == "PlayFiles" and isinstance(leg.playing, engine.PlayFiles):
            play, leg.playing = leg.playing.play, None
            leg.user.audio_played(play, True)

    def _recording_refused(self, message: engine.LegRefused) -> None:
        """Nothing more will be heard of the leg's latest recording, stopped meanwhile or not."""
        _log.error("leg %s is not recorded: %s", message.leg, message.reason)
        for table in (self._recordings, self._closing):
            names = [name for name, entry in table.items() if message.leg in (entry.left.id, entry.right.id)]
            if names:
                entry = table[names[-1]]
                self._forget_recording(names[-1])
                self._closing.pop(names[-1], None)
                self._listener.recording_refused(entry.context, entry.file)
                return

    def _try_again(self, leg: AudioLeg, reason: str) -> None:
        """The dead engine's sockets may outlive it a moment. A browser's leg may as well have another port."""
        if leg.loopback:
            leg.port = 0
            self._ask_ports(leg)
            return
        leg.attempts += 1
        if leg.attempts > self._timing.remake_attempts_max:
            self._give_up(leg, reason)
            return
        leg.timer = asyncio.get_running_loop().call_later(
            self._timing.remake_interval_s, self._ask_ports_unless_gone, leg
        )

    def _ask_ports_unless_gone(self, leg: AudioLeg) -> None:
        if not leg.freed and not leg.bound:
            self._ask_ports(leg)

    def _give_up(self, leg: AudioLeg, reason: str) -> None:
        if leg.freed or leg.bound:
            return
        _log.error("leg %s: no ports: %s", leg.id, reason)
        self.free(leg)
        leg.user.audio_refused(reason)

    def _played(self, message: engine.PlaybackDone) -> None:
        leg = self._legs.get(message.leg)
        if leg is None or not isinstance(leg.playing, engine.PlayFiles) or leg.playing.play != message.play:
            return  # replaced while the word was on its way
        if message.failed:
            _log.error("leg %s: %s could not be played", leg.id, message.failed)
        leg.playing = None
        leg.user.audio_played(message.play, bool(message.failed))

    def _recorded(self, message: engine.RecordingDone) -> None:
        entry = self._closing.pop(message.recording, None) or self._forget_recording(message.recording)
        if entry is None:
            _log.error("recording %s is unknown here: %s", message.recording, message.path)
            return
        if message.failed:
            _log.error("recording %s is incomplete: %s", message.path, message.failed)
        self._listener.recording_done(entry.context, entry.file, message)

    # --- what the engine is told ------------------------------------------------------------------

    def _set_gains(self, one: AudioLeg, other: AudioLeg, gain: float) -> None:
        if one.freed or other.freed:
            return
        cells = [(one.id, other.id), (other.id, one.id)]
        for cell in cells:
            self._gains[cell] = gain
            one.cells[cell] = other.cells[cell] = None
        self._say_gains(cells)
        if gain == 0.0:
            for cell in cells:
                self._forget_gain(cell)

    def _forget_gain(self, cell: tuple[str, str]) -> None:
        del self._gains[cell]
        for name in cell:
            del self._legs[name].cells[cell]

    def _forget_recording(self, recording: str) -> _Recording | None:
        """It is not under way any more; None: it was not."""
        entry = self._recordings.pop(recording, None)
        if entry is not None:
            entry.left.recordings.pop(recording, None)
            entry.right.recordings.pop(recording, None)
        return entry

    def _say_gains(self, cells: Iterable[tuple[str, str]]) -> None:
        gains = tuple(
            engine.Gain(source, target, self._gains[source, target])
            for source, target in cells
            if self._legs[source].bound and self._legs[target].bound
        )
        if gains:
            self.link.send(engine.SetGains(gains=gains))

    def _record(self, recording: str, entry: _Recording) -> None:
        if entry.started or not (entry.left.bound and entry.right.bound):
            return
        entry.started = True
        file = entry.next_file()
        self._listener.recording_started(entry.context, file)
        self.link.send(
            engine.StartRecording(
                recording=recording, left=entry.left.id, right=entry.right.id, path=str(file)
            )
        )
