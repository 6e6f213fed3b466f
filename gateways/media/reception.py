"""What was received from one synchronization source: order, losses and jitter, by RFC 3550 appendix A.1, A.3
and A.8.

Sequence numbers wrap every 22 minutes and a peer may start again anywhere, so each number is judged against
the highest seen. The last 64 numbers are remembered as bits to tell a duplicate from a packet that came late.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

_DROPOUT_MAX = 3_000  # a larger jump forward is taken for a restart, once two packets in a row agree (A.1)
_MISORDER_MAX = 100
_HISTORY = (1 << 64) - 1


class Verdict(enum.IntEnum):
    """How a packet stands to those before it."""

    NEWEST = 0
    REORDERED = 1
    DUPLICATE = 2
    RESTARTED = 3  # the source began a new numbering; what was buffered belongs to the old one
    REJECTED = 4  # far from the numbering so far; counts only when its successor follows


# Looked up once: an enumeration's members cost the reader of 25,000 packets a second too much.
_NEWEST = Verdict.NEWEST


class ReportBlock(NamedTuple):
    """What a report says about a source (RFC 3550, section 6.4.1)."""

    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int


class Reception:
    """One source as its receiver sees it. Not more than a few integers, whatever arrives."""

    def __init__(self, ssrc: int, sequence: int) -> None:
        """Begin with the source's first packet, which is still to be given to `update`."""
        self.ssrc = ssrc
        self.received = 0
        self.jitter = 0.0  # in samples
        self._transit: float | None = None
        self._lost_before = 0
        self._begin(sequence)

    def _begin(self, sequence: int) -> None:
        self._base = sequence
        self._highest = sequence - 1  # extended: grows beyond 16 bits
        self._after_jump = -1
        self._seen = 0
        self._base_received = self.received
        self._expected_reported = 0
        self._received_reported = 0

    def update(self, sequence: int) -> Verdict:
        """Take the next packet's sequence number into account."""
        highest = self._highest
        delta = (sequence - highest) & 0xFFFF
        if delta == 1:  # nearly every packet
            self._highest = highest + 1
            self._seen = (self._seen << 1 | 1) & _HISTORY
            self.received += 1
            return _NEWEST
        if delta < _DROPOUT_MAX and delta:
            self._highest = highest + delta
            self._seen = (self._seen << delta | 1) & _HISTORY
            self.received += 1
            return _NEWEST
        behind = -delta & 0xFFFF
        if behind > _MISORDER_MAX:
            if sequence != self._after_jump:
                self._after_jump = (sequence + 1) & 0xFFFF
                return Verdict.REJECTED
            self._lost_before = self.lost
            self._begin(sequence)
            self._highest += 1
            self._seen = 1
            self.received += 1
            return Verdict.RESTARTED
        if behind < 64:
            bit = 1 << behind
            if self._seen & bit:
                return Verdict.DUPLICATE
            self._seen |= bit
        self.received += 1
        # A packet from before the first one moves the start, so that it does not hide a loss.
        self._base = min(self._base, highest - behind)
        return Verdict.REORDERED

    def update_jitter(self, timestamp: int, arrival_samples: float) -> None:
        """Smooth the difference of relative transit times (A.8). Only for packets whose timestamp is their sampling time."""
        transit = arrival_samples - timestamp
        if self._transit is not None:
            # Both clocks' offsets cancel; a wrapped timestamp or a jump of the source's clock is no jitter.
            difference = abs(transit - self._transit)
            if difference < 8_000:
                self.jitter += (difference - self.jitter) / 16
        self._transit = transit

    @property
    def expected(self) -> int:
        """Packets between the first and the highest number."""
        return self._highest - self._base + 1

    @property
    def lost(self) -> int:
        """Packets that never came, in all numberings of the source; never negative."""
        return self._lost_before + max(0, self.expected - (self.received - self._base_received))

    def report(self) -> ReportBlock:
        """The block for the next report; its fraction is of the time since the last one (A.3)."""
        expected, received = self.expected, self.received - self._base_received
        expected_now = expected - self._expected_reported
        lost_now = expected_now - (received - self._received_reported)
        self._expected_reported, self._received_reported = expected, received
        fraction = min(255, (lost_now << 8) // expected_now) if expected_now > 0 and lost_now > 0 else 0
        lost = max(-0x800000, min(0x7FFFFF, expected - received))
        return ReportBlock(fraction, lost, self._highest & 0xFFFFFFFF, min(0xFFFFFFFF, int(self.jitter)))
