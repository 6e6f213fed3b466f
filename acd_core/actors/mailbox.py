"""The one mailbox: a bounded deque with a wake-up. One consumer, drained in batches."""

from __future__ import annotations

from collections import deque
from typing import Generic, NamedTuple, TypeVar

import trio

T = TypeVar("T")


class MailboxStatistics(NamedTuple):
    """What a mailbox has seen."""

    depth: int
    depth_max: int
    put: int
    refused: int


class Mailbox(Generic[T]):
    """`put_nowait` raises `trio.WouldBlock` when full; what then happens is the caller's stated policy."""

    def __init__(self, limit: int) -> None:
        """At most `limit` messages wait."""
        self._limit = limit
        self._messages: deque[T] = deque()
        self._arrived = trio.Event()
        self._depth_max = self._put = self._refused = 0

    def put_nowait(self, message: T) -> None:
        """Add a message and wake the consumer."""
        if len(self._messages) >= self._limit:
            self._refused += 1
            raise trio.WouldBlock
        self._messages.append(message)
        self._put += 1
        self._depth_max = max(self._depth_max, len(self._messages))
        self._arrived.set()

    async def wait_nonempty(self) -> None:
        """Wait until there is something to drain."""
        await self._arrived.wait()

    def drain_nowait(self) -> list[T]:
        """Everything that waits, oldest first; possibly nothing."""
        messages = list(self._messages)
        self._messages.clear()
        self._arrived = trio.Event()
        return messages

    def statistics(self) -> MailboxStatistics:
        """A frozen record of what was seen."""
        return MailboxStatistics(len(self._messages), self._depth_max, self._put, self._refused)
