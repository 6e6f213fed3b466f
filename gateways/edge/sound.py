"""What a caller hears of us: prompts once, or announcements and then music without end.

It is one thing at a time: whatever begins replaces what was there, also when its prompts were still being spoken. What can't be
had is left out, and the core hears so with the end of the playback.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from acd_core.domain import commands, events
from gateways.edge.audio_leg import AudioLeg
from gateways.edge.parts import Parts
from gateways.edge.prompts import Resolution

_UNREPORTED = -1  # a playback whose end nobody waits for


class Listener(Protocol):
    """Whose leg it is; who is called may get another one before they are reached."""

    audio: AudioLeg


class Sound:
    """Of one call."""

    def __init__(self, parts: Parts, call_id: str, listener: Listener) -> None:
        """Silence."""
        self._parts, self._call_id, self._listener = parts, call_id, listener
        self._resolution: Resolution | None = None
        self._play: int | None = None  # the playback whose end the core wants to know
        self._skipped = False  # a prompt of the present playback could not be had

    def play(self, command: commands.Play) -> None:
        """Prompts, once."""
        self.stop()
        self._play = command.play
        self._resolution = self._parts.prompts.resolve(command.prompts, self._play_found)

    def loop(self, command: commands.PlayMusic) -> None:
        """Announcements, then music without end."""
        self.stop()
        self._resolution = self._parts.prompts.resolve((*command.announce, command.music), self._loop_found)

    def stop(self) -> None:
        """Silence."""
        if self._resolution is not None:
            self._resolution.cancel()
            self._resolution = None
        self._play = None
        self._skipped = False
        self._listener.audio.stop_playing()

    def played(self, play: int, failed: bool) -> None:
        """The engine is through with a playback; one that was replaced, or stopped, is no news."""
        if play == self._play:
            self._play = None
            self._parts.tell(
                events.PlaybackDone(call=self._call_id, play=play, failed=failed or self._skipped)
            )

    def _play_found(self, paths: list[Path | None]) -> None:
        assert self._play is not None
        files = tuple(str(path) for path in paths if path is not None)
        self._skipped = len(files) < len(paths)
        if files:
            self._listener.audio.play(self._play, files)
        else:
            self.played(self._play, False)

    def _loop_found(self, paths: list[Path | None]) -> None:
        *announce, music = paths
        first = tuple(str(path) for path in announce if path is not None)
        if music is not None:
            self._listener.audio.loop(str(music), first)
        elif first:
            self._listener.audio.play(_UNREPORTED, first)  # silence follows
