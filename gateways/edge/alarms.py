"""Wakes whoever waits for a time of the edge's clock: one heap and one timer of the loop for all of them."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

from gateways.edge.clock import Clock

_COMPACT_FROM = 64  # fewer that were cancelled are not worth the work


class Alarm:
    """One. Rings once, or never when it is cancelled before."""

    __slots__ = ("_alarms", "wake")

    def __init__(self, alarms: Alarms, wake: Callable[[], None]) -> None:
        """Made by `Alarms.at`."""
        self._alarms = alarms
        self.wake: Callable[[], None] | None = wake

    def cancel(self) -> None:
        """No longer wanted; nothing happens when it rang."""
        if self.wake is not None:
            self.wake = None
            self._alarms.cancelled()


class Alarms:
    """All of them. Bounded by those who set them: a session has two, an INVITE that is not answered three."""

    def __init__(self, clock: Clock) -> None:
        """None yet."""
        self._clock = clock
        self._heap: list[tuple[int, int, Alarm]] = []
        self._count = itertools.count()
        self._cancelled = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at_ms = 0

    def __len__(self) -> int:
        """Those that will ring."""
        return len(self._heap) - self._cancelled

    def at(self, due_ms: int, wake: Callable[[], None]) -> Alarm:
        """Call `wake` at this time of `Clock.monotonic_ms`, not within this call."""
        alarm = Alarm(self, wake)
        heapq.heappush(self._heap, (due_ms, next(self._count), alarm))
        self._set_timer()
        return alarm

    def ring(self) -> None:
        """Wake those whose time has come."""
        now_ms = self._clock.monotonic_ms()
        try:
            while self._heap and self._heap[0][0] <= now_ms:
                alarm = heapq.heappop(self._heap)[2]
                wake, alarm.wake = alarm.wake, None
                if wake is None:
                    self._cancelled -= 1
                else:
                    wake()
        finally:  # whoever failed when woken must not keep the others asleep
            self._set_timer()

    def cancelled(self) -> None:
        """One of those in the heap was."""
        self._cancelled += 1
        if self._cancelled >= _COMPACT_FROM and self._cancelled * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].wake is not None]
            heapq.heapify(self._heap)
            self._cancelled = 0

    def _due(self) -> None:
        self._timer = None
        self.ring()

    def _set_timer(self) -> None:
        if not self._heap:
            return
        due_ms = self._heap[0][0]
        if self._timer is not None:
            if self._timer_at_ms <= due_ms:
                return
            self._timer.cancel()
        self._timer_at_ms = due_ms
        delay_s = max(0, due_ms - self._clock.monotonic_ms()) / 1000
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._due)
