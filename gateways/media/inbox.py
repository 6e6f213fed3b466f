"""What other threads hand to the clock: commands of the edges, loaded files, finished recordings.

A bounded deque and an eventfd. The clock sleeps on the eventfd, so a command is carried out at once and not
at the next tick; between two looks of the clock the eventfd is written once, however much comes.
"""

from __future__ import annotations

import os
import select
from collections import deque
from typing import Final, NamedTuple, TypeAlias

from gateways.media.engine import LoadedFiles
from gateways.media.limits import COMMANDS_WAITING_MAX
from gateways.media.messages import ToEngine
from gateways.media.recorder import Done

_SLACK: Final = (
    8_192  # for what is never refused: one answer a load or recording under way, edges coming and going
)


class Command(NamedTuple):
    """An edge wants something done."""

    owner: str
    command: ToEngine


class OwnerUp(NamedTuple):
    """An edge is connected; `fresh`: it is a new process that knows nothing of its legs."""

    owner: str
    fresh: bool


class OwnerDown(NamedTuple):
    """An edge's link is down; its calls go on."""

    owner: str


Item: TypeAlias = Command | OwnerUp | OwnerDown | LoadedFiles | Done


class Inbox:
    """Filled by any thread, emptied by the clock's."""

    def __init__(self) -> None:
        """Empty."""
        self._items: deque[Item] = deque(maxlen=COMMANDS_WAITING_MAX + _SLACK)
        self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._woken = False

    def put_command(self, owner: str, command: ToEngine) -> bool:
        """Hand over a command; False when too many wait."""
        if len(self._items) >= COMMANDS_WAITING_MAX:
            return False
        self.put(Command(owner, command))
        return True

    def put(self, item: Item) -> None:
        """Hand over what is never refused."""
        self._items.append(item)
        self.wake()

    def wake(self) -> None:
        """Let the clock look."""
        if not self._woken:
            self._woken = True
            os.eventfd_write(self._descriptor, 1)

    def wait(self, timeout_s: float) -> None:
        """Sleep until something comes or the time is over; to the microsecond, which epoll can't."""
        if select.select([self._descriptor], [], [], timeout_s)[0]:
            os.eventfd_read(self._descriptor)
            self._woken = False

    def take(self) -> Item | None:
        """The next item, if there is one."""
        try:
            return self._items.popleft()
        except IndexError:
            return None

    def close(self) -> None:
        """Give the eventfd back."""
        os.close(self._descriptor)
