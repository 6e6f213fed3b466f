"""One stream of audio out of several: the packets of whoever speaks now, numbered as if one had always
spoken.

A browser that hears a stream jump in its numbers or its timestamps plays a gap or discards what it takes for
old. The engine may restart, move, pause or fall behind, so what leaves towards the page is renumbered here:
numbers follow each other but for packets that were lost on the way, and time goes on by the clock when the
source changed.

Nothing is held back: the page's own jitter buffer evens out what arrives unevenly, and a second buffer before
it would only add delay. What is too old is dropped: after a stall of this process (or of the engine) packets
lie in the socket's buffer, and playing them all would leave the conversation late until the next silence. A
packet is late by how much its delay (arrival less timestamp) exceeds the smallest of late. When packets stay
late although they arrive at their normal pace, the source's clock has moved and the smallest delay is
measured anew.
"""

from __future__ import annotations

from typing import NamedTuple

from gateways.media.rtp import FRAME_SAMPLES

CLOCK_HZ = 8000
SEQUENCE_MASK = 0xFFFF
TIMESTAMP_MASK = 0xFFFFFFFF
LATE_MAX_S = 0.100
_MOVED_AFTER_S = 0.300  # late for so long at the normal pace: not a backlog, the clock has moved
_DRIFT_S_PER_PACKET = 0.000_02  # lets the smallest delay grow by 1 ms a second, for clocks that drift apart
_GAP_MAX = 50  # packets; a longer jump in the numbers is a new beginning, not a loss


class Numbers(NamedTuple):
    """What a packet goes out with."""

    sequence: int
    timestamp: int


class Stream:
    """Renumbers packets and refuses late ones."""

    def __init__(self, sequence: int, timestamp: int) -> None:
        """The first packet carries `sequence` and `timestamp`, which ought to be random (RFC 3550 section
        5.1).
        """
        self.sent = 0
        self.late = 0  # packets dropped because they came too late
        self._sequence = (sequence - 1) & SEQUENCE_MASK
        self._timestamp = (timestamp - FRAME_SAMPLES) & TIMESTAMP_MASK
        self._sent_at: float | None = None
        self._source: int | None = None
        self._source_sequence = 0
        self._source_timestamp = 0
        self._origin_s = 0.0  # arrival less timestamp of the source's packet that was least delayed
        self._late_since: float | None = None

    @property
    def timestamp(self) -> int:
        """Of the last packet."""
        return self._timestamp

    def next(self, ssrc: int, sequence: int, timestamp: int, now: float) -> Numbers | None:
        """The numbers for a packet that arrived at `now` (seconds, monotonic) with these; None: drop it."""
        if ssrc != self._source:
            self._source = ssrc
            return self._begin(sequence, timestamp, now)
        step = (sequence - self._source_sequence) & SEQUENCE_MASK
        if step == 0 or step > SEQUENCE_MASK - _GAP_MAX:
            return None  # a copy, or older than one already sent
        advance = (timestamp - self._source_timestamp) & TIMESTAMP_MASK
        if step > _GAP_MAX or advance > step * 10 * FRAME_SAMPLES + CLOCK_HZ:
            return self._begin(sequence, timestamp, now)
        self._source_sequence, self._source_timestamp = sequence, timestamp
        self._origin_s += advance / CLOCK_HZ + _DRIFT_S_PER_PACKET
        self._timestamp = (self._timestamp + advance) & TIMESTAMP_MASK
        self._sequence = (self._sequence + step) & SEQUENCE_MASK  # what is dropped here is a loss to the page
        if self._is_late(now):
            self.late += 1
            return None
        return self._send(now)

    def _begin(self, sequence: int, timestamp: int, now: float) -> Numbers:
        """A new source, or one that starts over: its first packet follows what was sent by the time gone
        since.
        """
        self._source_sequence, self._source_timestamp = sequence, timestamp
        self._origin_s, self._late_since = now, None
        gone = FRAME_SAMPLES if self._sent_at is None else int((now - self._sent_at) * CLOCK_HZ)
        self._timestamp = (self._timestamp + max(gone, FRAME_SAMPLES)) & TIMESTAMP_MASK
        self._sequence = (self._sequence + 1) & SEQUENCE_MASK
        return self._send(now)

    def _is_late(self, now: float) -> bool:
        """`_origin_s` is when this packet would have arrived with the smallest delay."""
        if now - self._origin_s <= LATE_MAX_S:
            self._origin_s = min(self._origin_s, now)
            self._late_since = None
            return False
        if self._late_since is None:
            self._late_since = now
        if now - self._late_since < _MOVED_AFTER_S:
            return True
        self._origin_s, self._late_since = now, None
        return False

    def _send(self, now: float) -> Numbers:
        self._sent_at = now
        self.sent += 1
        return Numbers(self._sequence, self._timestamp)
