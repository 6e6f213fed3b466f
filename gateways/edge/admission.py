"""In what order work is refused when there is too much of it, and when.

Five steps, from three signs: how late the loop is, how full the socket's receive buffer is (what has arrived and waits to be
read), and how many calls wait for a word of the core. Each step refuses one kind of work more, the least harm first: questions
whether we are alive (their 503 sends a carrier elsewhere), new calls, registrations (a phone keeps the one it has and asks
again), then what is only asked within calls. Hang-ups always pass: they make room.

What fills the receive buffer counts only if it is work. A flood that the guard throws away unread gets no less by refusing calls:
a host that nobody hears could else have everybody refused, with a burst of a tenth of a second every few seconds.

A step is taken when three looks in a row ask for it: one long turn of the loop is over when it is noticed. It is given back one
at a time, after a while without a sign, so that the door does not flap.
"""

from __future__ import annotations

import socket
import struct
from collections import deque
from typing import Literal

import msgspec

Work = Literal["options", "new_call", "register", "in_dialog", "hang_up"]

# The first step that refuses it; none does for a hang-up.
_REFUSED_FROM: dict[Work, int] = {"options": 1, "new_call": 2, "register": 3, "in_dialog": 4, "hang_up": 5}
STEP_MAX = 4
CALM_MS = 2_000  # without a sign of this step before it is given back
LOOKS = 3  # in a row that ask for a step before it is taken
INTERVAL_MS = 100  # between two looks
FLOODED = 0.5  # from this share of messages that are thrown away the backlog is theirs

_SO_MEMINFO = 55  # Linux; what the kernel holds for a socket; first the bytes received and their maximum


class Signs(msgspec.Struct, frozen=True):
    """Measured now; each is a number that grows with trouble."""

    late_ms: float = 0.0  # of the loop's last look
    backlog: float = 0.0  # share of the receive buffer that waits to be read
    undecided: int = 0  # calls without a word of the core
    thrown_away: float = 0.0  # share of what came that the guard did not let in


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """From which value a sign asks for step 1, 2, 3 and 4."""

    late_ms: tuple[float, float, float, float] = (100.0, 250.0, 500.0, 1_000.0)
    backlog: tuple[float, float, float, float] = (0.1, 0.25, 0.5, 0.8)
    undecided: tuple[float, float, float, float] = (300.0, 600.0, 10_000.0, 100_000.0)


class Admission:
    """`look` a few times a second; `allows` for each request."""

    def __init__(self, thresholds: Thresholds | None = None) -> None:
        self._thresholds = thresholds or Thresholds()
        self.step = 0
        self._calm_since_ms = 0
        self._looks: deque[int] = deque([0] * LOOKS, LOOKS)
        self.refused: dict[str, int] = dict.fromkeys(_REFUSED_FROM, 0)

    def look(self, signs: Signs, now_ms: int) -> bool:
        """Take in the signs; True when the step changed."""
        self._looks.append(self._asked_for(signs))
        wanted = min(self._looks)
        before = self.step
        if wanted > self.step:
            self.step = wanted
            self._calm_since_ms = now_ms
        elif wanted == self.step:
            self._calm_since_ms = now_ms
        elif now_ms - self._calm_since_ms >= CALM_MS:
            self.step -= 1
            self._calm_since_ms = now_ms
        return self.step != before

    def allows(self, work: Work) -> bool:
        """Whether this is done now. Asked once for each request: a refusal is counted."""
        if self.step < _REFUSED_FROM[work]:
            return True
        self.refused[work] += 1
        return False

    def _asked_for(self, signs: Signs) -> int:
        backlog = signs.backlog if signs.thrown_away < FLOODED else 0.0
        pairs = (
            (signs.late_ms, self._thresholds.late_ms),
            (backlog, self._thresholds.backlog),
            (signs.undecided, self._thresholds.undecided),
        )
        return max(sum(value >= bound for bound in bounds) for value, bounds in pairs)


def receive_backlog(receiver: socket.socket) -> float:
    """How much of a socket's receive buffer is taken, between 0 and 1; 0 where the system does not say."""
    try:
        told = receiver.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 64)
    except OSError:
        return 0.0
    if len(told) < 8:
        return 0.0
    taken, whole = struct.unpack("=II", told[:8])
    return float(min(taken / max(1, whole), 1.0))
