"""Whether the other side still lives: each side asks regularly, and any bytes from the other are an answer.

A process that is stopped, or hangs, keeps its socket; only its silence tells. Silence is counted in the asker's own beats,
not in time: a side that was stopped itself, or starved of the processor, has made no beats meanwhile and blames nobody.
"""

from __future__ import annotations

from acd_core.link.session import LinkSession

BEAT_S = 2.0
SILENT_BEATS_MAX = 5  # 10 s: longer than a busy machine keeps a process waiting, shorter than a caller bears


def beat_of(silence_s: float) -> float:
    """The pause between beats of a side that counts the other as gone after this silence."""
    return silence_s / SILENT_BEATS_MAX


class Heartbeat:
    """Of one connection; `beat` is called at every beat."""

    def __init__(self, session: LinkSession) -> None:
        """Begins with the connection."""
        self._session = session
        self._silent = 0

    def beat(self, at_ms: int) -> bool:
        """Ask again; False when the other side is as good as dead. `at_ms` comes back with the answer."""
        self._silent = 0 if self._session.take_heard() else self._silent + 1
        if self._silent >= SILENT_BEATS_MAX:
            return False
        self._session.ping(at_ms)
        return True
