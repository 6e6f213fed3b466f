"""One leg's RTCP (RFC 3550, section 6): when to report, what was sent and heard, what the peer says.

Times are the engine's monotonic seconds; reports carry them as wall time by an offset fixed at start, so a
clock that is set does not tear the round trips.
"""

from __future__ import annotations

import random
import time
from typing import Final

from gateways.media import rtcp
from gateways.media.limits import RTCP_INTERVAL_S
from gateways.media.reception import Reception

_WALL_OFFSET_S: Final = time.time() - time.monotonic()
_NAME_BYTES: Final = 12


class Reports:
    """The reports of one leg, both ways."""

    def __init__(self, ssrc: int) -> None:
        """`ssrc` is ours; the name is random and the leg's own (RFC 7022): it tells nothing of the machine."""
        self.ssrc = ssrc
        self.round_trip_ms = 0.0
        self.peer_lost = 0
        self._name = random.randbytes(_NAME_BYTES).hex().encode("ascii")
        self._due_at: float | None = None
        self._peer_middle = 0
        self._peer_at = 0.0
        self._sent_before = 0

    def due(self, now: float) -> bool:
        """Whether it is time for a report; each is 0.5 to 1.5 intervals after the one before (section 6.3.1)."""
        if self._due_at is None or now >= self._due_at:
            first = self._due_at is None
            interval = RTCP_INTERVAL_S * random.uniform(0.5, 1.5)
            self._due_at = now + (interval / 2 if first else interval)
            return not first
        return False

    def build(
        self, now: float, sent: int, timestamp: int, reception: Reception | None, goodbye: bool
    ) -> bytes:
        """The next report: a sender's when something was sent since the last one."""
        sender = None
        if sent != self._sent_before:
            sender = rtcp.Sent(now + _WALL_OFFSET_S, timestamp, sent, sent * 160)
            self._sent_before = sent
        heard = None
        if reception is not None:
            delay = int((now - self._peer_at) * 65_536) & 0xFFFFFFFF if self._peer_middle else 0
            heard = rtcp.Heard(reception.ssrc, reception.report(), self._peer_middle, delay)
        return rtcp.build(self.ssrc, self._name, sender, heard, goodbye)

    def receive(self, data: bytes, now: float) -> bool:
        """Take a peer's datagram; False when it is no RTCP."""
        datagram = rtcp.parse(data)
        if datagram is None:
            return False
        for report in datagram.reports:
            if report.ntp_middle:
                self._peer_middle, self._peer_at = report.ntp_middle, now
            for heard in report.blocks:
                if heard.ssrc == self.ssrc:
                    self._take(heard, now)
        return True

    def _take(self, heard: rtcp.Heard, now: float) -> None:
        self.peer_lost = heard.block.cumulative_lost
        if heard.last_report:  # section 6.4.1: A - LSR - DLSR
            ticks = (rtcp.ntp_middle(now + _WALL_OFFSET_S) - heard.last_report - heard.delay) & 0xFFFFFFFF
            if ticks < 1 << 31:
                self.round_trip_ms = ticks / 65.536
