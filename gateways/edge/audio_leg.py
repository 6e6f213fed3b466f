"""The handle of one leg in the audio engine, and who is told what becomes of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

from gateways.edge.tones import Tone
from gateways.media import messages as engine

if TYPE_CHECKING:
    from gateways.edge.audio import Audio


class AudioUser(Protocol):
    """Who owns a leg hears this about it."""

    def audio_bound(self, port: int) -> None:
        """The ports are there: for the first time, or again elsewhere than before."""

    def audio_remade(self) -> None:
        """A new engine has the leg; who was heard by the one before has to be heard again."""

    def audio_refused(self, reason: str) -> None:
        """There are no ports, or they could not be had again; the leg is useless."""

    def audio_played(self, play: int, failed: bool) -> None:
        """Playback number `play` ended."""

    def audio_key(self, key: str) -> None:
        """A key was pressed."""

    def audio_heard(self) -> None:
        """The first packet, or the first after a silence."""

    def audio_silent(self, silent_ms: int) -> None:
        """No packet for that long."""


class AudioLeg:
    """One leg in the engine. All methods are allowed at any time; after `free` they do nothing."""

    def __init__(
        self, audio: Audio, leg: str, local_host: str, loopback: bool, user: AudioUser, *, stranger: bool
    ) -> None:
        """Made by `Audio.allocate`."""
        self.id = leg
        self.port = 0
        self.bound = False
        self.freed = False
        self.made = False  # an engine had it, be it one that is gone
        self.user = user
        self.local_host, self.loopback = local_host, loopback
        self.stranger, self.proved = stranger, False
        self.told_host = ""  # where its peer is told that it is; empty: as its peer's host says
        self.connection: engine.ConnectLeg | None = None
        self.playing: engine.PlayFiles | engine.PlayLoop | engine.PlayTone | None = None
        self.cells: dict[tuple[str, str], None] = {}  # of the gains: who hears it, and whom it hears
        self.recordings: dict[str, None] = {}  # that it is a side of
        self.attempts = 0
        self.timer: asyncio.TimerHandle | None = None
        self._audio = audio

    def connect(
        self,
        remote_host: str,
        remote_port: int,
        *,
        payload_type: int = 0,
        dtmf_payload_type: int = -1,
        send: bool = True,
        receive: bool = True,
        peer_host: str = "",
    ) -> None:
        """Where and how the engine sends, and from which other host the peer may speak; again for a change."""
        connection = engine.ConnectLeg(
            leg=self.id,
            remote_host=remote_host,
            remote_port=remote_port,
            payload_type=payload_type,
            dtmf_payload_type=dtmf_payload_type,
            send=send,
            receive=receive,
            peer_host=peer_host,
        )
        if connection != self.connection:
            self.connection = connection
            self._audio.say(self, connection)

    def prove(self) -> None:
        """The stranger who signals was seen to receive what we send there."""
        if self.stranger and not self.proved:
            self.proved = True
            self._audio.say(self, engine.ProveLeg(leg=self.id))

    def play(self, play: int, paths: tuple[str, ...]) -> None:
        """Play files once, then the user hears `audio_played`."""
        self.playing = engine.PlayFiles(leg=self.id, play=play, paths=paths)
        self._audio.say(self, self.playing)

    def loop(self, path: str, first: tuple[str, ...] = ()) -> None:
        """Play `first` once and `path` without end."""
        self.playing = engine.PlayLoop(leg=self.id, path=path, first=first)
        self._audio.say(self, self.playing)

    def play_tone(self, tone: Tone) -> None:
        """A tone of the telephone network, until something else is played."""
        self.playing = engine.PlayTone(
            leg=self.id, frequencies_hz=tone.frequencies_hz, cadence_ms=tone.cadence_ms
        )
        self._audio.say(self, self.playing)

    def press(self, keys: str) -> None:
        """Keys, for the peer."""
        self._audio.say(self, engine.SendKeys(leg=self.id, keys=keys))

    def stop_playing(self) -> None:
        """Silence prompts and music."""
        if self.playing is not None:
            self.playing = None
            self._audio.say(self, engine.StopPlay(leg=self.id))

    def free(self) -> None:
        """Give the ports back; recordings of the leg end."""
        self._audio.free(self)
