"""Timer values of RFC 3261, and the queue in which transactions wait for theirs.

A transaction has at most two timers: one that repeats something and one that ends the state. The queue
keeps one entry for each transaction, at the earlier of the two. A deadline that moves later does not touch
the heap: the old entry, when it comes up, finds nothing due and is pushed again. One that moves earlier
pushes a second entry, and the first is then out of date and ignored. No entry lies further ahead than
`HORIZON_MS` (a longer wait is queued again on the way), so what ended early is forgotten soon: the heap
stays about as long as the table of transactions, and nothing is ever removed from its middle.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Protocol

# RFC 3261 17.1.1.1 and table 4 (appendix A)
T1_MS = 500  # round-trip time estimate
T2_MS = 4_000  # longest interval between repetitions of non-INVITE requests and INVITE responses
T4_MS = 5_000  # longest time a message stays in the network
TIMEOUT_MS = 64 * T1_MS  # timers B, F, H, J, L, M and D

NEVER_MS = 1 << 62
HORIZON_MS = TIMEOUT_MS


class Timed(Protocol):
    """Something that waits in the queue."""

    resend_at_ms: int
    expire_at_ms: int
    queued_at_ms: int  # the heap entry that counts; NEVER_MS when there is none


class TimerQueue:
    """Deadlines of many transactions, earliest first."""

    __slots__ = ("_fire", "_heap", "_order")

    def __init__(self, fire: Callable[[Timed, int], None]) -> None:
        self._heap: list[tuple[int, int, Timed]] = []
        self._order = 0
        self._fire = fire

    def __len__(self) -> int:
        """Entries, out-of-date ones too."""
        return len(self._heap)

    def schedule(self, timed: Timed, now_ms: int) -> None:
        """Take notice of deadlines that changed."""
        deadline_ms = min(timed.resend_at_ms, timed.expire_at_ms)
        if deadline_ms == NEVER_MS:
            return
        deadline_ms = min(deadline_ms, now_ms + HORIZON_MS)
        if deadline_ms < timed.queued_at_ms:
            timed.queued_at_ms = deadline_ms
            self._order += 1  # equal deadlines fire in the order in which they were set
            heappush(self._heap, (deadline_ms, self._order, timed))

    def next_deadline_ms(self) -> int | None:
        """When `poll` should be called next; maybe too early, never too late."""
        return self._heap[0][0] if self._heap else None

    def poll(self, now_ms: int) -> None:
        """Fire everything due."""
        while self._heap and self._heap[0][0] <= now_ms:
            deadline_ms, _, timed = heappop(self._heap)
            if timed.queued_at_ms != deadline_ms:
                continue
            timed.queued_at_ms = NEVER_MS
            if min(timed.resend_at_ms, timed.expire_at_ms) <= now_ms:
                self._fire(timed, now_ms)
            self.schedule(timed, now_ms)
