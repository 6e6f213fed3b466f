"""What plays to one leg: files one after the other, then perhaps one without end.

A playback is mixed into what its leg hears and into nothing else: neither other legs nor recordings hear it.
It runs on the clock from the tick at which its files are loaded, whether or not the leg is sending, so its
end always comes; what a leg that does not send would hear is not mixed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gateways.media import tones
from gateways.media.g711 import Samples
from gateways.media.rtp import FRAME_SAMPLES


class Playback:
    """One PlayFiles or PlayLoop."""

    __slots__ = ("_at", "_clips", "_index", "_loaded", "_loop", "failed", "play")

    def __init__(self, play: int | None) -> None:
        """`play` is the number to report at the end; None: a loop, which has no end."""
        self.play = play
        self.failed = ""
        self._loaded = False
        self._clips: tuple[Samples, ...] = ()
        self._loop: Samples | None = None
        self._index = 0
        self._at = 0

    def start(self, clips: tuple[Samples, ...], loop: Samples | None, failed: str) -> None:
        """The files are there: begin at the next tick. `failed` is the first that is not."""
        self._clips, self._loop, self.failed = clips, loop, failed
        self._loaded = True

    def fail(self, path: str) -> None:
        """Nothing can be loaded: end at the next tick."""
        self.failed = path
        self._loaded = True

    def add_to(self, row: NDArray[np.float32] | None) -> bool:
        """Add the next frame to what the leg hears, if it hears anything; False when all was heard."""
        if not self._loaded:
            return True
        while self._index < len(self._clips):
            clip, at = self._clips[self._index], self._at
            if at < len(clip):
                self._at += FRAME_SAMPLES
                if row is not None:
                    piece = clip[at : self._at]
                    row[: len(piece)] += piece
                return True
            self._index += 1
            self._at = 0
        loop = self._loop
        if loop is None or not len(loop):
            return False
        if row is not None:
            row += loop[self._at : self._at + FRAME_SAMPLES]
        self._at = (self._at + FRAME_SAMPLES) % (len(loop) - FRAME_SAMPLES)
        return True


class KeyTones(Playback):
    """Keys as one hears them. Further ones come behind, as of a keypad: each wants its time, and one at a time."""

    __slots__ = ()

    def __init__(self) -> None:
        """None yet."""
        super().__init__(None)
        self.start((), None, "")

    def __len__(self) -> int:
        """Keys to come, with the one that is down."""
        return len(self._clips) - self._index

    def press(self, keys: str) -> None:
        """These, behind those that wait."""
        self._clips = self._clips[self._index :] + tuple(tones.key(each) for each in keys)
        self._index = 0
