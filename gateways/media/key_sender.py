"""Keys that we press: RTP events (RFC 4733) in the place of a leg's audio packets, one key after the other.

An event begins with the marker, keeps its timestamp while its duration grows, and its last packet goes out three times, since
nothing else says that the key is up. Sequence numbers go on as ever. Between two keys audio goes out again: two presses of one
key are told apart by that.
"""

from __future__ import annotations

from collections import deque

from gateways.media import rtp, telephone_event
from gateways.media.rtp import FRAME_SAMPLES

# ITU-T Q.24 has receivers take 40 ms of a key and 40 ms between two; gateways that make tones of events want more.
PRESSED_TICKS = 8
_END_PACKETS = 3
_APART_TICKS = 4


class KeySender:
    """The keys of one leg that are to be pressed."""

    __slots__ = ("_keys", "_tick", "_timestamp")

    def __init__(self) -> None:
        """None yet."""
        self._keys: deque[int] = deque()
        self._tick = 0
        self._timestamp = 0

    def __len__(self) -> int:
        """Keys to come, with the one that is down."""
        return len(self._keys)

    def press(self, keys: str) -> None:
        """These, behind those that wait."""
        self._keys.extend(telephone_event.KEYS.index(key) for key in keys)

    def packet(self, payload_type: int, sequence: int, timestamp: int, ssrc: int) -> bytes | None:
        """What goes out in this tick instead of audio; None: audio."""
        if not self._keys:
            return None
        tick, self._tick = self._tick, self._tick + 1
        if tick == 0:
            self._timestamp = timestamp
        last = PRESSED_TICKS + _END_PACKETS - 1
        if tick == last + _APART_TICKS - 1:
            self._keys.popleft()
            self._tick = 0
        if tick >= last:
            return None
        pressed = min(tick + 1, PRESSED_TICKS)
        event = telephone_event.build(self._keys[0], tick + 1 >= PRESSED_TICKS, pressed * FRAME_SAMPLES)
        return rtp.build(payload_type, tick == 0, sequence, self._timestamp, ssrc, event)
