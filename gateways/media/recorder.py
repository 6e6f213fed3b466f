"""Recording, the clock's side: what two legs say, kept on the one clock and handed to the writer in blocks of
200 ms.

Both channels are rows of the same matrix at the same tick, so they are aligned by construction, and a leg
that says nothing is silence. All recordings of a tick are gathered by one numpy assignment. Nothing here
touches a disk.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gateways.media.limits import (
    RECORDING_BLOCKS_WAITING_MAX,
    RECORDING_CHUNK_TICKS,
    RECORDING_MAX_S,
    RECORDINGS_MAX,
)
from gateways.media.recording_files import CHANNELS, FRAME_BYTES, Block, Close, Finished, Open, RecordingFiles
from gateways.media.rtp import FRAME_SAMPLES

_TICK_MS = 20
_TICK_BYTES = FRAME_SAMPLES * FRAME_BYTES
_TICKS_MAX = RECORDING_MAX_S * 1_000 // _TICK_MS


class RecordingsFullError(Exception):
    """No further recording has room."""


class Done(NamedTuple):
    """A recording that is on disk."""

    owner: str
    recording: str
    path: str
    started_at_ms: int
    duration_ms: int
    size_bytes: int
    sha256: str
    failed: str


class _Recording:
    __slots__ = (
        "handle",
        "left",
        "lost_ticks",
        "owner",
        "recording",
        "right",
        "slot",
        "started_at_ms",
        "ticks",
    )

    def __init__(self, owner: str, recording: str, left: int, right: int, slot: int, handle: int) -> None:
        self.owner, self.recording = owner, recording
        self.left, self.right = left, right
        self.slot = slot
        self.handle = handle
        self.started_at_ms = time.time_ns() // 1_000_000
        self.ticks = 0  # handed to the writer or lost; what is in the slot comes on top
        self.lost_ticks = 0


class Recorder:
    """All recordings of the engine; used by the clock's thread alone, except `on_done`."""

    def __init__(self, on_done: Callable[[Done], None]) -> None:
        """`on_done` is called in the finisher's thread."""
        self._on_done = on_done
        self._files = RecordingFiles(self._finished)
        self._recordings: dict[tuple[str, str], _Recording] = {}
        self._by_slot: dict[int, _Recording] = {}
        self._closing: dict[int, _Recording] = {}
        self._free = list(range(RECORDINGS_MAX))
        self._handles = 0
        shape = (RECORDINGS_MAX, RECORDING_CHUNK_TICKS, FRAME_SAMPLES, CHANNELS)
        self._buffer: NDArray[np.int16] = np.zeros(shape, np.int16)
        self._filled: NDArray[np.intp] = np.zeros(RECORDINGS_MAX, np.intp)
        self._slots = self._left = self._right = np.zeros(0, np.intp)
        self._changed = False
        self.blocks_lost = 0

    def __len__(self) -> int:
        """Recordings that run."""
        return len(self._recordings)

    def __contains__(self, key: tuple[str, str]) -> bool:
        """Whether this recording of this owner runs."""
        return key in self._recordings

    def start(self, owner: str, recording: str, left: int, right: int, path: str) -> None:
        """Record the rows `left` and `right` from the next tick on."""
        if not self._free:
            raise RecordingsFullError(f"{RECORDINGS_MAX} recordings run already")
        self._handles += 1
        made = _Recording(owner, recording, left, right, heapq.heappop(self._free), self._handles)
        self._filled[made.slot] = 0
        self._recordings[owner, recording] = self._by_slot[made.slot] = made
        self._changed = True
        self._files.put(Open(made.handle, path))

    def stop(self, owner: str, recording: str, failed: str = "") -> None:
        """Close the file; `on_done` follows."""
        ended = self._recordings.pop((owner, recording))
        self._flush(ended)
        del self._by_slot[ended.slot]
        heapq.heappush(self._free, ended.slot)
        self._changed = True
        if ended.lost_ticks:
            lost = f"{ended.lost_ticks * _TICK_MS} ms lost: the disk was too slow"
            failed = f"{failed}; {lost}" if failed else lost
        self._closing[ended.handle] = ended
        self._files.put(Close(ended.handle, ended.ticks * _TICK_BYTES, failed))

    def stop_row(self, row: int) -> None:
        """A leg goes: its recordings end."""
        for ended in [one for one in self._recordings.values() if row in (one.left, one.right)]:
            self.stop(ended.owner, ended.recording)

    def tick(self, heard: NDArray[np.float32]) -> None:
        """Keep this tick of all recordings."""
        if self._changed:
            self._compile()
        slots = self._slots
        if not len(slots):
            return
        filled = self._filled[slots]
        self._buffer[slots, filled, :, 0] = heard[self._left]
        self._buffer[slots, filled, :, 1] = heard[self._right]
        filled += 1
        self._filled[slots] = filled
        for slot in slots[filled == RECORDING_CHUNK_TICKS].tolist():
            recording = self._by_slot[slot]
            self._flush(recording)
            if recording.ticks >= _TICKS_MAX:
                self.stop(
                    recording.owner, recording.recording, f"longer than {RECORDING_MAX_S // 3_600} hours"
                )

    def skip(self, ticks: int) -> None:
        """The clock left out ticks: they are silence in every recording, so that its length stays true."""
        for recording in self._recordings.values():
            self._flush(recording)
            recording.ticks += ticks

    def _compile(self) -> None:
        self._slots = np.fromiter(self._by_slot, np.intp, len(self._by_slot))
        self._left = np.fromiter((one.left for one in self._by_slot.values()), np.intp, len(self._by_slot))
        self._right = np.fromiter((one.right for one in self._by_slot.values()), np.intp, len(self._by_slot))
        self._changed = False

    def _flush(self, recording: _Recording) -> None:
        count = int(self._filled[recording.slot])
        if not count:
            return
        if self._files.blocks_waiting >= RECORDING_BLOCKS_WAITING_MAX:
            self.blocks_lost += 1
            recording.lost_ticks += count
        else:
            data = self._buffer[recording.slot, :count].tobytes()
            self._files.put(Block(recording.handle, recording.ticks * _TICK_BYTES, data))
        recording.ticks += count
        self._filled[recording.slot] = 0

    def _finished(self, finished: Finished) -> None:
        ended = self._closing.pop(finished.handle)
        self._on_done(
            Done(
                ended.owner,
                ended.recording,
                finished.path,
                ended.started_at_ms,
                ended.ticks * _TICK_MS,
                finished.size_bytes,
                finished.sha256,
                finished.failed,
            )
        )

    def close(self, timeout_s: float) -> bool:
        """End all recordings properly; False when the disk took too long."""
        for owner, recording in list(self._recordings):
            self.stop(owner, recording)
        return self._files.close(timeout_s)
