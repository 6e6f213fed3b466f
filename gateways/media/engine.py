"""The engine: legs, and the commands that make, connect, play to, bridge, record and free them.

Used by one thread, the clock's. Commands are carried out between ticks, in order, as soon as they come; a
slice of every few milliseconds reads what arrived into the legs' jitter buffers; a tick lets the mixer move
20 ms of everybody's audio, hands them to the recorder and looks after what time alone brings. A command that
can't be carried out changes nothing and is answered by `LegRefused`.
"""

from __future__ import annotations

import ipaddress
import logging
import math
import select
from collections.abc import Callable
from typing import Any, TypeAlias

from gateways.media import g711, telephone_event, tones
from gateways.media.clips import ClipLoader, Loaded
from gateways.media.key_sender import KeySender
from gateways.media.leg import Address, Leg
from gateways.media.limits import (
    DATAGRAM_MAX_BYTES,
    KEYS_WAITING_MAX,
    OWNER_ABSENT_MAX_S,
    PLAY_FILES_MAX,
    READS_A_SLICE_MAX,
    TONE_MAX_MS,
)
from gateways.media.messages import (
    AllocateLeg,
    ConnectLeg,
    FreeLeg,
    FromEngine,
    LegAllocated,
    LegRefused,
    PlaybackDone,
    PlayFiles,
    PlayLoop,
    PlayTone,
    PortsReserved,
    ProveLeg,
    RecordingDone,
    ReservePorts,
    SendKeys,
    SetGains,
    StartRecording,
    StopPlay,
    StopRecording,
    ToEngine,
)
from gateways.media.mixer import Mixer
from gateways.media.player import KeyTones, Playback
from gateways.media.ports import Pair, PortRange, PortsError
from gateways.media.recorder import Done, Recorder, RecordingsFullError
from gateways.media.reserve import Reserve

_log = logging.getLogger(__name__)

Reader: TypeAlias = tuple[Callable[[int], tuple[bytes, Address]], Callable[[bytes, Address, float], None]]
Token: TypeAlias = tuple[str, str, Playback]
LoadedFiles: TypeAlias = Loaded[Token]

GAIN_MAX = 16.0
_CHECK_TICKS = 10


class RefusedError(Exception):
    """A command can't be carried out; nothing was changed."""

    def __init__(self, leg: str, reason: str) -> None:
        super().__init__(reason)
        self.leg = leg


class Engine:
    """All legs of this process. `tell(owner, message)` reports to the edge that owns a leg."""

    def __init__(
        self,
        ports: PortRange,
        recorder: Recorder,
        loader: ClipLoader[Token],
        tell: Callable[[str, FromEngine], None],
        legs_max: int,
    ) -> None:
        """No legs, room for `legs_max`."""
        self._ports, self._recorder, self._loader, self._tell = ports, recorder, loader, tell
        self._legs: dict[tuple[str, str], Leg] = {}
        self._reserve = Reserve(ports)
        self._legs_max = legs_max
        self._mixer = Mixer(legs_max)
        self._epoll = select.epoll()
        self._readers: dict[int, Reader] = {}
        self._absent: dict[str, float] = {}  # edges whose link is down, since when
        self._regroup = False
        self._ticks = 0
        self._now = 0.0
        self._commands: dict[type, Callable[[str, Any], None]] = {
            AllocateLeg: self._allocate,
            ReservePorts: self._reserve_ports,
            ConnectLeg: self._connect,
            ProveLeg: self._prove,
            PlayFiles: self._play_files,
            PlayLoop: self._play_loop,
            PlayTone: self._play_tone,
            SendKeys: self._send_keys,
            StopPlay: self._stop_play,
            SetGains: self._set_gains,
            StartRecording: self._start_recording,
            StopRecording: self._stop_recording,
            FreeLeg: self._free,
        }

    # Commands

    def command(self, owner: str, command: ToEngine) -> None:
        """Carry out a command of an edge, or refuse it."""
        try:
            self._commands[type(command)](owner, command)
        except RefusedError as refused:
            name = type(command).__name__
            _log.info("%s of %s refused: leg %s: %s", name, owner, refused.leg, refused)
            self._tell(owner, LegRefused(leg=refused.leg, command=name, reason=str(refused)))

    def owner_up(self, owner: str, fresh: bool) -> None:
        """An edge is there; a new process of it knows nothing of the legs of the one before."""
        self._absent.pop(owner, None)
        if fresh:
            self._forget(owner)

    def owner_down(self, owner: str, now: float) -> None:
        """An edge's link is down. Its calls go on, for it may come back; not for ever."""
        self._absent[owner] = now

    def recorded(self, done: Done) -> None:
        """A recording is on disk."""
        self._tell(
            done.owner,
            RecordingDone(
                recording=done.recording,
                path=done.path,
                started_at_ms=done.started_at_ms,
                duration_ms=done.duration_ms,
                size_bytes=done.size_bytes,
                sha256=done.sha256,
                failed=done.failed,
            ),
        )

    def _forget(self, owner: str) -> None:
        legs = [leg for leg in self._legs.values() if leg.owner == owner]
        for leg in legs:
            self._remove(leg)
        self._reserve.forget(owner)
        if legs:
            _log.warning("%s is gone: %d legs freed", owner, len(legs))

    def _leg(self, owner: str, name: str) -> Leg:
        leg = self._legs.get((owner, name))
        if leg is None:
            raise RefusedError(name, "unknown leg")
        return leg

    def _allocate(self, owner: str, command: AllocateLeg) -> None:
        key = owner, command.leg
        if key in self._legs:
            raise RefusedError(command.leg, "the leg exists")
        try:
            pair = self._bind(owner, command)
        except PortsError as error:
            raise RefusedError(command.leg, str(error)) from error
        place = self._mixer.take_row()
        if place is None:
            self._release(pair)
            raise RefusedError(command.leg, f"{self._legs_max} legs are in use")
        row, ssrc, outgoing = place
        leg = self._legs[key] = Leg(
            owner, command.leg, row, pair, ssrc, outgoing, self._tell, stranger=command.stranger
        )
        self._readers[pair.rtp.fileno()] = pair.rtp.recvfrom, leg.receive
        self._readers[pair.rtcp.fileno()] = pair.rtcp.recvfrom, leg.receive_rtcp
        self._epoll.register(pair.rtp.fileno(), select.EPOLLIN)
        self._epoll.register(pair.rtcp.fileno(), select.EPOLLIN)
        self._tell(owner, LegAllocated(leg=command.leg, port=pair.port))

    def _reserve_ports(self, owner: str, command: ReservePorts) -> None:
        room = self._legs_max - len(self._legs) - len(self._reserve)
        ports = self._reserve.add(owner, command.local_host, command.count, room)
        self._tell(owner, PortsReserved(local_host=command.local_host, ports=ports))

    def _bind(self, owner: str, command: AllocateLeg) -> Pair:
        if command.loopback and not command.port:
            return self._ports.bind_outside("127.0.0.1")
        reserved = self._reserve.take(owner, command.local_host, command.port)
        if reserved is not None:
            return reserved
        return self._ports.bind("127.0.0.1" if command.loopback else command.local_host, command.port)

    def _release(self, pair: Pair) -> None:
        pair.close()
        self._ports.release(pair.port)

    def _connect(self, owner: str, command: ConnectLeg) -> None:
        leg = self._leg(owner, command.leg)
        if command.payload_type not in g711.DECODE:
            raise RefusedError(command.leg, f"payload type {command.payload_type} is neither PCMU nor PCMA")
        if not -1 <= command.dtmf_payload_type <= 127:
            raise RefusedError(command.leg, f"{command.dtmf_payload_type} is no payload type")
        begins = command.send and not leg.sending
        leg.connect(command, _address(leg, command), self._now)
        if not leg.receiving:
            self._mixer.silence(leg.row)
        self._mixer.set_payload_type(leg.row, leg.payload_type, begins)
        self._regroup = True

    def _prove(self, owner: str, command: ProveLeg) -> None:
        self._leg(owner, command.leg).prove(self._now)

    def _play_files(self, owner: str, command: PlayFiles) -> None:
        leg = self._leg(owner, command.leg)
        self._play(leg, Playback(command.play), command.paths, "")

    def _play_loop(self, owner: str, command: PlayLoop) -> None:
        leg = self._leg(owner, command.leg)
        self._play(leg, Playback(None), command.first, command.path)

    def _play_tone(self, owner: str, command: PlayTone) -> None:
        leg = self._leg(owner, command.leg)
        sound = bool(command.frequencies_hz) and bool(command.cadence_ms)
        if not sound or sum(command.cadence_ms) > TONE_MAX_MS or min(command.cadence_ms) <= 0:
            raise RefusedError(leg.name, f"{command.cadence_ms} is no cadence of a tone")
        leg.playback = playback = Playback(None)
        playback.start((), tones.cadence(command.frequencies_hz, command.cadence_ms), "")
        self._mixer.playing[leg.row] = leg

    def _send_keys(self, owner: str, command: SendKeys) -> None:
        leg = self._leg(owner, command.leg)
        if not command.keys or not set(command.keys) <= set(telephone_event.KEYS):
            raise RefusedError(leg.name, f"{command.keys!r} are no keys")
        if not leg.sending:
            raise RefusedError(leg.name, "the other side is sent nothing")
        pressing: KeySender | KeyTones = leg.pressing
        if leg.dtmf_payload_type < 0:
            pressing = leg.playback if isinstance(leg.playback, KeyTones) else KeyTones()
        if len(command.keys) + len(pressing) > KEYS_WAITING_MAX:
            raise RefusedError(leg.name, f"more than {KEYS_WAITING_MAX} keys")
        pressing.press(command.keys)
        if isinstance(pressing, KeyTones):
            leg.playback = pressing
            self._mixer.playing[leg.row] = leg

    def _play(self, leg: Leg, playback: Playback, paths: tuple[str, ...], loop: str) -> None:
        if len(paths) > PLAY_FILES_MAX:
            raise RefusedError(leg.name, f"more than {PLAY_FILES_MAX} files")
        leg.playback = playback
        self._mixer.playing[leg.row] = leg
        if not self._loader.request((leg.owner, leg.name, playback), paths, loop):
            playback.fail((*paths, loop)[0])

    def loaded(self, files: LoadedFiles) -> None:
        """The loader has the files of a playback."""
        owner, name, playback = files.token
        leg = self._legs.get((owner, name))
        if leg is None or leg.playback is not playback:
            return  # stopped or replaced meanwhile
        playback.start(files.clips, files.loop, files.failed)
        if files.failed and playback.play is None:
            reason = f"{files.failed} can't be played: {files.reason}"
            self._tell(owner, LegRefused(leg=name, command=PlayLoop.__name__, reason=reason))

    def _stop_play(self, owner: str, command: StopPlay) -> None:
        leg = self._leg(owner, command.leg)
        leg.playback = None
        self._mixer.playing.pop(leg.row, None)

    def _set_gains(self, owner: str, command: SetGains) -> None:
        cells = []
        for cell in command.gains:
            if not math.isfinite(cell.gain) or abs(cell.gain) > GAIN_MAX:
                raise RefusedError(cell.target, f"gain {cell.gain} is out of range")
            ends = self._legs.get((owner, cell.source)), self._legs.get((owner, cell.target))
            if ends[0] is not None and ends[1] is not None:
                cells.append((ends[0].row, ends[1].row, cell.gain))
            elif cell.gain:  # taking away what went with its leg is no mistake
                raise RefusedError(cell.source if ends[0] is None else cell.target, "unknown leg")
        for source, target, gain in cells:
            self._mixer.matrix.set(source, target, gain)

    def _start_recording(self, owner: str, command: StartRecording) -> None:
        left, right = self._leg(owner, command.left), self._leg(owner, command.right)
        if (owner, command.recording) in self._recorder:
            raise RefusedError(command.left, f"recording {command.recording} runs already")
        if not command.path.startswith("/") or "\0" in command.path:
            raise RefusedError(command.left, f"{command.path!r} is not an absolute path")
        try:
            self._recorder.start(owner, command.recording, left.row, right.row, command.path)
        except RecordingsFullError as error:
            raise RefusedError(command.left, str(error)) from error

    def _stop_recording(self, owner: str, command: StopRecording) -> None:
        # One that has ended with its leg is no mistake: the two crossed on their way.
        if (owner, command.recording) in self._recorder:
            self._recorder.stop(owner, command.recording)

    def _free(self, owner: str, command: FreeLeg) -> None:
        leg = self._leg(owner, command.leg)
        self._remove(leg)
        self._tell(owner, leg.freed())

    def _remove(self, leg: Leg) -> None:
        self._recorder.stop_row(leg.row)
        if leg.connected:
            leg.report(self._now, self._mixer.timestamp(leg.row), goodbye=True)
        _log.debug("leg %s of %s freed: %s", leg.name, leg.owner, leg.counters())
        for bound in (leg.pair.rtp, leg.pair.rtcp):
            del self._readers[bound.fileno()]
            self._epoll.unregister(bound.fileno())
        self._release(leg.pair)
        self._mixer.release_row(leg.row)
        del self._legs[leg.owner, leg.name]
        self._regroup = True

    def __len__(self) -> int:
        """Legs."""
        return len(self._legs)

    def read(self, now: float) -> None:
        """Take what has arrived, a few packets of each leg at most: a flooded port does not hold the others."""
        self._now = now
        readers = self._readers
        if not readers:
            return
        for _ in range(READS_A_SLICE_MAX):
            ready = self._epoll.poll(0, len(readers))
            if not ready:
                return
            for descriptor, _events in ready:
                recvfrom, receive = readers[descriptor]
                try:
                    data, source = recvfrom(DATAGRAM_MAX_BYTES)
                except OSError:
                    continue  # a peer's ICMP error, which the socket tells once
                receive(data, source, now)

    def tick(self, now: float) -> None:
        """Move 20 ms of everybody's audio."""
        self._now = now
        self._ticks += 1
        if self._regroup:
            self._mixer.regroup(self._legs.values())
            self._regroup = False
        for leg in self._mixer.tick():
            playback, leg.playback = leg.playback, None
            del self._mixer.playing[leg.row]
            if playback is not None and playback.play is not None:
                done = PlaybackDone(leg=leg.name, play=playback.play, failed=playback.failed)
                self._tell(leg.owner, done)
        self._recorder.tick(self._mixer.heard)
        if self._ticks % _CHECK_TICKS == 0:
            self._check(now)

    def _check(self, now: float) -> None:
        for owner, since in list(self._absent.items()):
            if now - since >= OWNER_ABSENT_MAX_S:
                del self._absent[owner]
                self._forget(owner)
        for leg in self._legs.values():
            if leg.connected:
                leg.check(now)
                if leg.reports.due(now):
                    leg.report(now, self._mixer.timestamp(leg.row))

    def skip(self, ticks: int) -> None:
        """Time passed without ticks: timestamps and recordings go on by as much."""
        self._mixer.skip(ticks)
        self._recorder.skip(ticks)

    def close(self) -> None:
        """Say goodbye on all legs and close their ports; their recordings end."""
        for leg in list(self._legs.values()):
            self._remove(leg)
        self._reserve.close()
        self._epoll.close()


def _address(leg: Leg, command: ConnectLeg) -> Address:
    """Where signalling says the peer is; None: it does not say, and the first packet will."""
    if not command.remote_port:
        return None
    try:
        address = ipaddress.ip_address(command.remote_host)
    except ValueError as error:
        raise RefusedError(leg.name, f"{command.remote_host!r} is not an IP address") from error
    if not 0 < command.remote_port < 65_536:
        raise RefusedError(leg.name, f"{command.remote_port} is not a port")
    if address.version != leg.ip_version:
        raise RefusedError(leg.name, f"{address} can't be reached from a leg on IPv{leg.ip_version}")
    if address.is_multicast:
        raise RefusedError(leg.name, f"{address} is no address of one peer")
    if address.is_unspecified:
        return None  # how peers said hold before there was a=sendonly (RFC 3264, section 8.4)
    if address.version == 4:
        return str(address), command.remote_port
    return str(address), command.remote_port, 0, 0
