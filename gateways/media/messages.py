"""What the edge tells the audio engine and hears from it, on the engine's own link (`media.sock`).

The engine knows legs, files and a gain matrix; it knows nothing of calls, queues or SIP. Commands are carried out in order; a
command about an unknown leg is answered by `LegRefused` and changes nothing.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec


class Message(msgspec.Struct, frozen=True, tag=True, omit_defaults=True, kw_only=True):
    """Base of all messages; the tag is the class name."""


class AllocateLeg(Message, frozen=True, kw_only=True):
    """Bind a port pair for a new leg. `port` 0: any of the range; else that one (in reserve, or re-made after the engine
    restarted).
    """

    leg: str
    local_host: str
    port: int = 0
    loopback: bool = False  # towards the WebRTC process: outside the public range, on 127.0.0.1
    stranger: bool = (
        False  # asked for by nobody we know: little is sent to where no packet came from, see `ProveLeg`
    )


class ReservePorts(Message, frozen=True, kw_only=True):
    """Bind port pairs for legs to come: an edge that has some in stock need not wait for those of a new call."""

    local_host: str
    count: int


class ConnectLeg(Message, frozen=True, kw_only=True):
    """Where and how this leg sends; again for a change. Symmetric RTP: the first valid packet's source takes over, and
    one at `remote_host` or `peer_host` (where the signalling comes from) from any other.
    """

    leg: str
    remote_host: str
    remote_port: int
    payload_type: int = 0  # 0 PCMU, 8 PCMA (RFC 3551)
    dtmf_payload_type: int = -1  # of telephone-event (RFC 4733); -1: none agreed
    send: bool = True
    receive: bool = True
    peer_host: str = ""


class ProveLeg(Message, frozen=True, kw_only=True):
    """The stranger whose leg this is was seen to receive what is sent to where the signalling comes from."""

    leg: str


class PlayFiles(Message, frozen=True, kw_only=True):
    """Play WAV files one after the other to the leg, then `PlaybackDone(play)`. Replaces what plays on that leg."""

    leg: str
    play: int
    paths: tuple[str, ...]


class PlayLoop(Message, frozen=True, kw_only=True):
    """Play `first` once, then `path` without end. Replaces what plays on that leg."""

    leg: str
    path: str
    first: tuple[str, ...] = ()


class PlayTone(Message, frozen=True, kw_only=True):
    """Have the leg hear these frequencies together, on, off, on … for so long, without end. Replaces what plays there."""

    leg: str
    frequencies_hz: tuple[float, ...]
    cadence_ms: tuple[int, ...]


class SendKeys(Message, frozen=True, kw_only=True):
    """Press these keys (0-9 * # A-D) towards the leg's peer: as telephone-event when that was agreed, else as tones."""

    leg: str
    keys: str


class StopPlay(Message, frozen=True, kw_only=True):
    """Silence prompts and music on the leg; no `PlaybackDone` follows."""

    leg: str


class Gain(msgspec.Struct, frozen=True, array_like=True):
    """One cell of the matrix: `target` hears `source` times `gain` (0 removes it)."""

    source: str
    target: str
    gain: float


class SetGains(Message, frozen=True, kw_only=True):
    """Change cells of the matrix at one tick: bridge, hold, listen, whisper and conference are different gains."""

    gains: tuple[Gain, ...]


class StartRecording(Message, frozen=True, kw_only=True):
    """Write what two legs say into a stereo WAV file: left what `left` says, right what `right` says."""

    recording: str
    left: str
    right: str
    path: str  # absolute; folders are made


class StopRecording(Message, frozen=True, kw_only=True):
    """Close the file; `RecordingDone` follows. Freeing a leg also ends its recordings."""

    recording: str


class FreeLeg(Message, frozen=True, kw_only=True):
    """Close the ports; `LegFreed` with the leg's statistics follows."""

    leg: str


class LegAllocated(Message, frozen=True, kw_only=True):
    """The leg's RTP port is bound."""

    leg: str
    port: int


class PortsReserved(Message, frozen=True, kw_only=True):
    """These are bound and this edge's, until it allocates a leg at one; fewer than asked for, or none, when there are no more."""

    local_host: str
    ports: tuple[int, ...]


class LegRefused(Message, frozen=True, kw_only=True):
    """A command about this leg could not be carried out (no free port, too many legs, unknown leg …)."""

    leg: str
    command: str
    reason: str


class PlaybackDone(Message, frozen=True, kw_only=True):
    """All files were heard; `failed` names the first that could not be played (it was skipped)."""

    leg: str
    play: int
    failed: str = ""


class Key(Message, frozen=True, kw_only=True):
    """A key was pressed on the leg (RFC 4733), once per press."""

    leg: str
    key: str
    duration_ms: int = 0


class LegHeard(Message, frozen=True, kw_only=True):
    """First RTP packet on the leg, or the first after `LegSilent`."""

    leg: str


class LegSilent(Message, frozen=True, kw_only=True):
    """No RTP packet for `silent_ms` on a leg that was heard before."""

    leg: str
    silent_ms: int


class RecordingDone(Message, frozen=True, kw_only=True):
    """The file is closed and synced. `failed` is empty, or why the recording is incomplete."""

    recording: str
    path: str
    started_at_ms: int
    duration_ms: int
    size_bytes: int
    sha256: str
    failed: str = ""


class LegFreed(Message, frozen=True, kw_only=True):
    """The leg is gone; what was counted on it."""

    leg: str
    packets_sent: int = 0
    packets_received: int = 0
    packets_lost: int = 0
    packets_late: int = 0
    jitter_ms: float = 0.0


ToEngine: TypeAlias = (
    AllocateLeg
    | ReservePorts
    | ConnectLeg
    | ProveLeg
    | PlayFiles
    | PlayLoop
    | PlayTone
    | SendKeys
    | StopPlay
    | SetGains
    | StartRecording
    | StopRecording
    | FreeLeg
)
FromEngine: TypeAlias = (
    LegAllocated
    | PortsReserved
    | LegRefused
    | PlaybackDone
    | Key
    | LegHeard
    | LegSilent
    | RecordingDone
    | LegFreed
)
