"""The actor of one queue: it keeps the queue's published picture fresh, at a pace that costs the core nothing in a storm."""

from __future__ import annotations

from collections.abc import Callable

import trio

from acd_core.actors.mailbox import Mailbox

PICTURE_INTERVAL_S = 0.25


class QueueActor:
    """One queue's task. Its mailbox holds one note at most: "something changed"; more of them mean the same."""

    def __init__(self, lives: Callable[[], bool], show: Callable[[], None]) -> None:
        """`lives`: whether the domain still has the queue; `show` has the board take a new look at it."""
        self._lives, self._show = lives, show
        self._mailbox: Mailbox[None] = Mailbox(1)
        self.touched = False  # then it will look anyway, and who asks first saves very many calls in a storm

    def touch(self) -> None:
        """Something in this queue changed."""
        if not self.touched:
            self.touched = True
            self._mailbox.put_nowait(None)

    async def run(self) -> None:
        """Show every change, several within an interval as one, until the queue is gone."""
        while self._lives():
            self._show()
            await self._mailbox.wait_nonempty()
            self._mailbox.drain_nowait()
            self.touched = False
            await trio.sleep(PICTURE_INTERVAL_S)
