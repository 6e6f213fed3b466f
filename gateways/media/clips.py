"""Clips: WAV files ready to play, loaded by a thread of their own because a disk may take its time.

The clock asks with a token and paths and never waits; the answer comes through a callback in the loader's
thread. Loaded clips are kept, up to a number of bytes, by path and time of change, so a prompt that was
replaced on disk is heard anew.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from gateways.media import wav
from gateways.media.g711 import Samples
from gateways.media.limits import CLIP_CACHE_MAX_BYTES, LOADS_WAITING_MAX
from gateways.media.rtp import FRAME_SAMPLES

_log = logging.getLogger(__name__)

_FADE_SAMPLES = 40  # 5 ms

Token = TypeVar("Token")


class Loaded(NamedTuple, Generic[Token]):
    """The answer to one request: the clips that could be loaded, in order, and the first path that could not."""

    token: Token
    clips: tuple[Samples, ...]
    loop: Samples | None
    failed: str
    reason: str


class _Request(NamedTuple, Generic[Token]):
    token: Token
    paths: tuple[str, ...]
    loop: str


def make_loop(clip: Samples) -> Samples:
    """A clip that plays round and round without a click: its seam mended when it has one, its beginning appended.

    The appended frame lets the player take any frame in one piece. A seam that steps further than the clip
    itself ever does is faded over 5 ms on both sides; a file that was made to be looped is left as it is.
    """
    if not len(clip):
        return clip
    if len(clip) < FRAME_SAMPLES:
        clip = np.tile(clip, FRAME_SAMPLES // len(clip) + 1)
    steps = np.abs(np.diff(clip.astype(np.int32)))
    if abs(int(clip[0]) - int(clip[-1])) > int(steps.max()):
        fade = np.linspace(0, 1, _FADE_SAMPLES, dtype=np.float32)
        clip = clip.copy()
        clip[:_FADE_SAMPLES] = (clip[:_FADE_SAMPLES] * fade).astype(np.int16)
        clip[-_FADE_SAMPLES:] = (clip[-_FADE_SAMPLES:] * fade[::-1]).astype(np.int16)
    return np.concatenate((clip, clip[:FRAME_SAMPLES]))


class ClipLoader(Generic[Token]):
    """A thread that loads, and the cache it keeps. Only the thread touches the cache."""

    def __init__(self, on_loaded: Callable[[Loaded[Token]], None]) -> None:
        """`on_loaded` is called in the loader's thread."""
        self._on_loaded = on_loaded
        self._requests: queue.Queue[_Request[Token] | None] = queue.Queue(LOADS_WAITING_MAX)
        self._cache: OrderedDict[tuple[str, int, int, bool], Samples] = OrderedDict()
        self._cached_bytes = 0
        self._complained: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._thread = threading.Thread(target=self._run, name="clips", daemon=True)
        self._thread.start()

    def request(self, token: Token, paths: tuple[str, ...], loop: str = "") -> bool:
        """Ask for clips; False when too many requests wait already."""
        try:
            self._requests.put_nowait(_Request(token, paths, loop))
        except queue.Full:
            return False
        return True

    def close(self) -> None:
        """Let the thread end; what waits is not loaded."""
        while True:
            try:
                self._requests.put_nowait(None)
                break
            except queue.Full:
                try:
                    self._requests.get_nowait()
                except queue.Empty:
                    continue
        self._thread.join(timeout=1)

    def _run(self) -> None:
        while (request := self._requests.get()) is not None:
            self._on_loaded(self._answer(request))

    def _answer(self, request: _Request[Token]) -> Loaded[Token]:
        clips: list[Samples] = []
        loop: Samples | None = None
        failed = reason = ""
        wanted = [(path, False) for path in request.paths]
        if request.loop:
            wanted.append((request.loop, True))
        for path, looped in wanted:
            try:
                clip = self._load(path, looped)
            except wav.WavError as error:
                self._complain(path, str(error))
                if not failed:
                    failed, reason = path, str(error)
                continue
            if looped:
                loop = clip
            else:
                clips.append(clip)
        return Loaded(request.token, tuple(clips), loop, failed, reason)

    def _load(self, path: str, looped: bool) -> Samples:
        try:
            status = os.stat(path)
        except (OSError, ValueError) as error:
            raise wav.WavError(getattr(error, "strerror", "") or str(error)) from error
        key = (path, status.st_mtime_ns, status.st_size, looped)
        clip = self._cache.get(key)
        if clip is not None:
            self._cache.move_to_end(key)
            return clip
        clip = wav.read(Path(path))
        if looped:
            clip = make_loop(clip)
        self._cache[key] = clip
        self._cached_bytes += clip.nbytes
        while self._cached_bytes > CLIP_CACHE_MAX_BYTES and len(self._cache) > 1:
            self._cached_bytes -= self._cache.popitem(last=False)[1].nbytes
        return clip

    def _complain(self, path: str, reason: str) -> None:
        """Log each broken file once."""
        if (path, reason) in self._complained:
            return
        self._complained[path, reason] = None
        if len(self._complained) > LOADS_WAITING_MAX:
            self._complained.popitem(last=False)
        _log.warning("%s can't be played: %s", path, reason)
