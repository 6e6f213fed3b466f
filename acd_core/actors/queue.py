"""The actor of one queue: it keeps the queue's published picture fresh, at a pace that costs the core nothing in a storm."""

from __future__ import annotations

from collections.abc import Callable

import trio

from acd_core.actors.mailbox import Mailbox

PICTURE_INTERVAL_S = 0.25


class QueueActor:
    """One queue's task. Its mailbox holds one note at most: "something changed"; more of them mean the same."""

    def __init__(self, publish: Callable[[], bool]) -> None:
        """`publish` makes the queue's row from the domain's state; False when the plan no longer has the queue."""
        self._publish = publish
        self._mailbox: Mailbox[None] = Mailbox(1)

    def touch(self) -> None:
        """Something in this queue changed."""
        try:
            self._mailbox.put_nowait(None)
        except trio.WouldBlock:
            pass  # it will look anyway

    async def run(self) -> None:
        """Publish after every change, at most once an interval, until the queue is gone."""
        while self._publish():
            await self._mailbox.wait_nonempty()
            self._mailbox.drain_nowait()
            await trio.sleep(PICTURE_INTERVAL_S)
