"""The jitter buffer of one leg: packets in any order go in, one frame of 20 ms a tick comes out.

Packets are kept by their timestamp, so reordering, loss and packets of 10, 30 or 40 ms come out right: the
cursor is the timestamp that is played next. When the frame at the cursor is missing but later ones are there,
it is lost: the cursor goes on. When nothing is there at all the cursor stands still, for the packet may only
be late; if it then comes, the delay has grown by itself and was needed, and if it was lost the cursor leaps
over what was concealed meanwhile. After 200 ms of nothing the next packet begins afresh.

The depth wanted is 2 frames, one more (up to 4) each time a packet came too late, one less after ten calm
seconds. A buffer that stayed deeper than that for two seconds, be it from a burst or because the peer's clock
is faster, skips one frame.

The buffer knows nothing of laws: payloads are bytes, one a sample.
"""

from __future__ import annotations

from gateways.media.limits import JITTER_DEPTH_MAX, JITTER_DEPTH_MIN, JITTER_PACKETS_MAX
from gateways.media.rtp import FRAME_SAMPLES

_SPURT_TICKS = 10  # a longer pause is the peer's silence, not the network's
_LEAP_MAX = 8_000  # samples; a timestamp further ahead is another timeline
_BURST_FRAMES = 10  # deeper than this after a stall: leap to the depth wanted at once
_WINDOW_TICKS = 100
_CALM_WINDOWS = 5
_HALF = 1 << 31
_MASK = (1 << 32) - 1


class JitterBuffer:
    """Put packets as they arrive; take one frame each tick."""

    def __init__(self) -> None:
        """Empty, waiting for a first packet."""
        self.late = 0
        self.skipped = 0  # frames dropped to shorten the delay
        self.depth_wanted = JITTER_DEPTH_MIN
        self._packets: dict[int, bytes] = {}
        self.reset()

    def reset(self) -> None:
        """Forget what is buffered and the timeline; the counters stay."""
        self._packets.clear()
        self._playing = self._flowing = False  # flowing: playing, and the last frame was there
        self._known = False  # whether the timeline has begun
        self._cursor = 0
        self._end = 0  # of the newest packet
        self._next = -1  # the timestamp expected next, with its wrap
        self._part = b""  # of a packet that reaches beyond the frame it began in
        self._last = b""
        self._starved_ticks = 0
        self._waited_ticks = 0
        self._calm_windows = 0
        self._window_ticks = 0
        self._window_depth = _LEAP_MAX
        self._insert = False

    @property
    def buffered_samples(self) -> int:
        """From the cursor, or the oldest packet before playing, to the end of the newest."""
        if not self._packets and not self._part:
            return 0
        start = self._cursor if self._playing else min(self._packets, default=self._cursor)
        return max(0, self._end - start)

    def put(self, timestamp: int, payload: bytes, newest: bool) -> None:
        """Keep a packet; `newest`: its sequence number is beyond all before it."""
        if timestamp == self._next and self._flowing and len(self._packets) < JITTER_PACKETS_MAX and payload:
            # Nearly every packet: the one after the newest, while playing.
            self._packets[self._end] = payload
            self._end += len(payload)
            self._next = self._end & _MASK
            return
        if payload:
            self._put(timestamp, payload, newest)
            self._next = self._end & _MASK

    def _put(self, timestamp: int, payload: bytes, newest: bool) -> None:
        if not self._known:
            self._known = True
            self._end = self._cursor = timestamp
        # The timestamp without its wrap: the one nearest to what was heard last.
        at = self._end + ((timestamp - self._end + _HALF) & _MASK) - _HALF
        if self._playing:
            if not self._place(at, newest):
                return
        elif at < self._cursor and not newest:
            self.late += 1
            return
        elif self._packets and not -_LEAP_MAX < at - self._end < _LEAP_MAX:
            self._packets.clear()
            self._end = at
        if len(self._packets) >= JITTER_PACKETS_MAX:
            self.skipped += len(self._packets)
            self._stop()
            self._end = at
        self._packets[at] = payload
        self._end = max(self._end, at + len(payload))

    def _place(self, at: int, newest: bool) -> bool:
        """Bring cursor and packet together while playing; False when the packet came too late."""
        offset = at - self._cursor
        if offset < 0:
            if newest:  # the peer put its clock back: a new timeline
                self._stop()
                self._end = at
                return True
            self.late += 1
            self._grow()
            return False
        if self._starved_ticks:
            concealed = self._starved_ticks * FRAME_SAMPLES
            if offset < concealed:
                self._grow()
                self._insert = False  # the delay has grown by standing still
            if not self._part:
                self._cursor += min(offset, concealed)
            self._starved_ticks = 0
            self._flowing = True
        if at - self._cursor > _LEAP_MAX:
            self._stop()
            self._end = at
        return True

    def _grow(self) -> None:
        if self.depth_wanted < JITTER_DEPTH_MAX:
            self.depth_wanted += 1
            self._insert = True
        self._calm_windows = 0

    def _stop(self) -> None:
        """Wait for a first few packets again, on whatever timeline they are."""
        self._packets.clear()
        self._part = b""
        self._playing = self._flowing = False
        self._waited_ticks = 0
        self._starved_ticks = 0
        self._window_ticks = 0
        self._window_depth = _LEAP_MAX

    def get(self) -> bytes | None:
        """The next frame, or None when it has to be concealed."""
        if not self._playing:
            return self._begin() if self._packets else None
        packets = self._packets
        if packets or self._part:
            depth = self._end - self._cursor
            if depth < self._window_depth:
                self._window_depth = depth
            if depth > _BURST_FRAMES * FRAME_SAMPLES:
                self._leap(depth)
        self._window_ticks += 1
        if self._window_ticks == _WINDOW_TICKS:
            self._pace()
        if self._insert:  # one tick of standing still deepens the buffer by one frame
            self._insert = False
            return None
        if not self._part:
            payload = packets.pop(self._cursor, None)
            if payload is not None:
                if len(payload) == FRAME_SAMPLES:  # nearly every packet
                    self._cursor += FRAME_SAMPLES
                    self._last = payload
                    return payload
                packets[self._cursor] = payload
        frame = self._assemble()
        if frame is not None:
            self._last = frame
        return frame

    def _begin(self) -> bytes | None:
        self._waited_ticks += 1
        oldest = min(self._packets)
        if self._waited_ticks < self.depth_wanted and self._end - oldest < self.depth_wanted * FRAME_SAMPLES:
            return None
        self._playing = self._flowing = True
        self._cursor = oldest
        return self.get()

    def _pace(self) -> None:
        """At the end of a window: may the delay become shorter?"""
        self._calm_windows += 1
        if self._calm_windows == _CALM_WINDOWS:
            self._calm_windows = 0
            self.depth_wanted = max(JITTER_DEPTH_MIN, self.depth_wanted - 1)
        if self._window_depth != _LEAP_MAX and self._window_depth > self.depth_wanted * FRAME_SAMPLES:
            self._advance(self._cursor + FRAME_SAMPLES)
            self.skipped += 1
        self._window_ticks = 0
        self._window_depth = _LEAP_MAX

    def _leap(self, depth: int) -> None:
        """After a stall everything came at once: go to the depth wanted, whole frames at a time."""
        frames = depth // FRAME_SAMPLES - self.depth_wanted
        self._advance(self._cursor + frames * FRAME_SAMPLES)
        self.skipped += frames

    def _advance(self, cursor: int) -> None:
        """Move the cursor forward, dropping what lies before it."""
        part_end = self._cursor + len(self._part)
        self._part = self._part[cursor - self._cursor :] if cursor < part_end else b""
        for at in [at for at in self._packets if at < cursor]:
            payload = self._packets.pop(at)
            if at + len(payload) > cursor and not self._part:
                self._part = payload[cursor - at :]
        self._cursor = cursor

    def _assemble(self) -> bytes | None:
        """A frame out of pieces: packets of another length, or a gap before the next packet."""
        start = self._cursor
        pieces: list[bytes] = []
        need = FRAME_SAMPLES
        heard = False
        while need:
            if not self._part and not self._take_next(pieces, start, heard):
                return None
            if self._part:
                piece = self._part[:need]
                self._part = self._part[need:]
                heard = True
            else:
                gap = min(self._packets) - self._cursor
                if gap >= need and not heard:
                    self._cursor = start + FRAME_SAMPLES
                    return None  # the whole frame is lost
                piece = self._filling(min(gap, need))
            pieces.append(piece)
            self._cursor += len(piece)
            need -= len(piece)
        return b"".join(pieces)

    def _take_next(self, pieces: list[bytes], start: int, heard: bool) -> bool:
        """Make the packet at the cursor the current part, if it is there; False when nothing is left at all."""
        while self._packets:
            oldest = min(self._packets)
            if oldest > self._cursor:
                return True
            payload = self._packets.pop(oldest)
            self._part = payload[
                self._cursor - oldest :
            ]  # overlapping packets: what was played is not played again
            if self._part:
                return True
        if heard:  # what there is of this frame waits for the rest
            self._part = b"".join(pieces)
        self._cursor = start
        self._starve()
        return False

    def _filling(self, samples: int) -> bytes:
        source = self._last or b"\xff"
        return (source * (samples // len(source) + 1))[:samples]

    def _starve(self) -> None:
        self._starved_ticks += 1
        self._flowing = False
        if self._starved_ticks >= _SPURT_TICKS:
            self._stop()
