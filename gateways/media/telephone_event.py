"""Keys pressed on a telephone, as RTP events (RFC 4733).

An event is one timestamp: its packets repeat that timestamp with a growing duration, and the last is sent
three times with the end bit. A press is told once, when its first end packet comes; if all of them were lost,
when another event begins or nothing has come for a while. A press longer than 8.2 s, the most a duration can
say, goes on in segments that begin where the last one ended (section 2.5.1.3).
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

KEYS: Final = "0123456789*#ABCD"  # events 0 to 15 (RFC 4733, section 3.2)
END_LOST_AFTER_S: Final = 0.2  # updates come every 20 to 50 ms
SAMPLES_A_MS: Final = 8
_END: Final = 0x80
_SEGMENT: Final = 0xFFFF
_HALF: Final = 1 << 31
_MASK: Final = (1 << 32) - 1
_PAYLOAD = struct.Struct("!BBH")


class Event(NamedTuple):
    """One event packet's content."""

    event: int
    end: bool
    volume: int
    duration: int  # in samples


class Press(NamedTuple):
    """One key, pressed and let go."""

    key: str
    duration_ms: int


def parse(payload: bytes) -> Event | None:
    """The first event of a payload (there may be several only in redundant formats), or None when it is none."""
    if len(payload) < _PAYLOAD.size:
        return None
    event, flags, duration = _PAYLOAD.unpack_from(payload)
    return Event(event, flags >= _END, flags & 0x3F, duration)


def build(event: int, end: bool, duration: int, volume: int = 10) -> bytes:
    """An event packet's content."""
    return _PAYLOAD.pack(event, (_END if end else 0) | (volume & 0x3F), duration & 0xFFFF)


class KeyDetector:
    """The event stream of one source."""

    def __init__(self) -> None:
        """No key is down."""
        self._key = ""
        self._timestamp: int | None = None  # of the event that is on or was last
        self._duration = 0
        self._earlier = 0  # samples of the segments before this one
        self._heard_at = 0.0

    def put(self, timestamp: int, event: Event, now: float) -> list[Press]:
        """Take an event packet; returns the presses that it ends."""
        presses: list[Press] = []
        if timestamp != self._timestamp:
            if self._timestamp is not None:
                ahead = (timestamp - self._timestamp) & _MASK
                if ahead >= _HALF:
                    return presses  # a late packet of an earlier event
                if self._continues(ahead, event):
                    self._earlier += ahead
                    self._timestamp, self._duration = timestamp, 0
                    return presses + self._update(event, now)
            presses += self.finish()
            self._timestamp = timestamp
            self._duration = self._earlier = 0
            if event.event < len(KEYS):
                self._key = KEYS[event.event]
        return presses + self._update(event, now)

    def _continues(self, ahead: int, event: Event) -> bool:
        """Whether an event with a new timestamp is the next segment of the key that is down."""
        return ahead == _SEGMENT and event.event < len(KEYS) and self._key == KEYS[event.event]

    def _update(self, event: Event, now: float) -> list[Press]:
        self._duration = max(self._duration, event.duration)
        self._heard_at = now
        return self.finish() if event.end else []

    def check(self, now: float) -> list[Press]:
        """The press whose end packets were all lost, once enough time has passed."""
        if self._key and now - self._heard_at >= END_LOST_AFTER_S:
            return self.finish()
        return []

    @property
    def down(self) -> bool:
        """Whether a key is held; only then `check` can return something."""
        return bool(self._key)

    def finish(self) -> list[Press]:
        """The press that is on, if one is: nothing more is heard of it."""
        if not self._key:
            return []
        press = Press(self._key, (self._earlier + self._duration) // SAMPLES_A_MS)
        self._key = ""
        return [press]
